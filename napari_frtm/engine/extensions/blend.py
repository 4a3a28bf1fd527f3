"""Between two keyframes: what the forward and the backward pass say of a frame, as one."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_frtm.engine.frames.labels import to_labels
from napari_frtm.engine.frames.partition import Partition
from napari_frtm.types import Box, Prediction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_frtm.engine.extensions.confidence import ConfidenceEstimator
    from napari_frtm.types import Labels

_LEVELS = 255


@dataclass(frozen=True, slots=True)
class StoredPrediction:
    """A prediction put aside until the other pass comes by: 8 bits a pixel, compressed."""

    object_ids: tuple[int, ...]
    size: tuple[int, int]
    packed: bytes
    confidence: tuple[float, ...]

    @property
    def probabilities(self) -> NDArray[np.float32]:
        """Soft masks of shape (N, h, w), float32, in [0, 1]."""
        levels = np.frombuffer(zlib.decompress(self.packed), np.uint8)
        soft = levels.reshape(len(self.object_ids), *self.size).astype(np.float32)
        return soft / np.float32(_LEVELS)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the content as tensors; see `from_state`."""
        return {
            "ids": torch.tensor(self.object_ids),
            "size": torch.tensor(self.size),
            "packed": torch.from_numpy(np.frombuffer(self.packed, np.uint8).copy()),
            "confidence": torch.tensor(self.confidence),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> StoredPrediction:
        """Return what `state_dict` was taken from."""
        height, width = state["size"].tolist()
        return cls(
            tuple(state["ids"].tolist()),
            (height, width),
            state["packed"].numpy().tobytes(),
            tuple(state["confidence"].tolist()),
        )


def compress(prediction: Prediction) -> StoredPrediction:
    """Put a prediction aside."""
    soft = prediction.probabilities
    levels = (soft * _LEVELS).round().astype(np.uint8)
    size = (soft.shape[1], soft.shape[2])
    confidence = tuple(prediction.confidence.tolist())
    return StoredPrediction(
        prediction.object_ids, size, zlib.compress(levels.tobytes(), 1), confidence
    )


def blend(
    held: StoredPrediction,
    prediction: Prediction,
    shares: Mapping[int, float],
    estimators: Mapping[int, ConfidenceEstimator],
    size: tuple[int, int],
) -> Prediction:
    """Return the mean of two predictions of one frame, in log-odds.

    An object that only one pass knows is taken from that one; its scores are NaN if it is the
    other pass's. Of the others, the mean is judged anew: where the passes contradict each other,
    it is uncertain by itself. (That tells no less than the mean of both confidences, and more than
    the lower one, or either of them times the overlap of the two masks.)

    Parameters
    ----------
    held : StoredPrediction
        The other pass's prediction.
    prediction : Prediction
        This pass's prediction.
    shares : mapping of int to float
        Weight of `prediction` by object, in [0, 1]: how near the frame is to its keyframe.
    estimators : mapping of int to ConfidenceEstimator
        This pass's.
    size : tuple of int
        (H, W) of the labels.
    """
    ids = tuple(sorted({*held.object_ids, *prediction.object_ids}))
    theirs = dict(zip(held.object_ids, held.probabilities, strict=True))
    ours = dict(zip(prediction.object_ids, prediction.probabilities, strict=True))
    scores = dict(zip(prediction.object_ids, prediction.scores, strict=True))
    logits = []
    for i in ids:
        a, b = _logit(theirs.get(i, ours.get(i))), _logit(ours.get(i, theirs.get(i)))
        logits.append(torch.lerp(a, b, shares[i]))
    objects = torch.sigmoid(torch.stack(logits))
    objects = objects / objects.sum(0).clamp(min=1)
    background = (1 - objects.sum(0)).numpy()
    frame = Box(0, 0, *background.shape)
    parts = list(objects.numpy())
    partition = Partition([frame] * len(ids), parts, frame, background, background.shape)
    unknown = np.full(prediction.scores.shape[1:], np.nan, np.float32)
    sure = dict(zip(held.object_ids, held.confidence, strict=True))
    sure |= dict(zip(prediction.object_ids, prediction.confidence.tolist(), strict=True))
    for i, mask in zip(ids, objects.numpy(), strict=True):
        if i in theirs and i in ours:
            sure[i] = estimators[i].confidence(mask, scores[i])
    return Prediction(
        index=prediction.index,
        object_ids=ids,
        labels=to_labels(partition, ids, size),
        probabilities=objects.numpy(),
        scores=np.stack([scores.get(i, unknown) for i in ids]),
        confidence=np.array([sure[i] for i in ids], np.float32),
    )


def with_annotation(prediction: Prediction, drawn: Labels, *, complete: bool = False) -> Prediction:
    """Return a prediction with the user's labels of shape (H, W) on top.

    Of what was predicted, only objects that were not drawn stay, where nothing was drawn; if the
    user's labels are complete, nothing of it.
    """
    labels = prediction.labels.copy()
    if complete:
        labels[:] = 0
    else:
        labels[np.isin(labels, np.unique(drawn))] = 0
    labels[drawn > 0] = drawn[drawn > 0]
    known = np.isin(prediction.object_ids, np.unique(drawn)) | complete
    sure = np.where(known, np.float32(1), prediction.confidence)
    return replace(prediction, labels=labels, confidence=sure)


def _logit(probabilities: NDArray[np.float32] | None) -> Tensor:
    assert probabilities is not None
    return torch.from_numpy(np.array(probabilities)).logit(0.5 / _LEVELS)
