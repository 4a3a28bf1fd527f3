"""``napari-frtm segment`` on one channel, plane or projection of a stack, and on soft masks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import tifffile
from console import FAST, Outcome, Shot

from napari_frtm.cli import main
from napari_frtm.io.export.opening import open_masks
from napari_frtm.io.labels import read_labels
from napari_frtm.io.session.files import SessionError
from napari_frtm.io.session.identity import load_header
from napari_frtm.io.session.section import section_of
from napari_frtm.io.video.opening import open_video

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., Outcome]

COUNT = 5
BRIGHT = ("--variant", "d-only", "--short-side", "96", "--contrast", "0:255")


@pytest.fixture(scope="module")
def stack(shot: Shot, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the shot as channel 1 of a TZCYX stack, in one of three planes; noise elsewhere."""
    gray = shot.frames[:COUNT, ..., 0].astype(np.uint16)
    noise = np.random.default_rng(2).integers(0, 20, (COUNT, 3, 2, *gray.shape[1:]), np.uint16)
    noise[:, 1, 1] = gray
    path = tmp_path_factory.mktemp("stack") / "cells.tif"
    tifffile.imwrite(
        path, noise, imagej=True, metadata={"axes": "TZCYX", "unit": "um"}, resolution=(4, 4)
    )
    return path


def _segment(stack: Path, shot: Shot, out: Path, *options: str) -> int:
    start = ["segment", str(stack), "--mask", shot.mask(0), "--out", str(out), *BRIGHT]
    return main([*start, *options])


@pytest.mark.parametrize("plane", ["1", "max"])
def test_a_channel_and_a_plane_are_followed(
    stack: Path, shot: Shot, tmp_path: Path, plane: str
) -> None:
    """The masks are those of the same frames in a stack of their own."""
    alone = tmp_path / "alone.tif"
    tifffile.imwrite(alone, tifffile.imread(stack)[:, 1, 1])
    assert _segment(alone, shot, tmp_path / "alone") == 0
    assert _segment(stack, shot, tmp_path / "out", "--channel", "1", "--plane", plane) == 0
    for t in range(COUNT):
        expected = read_labels(tmp_path / "alone" / f"{t:05d}.png")
        assert (read_labels(tmp_path / "out" / f"{t:05d}.png") == expected).all()
        assert (expected == 1).any()


def test_the_session_knows_its_channel(
    stack: Path, shot: Shot, tmp_path: Path, command: Command
) -> None:
    """It goes on, and is exported, without being told again; another channel is refused."""
    out = tmp_path / "out"
    chosen = ("--channel", "1", "--plane", "max")
    assert _segment(stack, shot, out, *chosen) == 0
    session = out / "cells.frtm"
    assert load_header(session)[1]["section"] == {"axes": None, "channel": 1, "plane": "max"}
    assert command("segment", session, "--resume").code == 0
    correction = ("--mask", f"2:{shot.mask(2)}", "--from-here", "2")
    assert command("segment", session, *correction, *chosen).code == 0
    masks = open_masks(session)
    assert masks.video is not None
    assert (masks.image(0) == tifffile.imread(stack)[0, :, 1].max(0)).all()
    refused = command("segment", session, *correction, "--channel", "0")
    assert refused.code == 1
    assert "The session is about channel 1, plane max, not channel 0." in refused.err


@pytest.mark.parametrize(
    "entry", [{"section": {"plane": "least"}}, {"section": {"c": 1}}, {"axes": {"extra": 9}}]
)
def test_a_session_with_a_damaged_channel_says_so(
    stack: Path, shot: Shot, tmp_path: Path, command: Command, entry: dict[str, object]
) -> None:
    """Without a traceback."""
    out = tmp_path / "out"
    assert _segment(stack, shot, out, "--channel", "1", "--plane", "1") == 0
    header = out / "cells.frtm" / "session.json"
    content = json.loads(header.read_text())
    del content["settings"]["section"]
    content["settings"] |= entry
    header.write_text(json.dumps(content))

    refused = command("segment", out / "cells.frtm", "--resume")

    assert refused.code == 1
    assert "channels or planes of cells.tif is damaged" in refused.err


@pytest.mark.parametrize(
    ("takes", "seen"),
    [
        ({"1": 2, "2": 1}, lambda pixels: pixels[:, 2, 1]),
        ({"1": "maximum projection", "2": 0}, lambda pixels: pixels[:, :, 0].max(1)),
    ],
)
def test_a_session_from_napari_knows_its_plane_and_its_channel(
    stack: Path, takes: dict[str, object], seen: Callable[[np.ndarray], np.ndarray]
) -> None:
    """Whatever axes the file says: the layer's count."""
    section = section_of({"axes": {"time": 0, "takes": takes, "ndim": 5}}, stack)

    frames = open_video(stack, section).frames

    assert np.array_equal(frames.compute(), seen(tifffile.imread(stack)))


@pytest.mark.parametrize("takes", [{"1": "mean", "2": 0}, {"1": 0, "2": "blend as RGB"}])
def test_what_only_napari_makes_of_a_stack_is_refused(
    stack: Path, takes: dict[str, object]
) -> None:
    """It says so."""
    with pytest.raises(SessionError, match="Go on with it in napari"):
        section_of({"axes": {"time": 0, "takes": takes, "ndim": 5}}, stack)


def test_the_session_knows_its_gamma(shot: Shot, tmp_path: Path, command: Command) -> None:
    """Squares of all intensities, seen with a gamma of 0.5, are followed as they were before."""
    gray = shot.frames[:COUNT, ..., 0].astype(np.uint16)
    for name, frames in {"plain": gray, "squared": gray**2}.items():
        tifffile.imwrite(tmp_path / f"{name}.tif", frames, photometric="minisblack")
    seen = ("--contrast", "0:65025", "--gamma", "0.5")
    assert _segment(tmp_path / "plain.tif", shot, tmp_path / "plain") == 0
    assert _segment(tmp_path / "squared.tif", shot, tmp_path / "squared", *seen) == 0
    correction = ("--mask", f"2:{shot.mask(2)}", "--from-here", "2")
    for name in ("plain", "squared"):
        assert command("segment", tmp_path / name / f"{name}.frtm", *correction).code == 0

    for t in range(COUNT):
        plain, squared = (
            read_labels(tmp_path / each / f"{t:05d}.png") for each in ("plain", "squared")
        )
        assert (plain == squared).mean() > 0.9995
        assert plain.any()
    runs = load_header(tmp_path / "squared" / "squared.frtm")[1]["runs"]
    assert [run["contrast"] for run in runs] == [[0, 65025, 0.5]] * 2


def test_axes_that_the_file_does_not_name(shot: Shot, stack: Path, tmp_path: Path) -> None:
    """They are given; without them, the message says how."""
    path = tmp_path / "plain.npy"
    np.save(path, tifffile.imread(stack)[:, 1])  # T, C, Y, X
    assert _segment(path, shot, tmp_path / "none") == 1
    chosen = ("--axes", "TCYX", "--channel", "1")
    assert _segment(path, shot, tmp_path / "out", *chosen) == 0
    assert (read_labels(tmp_path / "out" / "00004.png") == 1).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--channel", "7"), "has no channel 7: there are 2"),
        (("--channel", "x"), "'x' is no number, counted from 0"),
        (("--plane", "median"), "'median' is no number, counted from 0, and not max or mean"),
        (("--axes", "TYX"), "its axes cannot be TYX"),
        (("--mask-threshold", "0"), "'0' is no number above 0, up to 1"),
        ((), "choose a channel (--channel N)"),
    ],
)
def test_what_is_not_there_is_refused(
    stack: Path,
    shot: Shot,
    tmp_path: Path,
    command: Command,
    options: tuple[str, ...],
    message: str,
) -> None:
    """The message says what there is."""
    out = command("segment", stack, "--mask", shot.mask(0), "--out", tmp_path / "out", *options)
    assert out.code in (1, 2)
    assert message in out.err
    assert not (tmp_path / "out").exists()


def test_soft_masks_are_cut_where_it_is_said(shot: Shot, tmp_path: Path, command: Command) -> None:
    """Without the option they are refused, and the message names it."""
    hard = (read_labels(shot.mask(0)) == 1).astype(np.float32)
    soft = cv2.GaussianBlur(255 * hard, None, 2).round().astype(np.uint8)
    cv2.imwrite(str(tmp_path / "soft.png"), soft)
    start = ("segment", shot.movie, "--mask", tmp_path / "soft.png", "--range", ":3", *FAST)
    refused = command(*start, "--out", tmp_path / "refused")
    assert refused.code == 1
    assert "--mask-threshold 0.5" in refused.err
    assert command(*start, "--out", tmp_path / "out", "--mask-threshold", "0.5").code == 0
    drawn = read_labels(tmp_path / "out" / "00000.png")
    assert (drawn == (soft >= 0.5 * soft.max())).mean() > 0.999
