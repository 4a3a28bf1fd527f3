"""Runs on a store, with the embedded network: what they write, protect, and go on with."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_frtm.config import preset
from napari_frtm.errors import FrtmError
from napari_frtm.io.session.folder import SessionFolder, VideoIdentity
from napari_frtm.session.run.carry_out import NetworkCache, carry_out
from napari_frtm.session.run.coverage import Scope
from napari_frtm.session.run.request import Advanced, Request, Settings, Started
from napari_frtm.session.store.store import Store
from napari_frtm.types import Contrast

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Clip

FRAMES = 12


@pytest.fixture(scope="module")
def networks() -> NetworkCache:
    """Return what keeps the network for all tests."""
    return NetworkCache()


def _request(clip: Clip, store: Store) -> Request:
    store.set_keyframe(0, clip.truth[0], complete=False, shown=False)
    return Request(
        frames=clip.frames[:FRAMES],
        keyframes=dict(store.keyframes),
        complete=frozenset(store.complete),
        store=store,
        settings=Settings(config=preset("lite", "d-only"), device="cpu"),
        span=range(FRAMES),
        scope=Scope.RANGE,
        contrast=Contrast(0.0, 255.0, 0.8),
    )


def _store(clip: Clip, folder: Path | None = None) -> Store:
    store = Store((FRAMES, *clip.truth.shape[1:]))
    if folder is not None:
        identity = VideoIdentity.of(clip.frames[:FRAMES], None)
        store.keep_in(SessionFolder.create(folder, identity))
    return store


def _all(request: Request, networks: NetworkCache) -> list[Started | Advanced]:
    return list(carry_out(request, networks))


def test_a_run_fills_the_store(clip: Clip, networks: NetworkCache) -> None:
    """Masks, scores, confidence and area of every frame; what comes says so."""
    store = _store(clip)

    started, *advanced = _all(_request(clip, store), networks)

    assert isinstance(started, Started)
    assert (started.total, started.done, started.objects) == (FRAMES, 0, (1, 4))
    written = [f.index for a in advanced if isinstance(a, Advanced) for f in a.frames]
    assert written == list(range(FRAMES))
    assert store.timeline.filled.all()
    assert store.scores.shape[0] == FRAMES
    assert np.isfinite(store.timeline.confidence[4]).all()


def test_protected_frames_stay(clip: Clip, networks: NetworkCache) -> None:
    """Frozen ones, and those drawn since the run began."""
    store = _store(clip)
    store.make_room(9)
    store.masks[5] = 9
    store.timeline.frozen[5] = True
    run = carry_out(_request(clip, store), networks)
    next(run)
    store.set_keyframe(7, np.full(clip.truth.shape[1:], 8, np.uint8), complete=True)
    store.put(7, store.keyframes[7])

    list(run)

    assert (store.labels(5) == 9).all()
    assert (store.labels(7) == 8).all()
    assert not (store.labels(6) == 9).any()


def test_a_closed_run_goes_on_exactly(clip: Clip, networks: NetworkCache, tmp_path: Path) -> None:
    """With the settings it had, whatever the request says by then."""
    whole = _store(clip)
    _all(_request(clip, whole), networks)
    broken = _store(clip, tmp_path / "a.frtm")
    run = carry_out(_request(clip, broken), networks)
    for _ in range(3):
        next(run)
    run.close()
    broken.close()

    store = Store.of_folder(SessionFolder.open(tmp_path / "a.frtm"), in_memory=False)
    other = replace(
        _request(clip, store),
        keyframes=dict(store.keyframes),
        contrast=Contrast(0.0, 99.0),
        settings=Settings(config=preset("lite", "full"), device="cpu"),
    )
    started, *_ = list(carry_out(other, networks, continues=True))

    assert isinstance(started, Started)
    assert started.contrast == (0.0, 255.0, 0.8)
    assert 0 < started.done < FRAMES
    assert store.folder is not None
    assert not store.folder.has_run
    for frame in range(FRAMES):
        np.testing.assert_array_equal(store.labels(frame), whole.labels(frame))
    np.testing.assert_array_equal(store.timeline.confidence[1], whole.timeline.confidence[1])
    store.close()


def test_changed_keyframes_cannot_be_gone_on_with(
    clip: Clip, networks: NetworkCache, tmp_path: Path
) -> None:
    """The user is told which part differs."""
    store = _store(clip, tmp_path / "a.frtm")
    request = _request(clip, store)
    run = carry_out(request, networks)
    next(run), next(run)
    run.close()

    other = replace(request, keyframes={0: np.fliplr(clip.truth[0])})
    with pytest.raises(FrtmError, match="'keyframes' is not the same"):
        next(carry_out(other, networks, continues=True))
    store.close()


def test_settings_survive_json() -> None:
    """Nested configuration, paths and enums included."""
    settings = Settings(config=preset("fast"), preset="fast", objects=(1, 70), soft=True)

    assert Settings.from_plain(json.loads(json.dumps(settings.plain()))) == settings


def test_one_object_of_several(clip: Clip, networks: NetworkCache) -> None:
    """The masks of the others stay."""
    store = _store(clip)
    _all(_request(clip, store), networks)
    before = [store.labels(t) == 4 for t in range(FRAMES)]
    request = _request(clip, store)

    _all(replace(request, settings=replace(request.settings, objects=(1,))), networks)

    for frame in range(1, FRAMES):
        followed = store.labels(frame) == 1
        assert followed.any()
        np.testing.assert_array_equal(
            (store.labels(frame) == 4) | followed, before[frame] | followed
        )
