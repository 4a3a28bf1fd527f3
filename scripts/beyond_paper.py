"""What `lite` gains from what is not in the paper: whole runs without each of these things.

python scripts/beyond_paper.py DAVIS SPLIT                all of them, one after the other
python scripts/beyond_paper.py DAVIS SPLIT leap drawn     only without these

Prints mean J and F of `full`, as `napari-frtm evaluate` does; of `nothing` left out first.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from napari_frtm.config import FrtmConfig, preset
from napari_frtm.evaluation.davis import find_sequences, follow, score
from napari_frtm.evaluation.report import rows
from napari_frtm.io.labels import write_labels
from napari_frtm.io.weights.checkpoint import load_network

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_frtm.evaluation.davis import Sequence
    from napari_frtm.evaluation.report import Row


def _plain(config: FrtmConfig) -> FrtmConfig:
    """Update every fourth frame, by ten steps that are not whitened."""
    target = replace(config.target, update_cg_steps=10, whitening=False)
    return replace(config, target=target, update_interval=4)


def _fading(config: FrtmConfig) -> FrtmConfig:
    return replace(config, memory=replace(config.memory, drawn=0.0))


def _small(config: FrtmConfig) -> FrtmConfig:
    return replace(config, short_side=480, enlarge=1.0)


def _leaping(config: FrtmConfig) -> FrtmConfig:
    return replace(config, leap=None)


def _as_refined(config: FrtmConfig) -> FrtmConfig:
    return replace(config, outlines=False)


WITHOUT: dict[str, Callable[[FrtmConfig], FrtmConfig]] = {
    "nothing": lambda config: config,
    "leap": _leaping,
    "enlarge": _small,
    "whitening": _plain,
    "drawn": _fading,
    "outlines": _as_refined,
    "all": lambda config: _leaping(_small(_plain(_fading(_as_refined(config))))),
}


def measure(config: FrtmConfig, sequences: list[Sequence]) -> Row:
    """Follow the sequences, and return their mean scores."""
    network = load_network(config)
    with TemporaryDirectory() as out:
        for sequence in sequences:
            (Path(out) / sequence.name).mkdir()
            for name, prediction in follow(sequence, network, config):
                write_labels(Path(out) / sequence.name / f"{name}.png", prediction.labels)
        return rows({s.name: score(s, Path(out) / s.name) for s in sequences})[-1]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("root", type=Path, help="folder with JPEGImages and Annotations")
    parser.add_argument("split", help="list of sequences, as for evaluate")
    parser.add_argument("without", nargs="*", help=f"of {', '.join(WITHOUT)}")
    options = parser.parse_args()
    if unknown := [name for name in options.without if name not in WITHOUT]:
        parser.error(f"There is no '{unknown[0]}'; choose of {', '.join(WITHOUT)}.")
    found = find_sequences(options.root, options.split)
    for name in options.without or WITHOUT:
        row = measure(WITHOUT[name](preset("lite")), found)
        scores = f"J&F {row.mean:.3f}  J {row.jaccard:.3f}  F {row.boundary_f:.3f}"
        print(f"without {name:10} {scores}", flush=True)
