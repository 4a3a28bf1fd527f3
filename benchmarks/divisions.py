"""How many divisions of cells are found, and how many are made up.

    python benchmarks/divisions.py MOVIE [--session SESSION]

MOVIE is a folder of the Cell Tracking Challenge with labels.tif, man_track.txt and, where not all
frames are labelled, labelled_frames.txt. Without SESSION the masks are these labels, in which
daughters have the id of their mother, one generation at a time: so each division is in one of two
label movies. With it they are those of a run that followed cells by their ids in labels.tif, and
only divisions of these count. A division begins on the first labelled frame that shows both
daughters, and is found if it is told at most two labelled frames from there.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import tifffile

from napari_frtm.io.export.opening import open_masks
from napari_frtm.session.edits.division_search import PossibleDivision, possible_divisions

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_frtm.types import Labels

_NEAR = 2  # labelled frames

Parents = dict[int, int]


def parents_of(movie: Path) -> Parents:
    """Return the parents of the cells that have one, by id."""
    lines = (movie / "man_track.txt").read_text().splitlines()
    rows = [tuple(map(int, line.split())) for line in lines]
    return {row[0]: row[3] for row in rows if row[3]}


def true_divisions(labels: NDArray[np.uint16], parents: Parents, known: list[int]) -> Parents:
    """Return the first frame on which both daughters are there, by the id of the mother."""
    there = {t: set(np.unique(labels[t]).tolist()) for t in known}
    found = {}
    for mother in sorted(set(parents.values())):
        daughters = {i for i, parent in parents.items() if parent == mother}
        begin = [t for t in known if daughters <= there[t]]
        if len(daughters) == 2 and begin and any(mother in ids for ids in there.values()):
            found[mother] = begin[0]
    return found


def with_mothers(labels: NDArray[np.uint16], parents: Parents, odd: bool) -> NDArray[np.uint16]:
    """Return labels in which the daughters of every other generation have their mother's id."""
    table = np.arange(labels.max() + 1, dtype=np.uint16)
    for child in parents:
        ancestor, generation = child, 0
        while ancestor in parents:
            ancestor, generation = parents[ancestor], generation + 1
        if generation % 2 == odd and child < len(table):
            table[child] = parents[child]
    return table[labels]


def searched(read: Callable[[int], Labels], frames: list[int]) -> list[PossibleDivision]:
    """Return all divisions that are told."""
    return [each for _, found in possible_divisions(read, frames) for each in found]


def main() -> None:
    """Print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("movie", type=Path)
    parser.add_argument("--session", type=Path)
    options = parser.parse_args()
    labels, parents = tifffile.imread(options.movie / "labels.tif"), parents_of(options.movie)
    file = options.movie / "labelled_frames.txt"
    known = [int(x) for x in file.read_text().split()] if file.exists() else [*range(len(labels))]
    true = true_divisions(labels, parents, known)
    begun = perf_counter()
    if options.session is None:
        movies = [with_mothers(labels, parents, odd) for odd in (False, True)]
        found = [each for movie in movies for each in searched(movie.__getitem__, known)]
        count = 2 * len(known)
    else:
        masks = open_masks(options.session)
        frames = np.flatnonzero(masks.timeline.filled).tolist()
        first = np.unique(masks.labels(frames[0]))
        true = {i: t for i, t in true.items() if i in first and t > frames[0]}
        found, count = searched(masks.labels, frames), len(frames)
    each_frame = (perf_counter() - begun) / count
    hits = {
        each
        for each in found
        if each.object_id in true
        and abs(np.searchsorted(known, each.frame) - known.index(true[each.object_id])) <= _NEAR
    }
    print(f"{len(hits)} of {len(true)} found, {len(found) - len(hits)} false")
    print(f"{1000 * each_frame:.1f} ms a frame")
    print(f"False: {[(each.object_id, each.frame) for each in found if each not in hits]}")
    missed = true.keys() - {each.object_id for each in hits}
    print(f"Not found: {[(i, true[i]) for i in sorted(missed)]}")


if __name__ == "__main__":
    main()
