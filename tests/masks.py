"""How much a predicted object and the true one overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from napari_frtm.types import Prediction


def overlap(prediction: Prediction, truth: np.ndarray, object_id: int) -> float:
    """Return J of one object."""
    found, true = prediction.labels == object_id, truth == object_id
    return float((found & true).sum() / (found | true).sum())
