"""What a run must not replace, and how it gets the place of another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_frtm.errors import FrtmError, OutputError
from napari_frtm.io.atomic import reporting
from napari_frtm.io.session.folder import SessionFolder, is_session
from napari_frtm.io.session.identity import VideoIdentity, load_header, sessions_in
from napari_frtm.io.session.section import kept_section
from napari_frtm.io.video.images.numbering import is_pattern
from napari_frtm.session.mask_files import MaskFiles

if TYPE_CHECKING:
    from pathlib import Path

    from napari_frtm.cli.run.job import Job

MOVIES = (".mp4", ".m4v", ".mov", ".mkv", ".avi")
"""Kinds of files that an overlay movie can be written to."""


def protect(job: Job, *, again: bool = False) -> None:
    """Refuse a job that would replace the video, drawn masks, or results of another run.

    Parameters
    ----------
    job : Job
        What is to be done.
    again : bool
        Whether the session goes on, with the masks that it has written before.

    Raises
    ------
    FrtmError
        Saying what is in the way, and what to do.
    """
    if job.masks is not None:
        if job.masks.folder.resolve() == _image_folder(job.source):
            raise FrtmError(
                f"The masks would replace the video: {job.masks.folder} is its own folder. Choose "
                "another one."
            )
        job.masks.check_free(job.mask_files, job.source)
        if not job.overwrite:
            _refuse_to_mix(job, job.masks, again=again)
    if not again and not job.overwrite and is_session(job.session):
        raise OutputError(_taken(job.session, job.session))
    if job.overlay is not None:
        _protect_overlay(job, job.overlay)


def new_folder(job: Job) -> SessionFolder:
    """Make the session folder, in place of other results if they may be replaced.

    Raises
    ------
    FrtmError
        If something else is in the way, or it cannot be written.
    """
    identity = VideoIdentity.of(job.video.frames, str(job.source.absolute()))
    if job.overwrite:
        inside = [] if job.masks is None else sessions_in(job.masks.folder)
        old = {path.resolve(): path for path in (*inside, job.session) if is_session(path)}
        for path in old.values():
            _check_replaceable(path)
        for path in old.values():
            _remove(path, job)
        if job.masks is not None:
            job.masks.remove(job.mask_files)
    return SessionFolder.create(job.session, identity, kept_section(job.video.section))


def _image_folder(source: Path) -> Path | None:
    """Return the folder of a sequence of images; None for anything else."""
    if source.is_dir():
        return source.resolve()
    return source.parent.resolve() if is_pattern(source) else None


def _refuse_to_mix(job: Job, masks: MaskFiles, *, again: bool) -> None:
    for path in sessions_in(masks.folder):
        if not again or path.resolve() != job.session.resolve():
            raise OutputError(_taken(masks.folder, path))
    if again and _writes_to(job.session, masks):
        return
    if (taken := masks.first_taken()) is not None:
        raise OutputError(
            f"{masks.folder} holds {taken.name} already, which is not of this run. Choose another "
            "folder, or replace such files with --overwrite."
        )


def _taken(place: Path, session: Path) -> str:
    return (
        f"{place} holds the results of another run. Continue it with --resume, go on from "
        f"corrections with 'napari-frtm segment {session}', choose another folder, or replace it "
        "with --overwrite."
    )


def _writes_to(session: Path, masks: MaskFiles) -> bool:
    """Whether the masks in a folder come from a session."""
    written = _written(session)
    return written is not None and written.folder.resolve() == masks.folder.resolve()


def _written(session: Path) -> MaskFiles | None:
    video, settings = load_header(session)
    return MaskFiles.of_settings(session, settings, video.shape[0])


def _check_replaceable(session: Path) -> None:
    """Refuse to delete what a user has drawn or accepted in napari."""
    try:
        folder = SessionFolder.open(session)
    except FrtmError as error:
        raise OutputError(f"{error} It is not replaced: choose another folder.") from error
    folder.release()
    if "form" in folder.settings or folder.complete or np.any(folder.timeline.frozen):
        raise OutputError(
            f"{session} has been worked on in napari, so it is not replaced. Go on with it "
            f"('napari-frtm segment {session}'), move it elsewhere, or choose another --session."
        )


def _remove(session: Path, job: Job) -> None:
    """Delete a session, and the masks that were written from it to the folder of this run."""
    written = _written(session)
    masks = job.masks
    if written is not None and masks is not None and _writes_to(session, masks):
        written.remove(job.mask_files)
    SessionFolder.remove(session)


def _protect_overlay(job: Job, overlay: Path) -> None:
    if overlay.suffix.lower() not in MOVIES or overlay.resolve() == job.source.resolve():
        raise FrtmError(
            f"The overlay cannot be written to {overlay}: choose another name, ending in .mp4."
        )
    if overlay.exists() and not (job.continues or job.overwrite):
        raise FrtmError(f"{overlay} is there already. Replace it with --overwrite.")
    with reporting(overlay):
        overlay.parent.mkdir(parents=True, exist_ok=True)
