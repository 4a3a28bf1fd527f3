"""Swap, merge, renumber, split and delete objects, frame by frame; without Qt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_frtm.errors import FrtmError
from napari_frtm.session.store.history import FrameState, Packed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from napari_frtm.io.session.objects import SessionObject
    from napari_frtm.session.store.store import Store
    from napari_frtm.session.store.whole_frames import Change
    from napari_frtm.types import Labels

LARGEST_ID = 2**16 - 1
"""Of an object in a session."""


class Operation(StrEnum):
    """What can be done to objects."""

    SWAP = "Swap"
    MERGE = "Merge"
    RENUMBER = "Renumber"
    SPLIT = "Split"
    DELETE = "Delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectEdit:
    """One change of objects.

    Attributes
    ----------
    operation : Operation
        What to do.
    object_id : int
        The object.
    other : int
        What it is swapped with, merged into or renumbered to, or the id of the piece split off;
        of no meaning when it is deleted.
    """

    operation: Operation
    object_id: int
    other: int = 0

    def __post_init__(self) -> None:
        ids = (self.object_id,) if self.operation is Operation.DELETE else self.ids
        for object_id in ids:
            if not 1 <= object_id <= LARGEST_ID:
                raise FrtmError(
                    f"{object_id} is no object. Choose ids from 1 to {LARGEST_ID}: 0 is the "
                    "background."
                )
        if len(set(ids)) < len(ids):
            raise FrtmError(f"{self.operation} takes two objects; both are {self.object_id}.")

    @property
    def ids(self) -> tuple[int, int]:
        """The two objects."""
        return self.object_id, self.other

    @property
    def mapping(self) -> dict[int, int]:
        """New ids by old ones, 0 for none; not of a split."""
        a, b = self.ids
        return {
            Operation.SWAP: {a: b, b: a},
            Operation.MERGE: {a: b},
            Operation.RENUMBER: {a: b},
            Operation.DELETE: {a: 0},
            Operation.SPLIT: {},
        }[self.operation]

    @property
    def name(self) -> str:
        """Of the step, for the user."""
        a, b = self.ids
        return {
            Operation.SWAP: f"Swap objects {a} and {b}",
            Operation.MERGE: f"Merge object {a} into {b}",
            Operation.RENUMBER: f"Renumber object {a} to {b}",
            Operation.DELETE: f"Delete object {a}",
            Operation.SPLIT: f"Split object {b} off {a}",
        }[self.operation]


def relabelled(labels: Labels, mapping: Mapping[int, int]) -> Labels:
    """Return labels of shape (H, W) with other ids; those not in the mapping stay."""
    largest = max(int(labels.max(initial=0)), *mapping, *mapping.values())
    dtype = np.promote_types(labels.dtype, np.uint8 if largest < 256 else np.uint16)
    table = np.arange(largest + 1).astype(dtype)
    table[list(mapping)] = list(mapping.values())
    return np.asarray(table[labels])


def piece_at(labels: Labels, row: int, column: int) -> NDArray[np.bool_]:
    """Return the connected piece of labels of shape (H, W) that a pixel is in.

    Raises
    ------
    FrtmError
        If there is no object.
    """
    height, width = labels.shape
    inside = 0 <= row < height and 0 <= column < width
    if not inside or not labels[row, column]:
        raise FrtmError("There is no object. Click on the piece that is to be split off.")
    mask = labels == labels[row, column]
    _, pieces = cv2.connectedComponents(mask.view(np.uint8), connectivity=8)
    return np.asarray(pieces == pieces[row, column])


def following_piece(
    mask: NDArray[np.bool_], piece: NDArray[np.bool_], rest: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return what belongs to a piece one frame later: the connected pieces that overlap it most.

    Parameters
    ----------
    mask : bool array of shape (H, W)
        The object.
    piece, rest : bool array of shape (H, W)
        The piece and the rest of the object one frame before.

    Returns
    -------
    bool array of shape (H, W)
        Empty if the piece is gone, or one with the rest again.
    """
    count, pieces = cv2.connectedComponents(mask.view(np.uint8), connectivity=8)
    with_piece, with_rest = (np.bincount(pieces[part], minlength=count) for part in (piece, rest))
    chosen = with_piece > with_rest
    chosen[0] = False
    if rest.any() and count > 1 and chosen[1:].all() and with_rest[1:].any():
        chosen[:] = False  # they have grown together
    return np.asarray(chosen[pieces])


def edited(state: FrameState, edit: ObjectEdit) -> FrameState:
    """Return what is known of a frame after a change that is no split.

    An object merged into another adds its area and soft mask, and the lower confidence counts.
    """
    mapping = edit.mapping
    confidence, area = _known(state, state.confidence), _known(state, state.area)
    confidence = _moved(confidence, mapping, np.fmin)
    area = _moved(area, mapping, lambda a, b: np.nansum([a, b]))
    soft = None
    if state.soft is not None:
        levels = {i: each.labels for i, each in state.soft.items()}
        soft = _packed(_moved(levels, mapping, cv2.add))
    return replace(
        _with(state, confidence, area),
        masks=_map_packed(state.masks, mapping),
        keyframe=_map_packed(state.keyframe, mapping),
        soft=soft,
    )


def split(state: FrameState, edit: ObjectEdit, piece: NDArray[np.bool_]) -> FrameState:
    """Return what is known of a frame after a piece of the object, of shape (H, W), is another."""
    a, b = edit.ids
    if state.masks is None:
        return state
    masks = _with_piece(state.masks.labels, a, b, piece)
    confidence, area = _known(state, state.confidence), _known(state, state.area)
    confidence[b] = confidence.get(a, np.float32(np.nan))
    area |= {i: np.float32(np.count_nonzero(masks == i)) for i in (a, b)}
    keyframe = state.keyframe
    if keyframe is not None:
        keyframe = Packed.of(_with_piece(keyframe.labels, a, b, piece))
    soft = state.soft
    if soft is not None and a in soft:
        soft = dict(soft) | _packed(_shared_out(soft[a].labels, masks, edit))
    return replace(
        _with(state, confidence, area), masks=Packed.of(masks), keyframe=keyframe, soft=soft
    )


def edits_of(
    store: Store,
    edit: ObjectEdit,
    frames: Iterable[int],
    piece: NDArray[np.bool_] | None = None,
) -> Iterator[tuple[int, Change]]:
    """Yield each frame, and what becomes of all that is known of it.

    A split follows the piece by its overlap from frame to frame, and ends where it is gone or one
    with the rest again.

    Parameters
    ----------
    store : Store
        Of the video; it is not changed here.
    edit : ObjectEdit
        What to do.
    frames : iterable of int
        Where; for a split, from the frame on that `piece` was found on.
    piece : bool array of shape (H, W), optional
        What is split off on the first frame.
    """
    rest = None
    for frame in frames:
        if edit.operation is Operation.SPLIT:
            mask = store.labels(frame) == edit.object_id
            if piece is None or not piece.any():
                return
            if rest is not None:
                piece = following_piece(mask, piece, rest)
                if not piece.any():
                    return
            rest = mask & ~piece
            yield frame, partial(split, edit=edit, piece=piece)
        else:
            yield frame, partial(edited, edit=edit)


def check_edit(store: Store, edit: ObjectEdit, frames: range) -> None:
    """Make sure that a change does what it says.

    Raises
    ------
    FrtmError
        If the object is not there, or the new id is in use already.
    """
    where = f"frames {frames.start}-{frames.stop - 1}" if len(frames) > 1 else f"frame {frames[0]}"
    if first_frame(store, edit.object_id, frames) is None:
        raise FrtmError(f"There is no object {edit.object_id} on {where}.")
    if edit.operation in (Operation.RENUMBER, Operation.SPLIT):
        used = first_frame(store, edit.other, frames)
        if used is not None:
            raise FrtmError(
                f"Object {edit.other} is there already, on frame {used}. Choose a free number, "
                f"such as {free_id(store)}, or merge or swap the two."
            )


def free_id(store: Store) -> int:
    """Return the smallest id above all that are in use."""
    drawn = (int(labels.max(initial=0)) for labels in store.keyframes.values())
    return max((*store.timeline.object_ids, *store.objects, *drawn), default=0) + 1


def with_object(
    objects: Mapping[int, SessionObject], object_id: int, known: SessionObject
) -> dict[int, SessionObject]:
    """Return names and parents with those of one object replaced.

    Raises
    ------
    FrtmError
        If it would be its own ancestor.
    """
    changed = {**objects, object_id: known}
    ancestor, seen = known.parent, {object_id}
    while ancestor is not None:
        if ancestor in seen:
            raise FrtmError(
                f"Object {object_id} cannot come from {known.parent}: that is a circle."
            )
        seen.add(ancestor)
        ancestor = changed[ancestor].parent if ancestor in changed else None
    return {i: each for i, each in changed.items() if each.name or each.parent is not None}


def first_frame(store: Store, object_id: int, frames: range) -> int | None:
    """Return the first of some frames, step 1, that an object has pixels on; None for none."""
    area = store.timeline.area.get(object_id)
    if area is None:
        return None
    found = np.flatnonzero(np.nan_to_num(area[frames.start : frames.stop]) > 0)
    return frames.start + int(found[0]) if found.size else None


def _known(state: FrameState, values: NDArray[np.float32]) -> dict[int, np.float32]:
    return {i: v for i, v in zip(state.object_ids, values, strict=True) if not np.isnan(v)}


def _with(
    state: FrameState, confidence: Mapping[int, np.float32], area: Mapping[int, np.float32]
) -> FrameState:
    ids = tuple(sorted({*confidence, *area}))
    return replace(
        state,
        object_ids=ids,
        confidence=np.array([confidence.get(i, np.nan) for i in ids], np.float32),
        area=np.array([area.get(i, np.nan) for i in ids], np.float32),
    )


def _moved(values: Mapping[int, Any], mapping: Mapping[int, int], join: Any) -> dict[int, Any]:
    """Return values by new ids; those of objects that become one are joined."""
    moved: dict[int, Any] = {}
    for old, value in values.items():
        new = mapping.get(old, old)
        if new:
            moved[new] = join(moved[new], value) if new in moved else value
    return moved


def _map_packed(labels: Packed | None, mapping: Mapping[int, int]) -> Packed | None:
    return None if labels is None else Packed.of(relabelled(labels.labels, mapping))


def _with_piece(labels: Labels, old: int, new: int, piece: NDArray[np.bool_]) -> Labels:
    changed = labels.astype(np.promote_types(labels.dtype, np.min_scalar_type(new)))
    changed[piece & (labels == old)] = new
    return np.asarray(changed)


def _shared_out(
    levels: NDArray[np.uint8], masks: Labels, edit: ObjectEdit
) -> dict[int, NDArray[np.uint8]]:
    """Return the soft masks of two parts: each pixel goes to the part that it is nearest to."""
    size = levels.shape[::-1]
    away = [
        cv2.distanceTransform(
            cv2.resize((masks != i).view(np.uint8), size, interpolation=cv2.INTER_NEAREST),
            cv2.DIST_L2,
            5,
        )
        for i in edit.ids
    ]
    of_piece = away[1] < away[0]
    return {
        edit.object_id: np.where(of_piece, 0, levels).astype(np.uint8),
        edit.other: np.where(of_piece, levels, 0).astype(np.uint8),
    }


def _packed(levels: Mapping[int, NDArray[np.uint8]]) -> dict[int, Packed]:
    return {i: Packed.of(each) for i, each in levels.items()}
