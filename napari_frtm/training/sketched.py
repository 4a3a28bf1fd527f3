"""Crops whose target models are fitted on simulated prompts, as a sketch's are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_frtm.config import SketchConfig
from napari_frtm.engine.frames.images import Geometry
from napari_frtm.engine.sketch.evidence import evidence_of, of_rough_mask, without_unmarked
from napari_frtm.engine.sketch.frame import SketchFrame
from napari_frtm.engine.sketch.prompts import NOT_IT, Prompts
from napari_frtm.evaluation.corrections import next_correction

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_frtm.config import FrtmConfig
    from napari_frtm.engine.networks.backbone import Features
    from napari_frtm.engine.networks.network import FrtmNetwork
    from napari_frtm.engine.sketch.evidence import Evidence
    from napari_frtm.training.data.prompts import SimulatedPrompts
    from napari_frtm.types import Box


@torch.no_grad()
def sketched(
    network: FrtmNetwork,
    features: Features,
    prompts: SimulatedPrompts,
    truth: NDArray[np.bool_],
    method: FrtmConfig,
) -> tuple[Tensor, Box]:
    """Return the scores (h, w) that S is to refine, and the window that it sees of them.

    Parameters
    ----------
    network : FrtmNetwork
        What learns; its answers are what is corrected.
    features : Features
        Of the crop, a batch of one.
    prompts : SimulatedPrompts
        What is drawn first, and how often it is corrected.
    truth : bool array of shape (H, W)
        The object.
    method : FrtmConfig
        How target models are optimised.
    """
    config, geometry = SketchConfig(), Geometry(truth.shape, truth.shape)
    frame = SketchFrame.of(network, features, geometry, method, config)
    first = prompts.first
    if isinstance(first, Prompts):
        evidence, scores = _corrected(frame, first, prompts, truth, config)
        marked = evidence.inside
    else:
        evidence, marked = of_rough_mask(first.astype(np.float32), config), first
        scores = _fitted(frame, evidence)
    if prompts.repeated:
        (soft,) = frame.refined(scores, [evidence])
        again = evidence.with_answer(without_unmarked(soft, marked), config.answer)
        scores = _fitted(frame, again)
    return scores[0], frame.window(scores[0], evidence.inside)


def _corrected(
    frame: SketchFrame,
    first: Prompts,
    prompts: SimulatedPrompts,
    truth: NDArray[np.bool_],
    config: SketchConfig,
) -> tuple[Evidence, Tensor]:
    """Return what is known after all corrections, and the scores (1, h, w) fitted on it."""
    strokes = np.array(first.strokes)
    for left in range(prompts.corrections, -1, -1):
        known = Prompts(strokes=strokes, boxes=first.boxes)
        evidence = evidence_of(known, [1], frame.geometry, config)[1]
        scores = _fitted(frame, evidence)
        if left:
            (soft,) = frame.refined(scores, [evidence])
            found = evidence.enforced(soft, evidence.inside) > 0.5
            correction = next_correction(found, truth, point=prompts.points)
            if correction is None:
                break
            strokes[correction.drawn] = 1 if correction.on_object else NOT_IT
    return evidence, scores


def _fitted(frame: SketchFrame, evidence: Evidence) -> Tensor:
    """Return the scores (1, h, w) in single precision, whatever S learns in."""
    with torch.autocast(frame.network.device.type, enabled=False):
        return frame.fitted([evidence])
