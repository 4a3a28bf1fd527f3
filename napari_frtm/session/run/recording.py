"""What a session is told when a run begins on it: what is drawn, and how its masks are made."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from napari_frtm.config import Direction
from napari_frtm.errors import OutputError
from napari_frtm.session.run.coverage import Scope
from napari_frtm.session.run.provenance import is_same, last_run, provenance, with_run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from napari_frtm.session.run.request import Request, Started
    from napari_frtm.session.store.store import Store


@contextmanager
def releasing(store: Store) -> Iterator[Store]:
    """Let go of a store's folder in the end, however that comes; what a run has saved stays."""
    try:
        yield store
    finally:
        store.saver.close()
        if store.folder is not None:
            store.folder.release()


def nothing_to_follow(request: Request, started: Started) -> str:
    """Return why a run would write nothing but what was drawn; an empty text if it would."""
    covered = started.coverage
    if request.scope is not Scope.RANGE or started.total > len(covered.annotated):
        return ""
    last = covered.frames[0 if covered.direction is Direction.BACKWARD else -1]
    return (
        f"There is no frame to follow the objects to: going {covered.direction}, nothing comes "
        f"after frame {last}."
    )


def enter_keyframes(request: Request) -> None:
    """Let the store of a request know the frames that were drawn, where they are new to it.

    Raises
    ------
    OutputError
        If they cannot be saved.
    """
    store = request.store
    for index, labels in sorted(request.keyframes.items()):
        if store.keyframes.get(index) is not labels:
            store.set_keyframe(index, labels, complete=index in request.complete, shown=False)
    if reason := store.saver.flush():
        raise OutputError(reason)


def record(
    request: Request, started: Started, also: Mapping[str, Any], *, continues: bool = False
) -> None:
    """Let a session know how its masks are made.

    Parameters
    ----------
    request : Request
        What is done; its store has a folder.
    started : Started
        What it comes to.
    also : mapping
        What else the session is to keep, by name.
    continues : bool
        Whether the run goes on: the session knows of it, if it was told before a kill.

    Raises
    ------
    OutputError
        If it cannot be saved.
    """
    folder = request.store.folder
    assert folder is not None
    settings, run = {**folder.settings, **also}, provenance(started)
    known = continues and is_same(last_run(settings), run)  # a kill may have come before this
    folder.save_settings(settings if known else with_run(settings, run))
