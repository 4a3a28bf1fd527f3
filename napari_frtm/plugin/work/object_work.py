"""Work on the objects of a session: ids, names and parents, each change one step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_frtm.session.object_edits import check_edit, edits_of, with_object

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_frtm.io.session.objects import SessionObject
    from napari_frtm.plugin.work.session import Session
    from napari_frtm.session.object_edits import ObjectEdit


def edit_objects(
    session: Session, edit: ObjectEdit, frames: range, piece: NDArray[np.bool_] | None = None
) -> int:
    """Change objects on frames, as one step, little by little; see `edits_of`.

    A run that was broken off cannot go on afterwards: it follows the objects of before.

    Returns
    -------
    int
        How many frozen frames are left alone.

    Raises
    ------
    FrtmError
        If there is nothing to do, the new id is in use, or masks are being changed.
    """
    store = session.store
    check_edit(store, edit, frames)
    session.edits.restate(edits_of(store, edit, frames, piece), edit.name)
    if session.has_unfinished_run:
        store.end_run()
    return int(np.count_nonzero(session.timeline.frozen[frames.start : frames.stop]))


def describe_object(session: Session, object_id: int, known: SessionObject) -> None:
    """Give an object a name and a parent, as one step.

    Raises
    ------
    FrtmError
        If it would be its own ancestor, or masks are being changed.
    """
    objects = with_object(session.store.objects, object_id, known)
    session.edits.set_objects(objects, f"Name or parent of object {object_id}")
    session.touch()
