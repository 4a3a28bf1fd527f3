"""An Image layer as a video: its frames, what it is recognised by, and where its work is saved."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_frtm.io.session.folder import is_session, session_path
from napari_frtm.io.session.identity import load_header
from napari_frtm.plugin.preferences import Place, preferences
from napari_frtm.plugin.source.axes import VideoAxes
from napari_frtm.plugin.source.layers import contrast_of, video_frames

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_frtm.plugin.source.axes import LayerFrames
    from napari_frtm.types import Contrast

SESSION = "napari-frtm session"
"""Key of a video layer's metadata: the session folder that it was opened from."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VideoSource:
    """A video as it came in.

    Attributes
    ----------
    layer_id : str
        Unique id of its layer.
    name : str
        Of its layer.
    frames : LayerFrames
        Its frames, with the axes that they are taken by.
    contrast : Contrast
        How the layer shows intensities.
    path : Path or None
        File or folder that it was opened from; None for arrays.
    folder : Path or None
        Where work on it is saved if the user says nothing; None for nowhere.
    """

    layer_id: str
    name: str
    frames: LayerFrames
    contrast: Contrast
    path: Path | None
    folder: Path | None

    @property
    def axes(self) -> VideoAxes:
        """Which axis of the layer is time, and which channel or plane is taken."""
        return self.frames.axes

    @property
    def size(self) -> tuple[int, int, int]:
        """(T, H, W), frames and pixels."""
        length, height, width = self.frames.shape[:3]
        return length, height, width


def video_source(layer: Image, axes: VideoAxes | None = None) -> VideoSource:
    """Return a layer as a video; by the likely axes if none are given.

    Raises
    ------
    FrtmError
        If it is no video; the message says why.
    """
    frames = video_frames(layer, axes)
    return VideoSource(
        layer_id=str(layer.unique_id),
        name=layer.name,
        frames=frames,
        contrast=contrast_of(layer, frames.axes),
        path=path_of(layer),
        folder=folder_of(layer, frames.axes),
    )


def path_of(layer: Image) -> Path | None:
    """Return the file or folder that a layer was opened from; None for samples and arrays."""
    if layer.source.sample is not None:
        return None
    path = layer.source.path or layer.metadata.get("source")
    return Path(path) if path else None


def folder_of(layer: Image, axes: VideoAxes) -> Path | None:
    """Return where work on a layer is saved if the user says nothing; None for nowhere.

    Each channel or plane of a layer has a folder of its own: the first one worked on that of the
    video, others one named after the channel. Samples are not saved, nor anything if the user
    prefers it so.
    """
    if SESSION in layer.metadata:
        return _for_channel(Path(layer.metadata[SESSION]), axes)
    wanted = preferences()
    if not wanted.saves or layer.source.sample is not None:
        return None
    path = path_of(layer)
    name = layer.name if path is None else path.stem
    return _for_channel(session_path(path, name, beside=wanted.place is Place.BESIDE), axes)


def _for_channel(folder: Path, axes: VideoAxes) -> Path:
    """Return the folder, or one beside it if that is of another channel or plane."""
    if not axes.takes or not is_session(folder):
        return folder
    try:
        saved = load_header(folder)[1].get("axes")
        if saved is None or VideoAxes.of_plain(saved) == axes:
            return folder
    except Exception:  # noqa: BLE001 - said when it is opened
        return folder
    takes = ".".join(str(take).replace(" ", "-") for _, take in sorted(axes.takes.items()))
    return folder.with_name(f"{folder.stem}.{takes}{folder.suffix}")
