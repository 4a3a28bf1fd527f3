"""``napari-frtm segment`` says which cells may have divided."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console import FAST, Outcome, Shot

from napari_frtm.io.session.folder import SessionFolder
from napari_frtm.session.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COUNT = 6


def test_divisions_are_told_after_a_run_on_cells(
    shot: Shot, tmp_path: Path, command: Callable[..., Outcome]
) -> None:
    """And left to the user; those that were denied in napari are not told."""
    session = tmp_path / "shot.frtm"
    start = ("segment", shot.movie, "--mask", shot.mask(0), "--session", session)
    run = command(*start, "--range", f":{COUNT}", *FAST, "--preset", "cells")
    assert run.code == 0, run.err
    assert "Divisions: none was found in these masks." in run.out
    store = Store.of_folder(SessionFolder.open(session))
    for frame in range(3, COUNT):
        labels = shot.truth[frame].copy()
        middle = 8 + 2 * frame + 16
        labels[:, middle - 2 : middle + 2] = 0
        store.put(frame, labels)
    written = [store.labels(frame) for frame in range(COUNT)]
    store.close()

    told = command("segment", session, "--resume")

    where = "May have divided, to be looked at in napari (Review, Divisions)"
    assert f"{where}: object 1 at frame 3." in told.out
    store = Store.of_folder(SessionFolder.open(session))
    assert all((store.labels(frame) == written[frame]).all() for frame in range(COUNT))
    assert store.objects == {}
    assert store.folder is not None
    store.save_settings({**store.folder.settings, "no_divisions": [[1, 3]]})
    store.close()
    assert (
        "Divisions: none was found in these masks." in command("segment", session, "--resume").out
    )


def test_other_objects_are_not_searched(
    shot: Shot, tmp_path: Path, command: Callable[..., Outcome]
) -> None:
    """What is behind something else is in two pieces as well."""
    session = tmp_path / "shot.frtm"
    start = ("segment", shot.movie, "--mask", shot.mask(0), "--session", session)

    run = command(*start, "--range", ":2", *FAST)

    assert run.code == 0, run.err
    assert "Confidence" in run.out
    assert "Divisions" not in run.out
