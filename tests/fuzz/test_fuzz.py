"""Files with damage of every sort: refused with a message, or read; never worse.

Each case is read in another process, with a bound for its memory and for its time. The number of
cases per kind of file comes from the environment: ``FUZZ_CASES=400``, or ``make fuzz``.
"""

from __future__ import annotations

import json
import os
import random
import re
import select
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import samples
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator

CASES = int(os.environ.get("FUZZ_CASES", "10"))
SECONDS = 60.0
BYTES = 3 * 2**30
"""What a damaged file of some kilobytes may take: a frame is at most 1 GiB, see `check_size`."""
KINDS = ("video", "stack", "image", "mask", "session", "checkpoint", "job")
EXTREMES = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
NUMBERS = ("0", "-1", "1", "99999", "2147483648", "99999999999999999999", "1e999", "null", '"x"')


@dataclass(frozen=True)
class Damage:
    """A change of a file: what, where (a part of its length, from 0 to 1), and a number."""

    what: str
    place: float
    number: int

    def apply(self, content: bytearray) -> bytearray:
        """Return the damaged content."""
        place = min(int(self.place * len(content)), max(0, len(content) - 1))
        length = 1 + self.number % 64
        match self.what:
            case "flip":
                content[place : place + 1] = bytes(
                    b ^ (1 + self.number % 255) for b in content[place : place + 1]
                )
            case "extreme":
                value = EXTREMES[self.number % len(EXTREMES)]
                order = ("little", "big")[self.number % 2]
                width = (1, 2, 4)[self.number % 3]
                content[place : place + width] = (value % 256**width).to_bytes(width, order)
            case "cut":
                del content[place:]
            case "delete":
                del content[place : place + length]
            case "zeros":
                content[place : place + length] = bytes(length)
            case "repeat":
                content[place:place] = content[place : place + length]
            case "number":
                self._replace_number(content)
        return content

    def _replace_number(self, content: bytearray) -> None:
        """Put another number where digits stand, as in JSON and headers."""
        found = list(re.finditer(rb"\d+", bytes(content[:20000])))
        if found:
            match = found[int(self.place * (len(found) - 1))]
            content[match.start() : match.end()] = NUMBERS[self.number % len(NUMBERS)].encode()


WHAT = ("flip", "extreme", "number", "zeros", "delete", "repeat", "cut")
OFTEN = (8, 8, 4, 2, 1, 1, 1)


def damages_of(seed: int) -> list[Damage]:
    """Return one to three damages, most of them small; half of them near the beginning."""
    chance = random.Random(seed)
    return [
        Damage(what, chance.random() ** chance.choice((1, 4)), chance.randrange(2**31))
        for what in chance.choices(WHAT, OFTEN, k=chance.choice((1, 1, 2, 3)))
    ]


DAMAGES = st.integers(0, 2**64).map(damages_of)


class Reader:
    """The other process; a new one after it died or had to be killed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
        self._process = None

    def read(self, action: str, path: Path) -> tuple[str, str, int, float]:
        """Return outcome, details, bytes and seconds of reading a file."""
        if self._process is None:
            worker = [sys.executable, str(Path(__file__).with_name("worker.py"))]
            self._process = subprocess.Popen(
                worker,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,  # what is read ahead could not be waited for
            )
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps([action, str(path)]).encode() + b"\n")
        process.stdin.flush()
        while select.select([process.stdout], [], [], SECONDS)[0]:
            line = process.stdout.readline()
            if line.startswith(b"#"):
                outcome, details, used, seconds = json.loads(line[1:])
                return outcome, details, used, seconds
            if not line:
                process.wait()
                self._process = None
                return "crashed", f"exit code {process.returncode}", 0, 0.0
        self.close()
        return "hung", f"more than {SECONDS:g} s", 0, SECONDS


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    """Start a process that reads, and end it."""
    one = Reader()
    yield one
    one.close()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Return whole files by what opens them."""
    return samples.write_all(tmp_path_factory.mktemp("whole"))


@pytest.mark.skipif(sys.platform == "win32", reason="pipes cannot be waited for")
@pytest.mark.parametrize("kind", KINDS)
def test_whole_files_are_read(reader: Reader, whole: dict[str, list[Path]], kind: str) -> None:
    """What is damaged below is whole here."""
    answers = {path.name: reader.read(kind, path)[:2] for path in whole[kind]}

    assert {name: found for name, found in answers.items() if found[0] != "opened"} == {}


@pytest.mark.skipif(sys.platform == "win32", reason="pipes cannot be waited for")
@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_do_no_harm(
    reader: Reader, whole: dict[str, list[Path]], tmp_path: Path, kind: str
) -> None:
    """No crash, no hang, no traceback, no memory beyond the bound."""
    counts: dict[str, int] = {}
    most = 0

    @settings(
        max_examples=CASES,
        deadline=None,
        database=None,
        derandomize=CASES <= 10,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        source=st.sampled_from(whole[kind]),
        part=st.integers(0, 999),
        damages=DAMAGES,
    )
    def check(source: Path, part: int, damages: list[Damage]) -> None:
        nonlocal most
        path = _damaged(source, part, damages, tmp_path / "damaged")
        outcome, details, used, seconds = reader.read(kind, path)
        counts[outcome] = counts.get(outcome, 0) + 1
        most = max(most, used)
        if outcome not in ("opened", "refused") or used > BYTES or seconds > SECONDS:
            _keep(path, kind, counts)
            pytest.fail(f"{source.name}, {damages}: {outcome}, {used / 2**20:.0f} MB\n{details}")

    check()

    assert counts
    assert counts.keys() <= {"opened", "refused"}
    sys.stdout.write(f"\n{kind}: {counts}, at most {most / 2**20:.0f} MB\n")


def _damaged(source: Path, part: int, damages: list[Damage], folder: Path) -> Path:
    """Write a damaged copy of a file, or of a folder with one file damaged."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    copy = folder / source.name
    if source.is_dir():
        shutil.copytree(source, copy)
        files = sorted(path for path in copy.rglob("*") if path.is_file())
        damaged = files[part % len(files)]
    else:
        shutil.copy(source, copy)
        damaged = copy
    content = bytearray(damaged.read_bytes())
    for damage in damages:
        content = damage.apply(content)
    damaged.write_bytes(content)
    return copy


def _keep(path: Path, kind: str, counts: dict[str, int]) -> None:
    """Keep a file that does harm where the environment says so."""
    folder = os.environ.get("FUZZ_KEEP")
    if folder:
        target = Path(folder) / f"{kind}-{sum(counts.values())}-{path.name}"
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if path.is_dir() else shutil.copy)(path, target)
