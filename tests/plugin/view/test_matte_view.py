"""Views to judge mattes by: what their pictures hold, and when their layer comes and goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_frtm.plugin import commands
from napari_frtm.plugin.source.axes import VideoAxes
from napari_frtm.plugin.view.matte_pictures import (
    AFTER,
    BEFORE,
    Look,
    checker,
    matte,
    onion_skin,
    over,
)
from napari_frtm.plugin.view.matte_view import matte_view
from napari_frtm.plugin.view.result_layers import is_result
from napari_frtm.plugin.view.workspace_view import workspace_view
from napari_frtm.session.store.store import Store
from napari_frtm.types import Prediction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari.viewer import Viewer

    from napari_frtm.plugin.view.session_view import SessionView

T, H, W = 4, 32, 48
NAME = "matte view"


def _masks() -> np.ndarray:
    labels = np.zeros((H, W), np.uint8)
    labels[8:24, 8:24] = 1
    return labels


@pytest.fixture
def view(make_napari_viewer: Callable[[], Viewer]) -> Iterator[SessionView]:
    """Return a view of a grey video whose frames hold a square; only the first is a keyframe."""
    viewer = make_napari_viewer()
    video = viewer.add_image(
        np.full((T, H, W), 200, np.uint8), name="clip", contrast_limits=(0, 255), scale=(1, 2, 2)
    )
    view = workspace_view(viewer).open(video, VideoAxes())
    for frame in range(T):
        view.session.store.put(frame, _masks())
        view.session.timeline.record(frame, {1: 0.9}, {1: 256})
    view.session.keyframes.make(0)
    view.show()
    view.go_to(1)
    yield view
    workspace_view(viewer).close()


def test_a_matte_without_soft_masks_is_hard_with_a_fine_edge() -> None:
    """Certain inside and outside."""
    store = Store((T, H, W))
    store.replace(0, _masks())

    alpha = matte(store, 0)

    assert alpha[10:22, 10:22].min() == pytest.approx(1, abs=0.01)
    assert alpha[:5].max() == 0
    assert 0 < alpha[8, 15] < 1


def test_soft_masks_are_shown_where_a_run_kept_them() -> None:
    """And agree with the masks."""
    store = Store((T, H, W))
    soft = np.full((1, H, W), 0.1, np.float32)
    soft[0, 8:24, 8:24] = 0.8
    scores = np.zeros((1, 2, 3), np.float32)
    prediction = Prediction(0, (1,), _masks(), soft, scores, np.array([0.9], np.float32))
    store.write(prediction, drawn={}, soft=True)

    alpha = matte(store, 0)

    assert alpha[15, 15] == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize(
    ("look", "inside", "outside"),
    [
        (Look.ALPHA, (255, 255, 255), (0, 0, 0)),
        (Look.BLACK, (10, 20, 30), (0, 0, 0)),
        (Look.WHITE, (10, 20, 30), (255, 255, 255)),
        (Look.GREEN, (10, 20, 30), (0, 177, 64)),
        (Look.CHECKER, (10, 20, 30), (100, 100, 100)),
    ],
)
def test_a_matte_lies_over_its_background(
    look: Look, inside: tuple[int, ...], outside: tuple[int, ...]
) -> None:
    """The video where it is certain, the background where there is nothing."""
    image = np.empty((H, W, 3), np.uint8)
    image[:] = 10, 20, 30
    alpha = np.zeros((H, W), np.float32)
    alpha[8:24, 8:24] = 1

    picture = over(image, alpha, look)

    assert tuple(picture[15, 15]) == inside
    assert tuple(picture[0, 0]) == outside


def test_the_checker_has_two_greys() -> None:
    """In squares."""
    tiles = checker(32, 32)[..., 0]

    assert np.unique(tiles).tolist() == [100, 150]
    assert tiles[0, 0] == tiles[31, 31] != tiles[0, 31]


def test_an_onion_skin_tints_the_keyframes_around() -> None:
    """Red before, blue behind."""
    before, after = _masks(), np.roll(_masks(), 20, axis=1)
    image = np.zeros((H, W, 3), np.uint8)

    picture = onion_skin(image, np.zeros((H, W), np.uint8), before, after)

    assert tuple(picture[8, 15]) == BEFORE
    assert tuple(picture[8, 36]) == AFTER
    assert picture[15, 15].argmax() == 0
    assert picture[15, 36].argmax() == 2
    assert not picture[0].any()


def test_the_layer_comes_follows_and_goes(view: SessionView) -> None:
    """With the look; over the video, of the displayed frame only; the selection stays."""
    mattes, layers = matte_view(view.viewer), view.viewer.layers
    active = layers.selection.active
    assert matte_view(view.viewer) is mattes

    mattes.set_look(Look.WHITE)
    layer = layers[NAME]
    assert tuple(layer.data[15, 15]) == (200, 200, 200)
    assert tuple(layer.scale) == (2, 2)
    assert is_result(layer)
    assert layers.selection.active is active

    view.session.store.replace(2, np.zeros((H, W), np.uint8))
    view.go_to(2)
    assert (layers[NAME].data == 255).all()
    view.session.store.replace(2, _masks())
    view.session.touch(2)
    view.session.announce()
    assert tuple(layers[NAME].data[15, 15]) == (200, 200, 200)

    mattes.set_look(Look.MASKS)
    assert NAME not in layers


def test_a_removed_layer_is_not_brought_back(view: SessionView) -> None:
    """Until another look is chosen."""
    mattes, layers = matte_view(view.viewer), view.viewer.layers
    mattes.set_look(Look.ALPHA)

    layers.remove(layers[NAME])
    view.go_to(3)

    assert mattes.look is Look.MASKS
    assert NAME not in layers


def test_the_key_goes_through_all_looks(view: SessionView) -> None:
    """And back to the masks."""
    looks = []
    for _ in Look:
        commands.next_look(view.viewer)
        looks.append(matte_view(view.viewer).look)

    assert looks == [*list(Look)[1:], Look.MASKS]


def test_the_layer_goes_with_its_video(view: SessionView) -> None:
    """There is nothing to look at then."""
    matte_view(view.viewer).set_look(Look.OUTLINE)
    layers = view.viewer.layers

    layers.remove(view.video)

    assert NAME not in layers
