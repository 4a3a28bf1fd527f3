"""Where results are put, and how they are stored."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import zarr
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_frtm.config import Direction, preset
from napari_frtm.plugin import results as module
from napari_frtm.plugin.layers import video_frames
from napari_frtm.plugin.request import Plan, Request, Settings
from napari_frtm.plugin.results import Results
from napari_frtm.types import Prediction


def _results(
    viewer: ViewerModel, video: Image, largest_id: int = 1, like: Labels | None = None
) -> Results:
    settings = Settings(
        preset="lite",
        config=preset("lite"),
        device="cpu",
        span=range(3),
        direction=Direction.FORWARD,
    )
    request = Request(
        frames=video_frames(video),
        labels=None,
        labels_name="mine",
        current=0,
        contrast=(0, 1),
        settings=settings,
    )
    plan = Plan(
        total=3,
        annotated=(0,),
        largest_id=largest_id,
        config=settings.config,
        device="cpu",
        contrast=(0, 1),
    )
    like = like or Labels(np.zeros((3, 64, 96), np.uint8))
    return Results(viewer, video, like, request, plan)


def _prediction(index: int, size: tuple[int, int], working: tuple[int, int]) -> Prediction:
    coarse = (-(-working[0] // 16), -(-working[1] // 16))
    return Prediction(
        index=index,
        object_ids=(1, 2),
        labels=np.full(size, index + 1, np.uint8),
        probabilities=np.zeros((2, *working), np.float32),
        scores=np.stack([np.full(coarse, value, np.float32) for value in (0.25, index)]),
    )


def _viewer(**place: Any) -> tuple[ViewerModel, Image]:
    viewer = ViewerModel()
    video = viewer.add_image(np.zeros((3, 64, 96), np.uint8), name="clip", **place)
    return viewer, video


@pytest.mark.parametrize(
    "place",
    [
        pytest.param({}, id="pixels"),
        pytest.param({"scale": (2, 0.5, 0.25), "translate": (1, 7, 9)}, id="scaled"),
        pytest.param({"scale": (1, 2, 3), "rotate": 30, "shear": [0, 0, 0.2]}, id="rotated"),
    ],
)
@pytest.mark.parametrize("working", [(64, 96), (32, 48)], ids=["full", "half"])
def test_scores_lie_over_the_video(place: dict[str, Any], working: tuple[int, int]) -> None:
    """The first score's centre is that of the pixels it stands for: 16 of the working size."""
    viewer, video = _viewer(**place)
    results = _results(viewer, video)

    results.write([_prediction(2, (64, 96), working)])

    assert results.scores is not None
    stretch = 16 * 64 / working[0]
    centre = (stretch - 1) / 2
    np.testing.assert_allclose(
        results.scores.data_to_world((2, 0, 0)), video.data_to_world((2, centre, centre))
    )
    np.testing.assert_allclose(
        results.scores.data_to_world((2, 1, 2)),
        video.data_to_world((2, centre + stretch, centre + 2 * stretch)),
    )


def test_scores_are_the_largest_of_all_objects() -> None:
    """Frames that have not come are transparent (NaN)."""
    viewer, video = _viewer()
    results = _results(viewer, video)

    results.write([_prediction(0, (64, 96), (64, 96)), _prediction(1, (64, 96), (64, 96))])

    assert results.scores is not None
    assert (results.scores.data[0] == 0.25).all()
    assert (results.scores.data[1] == 1).all()
    assert np.isnan(results.scores.data[2]).all()


def test_large_masks_go_to_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """One chunk per frame."""
    monkeypatch.setattr(module, "IN_MEMORY", 1000)
    viewer, video = _viewer()
    results = _results(viewer, video)

    results.write([_prediction(1, (64, 96), (64, 96))])

    assert isinstance(results.masks.data, zarr.Array)
    assert results.masks.data.chunks == (1, 64, 96)
    assert (np.asarray(results.masks.data[1]) == 2).all()
    results.refresh()


def test_wide_ids_get_their_own_layer() -> None:
    """Where those of the earlier run do not fit; narrow ones go into the wide layer."""
    viewer, video = _viewer()
    narrow = _results(viewer, video).masks

    wide = _results(viewer, video, largest_id=300).masks

    assert wide is not narrow
    assert wide.data.dtype == np.uint16


def test_each_video_has_its_own_results() -> None:
    """Even if two have one name."""
    viewer, video = _viewer()
    other = viewer.add_image(np.zeros((3, 64, 96), np.uint8), name="clip")

    first, second = _results(viewer, video).masks, _results(viewer, other).masks

    assert first is not second


def test_colours_are_those_of_the_user_s_layer() -> None:
    """One object, one colour; later changes of one layer do not reach the other."""
    viewer, video = _viewer()
    like = Labels(np.zeros((3, 64, 96), np.uint8))
    like.new_colormap(seed=3)
    expected = like.get_color(4)

    masks = _results(viewer, video, like=like).masks

    np.testing.assert_array_equal(masks.get_color(4), expected)
    like.show_selected_label = True
    assert masks.get_color(4)[3] == 1
