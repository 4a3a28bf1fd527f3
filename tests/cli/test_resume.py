"""``napari-frtm segment`` again in the same folder: resume, refuse, overwrite."""

from __future__ import annotations

import shutil
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from console import FAST, Outcome, Shot, arguments, contents, finish, process

from napari_frtm.cli import main
from napari_frtm.io.labels import write_labels

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    Command = Callable[..., Outcome]


SLOWLY = """
import signal
import time
signal.signal(signal.SIGINT, signal.default_int_handler)  # shells switch it off in the background
from napari_frtm.session.mask_files import MaskFiles
write = MaskFiles.write
MaskFiles.write = lambda files, *frame: (time.sleep(0.2), write(files, *frame))
"""
"""Gives time to stop a run between two masks, also on a fast machine."""

KILLED = """
import os
from napari_frtm.session.mask_files import MaskFiles
MaskFiles.write = lambda *_: os._exit(9)
"""
"""Ends a run as a kill does, once its first chunk is saved and before a mask of it is written."""

BEFORE_THE_RUN = """
import os
from napari_frtm.session.run import carry_out
carry_out.save_run = lambda *_: os._exit(9)
"""
"""Ends a run when there is a session, but before that knows of the run."""

BEFORE_THE_RECORD = """
import os
from napari_frtm.cli.run import follow
follow.record = lambda *_, **__: os._exit(9)
"""
"""Ends a run when it can go on, but before the session knows how its masks are made."""


def wait_for(out: Path, count: int, started: subprocess.Popen[str]) -> None:
    """Wait until a run has written this many masks."""
    end = time.monotonic() + 60
    while len(list(out.glob("0*.png"))) < count:
        assert started.poll() is None, started.communicate()
        assert time.monotonic() < end
        time.sleep(0.005)


def test_interrupting_says_how_to_continue(shot: Shot, tmp_path: Path) -> None:
    """Exit code 130, and no traceback."""
    out = tmp_path / "masks"
    started = process(arguments(shot, out), SLOWLY)
    wait_for(out, 9, started)
    started.send_signal(signal.SIGINT)

    interrupted = finish(started)

    assert interrupted.code == 130
    assert f"finished frames are kept in {out / 'shot.frtm'}; continue with" in interrupted.err
    assert "Traceback" not in interrupted.err


@pytest.mark.parametrize(("direction", "masks"), [("forward", 10), ("both", 9)])
def test_a_killed_run_goes_on(
    shot: Shot,
    command: Command,
    finished: dict[str, bytes],
    tmp_path: Path,
    direction: str,
    masks: int,
) -> None:
    """The end is as if nothing had happened, and finished frames are not written again."""
    out, whole = tmp_path / "masks", tmp_path / "whole"
    started = process(arguments(shot, out, direction), SLOWLY)
    wait_for(out, masks, started)
    started.kill()
    finish(started)
    (out / f".{'0' * 32}.png").write_text("left behind")
    before = {path: path.stat().st_mtime_ns for path in out.glob("0*.png")}

    resumed = command(*arguments(shot, out, direction), "--resume")
    if direction == "both":
        command(*arguments(shot, whole, direction))

    assert resumed.code == 0, resumed.err
    assert 8 <= len(before) < 20
    assert contents(out) == (contents(whole) if direction == "both" else finished)
    kept = int(resumed.out.split("Continuing")[1].split(": ")[1].split()[0])
    untouched = [path for path, time in before.items() if path.stat().st_mtime_ns == time]
    assert kept >= min(masks - 3, 8)  # all but the last chunk
    assert len(untouched) >= min(masks - 3, 8)
    assert not list(out.glob(".*.png"))


@pytest.mark.parametrize("kill", [BEFORE_THE_RUN, BEFORE_THE_RECORD], ids=["run", "record"])
def test_a_run_goes_on_that_was_killed_as_it_began(
    shot: Shot, command: Command, finished: dict[str, bytes], tmp_path: Path, kill: str
) -> None:
    """Whatever it has told the session by then; what that knows of the run is the same."""
    out = tmp_path / "masks"
    killed = finish(process(arguments(shot, out), kill))
    assert (killed.code, list(out.glob("*.png"))) == (9, []), killed.err

    resumed = command(*arguments(shot, out), "--resume")

    assert resumed.code == 0, resumed.err
    assert contents(out) == finished


@pytest.fixture(scope="module")
def short_run(shot: Shot, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the arguments of a run that has ended."""
    out = tmp_path_factory.mktemp("short") / "masks"
    run = ["segment", shot.movie, "--mask", shot.mask(0), "--out", str(out), "--range", ":3", *FAST]
    assert main(run) == 0
    return run


def test_resuming_a_finished_run_changes_nothing(short_run: list[str], command: Command) -> None:
    """Not even the times of the files."""
    out = Path(short_run[5])
    before = {path: path.stat().st_mtime_ns for path in out.glob("*.png")}

    outcome = command(*short_run, "--resume")

    assert (outcome.code, "(0 new" in outcome.out) == (0, True)
    assert {path: path.stat().st_mtime_ns for path in out.glob("*.png")} == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param([], "another run. Continue it with --resume", id="neither"),
        pytest.param(["--resume", "--seed", "5"], "'seed' was 0 and is 5 now", id="seed"),
        pytest.param(
            ["--resume", "--probabilities"], "'probabilities' was False and is True", id="outputs"
        ),
        pytest.param(["--resume", "--contrast", "9:99"], "'contrast' was 0:255", id="contrast"),
        pytest.param(["--resume", "--gamma", "0.5"], "'gamma' was 1.0 and is 0.5", id="gamma"),
        pytest.param(["--resume", "--preset", "fast"], "'preset' was lite", id="preset"),
        pytest.param(
            ["--resume", "--direction", "both"], "'direction' was forward", id="direction"
        ),
        pytest.param(["--resume", "--mask", "1:{mask1}"], "'masks' is not the same", id="masks"),
        pytest.param(["--resume", "--range", ":4"], "'range' was 0:3 and is 0:4 now", id="range"),
    ],
)
def test_another_run_is_not_mixed_in(
    short_run: list[str], shot: Shot, command: Command, options: list[str], message: str
) -> None:
    """Exit code 1, and the difference by its name."""
    outcome = command(*short_run, *(option.format(mask1=shot.mask(1)) for option in options))

    assert (outcome.code, outcome.out) == (1, "")
    assert message in outcome.err


def test_nothing_to_resume(shot: Shot, command: Command, tmp_path: Path) -> None:
    """A folder without a run."""
    outcome = command("segment", shot.movie, "--mask", shot.mask(0), "--out", tmp_path, "--resume")

    assert outcome.code == 1
    assert "holds no run to continue. Leave out --resume" in outcome.err


def test_overwriting_leaves_nothing_of_the_old_run(
    shot: Shot, command: Command, tmp_path: Path
) -> None:
    """Masks, scores and soft masks of it go; the user's other files and masks stay."""
    out = tmp_path / "masks"
    start = ("segment", shot.movie, "--out", out, *FAST)
    command(*start, "--mask", shot.mask(0), "--range", ":4", "--scores", "--probabilities")
    (out / "notes.txt").write_text("mine")
    corrected = out / "00002.png"
    write_labels(corrected, shot.truth[2])
    drawn = corrected.read_bytes()

    refused = command(*start, "--mask", f"2:{corrected}", "--range", "2:4", "--overwrite")
    outcome = command(*start, "--mask", f"2:{shot.mask(2)}", "--range", "2:4", "--overwrite")

    assert (refused.code, outcome.code) == (1, 0)
    assert "would replace what you have drawn" in refused.err
    assert corrected.read_bytes() == drawn
    files = [name for name in contents(out) if ".frtm" not in name]
    assert files == ["00002.png", "00003.png", "notes.txt"]


def test_files_that_are_not_of_a_run_are_safe(shot: Shot, command: Command, tmp_path: Path) -> None:
    """Such as the truth of a data set, whose folder was given by mistake."""
    (tmp_path / "00001.png").write_text("precious")

    outcome = command("segment", shot.movie, "--mask", shot.mask(0), "--out", tmp_path, *FAST)

    assert outcome.code == 1
    assert "holds 00001.png already, which is not of this run" in outcome.err
    assert (tmp_path / "00001.png").read_text() == "precious"


@pytest.mark.parametrize("options", [["--overwrite"], []])
def test_the_video_is_safe(shot: Shot, command: Command, options: list[str]) -> None:
    """Neither masks nor an overlay take its place."""
    start = ("segment", "--mask", shot.mask(0), *options)

    images = command(*start, shot.images, "--out", shot.images)
    movie = command(*start, shot.movie, "--out", shot.folder / "out", "--overlay", shot.movie)

    assert (images.code, movie.code) == (1, 1)
    assert "would replace the video" in images.err
    assert "choose another name" in movie.err


@pytest.fixture(scope="module")
def killed_run(shot: Shot, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run that was killed before its first mask was written."""
    out = tmp_path_factory.mktemp("killed") / "masks"
    start = ("segment", shot.movie, "--mask", shot.mask(0), "--out", out, "--range", ":3", *FAST)
    assert finish(process(start, KILLED)).code == 9
    return out


@pytest.mark.parametrize("damage", ["empty", "cut", "noise", "other"])
def test_a_damaged_state_is_named(
    killed_run: Path, command: Command, tmp_path: Path, damage: str
) -> None:
    """With the file and the way out."""
    out = tmp_path / "masks"
    shutil.copytree(killed_run, out)
    state = out / "shot.frtm" / "run.safetensors"
    data = state.read_bytes()
    other = b"\x02\x00\x00\x00\x00\x00\x00\x00{}"
    state.write_bytes({"empty": b"", "cut": data[:-20], "noise": b"?" * 99, "other": other}[damage])

    outcome = command("segment", out / "shot.frtm", "--resume")

    assert outcome.code == 1
    assert "run.safetensors is damaged" in outcome.err or "state of the unfinished" in outcome.err
    assert "finished frames" in outcome.err


def test_masks_that_went_missing_come_back(
    killed_run: Path, command: Command, tmp_path: Path
) -> None:
    """From the session; also those that a kill came before, and those that are cut off."""
    out = tmp_path / "masks"
    shutil.copytree(killed_run, out)
    before = list(out.glob("*.png"))
    resumed = command("segment", out / "shot.frtm", "--resume")
    whole = contents(out)
    (out / "00001.png").unlink()
    (out / "00002.png").write_bytes(whole["00002.png"][:50])

    again = command("segment", out / "shot.frtm", "--resume")

    assert (before, resumed.code, again.code) == ([], 0, 0)
    assert contents(out) == whole
