"""Opens a session folder, or a video that has one, with all that was done on it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import napari
from qtpy.QtCore import QTimer

from napari_frtm.io.session.folder import SessionError
from napari_frtm.io.session.identity import load_header
from napari_frtm.io.session.section import KEY, section_of
from napari_frtm.plugin.source.files import read_video
from napari_frtm.plugin.source.video import SESSION
from napari_frtm.plugin.view.workspace_view import workspace_view

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Image
    from napari.utils.events import Event
    from napari.viewer import Viewer

    from napari_frtm.plugin.source.files import LayerData, Read


def read_session(path: str | Path, find_reader: Callable[[str], Read | None]) -> list[LayerData]:
    """Return the video of a session folder; masks and keyframes come once it is shown.

    Parameters
    ----------
    path : path
        The session folder.
    find_reader : callable
        Gives the function that reads the video.

    Raises
    ------
    SessionError
        If the folder is damaged, or its video is not where it was.
    """
    video, settings = load_header(Path(path))
    if video.source is None or not Path(video.source).exists():
        raise SessionError(
            f"The video of {path}, {video.source}, is not there any more. Put it back; or open it "
            "where it is now and choose this folder in Propagate, Advanced, Save in."
        )
    read = find_reader(video.source)
    if read is None:
        raise SessionError(f"The video of {path}, {video.source}, cannot be opened by FRTM.")
    if settings.get(KEY):  # begun without napari
        layers = read_video(video.source, section_of(settings, Path(video.source)))
    else:
        layers = read(video.source)
    return [(data, _with_session(options, Path(path)), kind) for data, options, kind in layers]


def with_earlier_work(layers: list[LayerData]) -> list[LayerData]:
    """Return layers as read; earlier work on the video comes once it is shown, if there is any.

    It is shown from its first frame on. napari goes to the middle of a first layer; of a movie, all
    pictures since the last key picture would be decoded for that, so no layer is told of that step.
    """
    viewer = napari.current_viewer()
    if viewer is None:
        return layers
    source = layers[0][1]["metadata"]["source"]
    inserting, inserted = viewer.layers.events.inserting, viewer.layers.events.inserted
    steps = viewer.dims.events.point, viewer.dims.events.current_step
    is_first = False

    def begin() -> None:
        nonlocal is_first
        is_first = not viewer.layers
        if is_first:
            for step in steps:
                step.block()

    def end(event: Event) -> None:
        layer = event.value
        arrived = layer.metadata.get("source") == source
        if arrived:
            inserting.disconnect(begin)
            inserted.disconnect(end)
            _to_first_frame(viewer, layer)
            # later: napari is in the middle of adding the video
            QTimer.singleShot(0, partial(_resume, viewer, layer))
        if is_first:
            for step in steps:
                step.unblock()
            steps[0](value=viewer.dims.point)
            steps[1](value=viewer.dims.current_step)

    inserting.connect(begin)
    inserted.connect(end)
    return layers


def _to_first_frame(viewer: Viewer, video: Image) -> None:
    axis = viewer.dims.ndim - video.ndim
    viewer.dims.set_point(axis, video.data_to_world([0] * video.ndim)[0])


def _resume(viewer: Viewer, video: Image) -> None:
    """Take up earlier work."""
    found = workspace_view(viewer).resume(video)
    if found is not None:
        found.go_to(0)


def _with_session(options: dict[str, Any], path: Path) -> dict[str, Any]:
    return options | {"metadata": options["metadata"] | {SESSION: str(path)}}
