"""Training in windows of a crop, as S is used: its answer is to be that to the whole crop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_frtm.config import TARGET_STRIDE
from napari_frtm.engine.extensions.location import Location
from napari_frtm.engine.extensions.windows import crop
from napari_frtm.engine.tracking.scoring import suspected_window
from napari_frtm.training.losses import mask_loss
from napari_frtm.training.sketched import sketched
from napari_frtm.types import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_frtm.engine.networks.backbone import Features
    from napari_frtm.engine.networks.network import FrtmNetwork
    from napari_frtm.training.config import TrainConfig, WindowsConfig
    from napari_frtm.training.data.samples import Batch


def windows_loss(
    network: FrtmNetwork,
    teacher: FrtmNetwork,
    coarse: Tensor,
    features: Features,
    batch: Batch,
    config: TrainConfig,
) -> Tensor:
    """Return the mean loss over N crops, of one window of each.

    Parameters
    ----------
    network : FrtmNetwork
        Its segmentation network learns.
    teacher : FrtmNetwork
        Says how a whole crop is to be answered.
    coarse : Tensor of shape (N, h, w)
        Scores of the crops; those with prompts have others, fitted on what is drawn.
    features : Features
        Of the crops.
    batch : Batch
        The crops: the truth, and how much the teacher's answers count beside it.
    config : TrainConfig
        The recipe; its `windows` is not None.
    """
    assert config.windows is not None
    assert batch.teacher is not None
    learning = network.segmentation
    assert learning is not None
    masks = batch.masks.to(coarse)
    wanted = masks.clone()
    if (taught := batch.teacher > 0).any():
        some = {stride: maps[taught] for stride, maps in features.items()}
        with torch.no_grad():
            answers = torch.sigmoid(teacher.refine(coarse[taught, None], some)[:, 0])
        share = batch.teacher[taught].to(coarse)[:, None, None]
        wanted[taught] = share * answers + (1 - share) * masks[taught]
    losses = []
    for i, (score, mask) in enumerate(zip(coarse, masks.cpu().numpy(), strict=True)):
        one = {stride: maps[i : i + 1] for stride, maps in features.items()}
        prompts, known = batch.prompts[i], score
        if prompts is None:
            rng = np.random.default_rng((config.seed, batch.number, i))
            window = _window(score.cpu().numpy(), mask, config.windows, rng)
        else:
            known, window = sketched(network, one, prompts, mask > 0, config.method)
        levels = {stride: crop(maps, [window], stride) for stride, maps in one.items()}
        seen = crop(known[None, None], [window], TARGET_STRIDE)
        answer = learning(seen, learning.prepare(levels))[:, 0].float()
        rows, columns = window.slices
        part = wanted[i : i + 1, rows, columns]
        losses.append(mask_loss(answer, part, config.dice, config.outline))
    return torch.stack(losses).mean()


def _window(
    scores: NDArray[np.float32],
    mask: NDArray[np.float32],
    config: WindowsConfig,
    rng: np.random.Generator,
) -> Box:
    """Return where S looks in a crop, if the object was where it is now in the frame before."""
    last = Location.from_annotation(mask, 0) if mask.any() else None
    margin, least = (
        int(rng.integers(low, high + 1)) for low, high in (config.margin, config.least)
    )
    return suspected_window(scores, last, 1, 0.5, Box(0, 0, *mask.shape), margin, least)
