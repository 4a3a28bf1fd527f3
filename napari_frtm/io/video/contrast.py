"""How to see intensities that have no natural range: which are black and white, and gamma."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_frtm.errors import VideoError
from napari_frtm.types import BYTES, Contrast

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_frtm.types import Frames

_PIXELS = 100_000
_BLACK, _WHITE = 0.1, 99.9
_BOUNDS = ((99.0, 1.5), (97.0, 2.0))
"""White is at most so many times as far from black as this percentile: highlights are clipped."""
_PICTURE = 12.0
"""Standard deviations of the noise from black, from which a percentile is of a picture."""
_SIGMA = 1.4826 / 2**0.5  # of the median absolute difference of two neighbours


def robust_contrast(frames: Frames, samples: int = 8) -> Contrast:
    """Return the intensities to show as black and white.

    Lamps in a scene, or debris among cells, would make all else black, if white were the largest
    value, or nearly so. They are few, but much brighter than what is less bright: so white is
    bounded by what most of the picture needs. Where most of the picture is empty (its values are
    no more than noise), what is bright is the object, and bounds nothing.

    Parameters
    ----------
    frames : array of shape (T, H, W) or (T, H, W, 3)
        The video.
    samples : int
        Frames to look at, evenly spread.

    Returns
    -------
    Contrast
        (0, 255) for uint8; else the percentiles 0.1 and at most 99.9 of the finite values. The
        second is larger than the first.

    Raises
    ------
    VideoError
        If no value is finite, or none of the frames looked at can be read.
    """
    if np.dtype(getattr(frames, "dtype", np.float64)) == np.uint8:
        return BYTES
    count = frames.shape[0]
    indices = np.unique(np.linspace(0, count - 1, min(samples, count)).astype(int))
    looked_at = _readable(frames, indices)
    values = np.concatenate([_sample(frame) for frame in looked_at])
    if not values.size:
        raise VideoError(
            "The video has no finite values in the frames looked at, so it cannot be shown. "
            "Replace NaN and infinity before opening it."
        )
    low, high = (float(value) for value in np.percentile(values, (_BLACK, _WHITE)))
    noise = float(np.median([_noise(frame) for frame in looked_at]))
    for percentile, factor in _BOUNDS:
        reach = float(np.percentile(values, percentile)) - low
        if reach > _PICTURE * noise:
            high = min(high, low + factor * reach)
    return Contrast(low, high if high > low else low + 1)


def _readable(frames: Frames, indices: NDArray[np.intp]) -> list[NDArray[Any]]:
    """Return frames, without those that are damaged; they are told when their turn comes."""
    read, damage = [], None
    for index in indices:
        try:
            read.append(np.asarray(frames[int(index)]))
        except VideoError as error:
            damage = error
    if damage is not None and not read:
        raise damage
    return read


def _sample(frame: NDArray[Any]) -> NDArray[np.float64]:
    """Return about `_PIXELS` finite values of a frame, from an even grid."""
    step = max(1, round((frame.shape[0] * frame.shape[1] / _PIXELS) ** 0.5))
    values = frame[::step, ::step].astype(np.float64)
    return np.asarray(values[np.isfinite(values)])


def _noise(frame: NDArray[Any]) -> float:
    """Return about the standard deviation of the noise, from neighbours in a grid of rows."""
    step = max(1, round(frame.shape[0] * frame.shape[1] / _PIXELS))
    rows = frame[::step].astype(np.float64)
    with np.errstate(invalid="ignore"):
        differences = np.abs(np.diff(rows, axis=1))
    differences = differences[np.isfinite(differences)]
    return _SIGMA * float(np.median(differences)) if differences.size else 0.0
