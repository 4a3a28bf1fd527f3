"""A clip that is opened: its video, what is drawn of it, and its session if there is one."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_frtm.batch.result import key_of, load_result
from napari_frtm.config import PRESETS, Direction
from napari_frtm.errors import FrtmError, OutputError
from napari_frtm.io.session.folder import SessionFolder, is_session
from napari_frtm.io.session.identity import VideoIdentity
from napari_frtm.io.session.lock import SessionInUseError
from napari_frtm.io.video.opening import open_video
from napari_frtm.session.drawn import absolute_span, mask_entry, read_drawn
from napari_frtm.session.earlier import earlier_run, open_source, request_again
from napari_frtm.session.run.coverage import Scope
from napari_frtm.session.run.method import suited_preset
from napari_frtm.session.run.recording import releasing
from napari_frtm.session.run.request import Request, Settings
from napari_frtm.session.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_frtm.batch.job import Task
    from napari_frtm.io.video.opening import Video

KEY = "batch"
"""Of a session's settings: what batch knows of it."""
_PATIENCE = 30.0  # seconds; a worker that was given up may still be writing its last chunk


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


def _of_video(task: Task) -> Work:
    """Open a clip of a video with masks, and the session of it that batch has begun."""
    clip = task.clip
    assert clip.video is not None
    video = open_video(clip.video, clip.section)
    contrast = clip.seen(video.contrast)
    length, height, width = video.frames.shape[:3]
    span = absolute_span(clip.frames, length)
    direction = clip.settings.direction or Direction.FORWARD
    entries = [mask_entry(entry) for entry in clip.masks]
    request = Request(
        frames=video.frames,
        keyframes=read_drawn(entries, video, span, direction, clip.mask_threshold),
        complete=frozenset(),
        store=Store((length, height, width), in_memory=False),
        settings=_settings(task, video, None, direction),
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
    contrast = clip.seen(video.contrast)
    before = None
    if earlier is not None:
        before = earlier.settings
        span = span if clip.frames else earlier.span
        contrast = clip.seen(earlier.contrast)
    direction = clip.settings.direction or (before.direction if before else Direction.FORWARD)
    entries = [mask_entry(entry) for entry in clip.masks]
    drawn = read_drawn(entries, video, span, direction, clip.mask_threshold)
    return Request(
        frames=video.frames,
        keyframes={**store.keyframes, **drawn},
        complete=frozenset(store.complete - set(drawn)),
        store=store,
        settings=_settings(task, video, before, direction),
        span=span,
        scope=Scope.RANGE,
        contrast=contrast,
    )


def _settings(task: Task, video: Video, before: Settings | None, direction: Direction) -> Settings:
    """Return the settings of a clip's run."""
    chosen = task.clip.settings
    try:
        suited = PRESETS[0] if chosen.split_objects else suited_preset(video.frames)
        settings = chosen.settings(before, suited)
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
