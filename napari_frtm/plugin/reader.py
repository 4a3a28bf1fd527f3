"""Reader: videos as lazy Image layers, with earlier work on them; session folders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari.utils.notifications import show_warning

from napari_frtm.io.session.folder import is_session
from napari_frtm.plugin.reopen import read_session, with_earlier_work
from napari_frtm.plugin.source.files import REMARKS, find_reader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_frtm.plugin.source.files import LayerData, Read


def get_reader(path: str | Sequence[str]) -> Read | None:
    """Return a function that opens `path`; None if it is no video, or several files.

    Earlier work on the video comes with it, and a session folder opens with its video.
    """
    if not isinstance(path, str | Path):
        return None
    if is_session(Path(path)):
        return lambda path: with_earlier_work(_told(read_session(path, find_reader)))
    read = find_reader(path)
    return None if read is None else lambda path: with_earlier_work(_told(read(path)))


def _told(layers: list[LayerData]) -> list[LayerData]:
    """Tell the user what is odd about a file: images left out, numbers missing."""
    for _, options, _ in layers:
        for remark in options["metadata"].get(REMARKS, ()):
            show_warning(remark)
    return layers
