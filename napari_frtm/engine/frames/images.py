"""Frames to tensors: the only crossing point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from napari_frtm.config import TARGET_STRIDE
from napari_frtm.types import Contrast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_frtm.types import Frame

_MULTIPLE = 32
_ROWS = 64  # of a frame, to look at
_SHADE = 1 / 200  # of the way from black to white
_MOST = 0.98  # of a frame
_BYTES = 200  # intensities from black to white for which a scaled byte, off by one, is good enough


@dataclass(frozen=True, slots=True)
class Geometry:
    """Sizes (H, W) that a frame goes through, in pixels.

    Attributes
    ----------
    video : tuple of int
        As the frame comes.
    working : tuple of int
        Where the method runs.
    """

    video: tuple[int, int]
    working: tuple[int, int]

    @classmethod
    def scaled(cls, video: tuple[int, int], factor: float) -> Geometry:
        """Scale down or up by a factor."""
        height, width = (max(1, round(side * factor)) for side in video)
        return cls(video, (height, width))

    @property
    def padded(self) -> tuple[int, int]:
        """Working size rounded up to what the backbone can halve five times."""
        height, width = (-(-side // _MULTIPLE) * _MULTIPLE for side in self.working)
        return height, width

    @property
    def scores(self) -> tuple[int, int]:
        """Size of the coarse scores, padding included."""
        return self.padded[0] // TARGET_STRIDE, self.padded[1] // TARGET_STRIDE

    @property
    def visible_scores(self) -> tuple[int, int]:
        """Size of the coarse scores that lie over the frame."""
        return -(-self.working[0] // TARGET_STRIDE), -(-self.working[1] // TARGET_STRIDE)

    def crop(self, padded: Tensor) -> Tensor:
        """Cut the padding off, (..., H', W') -> (..., H, W) at the working size."""
        return padded[..., : self.working[0], : self.working[1]]


def to_images(
    frames: Sequence[Frame],
    contrast: Contrast | tuple[float, float],
    geometry: Geometry,
    device: torch.device,
) -> Tensor:
    """Return (B, 3, H', W') images in [0, 1] at the padded working size.

    Parameters
    ----------
    frames : sequence of arrays of shape (H, W) or (H, W, 3)
        Any real dtype. Values that are not finite count as the lower contrast limit.
    contrast : Contrast, or tuple of two floats
        The intensities that become 0 and 1, and gamma.
    geometry : Geometry
        Of these frames.
    device : torch.device
        Where the images go.

    Raises
    ------
    ValueError
        If a frame is not of the shape that `geometry` says.
    """
    low, high, gamma = Contrast.of(contrast)
    pixels = [_to_tensor(frame, low, geometry.video) for frame in frames]
    if device.type != "cuda" and high - low >= _BYTES:
        pixels = [_scaled(p, geometry.working) if p.dtype == torch.uint8 else p for p in pixels]
    batch = torch.cat(pixels)
    if device.type != "mps":  # not every release of torch scales with antialiasing there
        batch = batch.to(device)
    images = batch.float().sub_(low).div_(high - low).clamp_(0, 1)  # in place: 100 MB at 4K
    if gamma != 1:
        images = images.pow_(gamma)
    images = _scaled(images, geometry.working)
    below = geometry.padded[0] - geometry.working[0]
    right = geometry.padded[1] - geometry.working[1]
    padded = pad(images, (0, right, 0, below), mode="replicate").to(device)
    return padded.expand(-1, 3, -1, -1)


def flaw(frame: Frame, contrast: Contrast) -> str:
    """Say what is wrong with a frame, as the end of a sentence; empty if nothing is."""
    if np.issubdtype(frame.dtype, np.floating):
        unknown = 1 - np.isfinite(frame).mean()
        if unknown:
            return f"has {100 * unknown:.1f} % NaN or infinite values, which are seen as black"
    rows = frame[:: max(1, len(frame) // _ROWS)]  # all of 8K is looked at only if these say so
    if rows.min() == rows.max() and frame.min() == frame.max():
        return f"has the value {frame.flat[0]} everywhere: there is nothing to see in it"
    return _unseen(frame, rows, Contrast.of(contrast))


def _unseen(frame: Frame, rows: Frame, contrast: Contrast) -> str:
    """Say so if the contrast makes a frame all black, or nearly all of it white.

    It is that of other frames, then: of bytes for frames in [0, 1] or of 16 bits, for example.
    """
    low, high, _ = contrast
    shade = low + _SHADE * (high - low)
    if float(rows.max()) < shade and float(frame.max()) < shade:
        seen = "black"
    elif np.mean(rows.astype(np.float64) >= high) > _MOST:
        seen = "white"
    else:
        return ""
    return (
        f"is seen all {seen}: its values are {frame.min():.4g} to {frame.max():.4g}, the contrast "
        f"{contrast}"
    )


def _to_tensor(frame: Frame, black: float, size: tuple[int, int]) -> Tensor:
    """Return a frame as (1, C, H, W), uint8 or float32, finite."""
    frame = np.asarray(frame)
    if frame.shape not in (size, (*size, 3)):
        raise ValueError(
            f"A frame has shape {frame.shape}; expected {size} or {(*size, 3)} like the others."
        )
    if frame.dtype != np.uint8:
        frame = frame.astype(np.float32)
        frame[~np.isfinite(frame)] = black
    whole = np.require(frame, requirements=["C", "W"])  # as torch wants it, copied only if not
    return torch.from_numpy(whole).view(1, *size, -1).permute(0, 3, 1, 2)


def _scaled(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Scale images (B, C, H, W); bytes stay bytes, which takes a tenth of the time."""
    if images.shape[-2:] == size:
        return images
    return interpolate(images, size, mode="bilinear", align_corners=False, antialias=True)
