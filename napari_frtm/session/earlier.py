"""A session that is there already: its video, its last run, and how that goes on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_frtm.io.session.files import SessionError
from napari_frtm.io.session.identity import VideoIdentity, is_there
from napari_frtm.io.session.section import section_of
from napari_frtm.io.video.opening import open_video
from napari_frtm.session.run.coverage import Scope
from napari_frtm.session.run.provenance import last_run, settings_of
from napari_frtm.session.run.request import Request, Settings
from napari_frtm.types import Contrast

if TYPE_CHECKING:
    from napari_frtm.io.session.folder import SessionFolder
    from napari_frtm.io.video.opening import Video
    from napari_frtm.session.store.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """The run of a session that was last, as it was asked for."""

    settings: Settings
    span: range
    scope: Scope
    here: int
    contrast: Contrast


def earlier_run(folder: SessionFolder) -> Earlier | None:
    """Return the run that was broken off, or else the last one; None if there was none.

    Raises
    ------
    SessionError
        If another version of napari-frtm ran, which had other settings, or a file is damaged.
    """
    unfinished, last = folder.load_run(), last_run(folder.settings)
    if unfinished is None and last is None:
        return None
    try:
        if unfinished is not None:
            saved = unfinished[0]
            settings, span = Settings.from_plain(saved["settings"]), range(*saved["span"])
        else:
            assert last is not None
            saved = {"scope": Scope.RANGE, "here": 0, **last}
            settings, span = settings_of(last), range(last["range"][0], last["range"][1] + 1)
        return Earlier(
            settings=settings,
            span=span,
            scope=Scope(saved["scope"]),
            here=int(saved["here"]),
            contrast=Contrast.of(saved["contrast"]),
        )
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise SessionError(
            f"The last run of {folder.path} cannot be read: another version of napari-frtm made it "
            f"({error}). Start a new one, with --mask and another --session."
        ) from error


def open_source(folder: SessionFolder, given: Path | None) -> tuple[Path, Video]:
    """Return the video of a session, from where it is.

    Parameters
    ----------
    folder : SessionFolder
        Of the session.
    given : Path, optional
        Where the user says that the video is.

    Raises
    ------
    FrtmError
        If it is gone, cannot be opened, or is another one.
    """
    source = given or (Path(folder.video.source) if folder.video.source else None)
    if source is None:
        raise SessionError(
            f"{folder.path} is about a video that was in no file. Go on with it in napari."
        )
    if not is_there(source):
        raise SessionError(
            f"The video of {folder.path}, {source}, is not there any more. Put it back, or give "
            f"its new place: napari-frtm segment VIDEO --session {folder.path} --resume."
        )
    video = open_video(source, section_of(folder.settings, source))
    if VideoIdentity.of(video.frames, None).digest == folder.video.digest:
        return source, video
    raise SessionError(
        f"{source} is not the video of {folder.path}: size or pixels differ. Bring back the video "
        "of before, or begin a new session."
    )


def request_again(store: Store, video: Video, earlier: Earlier, device: str | None) -> Request:
    """Return the run that was broken off, to go on with; on another device if one is given."""
    return Request(
        frames=video.frames,
        keyframes=dict(store.keyframes),
        complete=frozenset(store.complete),
        store=store,
        settings=replace(earlier.settings, device=device or earlier.settings.device),
        span=earlier.span,
        scope=earlier.scope,
        here=earlier.here,
        contrast=earlier.contrast,
    )
