"""Blending of the two passes between keyframes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_frtm.engine.extensions.blend import StoredPrediction, blend, compress, with_annotation
from napari_frtm.engine.extensions.confidence import ConfidenceEstimator
from napari_frtm.types import Prediction

ESTIMATORS = {i: ConfidenceEstimator(refined=True) for i in (1, 4)}


def _prediction(**probabilities: float) -> Prediction:
    """Return a prediction of 4 x 6 pixels; the objects are given as ``_ID=probability``."""
    ids = tuple(int(name[1:]) for name in probabilities)
    soft = np.stack([np.full((4, 6), p, np.float32) for p in probabilities.values()])
    scores = np.stack([np.full((1, 1), i, np.float32) for i in ids])
    return Prediction(3, ids, np.zeros((4, 6), np.uint8), soft, scores)


@pytest.mark.parametrize(
    ("first", "second", "share", "expected"),
    [
        pytest.param(0.9, 0.09, 0.5, 0.485, id="middle"),
        pytest.param(0.9, 0.1, 0.0, 0.9, id="at the first keyframe"),
        pytest.param(0.9, 0.1, 1.0, 0.1, id="at the second"),
        pytest.param(0.9, 0.5, 0.5, 0.75, id="odds 9 and 1 give 3"),
    ],
)
def test_log_odds_are_averaged(first: float, second: float, share: float, expected: float) -> None:
    """By the distance to the keyframes."""
    blended = blend(
        compress(_prediction(_1=first)), _prediction(_1=second), {1: share}, ESTIMATORS, (8, 12)
    )

    assert blended.probabilities[0, 0, 0] == pytest.approx(expected, abs=0.01)
    assert blended.labels.shape == (8, 12)
    assert blended.labels[0, 0] == (1 if expected > 0.5 else 0)


def test_an_object_of_one_pass_is_taken_from_it() -> None:
    """Its scores are unknown if the other pass came last."""
    blended = blend(
        compress(_prediction(_1=0.9)), _prediction(_4=0.05), {1: 0.5, 4: 0.5}, ESTIMATORS, (4, 6)
    )

    assert blended.object_ids == (1, 4)
    assert blended.probabilities[:, 0, 0] == pytest.approx([0.9, 0.05], abs=0.02)
    assert (blended.labels == 1).all()
    assert np.isnan(blended.scores[0]).all()
    assert blended.scores[1, 0, 0] == 4


def test_each_object_has_its_own_share() -> None:
    """One near its keyframe, one far from it."""
    first, second = _prediction(_1=0.4, _4=0.1), _prediction(_1=0.1, _4=0.4)

    blended = blend(compress(first), second, {1: 0.0, 4: 1.0}, ESTIMATORS, (4, 6))

    assert blended.probabilities[:, 0, 0] == pytest.approx([0.4, 0.4], abs=0.01)


def test_what_was_drawn_stays_on_top() -> None:
    """Predicted pixels of a drawn object go, those of other objects stay beside it."""
    predicted = np.array([[1, 1, 4, 4, 0, 7]], np.uint8)
    drawn = np.array([[0, 1, 1, 0, 0, 0]])
    prediction = replace(_prediction(_1=0.5), labels=predicted)

    found = with_annotation(prediction, drawn)

    assert found.labels.tolist() == [[0, 1, 1, 4, 0, 7]]
    assert found.labels.dtype == np.uint8


def test_what_was_drawn_is_certain() -> None:
    """An object that was not drawn is not, unless the labels are complete."""
    predicted = np.array([[1, 1, 4, 4, 0, 7]], np.uint8)
    drawn = np.array([[0, 1, 1, 0, 0, 0]])
    sure = np.array([0.5, 0.25], np.float32)
    prediction = replace(_prediction(_1=0.5, _4=0.5), labels=predicted, confidence=sure)

    found = with_annotation(prediction, drawn)
    complete = with_annotation(prediction, drawn, complete=True)

    assert found.confidence.tolist() == [1, 0.25]
    assert complete.labels.tolist() == drawn.tolist()
    assert complete.labels.dtype == np.uint8
    assert complete.confidence.tolist() == [1, 1]


def test_contradicting_passes_are_doubted() -> None:
    """One is sure that an object is there, the other that it is not."""
    agreed = blend(compress(_prediction(_1=0.9)), _prediction(_1=0.9), {1: 0.5}, ESTIMATORS, (4, 6))
    contradicted = blend(
        compress(_prediction(_1=0.9)), _prediction(_1=0.1), {1: 0.5}, ESTIMATORS, (4, 6)
    )

    assert contradicted.confidence[0] < agreed.confidence[0]


def test_the_confidence_of_an_object_of_one_pass_is_that_passs() -> None:
    """Of either."""
    one, other = (
        replace(_prediction(**{name: 0.9}), confidence=np.array([sure], np.float32))
        for name, sure in (("_1", 0.25), ("_4", 0.75))
    )

    blended = blend(compress(one), other, {1: 0.5, 4: 0.5}, ESTIMATORS, (4, 6))

    assert blended.confidence.tolist() == [0.25, 0.75]


def test_what_is_held_survives_saving() -> None:
    """Within 8 bits."""
    soft = np.random.default_rng(0).random((2, 4, 6), np.float32)
    sure = np.array([0.1, 0.9], np.float32)
    held = compress(
        Prediction(0, (2, 5), np.zeros((4, 6), np.uint8), soft, np.zeros((2, 1, 1)), sure)
    )

    again = StoredPrediction.from_state(held.state_dict())

    assert again == held
    assert np.abs(again.probabilities - soft).max() <= 0.5 / 255 + 1e-6
