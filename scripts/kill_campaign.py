"""Kill every long command at random moments, go on, and compare with a run left alone.

    QT_QPA_PLATFORM=offscreen python scripts/kill_campaign.py [WORK ...] [--kills 50] [--seed 0]

WORK is of segment, export, train, batch, session and window (a session in a real one, for which
there has to be a display); all but the last without any. Moments are drawn uniformly over the
length of a run that is left alone. After each kill every file under a final name is read to its
end; then the command goes on as its messages say, and what it leaves is compared byte by byte, but
for the times that runs took. Batch loses its main process in one half of the kills, and the workers
with it in the other.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from kill_works import EXPORTED, Batch, Export, Segment, Session, Train, Window
from whole_files import half_written, left_behind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kill_works import Work

PATIENCE = 300  # seconds for any one command
KINDS = {"segment": Segment, "train": Train, "batch": Batch, "session": Session, "window": Window}


@dataclass
class Tally:
    """What came of the kills of one kind of work."""

    name: str
    seconds: float
    kills: int = 0
    too_late: int = 0
    writing: int = 0
    identical: int = 0
    differences: list[str] = field(default_factory=list)
    half_written: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    left_behind: list[str] = field(default_factory=list)


class Campaign:
    """The kills of one work.

    Parameters
    ----------
    work : Work
        What is killed; it is run twice before, to know its length and what it leaves.
    chance : random.Random
        Where moments come from.
    writing : bool
        Whether moments are drawn over the part of the run that writes files only.

    Attributes
    ----------
    tally : Tally
        What has come of it so far.
    """

    def __init__(self, work: Work, chance: random.Random, *, writing: bool = False) -> None:
        self.work, self._chance = work, chance
        self._writing, self._first = writing, 0.0
        self._whole, _ = self._undisturbed()
        again, seconds = self._undisturbed()
        unsteady = _differences(self._whole, again)
        if unsteady:
            raise RuntimeError(f"Two runs of {work.name} differ: {unsteady}.")
        self.tally = Tally(work.name, round(seconds, 1))

    def kill(self, number: int) -> None:
        """Kill a run at a random moment, look at its files, go on, and compare."""
        work, tally = self.work, self.tally
        work.clear()
        moment = self._chance.uniform(self._first, tally.seconds)
        if not self._killed(moment, group=number % 2 == 0):
            tally.too_late += 1
            return
        where = f"kill {number} of {work.name} at {moment:.2f} s"
        tally.kills += 1
        tally.writing += self.work.has_files()
        if work.out.exists():
            tally.half_written += [f"{where}: {text}" for text in half_written(work.out)]
        tally.lost += [f"{where}: {text}" for text in work.lost()]
        went_on = _finished(work.again())
        if went_on.returncode:
            tally.differences.append(f"{where}: going on failed: {went_on.stderr[-600:]}")
            return
        if other := _differences(self._whole, work.result()):
            tally.differences.append(f"{where}: {other}")
        else:
            tally.identical += 1
        tally.left_behind += [f"{where}: {text}" for text in left_behind(work.out)]

    def _undisturbed(self) -> tuple[dict[str, str], float]:
        self.work.clear()
        command, began = self.work.begin(), time.monotonic()
        with _started(command) as started:
            while started.poll() is None and self._writing and not self.work.has_files():
                time.sleep(0.02)
            self._first = time.monotonic() - began if self._writing else 0.0
        if started.returncode:
            raise RuntimeError(f"{self.work.name} fails by itself.")
        return self.work.result(), time.monotonic() - began

    def _killed(self, moment: float, *, group: bool) -> bool:
        """Run a while, and kill; return whether there was anything left to kill."""
        began = time.monotonic()
        with _started(self.work.begin()) as started:
            while self._writing and started.poll() is None and not self.work.has_files():
                time.sleep(0.02)
            if self._writing:  # the start takes longer at one time than at another
                moment += time.monotonic() - began - self._first
            moment -= time.monotonic() - began
            with suppress(subprocess.TimeoutExpired):
                started.wait(max(moment, 0))
                return False
            if group:
                os.killpg(started.pid, signal.SIGKILL)
            else:
                started.kill()
        return True


def _started(command: Sequence[str]) -> subprocess.Popen[bytes]:
    nowhere = subprocess.DEVNULL
    return subprocess.Popen(command, stdout=nowhere, stderr=nowhere, start_new_session=True)


def _finished(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=PATIENCE)


def _differences(whole: dict[str, str], now: dict[str, str]) -> str:
    """Name the files that differ, a few of them; an empty text if none does."""
    other = sorted(n for n in whole.keys() | now.keys() if whole.get(n) != now.get(n))
    more = f" and {len(other) - 6} more" if len(other) > 6 else ""
    return ", ".join(other[:6]) + more


def campaigns(
    name: str, folder: Path, chance: random.Random, *, writing: bool = False
) -> list[Campaign]:
    """Return the campaigns of a kind of work: one, or one for each format of exports."""
    kinds = {
        "segment": Segment,
        "train": Train,
        "batch": Batch,
        "session": Session,
        "window": Window,
    }
    if name in kinds:
        return [Campaign(kinds[name](folder / name), chance, writing=writing)]
    made = Segment(folder / "source")
    _finished(made.begin())
    session = made.out / f"{made.movie.stem}.frtm"
    works = [Export(folder / form, form, session) for form in EXPORTED]
    return [Campaign(work, chance, writing=writing) for work in works]


def carry_out(name: str, folder: Path, options: argparse.Namespace) -> Tally:
    """Return what came of a number of kills of one kind of work."""
    chance = random.Random(f"{name} {options.seed}")
    all_of_them = campaigns(name, folder, chance, writing=options.writing)
    for number in range(3 * options.kills):  # some come too late
        if sum(campaign.tally.kills for campaign in all_of_them) == options.kills:
            break
        all_of_them[number % len(all_of_them)].kill(number)
        if options.log is not None:
            kept = [asdict(campaign.tally) for campaign in all_of_them]
            (options.log / f"{name}.json").write_text(json.dumps(kept, indent=1))
    total = all_of_them[0].tally
    for other in all_of_them[1:]:
        for key, value in asdict(other.tally).items():
            if key not in ("name", "seconds"):
                setattr(total, key, getattr(total, key) + value)
        total.seconds = max(total.seconds, other.tally.seconds)
    return total


def main() -> None:
    """Print a table, and below it all that was not as it should be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    known = ("segment", "export", "train", "batch", "session", "window")
    parser.add_argument("works", nargs="*", metavar="WORK", help=", ".join(known))
    parser.add_argument("--kills", type=int, default=50, help="of each (50)")
    parser.add_argument("--seed", type=int, default=0)
    only = "draw moments over the part of a run that comes after its first file only"
    parser.add_argument("--writing", action="store_true", help=only)
    parser.add_argument("--log", type=Path, help="folder for what is known so far, as JSON")
    options = parser.parse_args()
    print(
        "| command | s, left alone | kills | of these after the first file | resumed identical "
        "| differences | half-written | lost | left behind |\n" + "|---" * 9 + "|"
    )
    troubles = []
    for name in options.works or known[:-1]:
        folder = Path(tempfile.mkdtemp(prefix=f"kill-{name}-"))
        tally = carry_out(name, folder, options)
        shutil.rmtree(folder, ignore_errors=True)
        lists = tally.differences, tally.half_written, tally.lost, tally.left_behind
        counts = " | ".join(str(len(each)) for each in lists)
        row = f"{tally.name} | {tally.seconds} | {tally.kills} | {tally.writing}"
        print(f"| {row} | {tally.identical} | {counts} |", flush=True)
        troubles += [text for each in lists for text in each]
    print("\n".join(["", *troubles]))


if __name__ == "__main__":
    main()
