"""Alpha of hair and motion blur, estimated from the colours in a band around the outline.

Closed-form matting (Levin, Lischinski, Weiss: A closed-form solution to natural image matting, PAMI
2008) by pymatting, tile by tile and only in the band; everything farther from the outline stays as
it is. Foreground colours: multi-level estimation (Germer et al., 2020), likewise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_frtm.io.export.box import box_around
from napari_frtm.io.export.extras import extra

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_TILE = 256
_SURE, _PULL = 100.0, 0.005
"""Weights of what is known and of what was believed, against those of the colours."""
_OVERLAP = 32
"""Pixels that a tile looks beyond its border, so that tiles agree there."""


def estimated(
    image: NDArray[np.unsignedinteger[Any]], alpha: NDArray[np.float32], band: float
) -> NDArray[np.float32]:
    """Return a matte with the alpha near its outline taken from the colours.

    Parameters
    ----------
    image : uint8 or uint16 array of shape (H, W, 3)
        RGB.
    alpha : float32 array of shape (H, W), in [0, 1]
        The matte as it is known.
    band : float
        Distance from the outline up to which it is not trusted, pixels.

    Raises
    ------
    OutputError
        If pymatting is not installed.
    """
    known = _trimap(alpha, band)
    result = alpha.copy()
    for inner, outer in _tiles(known == 0.5):
        piece = _solved(image[outer] / _white(image), known[outer], alpha[outer])
        rows, columns = (
            slice(i.start - o.start, i.stop - o.start) for i, o in zip(inner, outer, strict=True)
        )
        unknown = known[inner] == 0.5
        result[inner][unknown] = piece[rows, columns][unknown]
    return result


def foreground(
    image: NDArray[np.unsignedinteger[Any]], alpha: NDArray[np.float32]
) -> NDArray[np.unsignedinteger[Any]]:
    """Return the colours of what is in front, of shape (H, W, 3): changed only where alpha is soft.

    Raises
    ------
    OutputError
        If pymatting is not installed.
    """
    soft = (alpha > 0) & (alpha < 1)
    if not soft.any():
        return image
    box = box_around(soft, _OVERLAP)
    matting = extra("pymatting.foreground.estimate_foreground_ml", "Matting")
    front = matting.estimate_foreground_ml(
        image[box] / _white(image), alpha[box].astype(np.float64)
    )
    result = image.copy()
    levels = np.rint(np.clip(front, 0, 1) * _white(image)).astype(image.dtype)
    result[box] = np.where(soft[box][..., None], levels, image[box])
    return result


def _white(image: NDArray[np.unsignedinteger[Any]]) -> int:
    return int(np.iinfo(image.dtype).max)


def _trimap(alpha: NDArray[np.float32], band: float) -> NDArray[np.float64]:
    """Return 1 in the object, 0 outside, 0.5 in the band; the core of thin parts is known."""
    inside = (alpha >= 0.5).view(np.uint8)
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, 5)
    away = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5)
    # where the object is thinner than the band, half of its depth there is kept
    size = 2 * int(np.ceil(band)) + 1
    thick = cv2.dilate(depth, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    known = np.full(alpha.shape, 0.5)
    known[(depth > band) | ((depth > 0.5 * thick) & (alpha > 0.95))] = 1
    known[away > band] = 0
    return known


def _solved(
    image: NDArray[np.float64], known: NDArray[np.float64], alpha: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Return the alpha of a tile.

    The quadratic cost of closed-form matting, with a weak pull to the matte as it is known: it
    decides where colours do not tell, as in what is seen between two arms.
    """
    laplacian = extra("pymatting.laplacian.cf_laplacian", "Matting").cf_laplacian
    sure = (known != 0.5).ravel()
    pull = np.where(sure, _SURE, _PULL)
    wanted = np.where(sure, known.ravel(), alpha.ravel())
    diagonal = extra("scipy.sparse", "Matting").diags(pull)
    matrix = (laplacian(image, is_known=sure) + diagonal).tocsc()
    start = extra("pymatting.preconditioner.ichol", "Matting").ichol(matrix)
    solve = extra("pymatting.solver.cg", "Matting").cg
    result = np.asarray(solve(matrix, pull * wanted, M=start)).reshape(known.shape)
    return np.asarray(np.clip(result, 0, 1), np.float64)


def _tiles(
    band: NDArray[np.bool_],
) -> Iterator[tuple[tuple[slice, slice], tuple[slice, slice]]]:
    """Yield the parts of an image in which there is some of the band, and what is around them."""
    height, width = band.shape
    for y in range(0, height, _TILE):
        for x in range(0, width, _TILE):
            inner = (slice(y, min(y + _TILE, height)), slice(x, min(x + _TILE, width)))
            if band[inner].any():
                yield inner, (_wider(inner[0], height), _wider(inner[1], width))


def _wider(span: slice, size: int) -> slice:
    return slice(max(0, span.start - _OVERLAP), min(size, span.stop + _OVERLAP))
