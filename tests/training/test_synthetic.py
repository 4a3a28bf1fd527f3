"""Clips made from single images."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from unittest.mock import Mock

import numpy as np
import pytest

from napari_frtm.training.clips import synthetic
from napari_frtm.training.clips.synthetic import open_images
from napari_frtm.training.data.sources import Reference
from napari_frtm.training.mixture import ClipConfig, DatasetConfig

if TYPE_CHECKING:
    from pathlib import Path

EVERYTHING = ClipConfig(**dict.fromkeys(ClipConfig.__dataclass_fields__, 1.0))


@pytest.mark.parametrize("clips", [ClipConfig(), EVERYTHING], ids=["plain", "everything"])
@pytest.mark.parametrize("sizes", [(), (0.1, 0.2)], ids=["as it is", "small"])
def test_clips_are_reproducible(data: Path, clips: ClipConfig, sizes: tuple[float, ...]) -> None:
    """The same generator state gives the same frames, whatever happens in them."""
    images = open_images(data, DatasetConfig(kind="images", path="static", sizes=sizes), clips)

    object_id = 1 if sizes else 4

    first, second = (
        images.others(Reference("0", 0), object_id, 2, np.random.default_rng(5)) for _ in range(2)
    )

    assert first[0][1].any()
    for (image, mask), (same_image, same_mask) in zip(first, second, strict=True):
        np.testing.assert_array_equal(image, same_image)
        np.testing.assert_array_equal(mask, same_mask)


def test_others_come_by_as_often_as_wanted(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never, half of the time, always."""
    counts = []
    for share in (0.0, 0.5, 1.0):
        config = DatasetConfig(kind="images", path="static", intruders=share)
        images = open_images(data, config)
        altered = Mock()
        monkeypatch.setattr(synthetic, "alter", altered)
        for seed in range(20):
            images.others(Reference("0", 0), 4, 1, np.random.default_rng(seed))
        counts.append(sum(call.args[0].intruder is not None for call in altered.call_args_list))

    assert counts[0] == 0
    assert 4 < counts[1] < 16
    assert counts[2] == 20


def test_objects_of_the_same_picture_come_by(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As alike as wanted: objects 1 and 4 are in the picture."""
    altered = Mock()
    monkeypatch.setattr(synthetic, "alter", altered)
    config = DatasetConfig(kind="images", path="static", intruders=1.0)
    images = open_images(data, config, ClipConfig(alike=1.0))
    image, labels = images.reference(Reference("0", 0))

    images.others(Reference("0", 0), 4, 1, np.random.default_rng(0))

    intruder = altered.call_args.args[0].intruder
    assert intruder[0] is not None
    np.testing.assert_array_equal(intruder[0], image)
    np.testing.assert_array_equal(intruder[1] > 0, labels == 1)


def test_objects_are_shrunk_before_other_images(data: Path) -> None:
    """To the wanted share of the shorter side; always at the same place."""
    config = DatasetConfig(kind="images", path="static", sizes=(0.1, 0.15))
    images = open_images(data, config)

    image, labels = images.reference(Reference("0", 0))
    again, _ = images.reference(Reference("0", 0))

    size = np.sqrt((labels == 1).sum()) / min(labels.shape)
    assert np.unique(labels).tolist() == [0, 1]
    assert 0.08 < size < 0.17
    np.testing.assert_array_equal(image, again)


def test_every_tenth_image_is_held_out(data: Path, tmp_path: Path) -> None:
    """By name; the limit counts what is left."""
    for part, suffix in (("images", ".jpg"), ("masks", ".png")):
        (tmp_path / "many" / part).mkdir(parents=True)
        for i in range(21):
            source = data / "static" / part / f"0{suffix}"
            (tmp_path / "many" / part / f"{i:02d}{suffix}").symlink_to(source)
    config = DatasetConfig(kind="images", path="many")

    training, held_out = (
        [r.video for r in open_images(tmp_path, replace(config, part=part)).references()]
        for part in ("training", "held out")
    )

    assert held_out == ["09", "19"]
    assert len(training) == 19
    assert not {*held_out} & {*training}
    limited = replace(config, part="training", limit=4)
    assert len(open_images(tmp_path, limited).references()) == 4
