"""One clip, from its files to a session with exports: what a worker does, without dask."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_frtm.batch.result import ClipResult, Effort, key_of, load_result, thumbnail
from napari_frtm.config import Direction
from napari_frtm.errors import FrtmError, OutputError
from napari_frtm.io.export.export import export
from napari_frtm.io.export.opening import open_masks
from napari_frtm.io.session.folder import SessionFolder, is_session
from napari_frtm.io.session.identity import VideoIdentity
from napari_frtm.io.session.lock import SessionInUseError
from napari_frtm.io.video.opening import open_video
from napari_frtm.session.carry_out import carry_out
from napari_frtm.session.coverage import Scope
from napari_frtm.session.drawn import absolute_span, mask_entry, read_drawn
from napari_frtm.session.earlier import earlier_run, open_source, request_again
from napari_frtm.session.recording import check_worth, enter_keyframes, record, releasing
from napari_frtm.session.request import Advanced, Request, Settings, Started
from napari_frtm.session.store import Store

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping
    from pathlib import Path

    from napari_frtm.batch.job import Export, Task
    from napari_frtm.io.video.opening import Video
    from napari_frtm.session.carry_out import NetworkCache

KEY = "batch"
"""Of a session's settings: what batch knows of it."""
ASKED = "asked"
"""Of a session's settings: the run that batch is to do, if it is not the last one again."""
_PATIENCE = 30.0  # seconds; a worker that was given up may still be writing its last chunk


@dataclass(frozen=True, slots=True)
class ClipProgress:
    """How far a clip is.

    Attributes
    ----------
    done, total : int
        Frames.
    confidence : float or None
        Mean so far of that of the worst object.
    step : str
        What is being done, in words.
    """

    done: int
    total: int
    confidence: float | None = None
    step: str = "following"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Work:
    """A clip that is open.

    Attributes
    ----------
    video : Video
        Its frames.
    request : Request
        What to do; its store has a folder if there is a session already.
    identity : VideoIdentity
        Of the video.
    key : str
        Of all that the masks depend on.
    continues : bool
        Whether the session has a run to go on with.
    """

    video: Video
    request: Request
    identity: VideoIdentity
    key: str
    continues: bool = False

    @property
    def store(self) -> Store:
        """What is known of the video."""
        return self.request.store


def follow_clip(
    task: Task, networks: NetworkCache
) -> Generator[ClipProgress, None, ClipResult | None]:
    """Yield how far a clip is, and return what came of it; close the generator to stop.

    A clip that is done is not done again: only exports that are missing are written. One that was
    broken off goes on where it stood. A part returns nothing.

    Raises
    ------
    FrtmError
        If something is wrong with the clip, or results cannot be written.
    """
    with opened(task) as work:
        known = None if task.is_part else load_result(task.result)
        done = is_done(task, work)
        if not done:
            known = yield from _follow(task, work, networks)
    for wanted in task.exports:
        yield from exported(task, wanted, remade=not done)
    return known


def exported(task: Task, wanted: Export, *, remade: bool) -> Iterator[ClipProgress]:
    """Yield how far an export of a finished clip is; nothing if it is there.

    Parameters
    ----------
    task : Task
        The clip.
    wanted : Export
        What to write.
    remade : bool
        Whether the masks are new: an export of others is replaced.

    Raises
    ------
    FrtmError
        If it cannot be written.
    """
    frames = task.clip.frames
    settings = wanted.settings(task.out, task.clip.name)
    settings = replace(settings, overwrite=True, span=None if frames is None else range(*frames))
    done = task.result.with_suffix(f".{wanted.format}.done")
    if not remade and done.exists() and settings.destination.exists():
        return
    done.unlink(missing_ok=True)
    source = open_masks(task.session)
    if source.video is None and task.clip.video is not None:
        source = source.of_video(task.clip.video)
    for step in export(source, settings):
        yield ClipProgress(step.done, step.total, step=f"{wanted.format}: {step.step.lower()}")
    done.touch()


@contextmanager
def opened(task: Task) -> Iterator[Work]:
    """Give a clip with what is known of it, and let go of its session in the end.

    Raises
    ------
    FrtmError
        If its files cannot be read, or its session is of something else.
    """
    work = _of_session(task) if task.clip.session is not None else _of_video(task)
    with releasing(work.store):
        yield work


def is_done(task: Task, work: Work) -> bool:
    """Whether the masks of a clip, or of a part, are all there."""
    folder = work.store.folder
    if task.is_part:
        return folder is not None and "seconds" in folder.settings.get(KEY, {})
    return is_session(task.session) and _is_kept(task, work)


def _follow(
    task: Task, work: Work, networks: NetworkCache
) -> Generator[ClipProgress, None, ClipResult | None]:
    """Carry out the run of a clip."""
    request, store = work.request, work.store
    began = time.perf_counter()
    events = carry_out(request, networks, continues=work.continues)
    started = next(events)
    assert isinstance(started, Started)
    if not task.is_part:
        check_worth(request, started)
    kept: dict[str, Any] = {KEY: {"key": work.key}}
    begin(task, work, kept)
    next(events)
    record(request, started, kept, continues=work.continues)
    yield _progress(store, started.done, started.total)
    for event in events:
        if isinstance(event, Advanced):
            yield _progress(store, event.done, started.total)
    effort = Effort(time.perf_counter() - began, started.total - started.done, started.device)
    if not task.is_part:
        return concluded(task, work, effort)
    folder = store.folder
    assert folder is not None
    folder.save_settings({**folder.settings, KEY: {"key": work.key, **effort._asdict()}})
    return None


def begin(task: Task, work: Work, kept: Mapping[str, Any]) -> None:
    """Make the session of a clip, if it has none, and let it know what is drawn.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    store = work.store
    if store.folder is None:
        store.keep_in(SessionFolder.create(task.session, work.identity))
        assert store.folder is not None
        store.folder.save_settings(kept)
    enter_keyframes(work.request)


def concluded(task: Task, work: Work, effort: Effort) -> ClipResult:
    """Return what came of a clip, and keep it.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    store = work.store
    result = ClipResult.of(store, task.clip.name, work.key, effort)
    frame = np.asarray(work.video.frames[result.worst_frame])
    picture = thumbnail(frame, work.video.contrast, store, result.worst_frame)
    result.save(task.result, picture)
    return result


def _progress(store: Store, done: int, total: int) -> ClipProgress:
    doubt = store.timeline.doubt
    known = doubt[np.isfinite(doubt)]
    return ClipProgress(done, total, float(known.mean()) if known.size else None)


def _of_video(task: Task) -> Work:
    """Open a clip of a video with masks, and the session of it that batch has begun."""
    clip = task.clip
    assert clip.video is not None
    video = open_video(clip.video, clip.section)
    contrast = clip.contrast or video.contrast
    length, height, width = video.frames.shape[:3]
    span = absolute_span(clip.frames, length)
    direction = clip.settings.direction or Direction.FORWARD
    entries = [mask_entry(entry) for entry in clip.masks]
    request = Request(
        frames=video.frames,
        keyframes=read_drawn(entries, video, span, direction, clip.mask_threshold),
        complete=frozenset(),
        store=Store((length, height, width), in_memory=False),
        settings=_settings(task, None, direction),
        span=span if task.part is None else range(*task.part),
        scope=Scope.RANGE,
        contrast=contrast,
    )
    identity = VideoIdentity.of(video.frames, str(clip.video.absolute()))
    splits = clip.settings.split_at_keyframes, clip.settings.split_objects
    work = Work(
        video=replace(video, contrast=contrast),
        request=request,
        identity=identity,
        key=key_of(request, identity, splits if any(splits) else ()),
    )
    if not is_session(task.session) or _is_kept(task, work):
        return work
    return _taken_up(task, work)


def _is_kept(task: Task, work: Work) -> bool:
    """Whether there is a result of just this."""
    known = None if task.is_part else load_result(task.result)
    return known is not None and known.key == work.key


def _taken_up(task: Task, work: Work) -> Work:
    """Go on with the session of a clip, if it is of this task; replace it if that is allowed."""
    folder = _open(task.session)
    if folder.settings.get(KEY, {}).get("key") == work.key:
        return _continued(task, work, folder)
    worked_on = _is_worked_on(folder)
    folder.release()
    if worked_on:
        raise OutputError(
            f"{task.session} has been worked on in napari, so it is not replaced. Move it "
            "elsewhere, or choose another name for the clip."
        )
    if not task.overwrite:
        raise OutputError(
            f"{task.session} holds the results of other masks, frames, settings or another video. "
            "Replace them with --overwrite, or choose another --out."
        )
    SessionFolder.remove(task.session)
    return work


def _continued(task: Task, work: Work, folder: SessionFolder) -> Work:
    if _is_worked_on(folder) and not folder.has_run:
        folder.release()
        raise OutputError(
            f"{task.session} has been worked on in napari since, so it is left as it is. Go on "
            f"with it there, or with 'napari-frtm segment {task.session}'."
        )
    store = Store.of_folder(folder, in_memory=False)
    request = replace(work.request, store=store)
    if folder.has_run:
        request = replace(request, keyframes=dict(store.keyframes))
    return replace(work, request=request, continues=folder.has_run)


def _is_worked_on(folder: SessionFolder) -> bool:
    """Whether a user has drawn or accepted something in napari."""
    return bool("form" in folder.settings or folder.complete or np.any(folder.timeline.frozen))


def _of_session(task: Task) -> Work:
    """Open a clip that is a session to go on with."""
    clip = task.clip
    assert clip.session is not None
    folder = _open(clip.session)
    store = Store.of_folder(folder, in_memory=False)
    try:
        _, video = open_source(folder, clip.video)
        request = _session_request(task, store, video)
        identity = VideoIdentity.of(video.frames, folder.video.source)
    except BaseException:
        folder.release()
        raise
    return Work(
        video=replace(video, contrast=request.contrast or video.contrast),
        request=request,
        identity=identity,
        key=key_of(request, identity),
        continues=folder.has_run,
    )


def _session_request(task: Task, store: Store, video: Video) -> Request:
    clip, folder = task.clip, store.folder
    assert folder is not None
    earlier = earlier_run(folder)
    if folder.has_run and earlier is not None:
        return request_again(store, video, earlier, clip.settings.device)
    span = absolute_span(clip.frames, store.size[0])
    contrast = clip.contrast or video.contrast
    before = None
    if asked := folder.settings.get(ASKED):
        before = Settings.from_plain(asked["settings"])
        span, contrast = range(*asked["span"]), tuple(asked["contrast"])
    elif earlier is not None:
        before = earlier.settings
        span = span if clip.frames else earlier.span
        contrast = clip.contrast or earlier.contrast
    direction = clip.settings.direction or (before.direction if before else Direction.FORWARD)
    entries = [mask_entry(entry) for entry in clip.masks]
    drawn = read_drawn(entries, video, span, direction, clip.mask_threshold)
    return Request(
        frames=video.frames,
        keyframes={**store.keyframes, **drawn},
        complete=frozenset(store.complete - set(drawn)),
        store=store,
        settings=_settings(task, before, direction),
        span=span,
        scope=Scope.RANGE,
        contrast=contrast,
    )


def _settings(task: Task, before: Settings | None, direction: Direction) -> Settings:
    """Return the settings of a clip's run."""
    chosen = task.clip.settings
    try:
        settings = chosen.settings(before)
    except ValueError as error:
        raise FrtmError(str(error)) from error
    soft = settings.soft or chosen.soft or task.object_id is not None
    only = settings.objects if task.object_id is None else (task.object_id,)
    return replace(settings, direction=direction, soft=soft, objects=only)


def _open(path: Path) -> SessionFolder:
    """Open a session; wait a little if another program has it."""
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            return SessionFolder.open(path)
        except SessionInUseError:
            if time.monotonic() > end:
                raise
            time.sleep(0.5)
