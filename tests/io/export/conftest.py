"""A small session, as the program leaves it behind, to export."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import tifffile

from napari_frtm.io.export.export import export
from napari_frtm.io.export.opening import open_masks
from napari_frtm.io.export.settings import ExportSettings
from napari_frtm.io.session.folder import SessionFolder, VideoIdentity
from napari_frtm.io.session.objects import SessionObject, save_objects
from napari_frtm.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_frtm.io.export.source import MaskSource

LENGTH, HEIGHT, WIDTH = 6, 60, 80
WORKING = (30, 40)
CORRECTED, FROZEN = 3, 4


@dataclass(frozen=True)
class Work:
    """A session, the video that it is of, and what its exports must hold."""

    folder: Path
    frames: NDArray[np.uint8]
    truth: NDArray[np.uint8]

    def source(self) -> MaskSource:
        """Return the session as an export reads it."""
        return open_masks(self.folder)


def discs() -> NDArray[np.uint8]:
    """Return labels of shape (T, H, W): disc 1 moves right, 3 moves down and is gone at last."""
    labels = np.zeros((LENGTH, HEIGHT, WIDTH), np.uint8)
    for t in range(LENGTH):
        cv2.circle(labels[t], (20 + 5 * t, 20), 10, 1, -1)
        if t < LENGTH - 1:
            cv2.circle(labels[t], (25, 35 + 2 * t), 9, 3, -1)
    return labels


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """Return a session with soft masks, a painted correction, a frozen frame, and names.

    Frame 3 is a correction: a complete keyframe; frame 4 is frozen, with a hole painted in it.
    """
    truth = discs()
    truth[CORRECTED, 5:9, 60:75] = 3
    truth[FROZEN, 18:22, 38:42] = 0
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 120, (LENGTH, HEIGHT, WIDTH, 3), np.uint8)
    frames[truth > 0] += np.uint8(120)
    movie = tmp_path / "shot.tif"
    tifffile.imwrite(movie, frames, photometric="rgb")
    identity = VideoIdentity.of(frames, str(movie))
    folder = SessionFolder.create(tmp_path / "shot.frtm", identity)
    timeline = Timeline.empty(LENGTH)
    for t, before in enumerate(discs()):
        soft = {i: _soft(before == i) for i in (1, 3)}
        folder.write_frame(t, truth[t], np.zeros((2, 3), np.float16), soft)
        timeline.record(t, {1: 0.5 + t / 10, 3: 0.25}, {})
    folder.save_keyframe(CORRECTED, truth[CORRECTED], complete=True)
    timeline.frozen[FROZEN] = True
    folder.save_timeline(timeline)
    save_objects(
        folder.path, {1: SessionObject(name="Left eye"), 3: SessionObject(name="ball", parent=1)}
    )
    folder.release()
    return Work(folder.path, frames, truth)


def _soft(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    blurred = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.5)
    height, width = WORKING
    return np.rint(cv2.resize(blurred, (width, height), interpolation=cv2.INTER_AREA) * 255).astype(
        np.uint8
    )


@pytest.fixture
def exported(work: Work, tmp_path: Path) -> Callable[..., Path]:
    """Export the session in a format to a name, with more settings; return where."""

    def run(form: str, name: str, **settings: object) -> Path:
        path = tmp_path / "out" / name
        for _ in export(work.source(), ExportSettings(format=form, destination=path, **settings)):
            pass
        return path

    return run
