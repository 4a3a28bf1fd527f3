"""What pixels of a mask mean.

- indexed pictures: the palette index; void (255 in DAVIS) is an id like any other here;
- grey pictures and integer arrays: the value. Only 0 and the largest value (255, or 65535 in 16
  bits) means a mask of one object, id 1;
- colour pictures: black and transparent are background, a colour of the DAVIS palette is its
  index, each other colour takes the next free id, in the order of (red, green, blue);
- a cut-out, which is a photo or black on nothing: what is opaque is one object, id 1.

Soft (antialiased, feathered, lossy) masks are refused, or cut at a threshold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_frtm.errors import LabelsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

RGB_CODE = np.array([1 << 16, 1 << 8, 1])
_BLUR = 48  # how far JPEG moves black and white, and how many pixels may be further off
_BLURRED = 0.03


class SoftMaskError(LabelsError):
    """A mask is soft, and no threshold is given."""


def object_ids(pixels: NDArray[Any], name: str) -> NDArray[np.int32]:
    """Return the object ids that pixels stand for, by the rules at the top."""
    if pixels.ndim == 3 and pixels.dtype != np.uint8:
        pixels = _eight_bits(pixels, name)
    if pixels.ndim == 3:
        return _from_colours(pixels, name)
    if pixels.dtype.kind == "u" and pixels.dtype.itemsize <= 2:
        return _from_grey(pixels, name)
    if pixels.dtype.kind == "f":
        if not np.isfinite(pixels).all() or (pixels != np.rint(pixels)).any():
            raise _soft(name, len(np.unique(pixels)), "threshold at half of the largest value")
        pixels = np.clip(pixels, -1, np.iinfo(np.int32).max + 1.0).astype(np.int64)
    return integers(pixels, name)


def _eight_bits(colours: NDArray[Any], name: str) -> NDArray[Any]:
    """Return deep colours as greys, if they are, or with 8 bits, if they are dark or full."""
    if colours.shape[2] == 3 and (colours == colours[..., :1]).all():
        return colours[..., 0]
    top = np.iinfo(colours.dtype).max if colours.dtype.kind in "ui" else 1
    if not np.isin(colours, (0, top)).all():
        raise _soft(name, len(np.unique(colours)), "save colours with 8 bits")
    return (colours > 0).astype(np.uint8) * np.uint8(255)


def _from_grey(values: NDArray[Any], name: str) -> NDArray[np.int32]:
    """Read unsigned 8- or 16-bit values: one mask (0 and top), ids, or ids with void (top).

    Values other than 1..N, N at most 64, are soft beside top, or if they are 8-bit and thin.
    """
    top = np.iinfo(values.dtype).max
    levels = np.unique(values)
    levels = levels[levels > 0]
    if levels.tolist() == [top]:
        return integers(values == top, name)
    others = levels[levels < top]
    numbered = others.size == others.max(initial=0) <= 64
    if not numbered and (others.size < levels.size or (top == 255 and _thin(values))):
        raise _soft(name, levels.size, f"threshold at {(top + 1) // 2}")
    return integers(values, name)


def _from_colours(colours: NDArray[Any], name: str) -> NDArray[np.int32]:
    """Read colours: palette ids, else greys as a grey picture, else new ids."""
    if colours.dtype != np.uint8 or colours.shape[-1] not in (3, 4):
        raise LabelsError(f"{name} must be 8-bit RGB or RGBA, got {colours.dtype}.")
    rgb = colours[..., :3].astype(np.int32)
    if colours.shape[-1] == 4:
        if _is_cut_out(colours):
            return integers(colours[..., 3] > 0, name)
        rgb[colours[..., 3] == 0] = 0
        if _thin(colours[..., 3]):
            raise _soft(name, len(np.unique(colours[..., 3])), "with a hard brush")
    known = (davis_palette() @ RGB_CODE).tolist()
    codes, inverse = np.unique(rgb @ RGB_CODE, return_inverse=True)
    if (rgb == rgb[..., :1]).all() and not set(codes.tolist()) <= set(known):
        return _from_grey(rgb[..., 0].astype(np.uint8), name)
    if codes.size > 256:
        raise _soft(name, codes.size, "save it without JPEG or blur")
    taken = [known.index(code) for code in codes if code in known]
    free = iter(sorted(set(range(1, codes.size + 256)).difference(taken)))
    ids = [known.index(code) if code in known else next(free) for code in codes]
    image = np.array(ids, np.int32)[inverse].reshape(rgb.shape[:2])
    if _thin(image.astype(np.uint8)):
        raise _soft(name, codes.size, "save it without antialiasing")
    return image


def _is_cut_out(colours: NDArray[np.uint8]) -> bool:
    """Whether the opacity is a hard mask, and the colours below are black or a photo."""
    opaque = colours[..., 3] > 0
    if set(np.unique(colours[..., 3]).tolist()) != {0, 255}:
        return False
    inside = colours[opaque][:, :3].astype(np.int32)
    return not inside.any() or len(np.unique(inside @ RGB_CODE)) > 256


def thresholded(pixels: NDArray[Any], threshold: float) -> NDArray[np.int32]:
    """Return a mask of one object: what has at least a part of full strength.

    The strength of a colour is its largest channel, times its opacity; if all that is not
    transparent is black or a photo, it is the opacity alone.

    Parameters
    ----------
    pixels : array of shape (H, W), (H, W, 3) or (H, W, 4)
        Of integers, full strength being the largest of their type, or of floats up to 1.
    threshold : float
        In (0, 1].
    """
    top = np.iinfo(pixels.dtype).max if pixels.dtype.kind in "ui" else 1.0
    strength = np.nan_to_num(pixels.astype(np.float64) / top)
    if strength.ndim == 3 and strength.shape[2] == 4:
        colour, opacity = strength[..., :3].max(axis=2), strength[..., 3]
        codes = np.unique((pixels[..., :3][opacity >= threshold]).astype(np.int64) @ RGB_CODE)
        cut_out = opacity.min() < threshold and (len(codes) > 256 or not codes.any())
        strength = opacity if cut_out else colour * opacity
    elif strength.ndim == 3:
        strength = strength.max(axis=2)
    return (strength >= threshold).astype(np.int32)


def without_blur(picture: NDArray[Any], name: str) -> NDArray[Any]:
    """Return a lossy black and white picture as it was; other ones are soft.

    Raises
    ------
    SoftMaskError
        If it has more than black and white.
    """
    grey = picture if picture.ndim == 2 else picture[..., :3].max(axis=2)
    between = ((grey > _BLUR) & (grey < 255 - _BLUR)).mean()
    coloured = picture.ndim == 3 and np.ptp(picture[..., :3].astype(int), axis=2).max() > _BLUR
    if coloured or between > _BLURRED:
        raise _soft(name, len(np.unique(grey)), "as PNG or TIFF: JPEG blurs labels")
    return np.where(grey > 127, 255, 0).astype(np.uint8)


def _thin(values: NDArray[np.uint8]) -> bool:
    """Whether most values, and more than 8, nowhere fill a 3 x 3 square, as in a soft edge."""
    square = np.ones((3, 3), np.uint8)
    solid = cv2.erode(values, square) == cv2.dilate(values, square)
    levels = np.unique(values[values > 0])
    thin = np.setdiff1d(levels, values[solid])
    return thin.size > 8 and 2 * thin.size > levels.size


def _soft(name: str, levels: int, remedy: str) -> SoftMaskError:
    what = f"{name} has soft values ({levels} distinct grey levels or colours)"
    return SoftMaskError(
        f"{what}; give a hard mask, e.g. {remedy}, or say from which part of full strength on "
        "they belong to the object (--mask-threshold 0.5)."
    )


def integers(ids: NDArray[Any], name: str) -> NDArray[np.int32]:
    """Return a label image as int32.

    Raises
    ------
    LabelsError
        If it is none, or has ids that are negative or too large.
    """
    if ids.ndim != 2 or ids.size == 0 or ids.dtype.kind not in "biu":
        raise LabelsError(
            f"{name} must be a two-dimensional integer image, got {ids.dtype} of shape {ids.shape}."
        )
    low, high = int(ids.min()), int(ids.max())
    if low < 0 or high > np.iinfo(np.int32).max:
        raise LabelsError(f"{name} has ids from {low} to {high}; they must be in [0, 2^31).")
    return ids.astype(np.int32)


def davis_palette() -> NDArray[np.uint8]:
    """Return the colours of DAVIS and PASCAL VOC, of shape (256, 3), RGB.

    Bits 0, 3, 6 of the index are the highest bits of red, from the top; bits 1, 4, 7 those of
    green; bits 2, 5 those of blue.
    """
    index, channel = np.ogrid[:256, :3]
    bits = [((index >> (3 * step + channel)) & 1) << (7 - step) for step in range(3)]
    return np.asarray(np.bitwise_or.reduce(bits), np.uint8)
