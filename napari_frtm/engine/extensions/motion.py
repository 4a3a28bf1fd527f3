"""How a whole picture moves from frame to frame: the stage of a microscope drifts, or jumps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from torch import Tensor

_SIDE = 256
"""Pixels of the longer side of what is compared."""
_BETTER = 0.4
"""What may be left of the difference of two pictures for a shift to be believed."""
_ALIKE = 0.75
"""How well the pictures must correlate then."""
_FARTHEST = 0.2
"""Largest shift, as a share of the sides."""


class Stage:
    """Where the stage is: the sum of the shifts of the frames that it was shown.

    Attributes
    ----------
    position : tuple of float
        Rows and columns, pixels of the working size, by which things lie farther down and right
        than on the first frame.
    """

    def __init__(self) -> None:
        self.position = (0.0, 0.0)
        self._last: NDArray[np.float32] | None = None

    def follow(self, image: Tensor) -> tuple[float, float]:
        """Return the position for the next frame.

        Parameters
        ----------
        image : Tensor of shape (3, H, W), in [0, 1]
            At the working size.
        """
        height, width = image.shape[1:]
        scale = min(1.0, _SIDE / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        gray = image.mean(0).cpu().numpy()
        small = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
        if self._last is not None and self._last.shape == small.shape:
            rows, columns = shift(self._last, small)
            y, x = self.position
            self.position = y + rows * height / size[1], x + columns * width / size[0]
        self._last = small
        return self.position

    def state_dict(self) -> dict[str, Tensor]:
        """Return where it stands; see `load_state_dict`."""
        if self._last is None:
            return {}
        position = torch.tensor(self.position, dtype=torch.float64)
        return {"stage_position": position, "stage_last": torch.from_numpy(self._last)}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on where another one stood."""
        if "stage_last" in state:
            y, x = state["stage_position"].tolist()
            self.position = y, x
            self._last = state["stage_last"].cpu().numpy()


def shift(before: NDArray[np.float32], after: NDArray[np.float32]) -> tuple[int, int]:
    """Return by how many pixels a picture has moved as a whole, by normalised cross-correlation.

    Phase correlation, which weighs noise like everything else, found wrong shifts in half of the
    frames of two movies of cells, and this in none.

    Parameters
    ----------
    before, after : float32 arrays of shape (H, W)
        Two frames.

    Returns
    -------
    tuple of int
        Rows and columns, up to a fifth of the sides; 0 if no shift makes the two much more alike
        than they are.
    """
    rows, columns = (round(_FARTHEST * side) for side in before.shape)
    middle = np.ascontiguousarray(after[rows:-rows, columns:-columns])
    if min(rows, columns) == 0 or np.ptp(middle) == 0:  # nothing to compare
        return 0, 0
    alike = cv2.matchTemplate(before, middle, cv2.TM_CCOEFF_NORMED)
    _, best, _, (left, top) = cv2.minMaxLoc(alike)
    if best < _ALIKE or 1 - best > _BETTER * (1 - alike[rows, columns]):
        return 0, 0
    return rows - top, columns - left
