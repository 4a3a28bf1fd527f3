"""Writing masks in a format that other programs read, frame by frame."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from napari_frtm.errors import OutputError
from napari_frtm.io.atomic import reporting
from napari_frtm.io.export.extras import extra, require
from napari_frtm.io.export.formats import FORMATS, Format
from napari_frtm.io.export.job import prepare
from napari_frtm.io.export.settings import ExportSettings, OddSides, Progress
from napari_frtm.io.session.identity import is_session

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from napari_frtm.io.export.source import MaskSource


def export(source: MaskSource, settings: ExportSettings) -> Generator[Progress, None, None]:
    """Write masks; close the generator to stop.

    Formats of one file appear when the last frame is written, and not at all if it is stopped
    before. Formats of many files write each of them whole, and those written before a stop stay.

    Yields
    ------
    Progress
        After each frame.

    Raises
    ------
    FrtmError
        If there is nothing to write, or it cannot be written; the message says why.
    """
    form = FORMATS[settings.format]
    check(source, settings)  # all now, and not after all frames were looked at
    if form.package:
        extra(form.package, form.label)
    if settings.edges.matting:
        require("pymatting", "Matting")
    if form.needs_video or settings.edges.matting:
        source.image(0)  # which says what to do if there is none
    job = yield from prepare(source, settings)
    if settings.edges.matting:
        yield Progress("Loading the matting (a minute, the first time)", 0, len(job.span))
        extra("pymatting", "Matting")  # it compiles itself when it is first imported
    with reporting(job.path):
        job.path.parent.mkdir(parents=True, exist_ok=True)
    with form.writer(job) as write:
        for done, index in enumerate(job.span, 1):
            write(index)
            yield Progress("Writing", done, len(job.span))


def check(source: MaskSource, settings: ExportSettings) -> None:
    """Check that an export can be made, and may be written where it is wanted.

    Raises
    ------
    FrtmError
        If it would replace the source or, without `overwrite`, anything else; if the format has no
        use for a setting, no pictures of the size, or no encoder here.
    """
    form = FORMATS[settings.format]
    _check_options(settings)
    _check_destination(source, settings)
    if settings.odd is OddSides.REFUSE and (odd := form.odd(source.size)):
        raise OutputError(f"{settings.destination.name}: {odd}")
    if form.encoding is not None:
        form.encoding.codec()


def _check_destination(source: MaskSource, settings: ExportSettings) -> None:
    """Refuse to replace the source or, without `overwrite`, anything else."""
    path, form = settings.destination, FORMATS[settings.format]
    with reporting(path):
        _protect(path, source)
        _check_name(path, form, overwrite=settings.overwrite)


def _check_name(path: Path, form: Format, *, overwrite: bool) -> None:
    """Refuse a name that does not fit the format, or that is taken."""
    if form.suffix and not path.name.lower().endswith(_suffixes(form)):
        raise OutputError(f"{path.name} is no name for {form.label}: let it end in {form.suffix}.")
    folder = form.folder or not form.suffix
    if path.exists() and path.is_dir() != folder:
        what = "file" if folder else "folder"
        raise OutputError(f"{path} is a {what} that is there already. Choose another name.")
    if not overwrite and (_filled(path) if folder else path.exists()):
        raise OutputError(
            f"{path} is there already. Choose another name, or allow to replace it (Overwrite, or "
            "--overwrite on the command line)."
        )
    if form.folder and _filled(path) and not any((path / n).exists() for n in _ZARR):
        raise OutputError(f"{path} holds something else than zarr. Choose another folder.")


def _check_options(settings: ExportSettings) -> None:
    """Refuse settings that would make no difference, rather than leaving them out silently."""
    form = FORMATS[settings.format]
    plain = ExportSettings(format=settings.format, destination=settings.destination)
    for option in ("names", "depth", "edges", "premultiplied", "audio", "odd"):
        if option not in form.uses and getattr(settings, option) != getattr(plain, option):
            raise OutputError(
                f"{form.label} has no {_OPTIONS[option]}. Leave that out, or choose another format."
            )


_OPTIONS = {
    "names": "names of files to choose",
    "depth": "number of bits to choose",
    "edges": "soft edges to work on",
    "premultiplied": "colours to multiply by alpha",
    "audio": "sound",
    "odd": "even sides that pictures must have",
}
_ZARR = ("zarr.json", ".zgroup", ".zattrs")


def _suffixes(form: Format) -> tuple[str, ...]:
    return {".ome.tif": (".tif", ".tiff")}.get(form.suffix, (form.suffix,))


def _filled(path: Path) -> bool:
    return path.is_dir() and any(not entry.name.startswith(".") for entry in path.iterdir())


def _protect(path: Path, source: MaskSource) -> None:
    """Refuse to write on, into or around what the export is made from."""
    target = path.resolve()
    for used in (source.path, source.video_path):
        if used is None:
            continue
        pattern = not os.path.exists(used)  # noqa: PTH110 - of images in a folder; never raises
        origin = used.parent.resolve() if pattern else used.resolve()
        if target == origin or (origin in target.parents and not pattern):
            raise OutputError(
                f"The export would be written to {path}, over or into what it is made from. "
                "Choose another place."
            )
        if target in origin.parents and any((target / name).exists() for name in _ZARR):
            raise OutputError(f"{path} holds the source of the export. Choose another folder.")
    if any(is_session(folder) for folder in (target, *target.parents)):
        raise OutputError(f"{path} is in a session folder. Choose another place.")
