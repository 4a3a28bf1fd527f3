"""A tiny data set in the layouts that training reads, and a recipe that takes seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import tifffile

from napari_frtm.config import SegmentationConfig
from napari_frtm.io.labels import write_labels
from napari_frtm.training.config import OptimiserConfig, TrainConfig, ValidationConfig
from napari_frtm.training.mixture import CropConfig, DatasetConfig

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Clip

EVERY = 4


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory, clip: Clip) -> Path:
    """Return a folder with ``davis`` (videos one and two), ``static`` and ``cells``."""
    root = tmp_path_factory.mktemp("data")
    frames, truth = clip.frames[::EVERY], clip.truth[::EVERY]
    for name, shift in (("one", 0), ("two", 40)):
        images = root / "davis" / "JPEGImages" / "480p" / name
        masks = root / "davis" / "Annotations" / "480p" / name
        for folder in (images, masks):
            folder.mkdir(parents=True)
        for t, (frame, labels) in enumerate(zip(frames, truth, strict=True)):
            moved = np.roll(frame, shift, axis=1)
            cv2.imwrite(str(images / f"{t:05d}.jpg"), moved[..., ::-1])
            write_labels(masks / f"{t:05d}.png", np.roll(labels, shift, axis=1))
    splits = root / "davis" / "ImageSets"
    splits.mkdir()
    (splits / "train.txt").write_text("one\n")
    (splits / "held-out.txt").write_text("two\n")
    (root / "static" / "images").mkdir(parents=True)
    (root / "static" / "masks").mkdir()
    for t in range(3):
        cv2.imwrite(str(root / "static" / "images" / f"{t}.jpg"), frames[t][..., ::-1])
        write_labels(root / "static" / "masks" / f"{t}.png", truth[t])
    cells = root / "cells" / "movie"
    cells.mkdir(parents=True)
    tifffile.imwrite(cells / "video.tif", frames[..., 0].astype(np.uint16) * 100)
    tifffile.imwrite(cells / "labels.tif", truth.astype(np.uint16))
    (cells / "labelled_frames.txt").write_text("0\n2\n5\n")
    return root


@pytest.fixture
def recipe() -> TrainConfig:
    """Return a recipe for the videos alone: a small network, ten steps."""
    dataset = DatasetConfig(kind="videos", path="davis", split="train", references=2)
    held_out = DatasetConfig(kind="videos", path="davis", split="held-out")
    return TrainConfig(
        datasets=(dataset,),
        validation=ValidationConfig(dataset=held_out, interval=6, every=3),
        segmentation=SegmentationConfig(channels=(4, 4, 6, 6)),
        crop=CropConfig(size=96, scale=(0.8, 1.2)),
        optimiser=OptimiserConfig(learning_rate=1e-2, schedule="cosine", decoupled=True, ema=0.5),
        steps=10,
        batch=2,
        dice=0.5,
        checkpoint_interval=4,
    )


@pytest.fixture(scope="session")
def cached(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of target models that all tests share."""
    return tmp_path_factory.mktemp("targets")
