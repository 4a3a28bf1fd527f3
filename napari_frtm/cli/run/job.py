"""What ``napari-frtm segment`` was asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from napari_frtm.io.video.opening import Video
    from napari_frtm.session.mask_files import MaskFiles
    from napari_frtm.session.run.request import Request
    from napari_frtm.session.store.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """All that a run needs; see the options of ``napari-frtm segment``.

    Attributes
    ----------
    source : Path
        What the video was opened from.
    video : Video
        The video.
    request : Request
        What to do; its store has a folder if the session is there already.
    session : Path
        The session folder.
    masks : MaskFiles or None
        Where label images are written as well.
    mask_files : tuple of Path
        The files that the new keyframes come from.
    overlay : Path or None
        A movie to write.
    continues : bool
        Whether to go on with the run of the session that was broken off.
    overwrite : bool
        Whether results of another run may be replaced.
    """

    source: Path
    video: Video
    request: Request
    session: Path
    masks: MaskFiles | None = None
    mask_files: tuple[Path, ...] = ()
    overlay: Path | None = None
    continues: bool = False
    overwrite: bool = False

    @property
    def store(self) -> Store:
        """What is known of the video."""
        return self.request.store
