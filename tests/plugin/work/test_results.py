"""Where results are put, and how they are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_frtm.plugin.source.axes import Take, VideoAxes
from napari_frtm.plugin.view.workspace_view import workspace_view
from napari_frtm.session.store import arrays as storage
from napari_frtm.types import Prediction

if TYPE_CHECKING:
    from napari_frtm.plugin.view.session_view import SessionView

_KEPT: list[ViewerModel] = []  # sessions do not keep their viewer alive
pytestmark = pytest.mark.usefixtures("qapp")


def _prediction(index: int, size: tuple[int, int], working: tuple[int, int]) -> Prediction:
    coarse = (-(-working[0] // 16), -(-working[1] // 16))
    return Prediction(
        index=index,
        object_ids=(1, 2),
        labels=np.full(size, index + 1, np.uint8),
        probabilities=np.full((2, *working), 0.5, np.float32),
        scores=np.stack([np.full(coarse, value, np.float32) for value in (0.25, index)]),
        confidence=np.float32([0.5, 0.75]),
    )


def _session(shape: tuple[int, ...] = (3, 64, 96), **place: Any) -> SessionView:
    viewer = ViewerModel()
    video = viewer.add_image(np.zeros(shape, np.uint8), name="clip", **place)
    axes = VideoAxes() if len(shape) == 3 else VideoAxes(0, {1: Take.MAX}, 4)
    view = workspace_view(viewer).open(video, axes)
    view.show_scores(True)
    _KEPT.append(viewer)
    return view


def _write(view: SessionView, *indices: int, soft: bool = False, **options: Any) -> None:
    _write_only(view, *indices, soft=soft, **options)
    view.bring_back()


def _write_only(view: SessionView, *indices: int, soft: bool = False, **options: Any) -> None:
    for index in indices:
        prediction = _prediction(index, view.session.store.size[1:], (64, 96))
        view.session.store.write(prediction, drawn={}, soft=soft, **options)


@pytest.mark.parametrize(
    "place",
    [
        pytest.param({}, id="pixels"),
        pytest.param({"scale": (2, 0.5, 0.25), "translate": (1, 7, 9)}, id="scaled"),
        pytest.param({"scale": (1, 2, 3), "rotate": 30, "shear": [0, 0, 0.2]}, id="rotated"),
    ],
)
@pytest.mark.parametrize("working", [(64, 96), (32, 48)], ids=["full", "half"])
def test_coarse_pixels_lie_over_the_video(place: dict[str, Any], working: tuple[int, int]) -> None:
    """The centre of the first one is that of the pixels it stands for."""
    view = _session(**place)

    view.session.store.write(_prediction(2, (64, 96), working), drawn={}, soft=True)
    view.show()

    for layer, side in ((view.scores, 16), (view.probabilities[2], 1)):
        stretch = side * 64 / working[0]
        centre = (stretch - 1) / 2
        for i, j in ((0, 0), (1, 2)):
            np.testing.assert_allclose(
                layer.data_to_world((2, i, j)),
                view.video.data_to_world((2, centre + i * stretch, centre + j * stretch)),
                atol=1e-9,
            )


def test_scores_are_the_largest_of_all_objects() -> None:
    """Frames that have not come are transparent (NaN)."""
    view = _session()

    _write(view, 0, 1)

    scores = view.scores.data
    assert (scores[0] == 0.25).all()
    assert (scores[1] == 1).all()
    assert np.isnan(scores[2]).all()


def test_scores_have_a_layer_when_they_are_wanted() -> None:
    """Not before; one that was removed comes back when it is wanted again."""
    view = _session()
    view.show_scores(False)
    _write(view, 0)
    assert view.scores is None

    view.show_scores(True)
    layer = view.scores
    assert layer is not None
    assert layer.visible
    view.show_scores(False)
    assert not layer.visible
    _write(view, 1)
    assert not layer.visible

    view.viewer.layers.remove(layer)
    _write_only(view, 2)
    view.show()
    assert view.scores is None
    view.show_scores(True)
    assert view.scores is not None
    assert view.scores is not layer


def test_soft_masks_are_kept_where_wanted() -> None:
    """One layer an object, 255 for certain."""
    view = _session()

    _write(view, 0)
    assert not view.probabilities
    _write(view, 1, soft=True)

    assert sorted(view.probabilities) == [1, 2]
    assert (view.probabilities[1].data[1] == 128).all()


def test_what_a_run_wrote_is_told_without_its_pixels() -> None:
    """Confidence, area, and the masks of before."""
    view = _session()

    first = view.session.store.write(_prediction(1, (64, 96), (64, 96)), drawn={})
    second = view.session.store.write(_prediction(1, (64, 96), (64, 96)), drawn={})

    assert first.before.masks is None
    assert not first.before.filled
    assert (second.before.masks.labels == 2).all()
    assert second.before.object_ids == (1, 2)
    assert second.before.confidence.tolist() == [0.5, 0.75]
    assert second.before.area.tolist() == [0.0, 64.0 * 96]


def test_objects_that_are_not_followed_stay() -> None:
    """Where none of the followed ones is."""
    view = _session()
    old = np.zeros((64, 96), np.uint8)
    old[:10], old[10:20] = 1, 7
    view.session.store.put(1, old)
    new = _prediction(1, (64, 96), (64, 96))
    new.labels[:] = 0
    new.labels[15:30] = 1

    view.session.store.write(new, drawn={}, only=frozenset({1}))

    expected = np.zeros((64, 96), np.uint8)
    expected[10:15], expected[15:30] = 7, 1
    np.testing.assert_array_equal(view.session.store.labels(1), expected)


def test_large_masks_go_to_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """One chunk per frame."""
    monkeypatch.setattr(storage, "IN_MEMORY", 1000)
    view = _session()

    _write(view, 1)

    assert isinstance(view.masks.data, zarr.Array)
    assert view.masks.data.chunks == (1, 64, 96)
    assert (np.asarray(view.masks.data[1]) == 2).all()


@pytest.mark.parametrize("limit", [1, 2**30], ids=["disk", "memory"])
def test_channels_and_planes_share_the_masks(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    """A layer of (T, C, Y, X) gets masks with one position along C that cover all of it."""
    monkeypatch.setattr(storage, "IN_MEMORY", limit)
    view = _session((3, 2, 64, 96))

    _write(view, 2, soft=True)

    assert view.masks.data.shape == (3, 1, 64, 96)
    assert view.scores.data.shape == (3, 1, 4, 6)
    view.go_to(2)
    for channel in (0, 1):
        view.viewer.dims.set_point(1, channel)
        assert view.masks.get_value((2, channel, 10, 10), world=True) == 3


def test_wide_ids_widen_the_masks() -> None:
    """What is there stays."""
    view = _session()
    _write(view, 0)
    layer = view.masks

    view.session.store.make_room(300)
    view.show()

    assert view.masks is layer
    assert layer.data.dtype == np.uint16
    assert (layer.data[0] == 1).all()


def test_a_removed_layer_comes_back_with_what_it_held() -> None:
    """At the next run."""
    view = _session()
    _write(view, 0)
    view.viewer.layers.remove(view.masks)
    assert view.masks is None

    _write(view, 1)

    assert (view.masks.data[0] == 1).all()


def test_colours_are_those_of_the_user_s_layer() -> None:
    """One object, one colour; later changes of one layer do not reach the other."""
    view = _session()
    like = Labels(np.zeros((3, 64, 96), np.uint8))
    like.new_colormap(seed=3)
    expected = like.get_color(4)
    view.like = like

    _write(view, 0)

    np.testing.assert_array_equal(view.masks.get_color(4), expected)
    like.show_selected_label = True
    assert view.masks.get_color(4)[3] == 1


def test_results_are_no_inputs() -> None:
    """They know what they are of."""
    view = _session()
    _write(view, 0)

    kinds = [layer.metadata["napari-frtm"]["kind"] for layer in view.viewer.layers[1:]]

    assert kinds == ["masks", "scores"]
    assert isinstance(view.scores, Image)
