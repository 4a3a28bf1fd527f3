"""Follow the objects of a mask through a video and write a mask per frame.

The work is kept in a session folder, DIR/VIDEO.frtm, which napari opens for review and
corrections. A session can be given in place of a video, to go on with it.

for example:
  napari-frtm segment clip.mp4 --mask first.png --out masks
  napari-frtm segment frames/ --mask 0:a.png --mask 40:b.png --out masks --direction both
  napari-frtm segment cells.tif --mask first.tif --out masks --range 10:60 --scores
  napari-frtm segment clip.mp4 --mask first.png --out masks --overlay masks/overlay.mp4
  napari-frtm segment clip.mp4 --strokes strokes.png --out masks
  napari-frtm segment stack.tif --channel 1 --plane max --mask first.tif --out masks
  napari-frtm segment masks/clip.frtm --resume
  napari-frtm segment masks/clip.frtm --mask 40:fixed.png --from-here 40
"""

from __future__ import annotations

import argparse
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_frtm.cli.method import add_method_arguments, method_settings, path
from napari_frtm.cli.run.follow import finish, follow
from napari_frtm.cli.run.job import Job
from napari_frtm.cli.run.protection import protect
from napari_frtm.cli.run.reopen import check_same, mask_files, request_on
from napari_frtm.cli.run.sketched import sketched
from napari_frtm.cli.source import (
    add_contrast_arguments,
    add_source_arguments,
    check_section,
    chosen_contrast,
    chosen_section,
    threshold,
)
from napari_frtm.config import Direction
from napari_frtm.errors import FrtmError
from napari_frtm.io.drive import DOES_NOT_ANSWER, exists, unreachable
from napari_frtm.io.session.folder import SessionFolder, is_session
from napari_frtm.io.session.identity import is_there, session_name
from napari_frtm.io.video.opening import open_video
from napari_frtm.session.drawn import absolute_span, mask_entry, read_drawn
from napari_frtm.session.earlier import earlier_run, open_source, request_again
from napari_frtm.session.mask_files import MaskFiles, Outputs
from napari_frtm.session.run.coverage import Scope
from napari_frtm.session.run.method import suited_preset
from napari_frtm.session.run.recording import releasing
from napari_frtm.session.run.request import Request
from napari_frtm.session.store.store import Store

if TYPE_CHECKING:
    from napari_frtm.io.video.opening import Video
    from napari_frtm.session.run.request import Settings
    from napari_frtm.types import Labels


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    add = parser.add_argument
    add(
        "video",
        type=path,
        metavar="VIDEO|SESSION",
        help="movie, folder or pattern of images, TIFF, zarr or npy stack; or a session folder, "
        "where the options of its last run hold unless others are given",
    )
    _add_drawn(parser)
    add("--out", type=path, metavar="DIR", help="folder for the masks")
    add(
        "--session",
        type=path,
        metavar="DIR",
        help="session folder (default: named after the video, in the folder for the masks)",
    )
    add(
        "--from-here",
        type=_frame,
        metavar="T",
        help="of a session, compute again only what depends on frame T: up to the next mask, on "
        "the side that the direction says",
    )
    add(
        "--range",
        type=_span,
        metavar="A:B",
        dest="span",
        help="frames A to B, B not included; either may be left out (default: all)",
    )
    add(
        "--direction",
        choices=[*map(str, Direction)],
        metavar="|".join(Direction),
        help="which way to go from the masks (default: forward)",
    )
    _add_outputs(parser)
    add_contrast_arguments(parser)
    add_source_arguments(parser)
    add_method_arguments(parser)


def _add_drawn(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what to follow."""
    add = parser.add_argument
    add(
        "--mask",
        action="append",
        default=[],
        metavar="[T:]FILE",
        type=_mask,
        help="label image of frame T (counted from 0); without T the first frame of the range, "
        "or the last one going backward; repeat for more frames",
    )
    add(
        "--strokes",
        action="append",
        default=[],
        metavar="[T:]FILE",
        type=_mask,
        help="label image of strokes on frame T, from which masks are found: ids on objects, 255 "
        "on what is none, 0 elsewhere; a mask of the same frame is corrected; repeat for more "
        "frames",
    )
    add("--tidy", action="store_true", help="find the outlines of roughly drawn masks anew")
    add(
        "--mask-threshold",
        type=threshold,
        metavar="SHARE",
        help="of antialiased or soft masks of one object: from which part of full strength, above "
        "0 and up to 1, a pixel belongs to it (default: such masks are refused)",
    )


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what is written."""
    add = parser.add_argument
    add(
        "--scores",
        action="store_true",
        help="write coarse scores, the largest of all objects, to DIR/scores",
    )
    add("--probabilities", action="store_true", help="write soft masks to DIR/probabilities")
    movie = "write a movie of the masks over the video"
    add("--overlay", type=path, metavar="FILE.mp4", help=movie)
    again = parser.add_mutually_exclusive_group()
    again.add_argument(
        "--resume",
        action="store_true",
        help="continue a run that was stopped: target models and memory are restored as saved "
        "after its last finished chunk",
    )
    again.add_argument(
        "--overwrite", action="store_true", help="replace the results of another run in DIR"
    )


def run(options: argparse.Namespace) -> None:
    """Run this command."""
    session = _session_to_go_on_with(options)
    if session is None:
        _begin(options)
        return
    with releasing(Store.of_folder(SessionFolder.open(session), in_memory=False)) as store:
        if options.resume and (options.mask or options.strokes) and _never_ran(store):
            options.resume = False  # it was killed before the session knew of the run
        _go_on(options, session, store)


def _session_to_go_on_with(options: argparse.Namespace) -> Path | None:
    """Return the session that the options are about; None if they begin one."""
    if is_session(options.video):
        if options.session is not None:
            raise FrtmError("Give a session as the first argument or with --session, not both.")
        return Path(options.video)
    place = _place(options)
    if options.from_here is not None and not is_session(place):
        raise FrtmError(f"--from-here goes on from a session, and {place} is none.")
    if options.resume and not is_session(place):
        raise FrtmError(f"{place.parent} {_no_session(place)}")
    return place if options.resume or options.from_here is not None else None


def _no_session(place: Path) -> str:
    """Say why a session is not where it belongs."""
    if unreachable(place):
        return f"cannot be read: {DOES_NOT_ANSWER}."
    if not exists(place.parent):
        return "is not there. If it is on a drive, connect that; else leave out --resume."
    return "holds no run to continue. Leave out --resume."


def _never_ran(store: Store) -> bool:
    """Whether nothing has been found of a video yet, and no run has begun."""
    assert store.folder is not None
    return not store.timeline.filled.any() and earlier_run(store.folder) is None


def _place(options: argparse.Namespace) -> Path:
    """Return where the session of a video belongs."""
    if options.session is not None:
        return Path(options.session)
    if options.out is None:
        if unreachable(options.video):
            raise FrtmError(f"{options.video} cannot be read: {DOES_NOT_ANSWER}.")
        if not is_there(options.video):  # it may be a session
            raise FrtmError(f"There is no file or folder {options.video}. Check the path.")
        raise FrtmError("Say where the masks go: --out DIR, or --session DIR for a session only.")
    return Path(options.out) / session_name(options.video)


def _begin(options: argparse.Namespace) -> None:
    """Begin a session on a video, and run."""
    if not (options.mask or options.strokes):
        raise FrtmError(
            "Give what to follow: --mask FILE, a label image of the first frame, or --strokes FILE."
        )
    video = open_video(options.video, chosen_section(options))
    video = replace(video, contrast=chosen_contrast(options, video.contrast))
    length, height, width = video.frames.shape[:3]
    span = absolute_span(options.span, length)
    direction = Direction(options.direction or Direction.FORWARD)
    suited = suited_preset(video.frames)
    chosen = method_settings(options, suited=suited)
    settings = replace(chosen, direction=direction, soft=options.probabilities)
    annotations = _drawn(options, video, span, settings)
    store = Store((length, height, width), in_memory=False)
    outputs = Outputs(scores=options.scores, probabilities=options.probabilities)
    largest = max(int(labels.max()) for labels in annotations.values())
    out = options.out
    job = Job(
        source=options.video,
        video=video,
        request=Request(
            frames=video.frames,
            keyframes=annotations,
            complete=frozenset(),
            store=store,
            settings=settings,
            span=span,
            scope=Scope.RANGE,
            contrast=video.contrast,
        ),
        session=_place(options),
        masks=None if out is None else MaskFiles.of(out, video.names, outputs, largest),
        mask_files=tuple(file for _, file in (*options.mask, *options.strokes)),
        overlay=options.overlay,
        overwrite=options.overwrite,
    )
    protect(job)
    with releasing(store):
        follow(job)


def _go_on(options: argparse.Namespace, session: Path, store: Store) -> None:
    """Continue the last run of a session, or start another one on it."""
    assert store.folder is not None
    given = None if is_session(options.video) else options.video
    source, video = open_source(store.folder, given)
    check_section(options, video.section)
    earlier = earlier_run(store.folder)
    span = None if options.span is None else absolute_span(options.span, store.size[0])
    whole = span or range(store.size[0])
    before = earlier.settings if earlier else None
    settings = method_settings(options, before, suited_preset(video.frames))
    if options.direction:
        settings = replace(settings, direction=Direction(options.direction))
    contrast = chosen_contrast(options, (earlier or video).contrast)
    annotations = _drawn(options, replace(video, contrast=contrast), whole, settings, store)
    largest = max((int(labels.max()) for labels in annotations.values()), default=0)
    if options.resume:
        if earlier is None:
            raise FrtmError(f"{session} holds no run to continue. Leave out --resume.")
        check_same(options, earlier, store, annotations, span)
        request = request_again(store, video, earlier, options.device)
    else:
        if store.folder.has_run and not options.overwrite:
            raise FrtmError(
                f"{session} has an unfinished run. Continue it with --resume, or give it up with "
                "--overwrite."
            )
        request = replace(request_on(store, video, earlier, options, annotations), span=whole)
    job = Job(
        source=source,
        video=replace(video, contrast=request.contrast or video.contrast),
        request=request,
        session=session,
        masks=mask_files(session, store, video, options, largest),
        mask_files=()
        if options.resume
        else tuple(file for _, file in (*options.mask, *options.strokes)),
        overlay=options.overlay,
        continues=options.resume,
        overwrite=options.overwrite,
    )
    protect(job, again=True)
    if options.resume and not store.folder.has_run:
        finish(job)
    else:
        follow(job)


def _drawn(
    options: argparse.Namespace,
    video: Video,
    span: range,
    settings: Settings,
    store: Store | None = None,
) -> dict[int, Labels]:
    """Return the masks that are given, with what is found from strokes.

    A run that goes on has found them before: there, strokes count as given.
    """
    masks = read_drawn(options.mask, video, span, settings.direction, options.mask_threshold)
    strokes = read_drawn(options.strokes, video, span, settings.direction)
    if options.resume:
        return {} if options.tidy else {t: m for t, m in masks.items() if t not in strokes}
    known = {t: store.labels(t) for t in strokes if store is not None and t not in masks}
    known = {t: labels for t, labels in known.items() if labels.any()}
    found = sketched(strokes, {**known, **masks}, video, settings, tidy=options.tidy)
    return {t: found[t] for t in sorted({*masks, *strokes})}


def _mask(text: str) -> tuple[int | None, Path]:
    path(text)  # which refuses none
    return mask_entry(text)


def _frame(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is no number of a frame, counted from 0")
    return int(text)


def _span(text: str) -> tuple[int | None, int | None]:
    match = re.fullmatch(r"(\d*):(\d*)", text)
    if not match:
        raise argparse.ArgumentTypeError(f"'{text}' is not of the form A:B, for example 10:60")
    start, stop = (int(part) if part else None for part in match.groups())
    if stop is not None and (start or 0) >= stop:
        raise argparse.ArgumentTypeError(f"A must be below B, got '{text}'")
    return start, stop
