"""Write masks in a format that other programs read.

for example:
  napari-frtm export clip.frtm masks --format png
  napari-frtm export clip.frtm cells.ome.tif --format tiff --range 10:60
  napari-frtm export masks/ labels.json --format coco --objects 1,3
  napari-frtm export --formats
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from napari_frtm.cli.output.progress import Interrupted
from napari_frtm.errors import FrtmError
from napari_frtm.io.export.export import export
from napari_frtm.io.export.extras import missing
from napari_frtm.io.export.formats import FORMATS
from napari_frtm.io.export.opening import open_masks
from napari_frtm.io.export.settings import EdgeSettings, ExportSettings, OddSides

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_frtm.io.export.source import MaskSource


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    add = parser.add_argument
    add(
        "masks",
        type=Path,
        help="session folder, folder of label images, or TIFF, zarr or NumPy stack of labels",
    )
    add("out", type=Path, help="file or folder to write")
    add("--format", required=True, choices=FORMATS, metavar="NAME", help="see --formats")
    add("--formats", action=_ListFormats, nargs=0, help="list the formats and exit")
    add("--video", type=Path, help="what the masks are of, if it is not known or has moved")
    add(
        "--range",
        type=_span,
        metavar="A:B",
        dest="span",
        help="frames A to B, B not included; either may be left out (default: all)",
    )
    add("--objects", type=_ids, metavar="ID,ID", help="objects to write (default: all)")
    add(
        "--names",
        default="%05d",
        metavar="PATTERN",
        help="names of files, with the frame's number, for example shot_%%04d (default: %%05d)",
    )
    add("--start", type=int, metavar="N", help="number of the first frame (default: as it is)")
    add("--overwrite", action="store_true", help="replace files that are there")
    add("--depth", type=int, default=0, choices=(8, 16, 32), help="bits of a channel")
    _add_look(parser)


def _add_look(parser: argparse.ArgumentParser) -> None:
    """Add the options of mattes, cut-outs and movies."""
    edges = EdgeSettings()
    add = parser.add_argument
    add("--matting", action="store_true", help="estimate the alpha of hair and motion blur")
    add(
        "--band",
        type=float,
        default=edges.band,
        metavar="PX",
        help=f"how far from the outline --matting looks, pixels (default: {edges.band:g})",
    )
    add(
        "--smooth",
        type=int,
        default=0,
        metavar="N",
        help="median over N frames before and after, against chatter of the edge (0 to 3)",
    )
    add("--grow", type=float, default=0.0, metavar="PX", help="move edges outward; < 0: inward")
    add("--feather", type=float, default=0.0, metavar="PX", help="soften edges over this width")
    add("--premultiplied", action="store_true", help="colours of cut-outs times alpha")
    add(
        "--odd",
        type=OddSides,
        default=OddSides.REFUSE,
        choices=list(OddSides),
        metavar="WHAT",
        help="if a movie must have even sides: pad repeats the last row or column, crop leaves it "
        "out (default: refuse)",
    )
    add("--audio", action="store_true", help="take over the sound of the video into movies")


def run(options: argparse.Namespace) -> None:
    """Run this command."""
    source = open_masks(options.masks)
    if options.video is not None:
        source = source.of_video(options.video)
    try:
        settings = _settings(options, source)
    except ValueError as error:  # a number that is out of range
        raise FrtmError(f"An option is wrong: {error}") from error
    _write(source, settings)
    print(f"{FORMATS[settings.format].label}: {settings.destination}")


def _settings(options: argparse.Namespace, source: MaskSource) -> ExportSettings:
    start, stop = options.span or (None, None)
    return ExportSettings(
        format=options.format,
        destination=options.out,
        span=range(start or 0, source.length if stop is None else stop),
        objects=options.objects,
        names=options.names,
        start=options.start,
        overwrite=options.overwrite,
        depth=options.depth,
        premultiplied=options.premultiplied,
        audio=options.audio,
        odd=options.odd,
        edges=EdgeSettings(
            matting=options.matting,
            band=options.band,
            smooth=options.smooth,
            grow=options.grow,
            feather=options.feather,
        ),
    )


def _write(source: MaskSource, settings: ExportSettings) -> None:
    """Export with a progress bar for each step."""
    bar: tqdm[None] | None = None
    shown = ""
    steps = export(source, settings)
    try:
        for step, done, total in steps:
            if bar is None or step != shown:
                if bar is not None:
                    bar.close()
                shown = step
                bar = tqdm(total=total, desc=step, unit="frame", file=sys.stderr)
            bar.update(done - bar.n)
    except KeyboardInterrupt:
        steps.close()
        raise Interrupted("Stopped; no file is left half written.") from None
    finally:
        if bar is not None:
            bar.close()


class _ListFormats(argparse.Action):
    """Prints the formats and exits."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[object] | None,
        option_string: str | None = None,
    ) -> None:
        for name, form in FORMATS.items():
            kind = f" ({form.suffix})" if form.suffix else ""
            needs = f" - {text}" if (text := missing(form.package)) else ""
            print(f"{name:<14} {form.label}{kind}{needs}")
        parser.exit()


def _span(text: str) -> tuple[int | None, int | None]:
    match = re.fullmatch(r"(\d*):(\d*)", text)
    if not match:
        raise argparse.ArgumentTypeError(f"'{text}' is not of the form A:B, for example 10:60")
    return (int(match[1]) if match[1] else None), (int(match[2]) if match[2] else None)


def _ids(text: str) -> tuple[int, ...]:
    if not re.fullmatch(r"[1-9]\d*(,[1-9]\d*)*", text):
        raise argparse.ArgumentTypeError(f"'{text}' is not of the form ID,ID, for example 1,3")
    return tuple(sorted({int(part) for part in text.split(",")}))
