"""The size of pixels and the interval of frames, as scientific files say it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

if TYPE_CHECKING:
    import tifffile

_UNITS = {
    "micrometer": ("µm", "μm", "um", "micron", "microns", "micrometer", "micrometre"),
    "nanometer": ("nm", "nanometer", "nanometre"),
    "millimeter": ("mm", "millimeter", "millimetre"),
}
_LENGTHS = {word: unit for unit, words in _UNITS.items() for word in words}
_SECONDS = {"s": 1.0, "sec": 1.0, "second": 1.0, "ms": 1e-3, "millisecond": 1e-3, "min": 60.0}
_SECONDS |= {"minute": 60.0, "h": 3600.0, "hour": 3600.0}


@dataclass(frozen=True, slots=True)
class PixelSize:
    """What a file says of the distances between its pixels; only what can be understood.

    Attributes
    ----------
    lengths : mapping of str to (float, str)
        By axis name (``x``, ``y``, ``z``): distance of two pixels, and its unit
        (``micrometer``, ``nanometer`` or ``millimeter``).
    interval : float or None
        Seconds between two frames.
    """

    lengths: Mapping[str, tuple[float, str]] = field(default_factory=dict)
    interval: float | None = None


def of_tiff(tiff: tifffile.TiffFile) -> PixelSize:
    """Return what the OME or ImageJ metadata of a TIFF file say."""
    if tiff.ome_metadata:
        return _of_ome(tiff.ome_metadata)
    if tiff.imagej_metadata:
        tags = tiff.pages[0].tags
        resolution = {a: tags.get(f"{a.upper()}Resolution") for a in ("x", "y")}
        rational = {axis: tag.value for axis, tag in resolution.items() if tag is not None}
        return _of_imagej(tiff.imagej_metadata, rational)
    return PixelSize()


def of_czi(xml: str) -> PixelSize:
    """Return what the metadata of a CZI file say; they are in metres and seconds."""
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        return PixelSize()
    sizes: dict[str, tuple[Any, str]] = {}
    for distance in root.iterfind(".//Scaling/Items/Distance"):
        metres = _positive(distance.findtext("Value"))
        if metres:
            sizes[distance.get("Id", "").lower()] = (metres * 1e6, "um")
    interval = root.findtext(".//Dimensions/T/Positions/Interval/Increment")
    return _checked(sizes, None if interval is None else (interval, "s"))


def of_nd2(file: Any) -> PixelSize:
    """Return what an `nd2.ND2File` says; it is in micrometres and milliseconds."""
    sizes = {}
    with suppress(Exception):  # the library raises anything where it finds what it has not seen
        voxel = file.voxel_size()
        sizes = {axis: (getattr(voxel, axis), "um") for axis in "xyz"}
    loop = next((loop for loop in file.experiment if loop.type == "TimeLoop"), None)
    return _checked(sizes, None if loop is None else (loop.parameters.periodMs, "ms"))


def of_ome_zarr(image: Mapping[str, Any]) -> PixelSize:
    """Return what the metadata of an OME-Zarr image say of its largest level."""
    axes = [axis for axis in image.get("axes", ()) if isinstance(axis, Mapping)]
    transforms = image["datasets"][0].get("coordinateTransformations", ())
    scale = next((t["scale"] for t in transforms if t.get("type") == "scale"), ())
    sizes = {
        str(axis["name"])[:1].lower(): (value, str(axis.get("unit", "")))
        for axis, value in zip(axes, scale, strict=False)
    }
    return _checked(sizes, sizes.get("t"))


def _of_ome(xml: str) -> PixelSize:
    try:
        pixels = ElementTree.fromstring(xml).find(".//{*}Pixels")
    except ElementTree.ParseError:
        return PixelSize()
    known = {} if pixels is None else pixels.attrib
    sizes = {
        axis: (known[f"PhysicalSize{letter}"], known.get(f"PhysicalSize{letter}Unit", "µm"))
        for axis, letter in zip("xyz", "XYZ", strict=True)
        if f"PhysicalSize{letter}" in known
    }
    interval = known.get("TimeIncrement")
    unit = known.get("TimeIncrementUnit", "s")
    return _checked(sizes, None if interval is None else (interval, unit))


def _of_imagej(known: Mapping[str, Any], rational: Mapping[str, tuple[int, int]]) -> PixelSize:
    # ImageJ writes the micro sign as \u00B5
    unit = re.sub(r"\\u00b5", "µ", str(known.get("unit", "")), flags=re.IGNORECASE)
    sizes: dict[str, tuple[Any, str]] = {
        axis: (below / above, unit) for axis, (above, below) in rational.items() if above
    }
    if "spacing" in known:
        sizes["z"] = (known["spacing"], unit)
    interval = known.get("finterval")
    return _checked(sizes, None if interval is None else (interval, str(known.get("tunit", "s"))))


def _checked(sizes: Mapping[str, tuple[Any, str]], interval: tuple[Any, str] | None) -> PixelSize:
    """Keep positive numbers with a unit that is known."""
    lengths = {
        axis: (number, _LENGTHS[unit.lower()])
        for axis, (value, unit) in sizes.items()
        if axis in "xyz" and (number := _positive(value)) and unit.lower() in _LENGTHS
    }
    seconds = None
    if interval is not None and interval[1].lower() in _SECONDS:
        number = _positive(interval[0])
        seconds = number * _SECONDS[interval[1].lower()] if number else None
    return PixelSize(lengths, seconds)


def _positive(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if 0 < number < float("inf") else None
