"""``napari-frtm segment``: what it writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
import tifffile
from console import FAST, Outcome, Shot, contents
from PIL import Image

from napari_frtm.evaluation.metrics import jaccard
from napari_frtm.io.labels import davis_palette, read_labels, write_labels

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., Outcome]


def test_there_is_an_indexed_png_per_frame(finished: dict[str, bytes], tmp_path: Path) -> None:
    """Named by the zero-padded frame, of the video's size, in the colours of DAVIS."""
    path = tmp_path / "mask.png"

    masks = [name for name in finished if "/" not in name]
    path.write_bytes(finished["00010.png"])

    assert masks == [f"{t:05d}.png" for t in range(20)]
    with Image.open(path) as image:
        assert (image.mode, image.size) == ("P", (128, 96))
        assert image.getpalette() == davis_palette().flatten().tolist()


def test_the_objects_are_followed(finished: dict[str, bytes], shot: Shot, tmp_path: Path) -> None:
    """Also the one that starts late; annotated frames are as the user painted them."""
    masks = []
    for t in range(20):
        (tmp_path / "mask.png").write_bytes(finished[f"{t:05d}.png"])
        masks.append(read_labels(tmp_path / "mask.png"))

    assert (masks[0] == shot.truth[0]).all()
    assert (masks[8] == shot.truth[8]).all()
    assert set(np.unique(masks[:8])) == {0, 1}
    for object_id, first in {1: 1, 3: 9}.items():
        overlaps = [
            jaccard(masks[t] == object_id, shot.truth[t] == object_id) for t in range(first, 20)
        ]
        assert np.mean(overlaps) > 0.5


def test_soft_outputs_say_what_they_are(finished: dict[str, bytes], tmp_path: Path) -> None:
    """Scores of the likeliest object, soft masks in a folder per object."""
    path = tmp_path / "scores.tif"

    path.write_bytes(finished["scores/00012.tif"])
    (tmp_path / "soft.png").write_bytes(finished["probabilities/3/00012.png"])

    with tifffile.TiffFile(path) as file:
        assert "the largest of all objects" in file.pages[0].description
        assert file.asarray().shape == (8, 10)
        assert file.asarray().dtype == np.float32
    with Image.open(tmp_path / "soft.png") as image:
        assert (image.mode, image.size) == ("L", (128, 96))
        assert np.asarray(image).max() > 200
    assert len([name for name in finished if name.startswith("probabilities/1/")]) == 20
    assert len([name for name in finished if name.startswith("probabilities/3/")]) == 12


def test_images_keep_their_names(shot: Shot, command: Command, tmp_path: Path) -> None:
    """A folder in natural order; the range limits the masks; an overlay movie has its frames."""
    out = tmp_path / "masks"

    outcome = command(
        *("segment", shot.images, "--mask", shot.mask(2), "--out", out, "--range", "2:8", *FAST),
        *("--overlay", out / "look" / "overlay.mp4"),
    )

    assert (outcome.code, outcome.out.count("6 masks in")) == (0, 1)
    assert "frame/s" in outcome.err
    assert sorted(p.name for p in out.glob("*.png")) == sorted(
        f"take_{t}.png" for t in range(7, 13)
    )
    with av.open(str(out / "look" / "overlay.mp4")) as movie:
        assert [frame.width for frame in movie.decode(video=0)] == [128] * 6


def test_backward_starts_at_the_end(shot: Shot, command: Command, tmp_path: Path) -> None:
    """A mask without a frame is that of the last one."""
    command(
        *("segment", shot.movie, "--mask", shot.mask(6), "--out", tmp_path / "masks", *FAST),
        *("--direction", "backward", "--range", ":7"),
    )

    masks = sorted((tmp_path / "masks").glob("*.png"))
    assert [path.name for path in masks] == [f"{t:05d}.png" for t in range(7)]
    assert (read_labels(masks[-1]) == shot.truth[6]).all()


@pytest.mark.parametrize(
    ("largest", "suffix", "dtype"), [(255, ".png", "uint8"), (256, ".tif", "uint16")]
)
def test_large_ids_need_tiff(
    shot: Shot, command: Command, tmp_path: Path, largest: int, suffix: str, dtype: str
) -> None:
    """255 is the last id of an indexed PNG."""
    labels = np.where(shot.truth[0] > 0, largest, 0)
    labels[80:, 100:] = 7
    write_labels(tmp_path / "ids.tif", labels)

    outcome = command(
        *("segment", shot.movie, "--mask", tmp_path / "ids.tif", "--out", tmp_path / "masks"),
        *(*FAST, "--range", ":3"),
    )

    files = sorted((tmp_path / "masks").glob("0*"))
    assert outcome.code == 0
    assert [path.name for path in files] == [f"0000{t}{suffix}" for t in range(3)]
    assert (read_labels(files[0]) == labels).all()
    assert largest in read_labels(files[1])  # on the next, what has no texture is lost by chance
    stored = tifffile.imread(files[0]) if suffix == ".tif" else np.asarray(Image.open(files[0]))
    assert stored.dtype == dtype


@pytest.mark.slow
def test_three_hundred_objects(shot: Shot, command: Command, tmp_path: Path) -> None:
    """Each has its id in 16 bits."""
    labels = np.zeros((96, 128), np.uint16)
    labels[:90, :120] = 1 + np.kron(np.arange(300).reshape(15, 20), np.ones((6, 6), int))
    write_labels(tmp_path / "ids.tif", labels)

    outcome = command(
        *("segment", shot.movie, "--mask", tmp_path / "ids.tif", "--out", tmp_path / "masks"),
        *("--variant", "d-only-no-update", "--short-side", "32", "--range", ":2"),
    )

    assert (outcome.code, "300 in all" in outcome.out) == (0, True)
    assert (tifffile.imread(tmp_path / "masks" / "00000.tif") == labels).all()
    assert tifffile.imread(tmp_path / "masks" / "00001.tif").dtype == np.uint16


def test_two_runs_give_the_same_files(shot: Shot, command: Command, tmp_path: Path) -> None:
    """Bit for bit; another seed gives others."""
    runs = []
    for number, seed in enumerate(("0", "0", "7")):
        out = tmp_path / str(number) / "masks"
        command(
            *("segment", shot.movie, "--mask", shot.mask(0), "--out", out, "--range", ":12"),
            *("--scores", "--probabilities", "--seed", seed),
        )
        runs.append(contents(out))

    assert runs[0] == runs[1]
    assert runs[0] != runs[2]
