"""All that is known of a frame, taken, changed and brought back as a whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from napari_frtm.errors import FrtmError
from napari_frtm.io.session.array_reading import read_frame
from napari_frtm.session.store.history import FrameState, Packed

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from napari_frtm.session.store.store import Store

Change: TypeAlias = Callable[[FrameState], FrameState]
"""Makes what is to be known of a frame from what is known of it."""


def carried_out(
    store: Store, changes: Iterable[tuple[int, Change]]
) -> Generator[tuple[int, FrameState | None], None, None]:
    """Change what is known of frames, one by one.

    It may be done in a thread: a frame waits while the user paints on it. Frozen and empty frames
    stay as they are. If it is stopped or fails, frames that were yielded are changed as a whole,
    and others are not.

    Yields
    ------
    tuple of int and FrameState or None
        A frame, and all that was known of it before; None where it stays.

    Raises
    ------
    OutputError
        If the session folder cannot be written; what the frame held before was yielded.
    """
    for frame, change in changes:
        failure = before = None
        with store.alone(frame):
            if store.timeline.filled[frame] and not store.timeline.frozen[frame]:
                before = whole_state(store, frame)
                try:
                    bring_back(store, frame, change(before))
                except FrtmError as error:
                    failure = error
        yield frame, before
        if failure is not None:
            raise failure


def whole_state(store: Store, index: int) -> FrameState:
    """Return all that is known of a frame: what is drawn and soft masks as well."""
    keyframe = None if index in store.complete else store.keyframes.get(index)
    return replace(
        store.state(index),
        keyframe=None if keyframe is None else Packed.of(keyframe),
        soft={i: Packed.of(read_frame(soft, index)) for i, soft in store.probabilities.items()},
    )


def bring_back(store: Store, index: int, state: FrameState) -> None:
    """Let all that is known of a frame be so, as far as the state says; a keyframe stays one.

    Raises
    ------
    OutputError
        If the session folder cannot be written.
    """
    store.restore(index, state)
    if state.keyframe is not None and index in store.keyframes and index not in store.complete:
        store.set_keyframe(index, state.keyframe.labels, complete=False, shown=False)
    if state.soft is not None:
        levels = {i: each.labels for i, each in state.soft.items()}
        for object_id, soft in store.probabilities.items():
            if object_id not in levels:
                levels[object_id] = np.zeros(soft.shape[1:], np.uint8)
        store.put_soft(index, levels)
