"""Where the time goes."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from napari_frtm.engine.networks.network import FrtmNetwork
from napari_frtm.engine.tracking.objects import update_objects
from napari_frtm.evaluation.davis import Sequence
from napari_frtm.evaluation.reproduce.parts import first_frame, frame_loop
from napari_frtm.io.labels import write_labels

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Clip

    from napari_frtm.config import FrtmConfig


@pytest.fixture
def sequence(tmp_path: Path, clip: Clip) -> Sequence:
    """Return twelve frames, the first with a label image."""
    (tmp_path / "images").mkdir()
    for t in range(12):
        Image.fromarray(clip.frames[t]).save(tmp_path / "images" / f"{t:05d}.png")
    write_labels(tmp_path / "00000.png", clip.truth[0])
    return Sequence("squares", tmp_path / "images", (tmp_path / "00000.png",))


def _slow(function: Callable[..., object], seconds: float) -> Callable[..., object]:
    """Return a function that takes longer."""

    def slow(*arguments: object, **options: object) -> object:
        time.sleep(seconds)
        return function(*arguments, **options)

    return slow


def test_the_parts_of_the_first_frame(
    sequence: Sequence, full_network: FrtmNetwork, full: FrtmConfig
) -> None:
    """Each takes its time, and the features of five samples take most of it."""
    parts = first_frame(sequence, full_network, replace(full, short_side=96))

    assert set(parts) == {"augmentation", "features", "target model", "other"}
    assert all(seconds > 0 for seconds in parts.values())


@pytest.mark.parametrize(("samples", "capacity"), [(5, 80), (2, 8)], ids=["never-full", "full"])
def test_a_part_that_is_slow_is_found(
    sequence: Sequence,
    full_network: FrtmNetwork,
    full: FrtmConfig,
    monkeypatch: pytest.MonkeyPatch,
    samples: int,
    capacity: int,
) -> None:
    """Per frame of the steady state: both objects' update, every second frame."""
    config = replace(
        full,
        short_side=96,
        memory=replace(full.memory, capacity=capacity),
        augmentation=replace(full.augmentation, samples=samples),
    )
    slow = _slow(update_objects, 0.2)
    monkeypatch.setattr("napari_frtm.engine.tracking.tracker.update_objects", slow)
    monkeypatch.setattr(
        "napari_frtm.evaluation.reproduce.parts._LOOP",
        {"features": [FrtmNetwork.features], "update": [slow]},
    )

    parts = frame_loop(sequence, full_network, config)

    assert parts["update"] == pytest.approx(0.1, rel=0.5)
    assert parts["features"] > 0
