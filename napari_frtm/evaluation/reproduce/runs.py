"""Runs of many settings on many sequences, each kept on disk as soon as it is done."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, TypeAlias

from napari_frtm.errors import FrtmError
from napari_frtm.evaluation.clock import Times, timed
from napari_frtm.evaluation.davis import follow, score
from napari_frtm.evaluation.metrics import ObjectScores
from napari_frtm.evaluation.reproduce.experiments import Experiment
from napari_frtm.evaluation.reproduce.parts import first_frame, frame_loop
from napari_frtm.io.atomic import reporting, write_json
from napari_frtm.io.labels import write_labels

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    from napari_frtm.engine.networks.network import FrtmNetwork
    from napari_frtm.evaluation import davis
    from napari_frtm.evaluation.reproduce.experiments import Setting

Identity: TypeAlias = dict[str, object]
"""All that the result of a run depends on, as JSON has it."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of one setting on one sequence.

    Attributes
    ----------
    scores : dict of int to ObjectScores
        By object; empty in experiments about time.
    seconds : list of float
        What each frame took.
    parts : dict of str to float
        Seconds by part; empty in experiments about masks.
    """

    scores: dict[int, ObjectScores]
    seconds: list[float]
    parts: dict[str, float]


@dataclass(frozen=True, slots=True)
class Done:
    """One more run is there."""

    setting: str
    sequence: str
    number: int
    total: int


@dataclass(frozen=True, slots=True)
class Bench:
    """What an experiment runs on.

    Attributes
    ----------
    experiment : Experiment
        A table or figure.
    sequences : list of Sequence
        Each setting runs on all of them.
    out : Path
        Where results are kept: a folder for each setting, a file for each sequence, and the masks.
    load : callable
        Returns the network of a setting; only called if one of its runs is missing.
    identify : callable
        Returns what the network and the machine of a setting are: what is kept counts only as
        long as this and the setting stay the same.
    """

    experiment: Experiment
    sequences: list[davis.Sequence]
    out: Path
    load: Callable[[Setting], FrtmNetwork]
    identify: Callable[[Setting], Identity]


def measure(
    bench: Bench, settings: Sequence[Setting]
) -> Generator[Done, None, dict[str, dict[str, Measured]]]:
    """Do the runs that are missing; yield after each, return all by setting and sequence.

    Raises
    ------
    FrtmError
        If a run fails, or its result cannot be written.
    """
    total = len(settings) * len(bench.sequences)
    results: dict[str, dict[str, Measured]] = {}
    number = 0
    for setting in settings:
        results[setting.name] = {}
        network = None
        identity = _identity(bench, setting)
        for sequence in bench.sequences:
            path = bench.out / _folder(setting) / f"{sequence.name}.json"
            kept = _read(path, identity)
            if kept is None:
                network = network or bench.load(setting)
                kept = _run(bench, setting, sequence, network, path)
                _write(path, identity, kept)
            results[setting.name][sequence.name] = kept
            number += 1
            yield Done(setting.name, sequence.name, number, total)
    return results


def _run(
    bench: Bench, setting: Setting, sequence: davis.Sequence, network: FrtmNetwork, path: Path
) -> Measured:
    masks = path.parent / "masks" / sequence.name
    with reporting(masks):
        masks.mkdir(parents=True, exist_ok=True)
    try:
        if bench.experiment is Experiment.FIGURE_7:
            return Measured({}, [], first_frame(sequence, network, setting.config))
        if bench.experiment.is_timing:
            return Measured({}, [], frame_loop(sequence, network, setting.config))
        times = Times()
        for name, prediction in timed(follow(sequence, network, setting.config), times):
            write_labels(masks / f"{name}.png", prediction.labels)
    except (RuntimeError, MemoryError) as error:
        raise FrtmError(f"{setting.name}, {sequence.name}: {error}") from error
    return Measured(score(sequence, masks), times.seconds, {})


def _identity(bench: Bench, setting: Setting) -> Identity:
    known = {"config": asdict(setting.config), **bench.identify(setting)}
    identity: Identity = json.loads(json.dumps(known))
    return identity


def _folder(setting: Setting) -> str:
    kept = "".join(c if c.isalnum() or c in ".-" else "_" for c in setting.name)
    return kept.strip("._").lower()


def _write(path: Path, identity: Identity, measured: Measured) -> None:
    scores = {str(i): asdict(its) for i, its in measured.scores.items()}
    write_json(
        path,
        {
            "identity": identity,
            "scores": scores,
            "seconds": measured.seconds,
            "parts": measured.parts,
        },
    )


def _read(path: Path, identity: Identity) -> Measured | None:
    """Return a result that is kept; None if there is none, or one of other settings."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["identity"] != identity:
            return None
        scores = {
            int(i): ObjectScores(tuple(its["jaccard"]), tuple(its["boundary_f"]))
            for i, its in content["scores"].items()
        }
        return Measured(scores, content["seconds"], content["parts"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
