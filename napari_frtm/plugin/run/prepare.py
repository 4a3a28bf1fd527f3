"""What has to be read before a run: earlier work on the video, and what is painted on a layer."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from napari_frtm.errors import FrtmError
from napari_frtm.io.session.folder import SessionFolder, VideoIdentity, is_session
from napari_frtm.io.session.identity import load_header
from napari_frtm.plugin.source.layers import painted_frames
from napari_frtm.session.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Collection, Generator
    from pathlib import Path

    from napari_frtm.plugin.source.axes import VideoAxes
    from napari_frtm.plugin.source.video import VideoSource
    from napari_frtm.types import Labels


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PaintedLayer:
    """A Labels layer of the user's that a run is to learn from, as it is now.

    Attributes
    ----------
    name : str
        Of the layer, for messages.
    data : array
        Its labels: of the video's axes, of shape (T, H, W), or (H, W) for one frame.
    frames : range or collection of int
        Frames that have to be read; those of before are known.
    axes : VideoAxes
        Of the video's layer.
    """

    name: str
    data: Any
    frames: Collection[int]
    axes: VideoAxes


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """What was read.

    Attributes
    ----------
    store : Store or None
        Earlier work to take up; None to go on with the store that is there.
    painted : dict of int to array of shape (H, W)
        Painted frames among those that had to be read.
    """

    store: Store | None
    painted: dict[int, Labels]


def prepare(
    source: VideoSource,
    store: Store,
    folder: Path | None,
    *,
    create: bool,
    layer: PaintedLayer | None = None,
) -> Generator[Prepared, None, None]:
    """Yield once: earlier work in a folder, or a new folder in use; and what is painted.

    Parameters
    ----------
    source : VideoSource
        The video.
    store : Store
        What is known of it so far.
    folder : Path or None
        Where the work is saved; None for nowhere.
    create : bool
        Whether to make the folder if there is none.
    layer : PaintedLayer or None
        What to look for painted frames in.

    Raises
    ------
    FrtmError
        If the folder cannot be used, or is of another video; if what is painted makes no labels.
    """
    painted = {} if layer is None else _painted(layer)
    found = None
    if folder is not None and (store.folder is None or store.folder.path != folder):
        found = _in_folder(source, store, folder, create)
    yield Prepared(found, painted)


def _in_folder(source: VideoSource, store: Store, path: Path, create: bool) -> Store | None:
    """Return the earlier work on a video, or save the present work."""
    identity = VideoIdentity.of(source.frames, None if source.path is None else str(source.path))
    if source.path is None and path == source.folder:
        path = _of_array(path, identity)
    if not is_session(path):
        if create:
            before = store.folder
            store.keep_in(SessionFolder.create(path, identity))
            if before is not None:
                before.release()
        return None
    if store.keyframes or store.timeline.filled.any():
        raise FrtmError(
            f"{path} holds other work already, and there is work here that is not in it. Choose "
            "another folder (Advanced, Save in)."
        )
    folder = SessionFolder.open(path)
    if folder.video.digest != identity.digest:
        folder.release()
        raise FrtmError(
            f"{path.name} belongs to another video than '{source.name}', so it is left alone. "
            "Choose another folder to save this work in (Advanced, Save in)."
        )
    return Store.of_folder(folder)


def _of_array(path: Path, identity: VideoIdentity) -> Path:
    """Return where work on an array is saved: arrays of one name have numbered folders."""
    for number in count(1):
        place = path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")
        if not is_session(place) or load_header(place)[0].digest == identity.digest:
            return place
    raise AssertionError


def _painted(layer: PaintedLayer) -> dict[int, Labels]:
    if layer.data.ndim == 2:
        (frame,) = layer.frames
        return {frame: painted_frames(layer.data[None], range(1), layer.name)[0]}
    return dict(painted_frames(layer.data, layer.frames, layer.name, layer.axes))
