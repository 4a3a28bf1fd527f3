"""What helps the segmentation network: short trainings that differ in one thing.

python scripts/ablation.py DATA OUT              all of them, one after the other
python scripts/ablation.py DATA OUT wide more    only these

Prints J and F on the validation videos of recipes/lite-stills.toml. The table in docs/model_card.md
also has those of whole runs:
napari-frtm evaluate DATA/davis --split 2016/dev --out SCORES --checkpoint OUT/NAME/best.safetensors
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from napari_frtm.config import SegmentationConfig
from napari_frtm.training.config import JointConfig, TrainConfig
from napari_frtm.training.loop import BEST, Training, train
from napari_frtm.training.recipe import read_recipe
from napari_frtm.training.state import TrainStep

if TYPE_CHECKING:
    from collections.abc import Callable

RECIPE = Path(__file__).parents[1] / "recipes" / "lite-stills.toml"
STEPS, LONGER = 1000, 300


def _wide(*channels: int) -> Callable[[TrainConfig], TrainConfig]:
    w4, w8, w16, w32 = channels
    return lambda c: replace(c, segmentation=SegmentationConfig(channels=(w4, w8, w16, w32)))


def _data(**changes: float) -> Callable[[TrainConfig], TrainConfig]:
    """Change the data sets of still images."""
    return lambda c: replace(
        c, datasets=tuple(replace(d, **changes) if d.kind == "images" else d for d in c.datasets)
    )


def _on(config: TrainConfig) -> TrainConfig:
    """Go on from `base` for a while, at a third of its learning rate."""
    slower = replace(config.optimiser, learning_rate=config.optimiser.learning_rate * 0.3)
    return replace(config, steps=LONGER, optimiser=slower)


VARIANTS: dict[str, Callable[[TrainConfig], TrainConfig]] = {
    "base": lambda c: c,
    "seed": lambda c: replace(c, seed=1),
    "narrow": _wide(16, 16, 16, 16),
    "wide": _wide(64, 64, 64, 64),
    "videos": lambda c: replace(c, datasets=c.datasets[:1]),
    "alone": _data(intruders=0.0),
    "entropy": lambda c: replace(c, dice=0.0),
    "clean": lambda c: replace(c, crop=replace(c.crop, disturbed=0.0, poor=0.0)),
    "more": _on,
    "joint": lambda c: replace(_on(c), joint=JointConfig(rate=0.03, refit=100)),
}


def run(name: str, data: Path, out: Path) -> TrainStep:
    """Train a variant and return its last step."""
    base = replace(read_recipe(RECIPE), steps=STEPS)
    assert base.validation is not None
    base = replace(base, validation=replace(base.validation, interval=STEPS, every=6))
    init = str(out / "base" / BEST) if name in ("more", "joint") else None
    config = VARIANTS[name](base)
    training = Training(
        config=config, data=data, out=out / name, targets=out / "targets", init=init
    )
    for event in tqdm(train(training), desc=name):
        if isinstance(event, TrainStep):
            step = event
    return step


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(VARIANTS)}")
    options = parser.parse_args()
    for name in options.names or VARIANTS:
        last = run(name, options.data, options.out)
        print(f"{name}: J {last.jaccard:.3f} F {last.boundary_f:.3f}")
