"""Target encoder of Base net: the learned stand-in for the target model D (paper, section 4.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, pad

from napari_frtm.config import TARGET_STRIDE


class TargetEncoder(nn.Module):
    """Coarse scores of a target from what it looked like on a reference frame.

    Two convolutions encode features and mask of the reference frame. What they return is put
    beside the features of the test frame, and two more convolutions make scores of both.

    Parameters
    ----------
    features : int
        Channels of the backbone's features at stride 16.
    width : int
        Channels between the convolutions.
    """

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(features + 1, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
        )
        self.predictor = nn.Sequential(
            nn.Conv2d(features + width, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, 1, 3, padding=1),
        )

    def encode(self, features: Tensor, masks: Tensor) -> Tensor:
        """Return the encoding of targets on their reference frames.

        Parameters
        ----------
        features : Tensor of shape (N, C, h, w)
            At stride 16.
        masks : Tensor of shape (N, H, W), in [0, 1]
            The targets; as large as the features, or without their padding.

        Returns
        -------
        Tensor of shape (N, width, h, w)
        """
        coarse = _coarse(masks, (features.shape[-2], features.shape[-1]))
        encoding: Tensor = self.encoder(torch.cat([features, coarse], 1))
        return encoding

    def forward(self, features: Tensor, encoding: Tensor) -> Tensor:
        """Return scores (N, h, w) for features (N, C, h, w) and encodings (N, width, h, w)."""
        scores: Tensor = self.predictor(torch.cat([features, encoding], 1))
        return scores[:, 0]


def _coarse(masks: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the share of the target in each patch of 16 x 16 pixels, (N, 1, h, w)."""
    below, right = (
        low * TARGET_STRIDE - high for low, high in zip(size, masks.shape[-2:], strict=True)
    )
    return avg_pool2d(pad(masks, (0, right, 0, below))[:, None], TARGET_STRIDE)
