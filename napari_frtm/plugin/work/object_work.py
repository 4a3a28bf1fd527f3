"""Work on the objects of a session: ids, names and parents, each change one step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_frtm.plugin.work.editing import Editing
from napari_frtm.session.edits.division import check_division, divided, lineage
from napari_frtm.session.edits.object_edits import check_edit, edits_of, with_object

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_frtm.io.session.objects import SessionObject
    from napari_frtm.plugin.work.session import Session
    from napari_frtm.session.edits.division import Division
    from napari_frtm.session.edits.object_edits import ObjectEdit


def editing(
    session: Session, edit: ObjectEdit, frames: range, piece: NDArray[np.bool_] | None = None
) -> Editing:
    """Return a change of objects on frames, to be started; see `edits_of`.

    Raises
    ------
    FrtmError
        If there is nothing to do, or the new id is in use.
    """
    store = session.store
    check_edit(store, edit, frames)
    changes = edits_of(store, edit, frames, piece)
    return Editing(session, edit.name, frames, changes, largest_id=max(edit.ids))


def dividing(session: Session, division: Division) -> Editing:
    """Return a division of an object, to be started; see `divided`.

    Raises
    ------
    FrtmError
        If it is none.
    """
    store = session.store
    check_division(store, division)
    return Editing(
        session,
        division.name,
        range(division.frame, store.size[0]),
        divided(store, division),
        largest_id=max(division.daughters),
        objects=lineage(store.objects, division),
    )


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
