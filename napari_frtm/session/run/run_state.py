"""Where a run stands, in the session folder: saved now and then, forgotten when it has ended.

Both raise an `OutputError` if the session folder cannot be written and the masks are not in memory
as well; else it is tried again with all that is saved later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_frtm.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from napari_frtm.session.store.store import Store


def save_run(store: Store, description: Mapping[str, Any], state: Mapping[str, Tensor]) -> None:
    """Save where a run stands, unless frames of it are still to be saved."""
    folder = store.folder
    if folder is None or store.saver.has_unsaved("frame"):
        store.save_timeline()  # tries to save the frames again as well
        return
    try:
        folder.save_timeline(store.timeline_copy())  # first: the frames of the state are in it
        folder.save_run(description, state)
    except OutputError:
        if store.is_in_folder_only:
            raise
        store.saver.submit("run", lambda: folder.save_run(description, state))


def end_run(store: Store) -> None:
    """Forget where a run stood: it has come to its end."""
    folder = store.folder
    if folder is None:
        return
    try:
        folder.save_timeline(store.timeline_copy())
        folder.end_run()
    except OutputError:
        if store.is_in_folder_only:
            raise
        store.save_timeline()
        store.saver.submit("run", folder.end_run)
