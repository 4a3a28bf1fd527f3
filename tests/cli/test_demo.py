"""``napari-frtm demo``: the bundled clip, from the movie to the contact sheet."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import av
import pytest
import tifffile
from console import Outcome, finish, process
from PIL import Image

import napari_frtm
from napari_frtm.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    """Run the demo once, small."""
    out = tmp_path_factory.mktemp("demo") / "results"
    return out, finish(process(["demo", "--out", out, "--short-side", "180"]))


def test_it_writes_masks_movie_and_sheet(demo: tuple[Path, Outcome]) -> None:
    """As many masks and pictures of the movie as the clip has frames."""
    out, outcome = demo
    samples = next(iter(napari_frtm.__path__)) + "/sample_data"
    count = len(tifffile.imread(f"{samples}/roto_truth.tif"))

    with av.open(str(out / "overlay.mp4")) as movie:
        pictures = [(frame.width, frame.height) for frame in movie.decode(video=0)]
    with Image.open(out / "contact_sheet.png") as sheet:
        sheet_size = sheet.size

    assert outcome.code == 0, outcome.err
    assert len(list(out.glob("0*.png"))) == count
    with Image.open(out / "00000.png") as mask:
        assert pictures == [mask.size] * count
    assert sheet_size[0] > 1000


def test_it_tells_how_good_the_masks_are(demo: tuple[Path, Outcome]) -> None:
    """Mean J against the truth, where the files are, and how long it took."""
    out, outcome = demo

    printed = re.search(r"Mean J against the exact truth, frames 1 to \d+: ([\d.]+)", outcome.out)

    assert printed is not None
    assert 0.2 < float(printed[1]) <= 1
    assert f"Overlay movie: {out / 'overlay.mp4'}" in outcome.out
    assert f"Contact sheet: {out / 'contact_sheet.png'}" in outcome.out
    assert "Done in" in outcome.out


def test_other_folders_are_safe(command: Callable[..., Outcome], tmp_path: Path) -> None:
    """The demo replaces its own results only."""
    (tmp_path / "00000.png").write_text("precious")

    outcome = command("demo", "--out", tmp_path)

    assert outcome.code == 1
    assert "is there and not of a demo" in outcome.err
    assert (tmp_path / "00000.png").read_text() == "precious"


def test_results_of_another_video_are_not_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder of `segment` is the user's work."""
    (tmp_path / ".frtm").mkdir()
    (tmp_path / ".frtm" / "run.json").write_text('{"video": "shot.mp4", "names": ["a"]}')
    (tmp_path / "a.png").write_bytes(b"mask")

    assert main(["demo", "--out", str(tmp_path)]) == 1

    assert "not of a demo" in capsys.readouterr().err
    assert (tmp_path / "a.png").read_bytes() == b"mask"
