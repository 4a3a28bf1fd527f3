"""An object divides into two: from a frame on it is its daughters, which have it as parent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_frtm.errors import FrtmError
from napari_frtm.io.session.objects import SessionObject
from napari_frtm.session.edits.object_edits import (
    LARGEST_ID,
    ObjectEdit,
    Operation,
    edited,
    first_frame,
    free_id,
    split,
    with_object,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from napari_frtm.session.store.history import FrameState
    from napari_frtm.session.store.store import Store
    from napari_frtm.session.store.whole_frames import Change

    Parts = tuple[NDArray[np.bool_], NDArray[np.bool_]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """One division.

    What is there of the object from the frame on goes to those daughters that are not there yet.
    If both are new, its pieces are shared: the largest piece is the first daughter.

    Attributes
    ----------
    object_id : int
        The object that divides.
    frame : int
        The first frame of its daughters.
    daughters : tuple of int
        Both of them.
    """

    object_id: int
    frame: int
    daughters: tuple[int, int]

    def __post_init__(self) -> None:
        ids = self.object_id, *self.daughters
        for object_id in ids:
            if not 1 <= object_id <= LARGEST_ID:
                raise FrtmError(f"{object_id} is no object. Choose ids from 1 to {LARGEST_ID}.")
        if len(set(ids)) < len(ids):
            raise FrtmError(
                f"A division takes three objects, not {ids[0]}, {ids[1]} and {ids[2]}: the parent "
                "ends where its daughters begin."
            )

    @property
    def name(self) -> str:
        """Of the step, for the user."""
        return f"Divide object {self.object_id} into {self.daughters[0]} and {self.daughters[1]}"


def check_division(store: Store, division: Division) -> None:
    """Make sure that a division is one.

    Raises
    ------
    FrtmError
        If the parent is not there before, a daughter is, or there is nothing for a new daughter.
    """
    parent, frame = division.object_id, division.frame
    before, onward = range(frame), range(frame, store.size[0])
    if first_frame(store, parent, before) is None:
        raise FrtmError(
            f"Object {parent} is on no frame before {frame}, so it cannot divide there."
        )
    for daughter in division.daughters:
        used = first_frame(store, daughter, before)
        if used is not None:
            raise FrtmError(
                f"Object {daughter} is there before the division, on frame {used}. Choose a free "
                f"number, such as {free_id(store)}."
            )
    new = _new(store, division)
    there = first_frame(store, parent, onward)
    if not new and there is not None:
        raise FrtmError(
            f"Both daughters are there, but object {parent} is still on frame {there}. Delete or "
            f"merge it from frame {frame} on, or give a daughter a free number to let it be that."
        )
    if new and there is None:
        raise FrtmError(
            f"Object {parent} ends before frame {frame}, so there is nothing for object {new[0]}. "
            "Paint both daughters first."
        )
    if len(new) == 2 and len(_largest_pieces(store.labels(frame) == parent)) < 2:
        raise FrtmError(
            f"Object {parent} is not in two pieces on frame {frame}. Go to the first frame on "
            "which it is, or paint one of the daughters under its own number first."
        )


def lineage(objects: Mapping[int, SessionObject], division: Division) -> dict[int, SessionObject]:
    """Return names and parents with those of a division.

    Raises
    ------
    FrtmError
        If the parent comes from one of its daughters.
    """
    changed = dict(objects)
    for daughter in division.daughters:
        known = changed.get(daughter, SessionObject())
        changed = with_object(changed, daughter, replace(known, parent=division.object_id))
    return changed


def divided(store: Store, division: Division) -> Iterator[tuple[int, Change]]:
    """Yield each frame from the division on, and what becomes of all that is known of it.

    Pieces are followed by their overlap from frame to frame; where daughters touch, each pixel
    goes to the one that it is nearer to.
    """
    new = _new(store, division)
    parent, parts = division.object_id, None
    for frame in range(division.frame, store.size[0]) if new else ():
        if len(new) == 1:
            edit = ObjectEdit(operation=Operation.RENUMBER, object_id=parent, other=new[0])
            yield frame, partial(edited, edit=edit)
            continue
        mask = store.labels(frame) == parent
        if mask.any():
            parts = _shared(mask, _largest_pieces(mask) if parts is None else parts)
        yield frame, partial(_given, division=division, parts=parts)


def _given(state: FrameState, division: Division, parts: Parts | None) -> FrameState:
    """Return what is known of a frame whose parent's pixels are its daughters'."""
    first, second = division.daughters
    rest_is_second = parts is not None and not parts[0].any()
    heir = second if rest_is_second else first
    edit = ObjectEdit(operation=Operation.RENUMBER, object_id=division.object_id, other=heir)
    state = edited(state, edit)
    if parts is None or rest_is_second or not parts[1].any():
        return state
    return split(
        state, ObjectEdit(operation=Operation.SPLIT, object_id=first, other=second), parts[1]
    )


def _new(store: Store, division: Division) -> list[int]:
    """Return the daughters that are nowhere yet."""
    onward = range(division.frame, store.size[0])
    return [i for i in division.daughters if first_frame(store, i, onward) is None]


def _largest_pieces(mask: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], ...]:
    """Return the two largest connected pieces, the largest first; fewer if there are no two."""
    count, pieces = cv2.connectedComponents(mask.view(np.uint8), connectivity=8)
    sizes = np.bincount(pieces.ravel(), minlength=count)[1:]
    return tuple(pieces == 1 + int(k) for k in np.argsort(-sizes, kind="stable")[:2])


def _shared(mask: NDArray[np.bool_], before: tuple[NDArray[np.bool_], ...]) -> Parts:
    """Return which pixels of a mask belong to either of two parts of the frame before."""
    first, second = before
    away = [
        cv2.distanceTransform((~part).view(np.uint8), cv2.DIST_L2, 5) if part.any() else np.inf
        for part in (first, second)
    ]
    nearer_second = np.broadcast_to(away[1] < away[0], mask.shape)
    result = mask & nearer_second
    count, pieces = cv2.connectedComponents(mask.view(np.uint8), connectivity=8)
    with_first, with_second = (
        np.bincount(pieces[part], minlength=count) > 0 for part in (first, second)
    )
    for whole, goes in ((with_second & ~with_first, True), (with_first & ~with_second, False)):
        whole[0] = False
        result[whole[pieces]] = goes
    return mask & ~result, result
