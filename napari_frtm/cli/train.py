"""Train the segmentation network on videos or images with masks.

for example:
  napari-frtm train recipes/lite-cpu.toml --data DATA --out run --minutes 60
  napari-frtm train recipes/lite-cpu.toml --data DATA --out run --minutes 60 --resume
  napari-frtm train mine.toml --data DATA --out tuned --init lite

The recipe names the data sets (folders below DATA) and every number of the training. OUT gets
best.safetensors (for 'napari-frtm segment --checkpoint'), last.pt (to resume), and log.csv. A
training that was stopped or killed goes on with --resume; it loses what it did since last.pt.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from napari_frtm.cli.output.progress import Interrupted
from napari_frtm.errors import FrtmError, first_line

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from napari_frtm.training.loop import Training
    from napari_frtm.training.prepare import Preparing
    from napari_frtm.training.state import TrainStep

_SMOOTHING = 0.02


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("recipe", type=Path, help="recipe file (TOML)")
    parser.add_argument("--data", type=Path, required=True, help="folder with the data sets")
    parser.add_argument("--out", type=Path, required=True, help="folder for weights and log")
    parser.add_argument(
        "--targets", type=Path, help="folder of cached target models (OUT/targets); can be shared"
    )
    parser.add_argument(
        "--minutes", type=_positive, help="time budget; the schedule follows the clock"
    )
    parser.add_argument("--resume", action="store_true", help="go on with the training in OUT")
    parser.add_argument("--init", help="weights to start from: 'lite', 'cells' or a file")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (auto)")


def run(options: argparse.Namespace) -> None:
    """Run this command."""
    import cv2

    from napari_frtm.io.weights.checkpoint import resolve_device
    from napari_frtm.training.loop import BEST, LAST, Training
    from napari_frtm.training.recipe import read_recipe

    cv2.setNumThreads(1)  # images are made in a thread of their own, beside those of torch
    training = Training(
        config=read_recipe(options.recipe),
        data=options.data,
        out=options.out,
        targets=options.targets,
        minutes=options.minutes,
        resume=options.resume,
        init=options.init,
        device=resolve_device(options.device),
    )
    kept = f"Add --resume to go on from {training.out / LAST}."
    try:
        _follow(training)
    except KeyboardInterrupt:
        raise Interrupted(f"Stopped. {kept}") from None
    except (RuntimeError, MemoryError) as error:
        raise FrtmError(
            f"{first_line(error)} - {kept} If memory ran out, use a smaller batch in the recipe."
        ) from error
    print(f"The best weights are in {training.out / BEST}.")


def _follow(training: Training) -> None:
    """Run a training with progress bars."""
    from napari_frtm.training.loop import train
    from napari_frtm.training.prepare import Preparing

    events = train(training)
    first = None
    with tqdm(unit="frame", desc="target models", file=sys.stderr) as bar:
        for event in events:
            if not isinstance(event, Preparing):
                first = event
                break
            bar.total = event.total
            bar.update(event.done - bar.n)
    if first is not None:
        _show_steps(training, first, events)


def _show_steps(
    training: Training, first: TrainStep, events: Iterator[Preparing | TrainStep]
) -> None:
    mean, measured = first.loss, ""
    before = first.step - 1
    with tqdm(total=training.config.steps, initial=before, unit="step", file=sys.stderr) as bar:
        step = first
        while step is not None:
            mean += _SMOOTHING * (step.loss - mean)
            if step.jaccard is not None and step.boundary_f is not None:
                measured = f"J {step.jaccard:.3f} F {step.boundary_f:.3f}"
                tqdm.write(f"step {step.step}: loss {mean:.4f}, {measured}", file=sys.stderr)
            bar.total = max(step.step, round(step.step / step.progress))
            bar.set_postfix_str(f"loss {mean:.4f} {measured}", refresh=False)
            bar.update(step.step - bar.n)
            step = next(events, None)  # type: ignore[assignment]


def _positive(text: str) -> float:
    value = float(text)
    if not value > 0:
        raise ValueError(text)
    return value
