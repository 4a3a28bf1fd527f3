"""``napari-frtm segment`` on sessions: what it writes, goes on with, and corrects."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from console import FAST, Outcome, Shot, contents, finish, process

from napari_frtm.cli import main
from napari_frtm.io.labels import read_labels
from napari_frtm.io.session.folder import SessionFolder
from napari_frtm.session.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., Outcome]

COUNT = 8
FRAMES = ("--range", f":{COUNT}")


@pytest.fixture(scope="module")
def run(shot: Shot, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run with one mask."""
    out = tmp_path_factory.mktemp("run") / "masks"
    start = ["segment", shot.movie, "--mask", shot.mask(0), "--out", str(out), *FRAMES, *FAST]
    assert main(start) == 0
    return out


@pytest.fixture
def out(run: Path, tmp_path: Path) -> Path:
    """Return a copy of it, to work on."""
    return shutil.copytree(run, tmp_path / "masks")


def stored(session: Path) -> Store:
    """Return what a session holds."""
    store = Store.of_folder(SessionFolder.open(session))
    assert store.folder is not None
    store.folder.release()
    return store


def masks(out: Path) -> dict[str, bytes]:
    """Return the label images in a folder."""
    return {path.name: path.read_bytes() for path in sorted(out.glob("*.png"))}


def test_the_session_holds_everything(out: Path, shot: Shot) -> None:
    """Masks as in the files, keyframes, scores, confidence, and how the run was made."""
    store = stored(out / "shot.frtm")
    assert store.folder is not None
    made = store.folder.settings["runs"]

    for index in range(COUNT):
        assert (store.labels(index) == read_labels(out / f"{index:05d}.png")).all()
    assert (list(store.keyframes), store.complete) == ([0], set())
    assert (store.keyframes[0] == shot.truth[0]).all()
    assert store.scores.shape[0] == 20
    assert np.isfinite(store.timeline.confidence[1][:COUNT]).all()
    assert store.folder.video.source == shot.movie
    assert [(r["variant"], r["range"], r["keyframes"]) for r in made] == [
        ("d-only-no-update", [0, COUNT - 1], [0])
    ]


def test_confidence_is_told(shot: Shot, command: Command, tmp_path: Path) -> None:
    """On average, and where to look; a session alone needs no folder for masks."""
    place = tmp_path / "work.frtm"

    outcome = command(
        *("segment", shot.movie, "--mask", shot.mask(0), "--session", place, *FRAMES, *FAST)
    )

    assert outcome.code == 0, outcome.err
    assert f"{COUNT} masks in {place}" in outcome.out
    assert "Confidence: 0." in outcome.out
    assert not list(tmp_path.glob("*.png"))


def test_two_runs_do_not_mix(shot: Shot, out: Path, command: Command) -> None:
    """Whatever the second one is of, and whatever frames it writes."""
    before = contents(out)

    same = command("segment", shot.movie, "--mask", shot.mask(0), "--out", out, *FAST)
    other = command(
        *("segment", shot.images, "--mask", shot.mask(0), "--out", out, *FAST, "--session"),
        out.parent / "elsewhere.frtm",
    )

    assert (same.code, other.code) == (1, 1)
    assert "holds the results of another run" in same.err
    assert "holds the results of another run" in other.err
    assert contents(out) == before


def test_another_run_takes_the_place(shot: Shot, out: Path, command: Command) -> None:
    """With --overwrite: masks and session of the first are gone, also of another video."""
    outcome = command(
        *("segment", shot.images, "--mask", shot.mask(0), "--out", out, "--range", ":2"),
        *(*FAST, "--overwrite"),
    )

    assert outcome.code == 0, outcome.err
    assert sorted(path.name for path in out.iterdir()) == [
        "images.frtm",
        "take_5.png",
        "take_6.png",
    ]


def test_hand_work_is_not_replaced(shot: Shot, out: Path, command: Command) -> None:
    """A session with frames drawn in napari survives --overwrite."""
    folder = SessionFolder.open(out / "shot.frtm")
    folder.save_keyframe(3, shot.truth[3], complete=True)
    folder.release()

    outcome = command(
        *("segment", shot.movie, "--mask", shot.mask(0), "--out", out, *FAST, "--overwrite")
    )

    assert outcome.code == 1
    assert "has been worked on in napari, so it is not replaced" in outcome.err
    assert len(masks(out)) == COUNT


def test_a_correction_changes_what_depends_on_it(shot: Shot, out: Path, command: Command) -> None:
    """From its frame to the next mask; earlier frames and their files are not touched."""
    times = {path: path.stat().st_mtime_ns for path in out.glob("*.png")}
    session = out / "shot.frtm"

    outcome = command("segment", session, "--mask", f"4:{shot.mask(4)}", "--from-here", "4")

    assert outcome.code == 0, outcome.err
    store = stored(session)
    assert (sorted(store.keyframes), store.complete) == ([0, 4], set())
    assert (store.labels(4) == shot.truth[4]).all()
    assert len(masks(out)) == 20  # to the end of the video
    for index in range(20):
        path = out / f"{index:05d}.png"
        assert (read_labels(path) == store.labels(index)).all()
        assert (times.get(path) == path.stat().st_mtime_ns) == (index < 4)
    assert store.folder is not None
    assert [r["scope"] for r in store.folder.settings["runs"]] == ["range", "from here"]


def test_from_here_is_as_in_a_run_with_both_masks(
    shot: Shot, out: Path, command: Command, tmp_path: Path
) -> None:
    """Corrections give the masks that a run of all masks from the beginning gives."""
    whole = tmp_path / "whole"
    command("segment", out / "shot.frtm", *FRAMES, "--mask", f"4:{shot.mask(4)}")

    command(
        *("segment", shot.movie, "--mask", f"0:{shot.mask(0)}", "--mask", f"4:{shot.mask(4)}"),
        *("--out", whole, *FRAMES, *FAST),
    )

    assert masks(out) == masks(whole)


def test_what_napari_keeps_stays(shot: Shot, out: Path, command: Command) -> None:
    """Its form and axes, frozen frames, and frames drawn there."""
    folder = SessionFolder.open(out / "shot.frtm")
    folder.save_settings({**folder.settings, "form": {"seed": 3}, "axes": {"extra": None}})
    timeline = folder.timeline
    timeline.frozen[6] = True
    folder.save_timeline(timeline)
    drawn = np.zeros_like(shot.truth[2])
    drawn[:20, :20] = 7
    folder.save_keyframe(2, drawn, complete=True)
    folder.write_frame(2, drawn, None, None)
    folder.release()
    frozen = (out / "00006.png").read_bytes()

    outcome = command("segment", out / "shot.frtm", "--from-here", "2", *FRAMES)

    assert outcome.code == 0, outcome.err
    store = stored(out / "shot.frtm")
    assert store.folder is not None
    assert store.folder.settings["form"] == {"seed": 3}
    assert store.complete == {2}
    assert (store.labels(2) == drawn).all()
    assert (read_labels(out / "00002.png") == drawn).all()
    assert (out / "00006.png").read_bytes() == frozen
    assert 7 in store.labels(5)


def test_masks_can_go_elsewhere(shot: Shot, out: Path, command: Command, tmp_path: Path) -> None:
    """All that the session holds, with scores; a folder with other files is refused."""
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "00019.png").write_text("mine")
    start = ("segment", out / "shot.frtm", "--from-here", "6", *FRAMES)

    refused = command(*start, "--out", taken)
    outcome = command(*start, "--out", tmp_path / "copy", "--scores")

    assert refused.code == 1
    assert "holds 00019.png already" in refused.err
    assert (outcome.code, len(masks(tmp_path / "copy"))) == (0, COUNT)
    assert len(list((tmp_path / "copy" / "scores").glob("*.tif"))) == COUNT


def test_a_broken_run_is_not_forgotten(shot: Shot, command: Command, tmp_path: Path) -> None:
    """Another run on the session waits until it was continued or given up."""
    out = tmp_path / "masks"
    start = ("segment", shot.movie, "--mask", shot.mask(0), "--out", out, *FRAMES, *FAST)
    killed = """
import os
from napari_frtm.session.mask_files import MaskFiles
MaskFiles.write = lambda *_: os._exit(9)
"""
    assert finish(process(start, killed)).code == 9
    session = out / "shot.frtm"

    refused = command("segment", session, "--from-here", "2")
    differs = command("segment", session, "--resume", "--seed", "4")
    resumed = command("segment", session, "--resume", "--device", "cpu")

    assert (refused.code, differs.code, resumed.code) == (1, 1, 0)
    assert "has an unfinished run. Continue it with --resume" in refused.err
    assert "'seed' was 0 and is 4 now" in differs.err
    assert len(masks(out)) == COUNT


def test_movie_and_session_may_move_together(shot: Shot, command: Command, tmp_path: Path) -> None:
    """A session lies beside its movie; both go to another disk, and the run goes on there."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    shutil.copy(shot.movie, old / "shot.mp4")
    place = old / "shot.frtm"
    command("segment", old / "shot.mp4", "--mask", shot.mask(0), "--session", place, *FRAMES, *FAST)
    shutil.move(old, new)

    moved = command("segment", new / "shot.frtm", "--from-here", "5", *FRAMES)
    (new / "shot.mp4").rename(new / "renamed.mp4")
    lost = command("segment", new / "shot.frtm", "--from-here", "5", *FRAMES)
    given = command(
        *("segment", new / "renamed.mp4", "--session", new / "shot.frtm", "--from-here", "5"),
        *FRAMES,
    )

    assert (moved.code, lost.code, given.code) == (0, 1, 0), (moved.err, given.err)
    assert "is not there any more" in lost.err


def test_another_movie_in_its_place_is_noticed(
    shot: Shot, command: Command, tmp_path: Path, out: Path
) -> None:
    """A session is about one video."""
    np.save(tmp_path / "other.npy", shot.frames[:, ::-1])

    outcome = command(
        *("segment", tmp_path / "other.npy", "--session", out / "shot.frtm", "--resume")
    )

    assert outcome.code == 1
    assert "is not the video of" in outcome.err


def test_a_session_writes_nowhere_else(
    shot: Shot, out: Path, command: Command, tmp_path: Path
) -> None:
    """A strange session.json cannot lead the masks out of the folder that the session is in."""
    folder = SessionFolder.open(out / "shot.frtm")
    outputs = folder.settings["outputs"]
    folder.save_settings({**folder.settings, "outputs": {**outputs, "folder": "../../victim"}})
    folder.release()

    outcome = command("segment", out / "shot.frtm", "--from-here", "5", *FRAMES)

    assert outcome.code == 0, outcome.err
    assert f"{COUNT} masks in {out / 'shot.frtm'}" in outcome.out
    assert not (tmp_path / "victim").exists()


def test_a_deleted_session_is_not_said_to_be_kept(shot: Shot, tmp_path: Path) -> None:
    """The message tells what there is."""
    out = tmp_path / "masks"
    prelude = """
import shutil, time
from napari_frtm.session.mask_files import MaskFiles
write = MaskFiles.write
def remove(files, store, index):
    write(files, store, index)
    if index == 1:
        shutil.rmtree(files.folder)
MaskFiles.write = remove
"""
    start = ("segment", shot.movie, "--mask", shot.mask(0), "--out", out, *FRAMES, *FAST)

    outcome = finish(process(start, prelude))

    assert outcome.code == 1
    assert "does not exist (any more)" in outcome.err
    assert "is not there any more, so nothing of it is kept" in outcome.err
    assert "Traceback" not in outcome.err
    assert not (out / "shot.frtm").exists()


@pytest.mark.parametrize("closing", ["2>&-", "2> >(head -c 9 > /dev/null)"])
def test_a_closed_terminal_does_not_end_a_run(shot: Shot, tmp_path: Path, closing: str) -> None:
    """Nobody reads the progress bar; the masks are written all the same."""
    arguments = ("segment", shot.movie, "--mask", shot.mask(0), "--out", str(tmp_path / "masks"))
    line = shlex.join([sys.executable, "-m", "napari_frtm", *arguments, *FRAMES, *FAST])

    done = subprocess.run(
        ["bash", "-c", f"{line} {closing}"], check=False, capture_output=True, text=True
    )

    assert done.returncode == 0
    assert f"{COUNT} masks in" in done.stdout
    assert len(masks(tmp_path / "masks")) == COUNT


def test_a_run_that_is_killed_at_once_goes_on(
    shot: Shot, run: Path, command: Command, tmp_path: Path
) -> None:
    """Before anything was computed: the session knows that there is a run."""
    out = tmp_path / "masks"
    killed = """
import os
from napari_frtm.cli.run import follow
follow._introduce = lambda *_: os._exit(9)
"""
    start = ("segment", shot.movie, "--mask", shot.mask(0), "--out", out, *FRAMES, *FAST)
    code = finish(process(start, killed)).code

    resumed = command("segment", out / "shot.frtm", "--resume")

    assert (code, resumed.code) == (9, 0)
    assert f"0 of {COUNT} frames are finished" in resumed.out
    assert contents(out) == contents(run)
