"""Data sets: their layouts, and messages about folders that are not in them."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_frtm.training.clips.synthetic import open_images
from napari_frtm.training.data.sources import DataError, Reference, evenly, object_ids, open_videos
from napari_frtm.training.data.stacks import open_stacks
from napari_frtm.training.mixture import DatasetConfig

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DAVIS = DatasetConfig(kind="videos", path="davis")


@pytest.mark.parametrize(
    ("count", "wanted", "expected"), [(9, 3, [0, 3, 6]), (2, 3, [0, 1]), (0, 3, []), (5, 1, [0])]
)
def test_references_are_evenly_spaced(count: int, wanted: int, expected: list[int]) -> None:
    """The first frame is always one of them."""
    assert evenly(count, wanted) == expected


def test_videos_give_references_and_other_frames(data: Path) -> None:
    """Both videos of the DAVIS layout, with the masks of one object."""
    videos = open_videos(data, DatasetConfig(kind="videos", path="davis", references=2))

    image, labels = videos.reference(Reference("two", 3))
    others = videos.others(Reference("two", 3), 4, 2, np.random.default_rng(0))

    assert [(r.video, r.index) for r in videos.references()] == [
        (name, index) for name in ("one", "two") for index in (0, 3)
    ]
    assert image.shape == (120, 160, 3)
    assert object_ids(labels, 0.01) == [1, 4]
    assert object_ids(labels, 0.5) == []
    assert [mask.dtype for _, mask in others] == [np.dtype(bool)] * 2
    assert all(mask.sum() == 36**2 for _, mask in others)


def test_videos_may_lack_the_folder_of_the_resolution(data: Path, tmp_path: Path) -> None:
    """As in YouTube-VOS."""
    for part in ("JPEGImages", "Annotations"):
        shutil.copytree(data / "davis" / part / "480p", tmp_path / part)

    videos = open_videos(tmp_path, DatasetConfig(kind="videos", path="."))

    assert list(videos.frames) == ["one", "two"]


def test_void_is_background(data: Path, tmp_path: Path) -> None:
    """Pixels with 255 belong to no object."""
    from napari_frtm.io.labels import write_labels

    shutil.copytree(data / "davis", tmp_path / "davis")
    labels = np.zeros((120, 160), np.uint8)
    labels[:9], labels[20:30] = 255, 2
    write_labels(tmp_path / "davis" / "Annotations" / "480p" / "one" / "00000.png", labels)

    _, found = open_videos(tmp_path, DAVIS).reference(Reference("one", 0))

    assert np.unique(found).tolist() == [0, 2]


def test_stacks_give_their_complete_frames(data: Path) -> None:
    """Grey values are stretched to the whole range; other frames do not exist."""
    stacks = open_stacks(data, DatasetConfig(kind="stacks", path="cells", references=3))

    image, labels = stacks.reference(Reference("movie", 2))

    assert [r.index for r in stacks.references()] == [0, 1, 2]
    assert image.shape == (120, 160, 3)
    assert (image.min(), image.max()) == (0, 255)
    assert object_ids(labels, 0) == [1, 4]


def test_images_are_scaled_and_limited(data: Path) -> None:
    """To the wanted shorter side; evenly chosen."""
    config = DatasetConfig(kind="images", path="static", short_side=60, limit=2)
    images = open_images(data, config)

    image, labels = images.reference(Reference("1", 0))

    assert [r.video for r in images.references()] == ["0", "1"]
    assert image.shape == (60, 80, 3)
    assert labels.shape == (60, 80)


MISSING: list[tuple[Callable[..., object], dict[str, object], str]] = [
    (open_videos, {"path": "none"}, "no folder .*JPEGImages.*below --data"),
    (open_videos, {"path": "davis", "split": "val"}, r"no list of videos .*val\.txt"),
    (open_videos, {"path": "davis", "names": ("three",)}, "has no video 'three'"),
    (open_videos, {"path": "static"}, "no folder .*JPEGImages"),
    (open_images, {"path": "davis"}, "has no images/NAME.jpg with masks/NAME.png"),
    (open_stacks, {"path": "davis"}, "no folders with video.tif and labels.tif"),
]


@pytest.mark.parametrize(("opening", "settings", "message"), MISSING)
def test_wrong_folders_are_explained(
    data: Path, opening: Callable[..., object], settings: dict[str, object], message: str
) -> None:
    """What is missing, and where."""
    config = DatasetConfig(kind="videos", **settings)  # type: ignore[arg-type]

    with pytest.raises(DataError, match=message):
        opening(data, config)


def test_a_video_without_masks_is_explained(data: Path, tmp_path: Path) -> None:
    """Its name is in the message."""
    shutil.copytree(data / "davis", tmp_path / "davis")
    for path in (tmp_path / "davis" / "Annotations" / "480p" / "two").iterdir():
        path.unlink()

    with pytest.raises(DataError, match=r"Video 'two' .* has no frame with a label image"):
        open_videos(tmp_path, DAVIS)
