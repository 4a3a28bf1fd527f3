"""Masks from strokes, points and boxes; corrections; rough masks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_frtm.config import SketchConfig
from napari_frtm.engine.sketch.prompts import NOT_IT, Prompts, with_points
from napari_frtm.engine.sketch.sketch import Sketch
from napari_frtm.evaluation.metrics import jaccard
from napari_frtm.types import Box

if TYPE_CHECKING:
    from conftest import Clip
    from numpy.typing import NDArray

    from napari_frtm.config import FrtmConfig
    from napari_frtm.engine.networks.network import FrtmNetwork


@pytest.fixture(scope="module")
def sketch(clip: Clip, network: FrtmNetwork, lite: FrtmConfig) -> Sketch:
    """Return the first frame of the clip: squares 1 and 4 at (20, 15) and (70, 110)."""
    return Sketch(network, lite, clip.frames[0])


@pytest.fixture
def strokes(clip: Clip) -> NDArray[np.int32]:
    """Return a stroke on each square, and two beside them."""
    drawn = np.zeros(clip.truth.shape[1:], np.int32)
    drawn[36:40, 25:42] = 1
    drawn[86:90, 118:138] = 4
    drawn[10:14, 70:100] = NOT_IT
    drawn[100:104, 20:60] = NOT_IT
    return drawn


def test_strokes_make_masks_of_several_objects(
    clip: Clip, sketch: Sketch, strokes: NDArray[np.int32]
) -> None:
    """Each mostly where its square is, and exactly what was drawn where something was."""
    labels = sketch.masks(Prompts(strokes=strokes))

    assert set(np.unique(labels)) == {0, 1, 4}
    for object_id in (1, 4):
        assert jaccard(labels == object_id, clip.truth[0] == object_id) > 0.5
        assert (labels[strokes == object_id] == object_id).all()
    assert (labels[strokes == NOT_IT] == 0).all()


def test_the_answer_repeats(sketch: Sketch, strokes: NDArray[np.int32]) -> None:
    """The same strokes have the same answer, whatever was asked before."""
    first = sketch.masks(Prompts(strokes=strokes))
    sketch.masks(Prompts(strokes=np.where(strokes == 1, 1, 0)))

    assert np.array_equal(sketch.masks(Prompts(strokes=strokes)), first)


def test_points_are_small_strokes(clip: Clip, sketch: Sketch) -> None:
    """On the object and beside it; the answer is at least near."""
    blank = np.zeros(clip.truth.shape[1:], np.int32)

    drawn = with_points(blank, [(38, 33, 1), (88, 128, NOT_IT), (12, 90, NOT_IT)])
    labels = sketch.masks(Prompts(strokes=drawn))

    assert (np.count_nonzero(drawn == 1), np.count_nonzero(blank)) == (5, 0)
    assert jaccard(labels == 1, clip.truth[0] == 1) > 0.3


def test_nothing_is_found_outside_of_a_box(clip: Clip, sketch: Sketch) -> None:
    """And the object inside is, without any stroke."""
    blank = np.zeros(clip.truth.shape[1:], np.int32)

    labels = sketch.masks(Prompts(strokes=blank, boxes={1: Box(18, 13, 58, 53)}))

    assert jaccard(labels == 1, clip.truth[0] == 1) > 0.5
    outside = np.ones(labels.shape, bool)
    outside[17:60, 12:55] = False
    assert not labels[outside].any()


def test_a_correction_keeps_the_rest(
    clip: Clip, sketch: Sketch, strokes: NDArray[np.int32]
) -> None:
    """A stroke of "not it" takes away what was too much, and changes nothing far from it."""
    before = clip.truth[0].astype(np.int32)
    before[30:46, 51:80] = 1  # an arm that is too much
    wrong = np.zeros_like(before)
    wrong[36:40, 58:78] = NOT_IT

    after = sketch.masks(Prompts(strokes=wrong), before)

    assert (after[36:40, 58:78] == 0).all()
    assert np.array_equal(after == 4, clip.truth[0] == 4)
    assert jaccard(after == 1, clip.truth[0] == 1) > jaccard(before == 1, clip.truth[0] == 1)


def test_a_stroke_adds_what_is_missing(clip: Clip, sketch: Sketch) -> None:
    """To masks in which an object is not yet; the others stay as they are."""
    before = np.where(clip.truth[0] == 4, 4, 0)
    drawn = np.zeros_like(before)
    drawn[36:40, 25:42] = 1

    after = sketch.masks(Prompts(strokes=drawn), before)

    assert np.array_equal(after == 4, before == 4)
    assert jaccard(after == 1, clip.truth[0] == 1) > 0.3


def test_a_rough_mask_is_tidied(clip: Clip, full_network: FrtmNetwork, full: FrtmConfig) -> None:
    """Only near its outline: deep inside and far outside stay, whatever S says."""
    sketch = Sketch(full_network, full, clip.frames[0])
    rough = np.zeros(clip.truth.shape[1:], np.int32)
    rough[24:60, 19:55] = 1

    tidy = sketch.tidied(rough)

    assert (tidy[34:50, 30:44] == 1).all()
    assert not tidy[70:].any()
    assert not tidy[:, 70:].any()


def test_nothing_said_is_nothing_found(sketch: Sketch, clip: Clip) -> None:
    """Without strokes there are no masks; those of before stay."""
    blank = np.zeros(clip.truth.shape[1:], np.int32)

    assert not sketch.masks(Prompts(strokes=blank)).any()
    assert np.array_equal(sketch.masks(Prompts(strokes=blank), clip.truth[0]), clip.truth[0])


def test_strokes_have_the_size_of_the_frame(sketch: Sketch) -> None:
    """Others are refused."""
    with pytest.raises(ValueError, match=r"strokes have shape \(4, 4\)"):
        sketch.masks(Prompts(strokes=np.ones((4, 4), np.int32)))


@pytest.mark.parametrize(
    ("field", "value"), [("share", 1.0), ("prior", 1.0), ("near", 0.0), ("cg_steps", ())]
)
def test_a_setting_that_makes_no_sense_is_refused(field: str, value: object) -> None:
    """With its name."""
    with pytest.raises(ValueError, match=field):
        SketchConfig(**{field: value})
