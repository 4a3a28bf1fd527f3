"""A session that napari-frtm 0.1.0 has written, as the plugin did then (commit 6b245cf)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from napari_frtm.config import Direction
from napari_frtm.io.session.folder import SessionFolder, VideoIdentity
from napari_frtm.io.session.identity import load_header
from napari_frtm.session.mask_files import MaskFiles
from napari_frtm.session.run.provenance import last_run, settings_of
from napari_frtm.session.store.store import Store

OLD = Path(__file__).with_name("data") / "ramp.frtm"


def ramp() -> np.ndarray:
    """Return the video that it is about, of shape (8, 48, 64)."""
    t, y, x = np.ogrid[:8, :48, :64]
    return ((7 * t + 3 * y + 5 * x) % 256).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> SessionFolder:
    """Return a copy of it, open."""
    return SessionFolder.open(shutil.copytree(OLD, tmp_path / "ramp.frtm"))


@pytest.mark.parametrize("in_memory", [True, False])
def test_it_opens_as_it_was(folder: SessionFolder, in_memory: bool) -> None:
    """Masks, keyframes, frozen frames, scores and confidence."""
    store = Store.of_folder(folder, in_memory=in_memory)

    assert folder.video.digest == VideoIdentity.of(ramp(), None).digest
    assert store.timeline.filled.tolist() == [True] * 6 + [False] * 2
    assert np.flatnonzero(store.timeline.frozen).tolist() == [2]
    assert (sorted(store.keyframes), store.complete) == ([0, 3], {3})
    assert store.timeline.confidence[3][4] == pytest.approx(0.3)
    assert (store.labels(5)[15:31, 8:24] == 1).all()
    assert (np.asarray(store.scores[4]) == 0.5).all()
    store.close()


def test_its_run_can_be_repeated(folder: SessionFolder) -> None:
    """With the same settings; what it did not keep is as usual."""
    run = last_run(folder.settings)
    assert run is not None
    settings = settings_of(run)

    assert (settings.preset, settings.config.short_side) == ("lite", 48)
    assert (settings.direction, settings.soft) == (Direction.FORWARD, False)
    assert MaskFiles.of_settings(folder.path, folder.settings, 8) is None
    folder.release()


def test_saving_keeps_what_an_older_program_reads(folder: SessionFolder) -> None:
    """Schema and fields; what is new stands beside them."""
    before = json.loads((OLD / "session.json").read_text())

    folder.save_settings(folder.settings)

    after = json.loads((folder.path / "session.json").read_text())
    assert set(after) - set(before) == {"beside"}
    assert {**before, "version": after["version"], "beside": None} == after
    assert load_header(folder.path)[0].source == "/videos/ramp.npy"
    folder.release()
