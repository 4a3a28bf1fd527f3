"""Train the outline network on soft masks beside the true ones.

    python scripts/outline_samples.py DATA SAMPLES
    python scripts/train_outlines.py SAMPLES OUT.safetensors --minutes 45

The loss is binary cross-entropy and half a soft Dice loss near what masks are unsure of or wrong
about. Kept is a mean of the weights of the last steps. OUT is written every two minutes, too;
``scripts/embed_weights.py`` puts it into the package.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from napari_frtm.engine.extensions.colours import FULL, HALF, cues
from napari_frtm.engine.networks.outline import STRIDE, OutlineNetwork
from napari_frtm.io.weights.outlines import save_outlines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Planes = NDArray[np.int8]

_SIZE = 160  # pixels along the side of a crop
_BATCH = 12
_SHARES = {"davis": 0.6, "cells": 0.2, "stills": 0.2}
_RATE = 2e-3
_NEAR = np.ones((17, 17), np.uint8)
_FAR_WEIGHT = 0.1
_ONE = 127  # of planes as they are kept


@dataclass(frozen=True)
class Sample:
    """An object as it was segmented, and as it is; planes in 127ths."""

    full: Planes
    half: Planes
    truth: NDArray[np.bool_]
    near: NDArray[np.bool_]

    @classmethod
    def of(
        cls, image: NDArray[np.uint8], mask: NDArray[np.uint8], truth: NDArray[np.bool_]
    ) -> Sample | None:
        """Return the sample of an image (H, W, 3) and a mask; None if nothing is to be learned."""
        height, width = (side // 2 * 2 for side in mask.shape)
        image, mask, truth = (each[:height, :width] for each in (image, mask, truth))
        if mask.max(initial=0) < 128:
            return None
        unsure = ((mask > 50) & (mask < 205)) | ((mask > 127) != truth)
        near = cv2.dilate(unsure.astype(np.uint8), _NEAR) > 0
        if near.sum() < 50:
            return None
        planes = np.ascontiguousarray(image.transpose(2, 0, 1)).astype(np.float32) / 255
        seen = cues(planes, mask.astype(np.float32) / 255)
        full, half = ((_ONE * each).round().astype(np.int8) for each in seen)
        return cls(full, half, truth, near)

    def crop(self, rng: np.random.Generator) -> tuple[NDArray[np.float32], ...]:
        """Return a random crop: planes of full and half size, truth, weights."""
        height, width = self.truth.shape
        scale = math.exp(rng.uniform(-0.15, 0.35)) if rng.random() < 0.5 else 1.0
        side = round(_SIZE * scale / 2) * 2
        found = np.flatnonzero(self.near)
        row, column = divmod(int(found[rng.integers(len(found))]), width)
        top, left = (int(at - rng.integers(side // 4, 3 * side // 4)) // 2 for at in (row, column))
        rows, columns = (np.arange(2 * at, 2 * at + side) for at in (top, left))
        inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
        rows, columns = rows.clip(0, height - 1), columns.clip(0, width - 1)
        half_rows = np.arange(top, top + side // 2).clip(0, height // 2 - 1)
        half_columns = np.arange(left, left + side // 2).clip(0, width // 2 - 1)
        full = self.full[:, rows][:, :, columns].astype(np.float32) / _ONE
        half = self.half[:, half_rows][:, :, half_columns].astype(np.float32) / _ONE
        truth = self.truth[rows][:, columns].astype(np.float32)
        weight = np.maximum(self.near[rows][:, columns], _FAR_WEIGHT).astype(np.float32) * inside
        if side != _SIZE:
            full, half = _resized(full, _SIZE), _resized(half, _SIZE // 2)
            truth = (_resized(truth[None], _SIZE)[0] > 0.5).astype(np.float32)
            weight = _resized(weight[None], _SIZE)[0]
        if rng.random() < 0.6:
            gain = rng.uniform(0.7, 1.3) * np.exp(rng.uniform(-0.2, 0.2, (3, 1, 1)))
            full[:3] = ((full[:3] + 1) * gain - 1 + rng.uniform(-0.2, 0.2)).clip(-1.2, 1.5)
        crop = (full, half, truth, weight)
        if rng.random() < 0.5:
            crop = tuple(each[..., ::-1] for each in crop)
        if rng.random() < 0.2:
            crop = tuple(each[..., ::-1, :] for each in crop)
        return tuple(np.ascontiguousarray(each, np.float32) for each in crop)


def read_samples(folder: Path) -> dict[str, list[Sample]]:
    """Return all samples of a folder by where they are from."""
    samples: dict[str, list[Sample]] = {name: [] for name in _SHARES}
    for file in sorted(folder.glob("*.npz")):
        kind = file.stem.split("_")[0]
        with np.load(file) as saved:
            for number in range(sum(name.startswith("mask") for name in saved.files)):
                each = (saved[f"{part}{number}"] for part in ("image", "mask", "truth"))
                if sample := Sample.of(*each):
                    samples[kind if kind in samples else "stills"].append(sample)
    return {name: found for name, found in samples.items() if found}


def batches(samples: dict[str, list[Sample]], seed: int) -> Iterator[list[torch.Tensor]]:
    """Yield random crops."""
    rng = np.random.default_rng(seed)
    share = np.array([_SHARES[name] for name in samples])
    pools = list(samples.values())
    while True:
        chosen = [pools[i] for i in rng.choice(len(pools), _BATCH, p=share / share.sum())]
        crops = [pool[int(rng.integers(len(pool)))].crop(rng) for pool in chosen]
        yield [torch.from_numpy(np.stack(each)) for each in zip(*crops, strict=True)]


def loss_of(log_odds: torch.Tensor, truth: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Return the loss of a batch of corrected masks."""
    entropy = binary_cross_entropy_with_logits(log_odds, truth, reduction="none")
    entropy = (entropy * weight).sum((1, 2)) / (weight.sum((1, 2)) + 1)
    soft = torch.sigmoid(log_odds)
    both, all_ = ((each * weight).sum((1, 2)) for each in (soft * truth, soft + truth))
    return (entropy + 0.5 * (1 - (2 * both + 20) / (all_ + 20))).mean()


def train(samples: dict[str, list[Sample]], out: Path, minutes: float, seed: int) -> None:
    """Write the mean network of the last steps."""
    torch.manual_seed(seed)
    network = OutlineNetwork(FULL, HALF)
    mean = copy.deepcopy(network)
    optimiser = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=1e-3)
    start = saved = time.monotonic()
    losses: list[float] = []
    for step, (full, half, truth, weight) in enumerate(batches(samples, seed)):
        done = (time.monotonic() - start) / (60 * minutes)
        if done >= 1:
            break
        rate = min(1, (step + 1) / 100) * (0.5 + 0.5 * math.cos(math.pi * done))
        for group in optimiser.param_groups:
            group["lr"] = _RATE * rate
        loss = loss_of(network(full, half), truth, weight)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        kept = min(0.998, (1 + step) / (10 + step))
        with torch.no_grad():
            for average, now in zip(mean.parameters(), network.parameters(), strict=True):
                average.lerp_(now, 1 - kept)
        losses.append(loss.item())
        if time.monotonic() - saved > 120:
            saved = time.monotonic()
            save_outlines(out, mean)
            print(
                f"{step} steps, {100 * done:.0f} %, loss {np.mean(losses[-300:]):.4f}", flush=True
            )
    save_outlines(out, mean)


def main() -> None:
    """Train as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("samples", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=45.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    samples = read_samples(options.samples)
    print(", ".join(f"{len(found)} of {name}" for name, found in samples.items()), flush=True)
    assert _SIZE % STRIDE == 0
    train(samples, options.out, options.minutes, options.seed)


def _resized(planes: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    how = cv2.INTER_AREA if planes.shape[-1] > side else cv2.INTER_LINEAR
    return np.stack([cv2.resize(plane, (side, side), interpolation=how) for plane in planes])


if __name__ == "__main__":
    main()
