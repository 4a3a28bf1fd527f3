"""Where the time goes, part by part, and against a literal implementation in the same run.

    python benchmarks/inference.py [--preset lite] [--size 480x854] [--repeat 7]

Each part is timed `--repeat` times in turn with the others, so that a machine whose speed drifts
slows all of them alike; the table gives medians. "Literal" is the target model of tests/oracle.py:
residuals at full resolution, automatic differentiation. The segmentation network has random
weights if none are embedded: its time does not depend on them.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch

from napari_frtm.config import TARGET_STRIDE, FrtmConfig, SegmentationConfig, Variant, preset
from napari_frtm.engine.extensions.location import Location
from napari_frtm.engine.frames.images import Geometry, to_images
from napari_frtm.engine.frames.labels import to_labels
from napari_frtm.engine.frames.partition import Partition
from napari_frtm.engine.networks.network import FrtmNetwork
from napari_frtm.engine.networks.segmentation import SegmentationNetwork
from napari_frtm.engine.target.augmentation import altered_copies
from napari_frtm.engine.target.loss import sample_loss
from napari_frtm.engine.target.memory import SampleMemory, initial_weights
from napari_frtm.engine.target.model import TargetModel
from napari_frtm.io.labels import read_labels
from napari_frtm.io.video.opening import open_video
from napari_frtm.io.weights.checkpoint import available_variant, load_network
from napari_frtm.types import Box

if TYPE_CHECKING:
    from collections.abc import Callable

    from oracle import LiteralTarget

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))  # for the literal version


class Scene:
    """One frame of the bundled clip at the size asked for, and all that the parts work on."""

    def __init__(self, config: FrtmConfig, size: tuple[int, int]) -> None:
        self.config = config
        self.network = _network(config)
        video = open_video(ROOT / "sample_data" / "roto.mp4")
        frame = np.asarray(video.frames[0])
        labels = read_labels(ROOT / "sample_data" / "roto_mask.png").astype(np.uint8)
        self.frame = cv2.resize(frame, size[::-1], interpolation=cv2.INTER_AREA)
        self.mask = cv2.resize(labels, size[::-1], interpolation=cv2.INTER_NEAREST)
        self.geometry = Geometry.scaled(size, config.scale(size))
        self.working = cv2.resize(self.frame, self.geometry.working[::-1])
        self.soft = torch.from_numpy(
            cv2.resize(self.mask, self.geometry.working[::-1]).astype(np.float32)
        )
        self.image = self.convert()
        self.features = self.network.features(self.image, refine=True)
        self.deep = self.features[TARGET_STRIDE].float()
        self.first = self.deep.repeat(config.augmentation.samples, 1, 1, 1).contiguous()
        self.first = self.first + 0.01 * torch.randn_like(self.first)
        self.fit()
        self._fill()

    def convert(self) -> torch.Tensor:
        """Frame to tensor."""
        return to_images([self.frame], (0, 255), self.geometry, torch.device("cpu"))

    def backbone(self) -> object:
        """F down to stride 16."""
        return self.network.features(self.image, refine=False)

    def whole_backbone(self) -> object:
        """F down to stride 32."""
        return self.network.features(self.image, refine=True)

    def target(self) -> torch.Tensor:
        """D: projection and scores."""
        return self.model.scores(self.model.project(self.deep))

    def segment(self) -> object:
        """S for one object."""
        return self.network.refine(self.scores, self.features)

    def masks(self) -> object:
        """Scores to labels, for D alone."""
        up = torch.nn.functional.interpolate(
            self.scores, self.geometry.padded, mode="bilinear", align_corners=False
        )
        (mask,) = self.geometry.crop(up).clamp(0, 1)[0].numpy()
        frame = Box(0, 0, *mask.shape)
        merged = Partition.merged([frame], [mask], frame.size)
        return to_labels(merged, (1,), self.geometry.video)

    def drop(self) -> None:
        """Find what is near the last mask, and drop a second piece far from it."""
        soft = self.soft.numpy().copy()
        soft[:, -20:-10] = 0
        soft[-20:, -10:] = 0.9
        Location.from_annotation(self.soft.numpy(), 0).drop_far(soft, 1, 0.5)

    def extend(self) -> None:
        """Add a sample to the memory."""
        loss = sample_loss(self.soft[None], self.config.target.kappa_min, self.geometry.scores)
        self.memory.add(self.projected[:1], loss)

    def update(self) -> None:
        """Optimise w2 over a full memory."""
        moments = self.memory.moments if self.config.target.whitening else None
        self.model.update(*self.memory.samples, moments)

    def augment(self) -> object:
        """Cut out, inpaint, warp, paste."""
        rng = np.random.default_rng(0)
        return altered_copies(self.working, self.soft.numpy(), self.config.augmentation, rng)

    def fit(self) -> None:
        """Gauss-Newton on the first samples."""
        generator = torch.Generator().manual_seed(0)
        self.model = TargetModel.initial(self.first.shape[1], self.config.target, generator)
        count = len(self.first)
        masks = self.soft.expand(count, *self.soft.shape)
        self.loss = sample_loss(masks, self.config.target.kappa_min, self.geometry.scores)
        self.model.fit(self.first, self.loss, initial_weights(count).float())

    def literal_fit(self) -> None:
        """Do the same literally."""
        literal = self._literal()
        masks = self._padded(len(self.first))
        weights = initial_weights(len(self.first)).float()
        literal.fit(self.first, masks, weights, self.config.target.cg_steps)

    def literal_update(self) -> None:
        """Do the update of a full memory literally."""
        literal = self._literal()
        literal.w1 = torch.eye(self.config.target.channels)[:, :, None, None]  # projected already
        projected, _, weights = self.memory.samples
        masks = self._padded(len(projected))
        literal.update(projected, masks, weights, self.config.target.update_cg_steps)

    def _literal(self) -> LiteralTarget:
        from oracle import LiteralTarget

        c = self.config.target.channels
        return LiteralTarget(
            self.model.projection[:, :, None, None], self.model.taps.T.reshape(1, c, 3, 3)
        )

    def _padded(self, count: int) -> torch.Tensor:
        height, width = self.geometry.padded
        masks = torch.zeros(count, 1, height, width)
        masks[..., : self.soft.shape[0], : self.soft.shape[1]] = self.soft
        return masks

    def _fill(self) -> None:
        """Fill the memory."""
        self.projected = self.model.project(self.first)
        self.memory = SampleMemory(self.projected, self.loss, self.config.memory)
        for _ in range(self.config.memory.capacity):
            self.extend()
        self.scores = self.target()[:, None]


def main() -> None:
    """Time the parts and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="lite")
    parser.add_argument("--size", default="480x854", help="height x width of the frames, pixels")
    parser.add_argument("--repeat", type=int, default=7)
    options = parser.parse_args()
    height, width = (int(side) for side in options.size.split("x"))
    with torch.no_grad():
        scene = Scene(preset(options.preset), (height, width))
    parts = ("convert", "backbone", "whole_backbone", "target", "segment", "masks", "drop",
             "extend", "update", "augment", "fit", "literal_fit", "literal_update")  # fmt: skip
    times = measure({name: getattr(scene, name) for name in parts}, options.repeat)
    precision = "half" if scene.network.half_precision else "single"
    print(
        f"{options.preset}, {height} x {width}, one object, {torch.get_num_threads()} threads, "
        f"F and S in {precision} precision\n"
    )
    report(times, scene.config)


def measure(parts: dict[str, Callable[[], object]], repeat: int) -> dict[str, float]:
    """Return the median time of each part in milliseconds, all taken in turn."""
    times: dict[str, list[float]] = {name: [] for name in parts}
    for round_ in range(repeat + 1):
        for name, part in parts.items():
            start = time.perf_counter()
            with torch.set_grad_enabled(name.startswith("literal")):
                part()
            if round_:  # the first round warms up
                times[name].append(1000 * (time.perf_counter() - start))
    return {name: statistics.median(values) for name, values in times.items()}


def report(times: dict[str, float], config: FrtmConfig) -> None:
    """Print a table for the frame loop and one for the first frame."""
    every = config.update_interval
    update, literal = times["update"] / every, times["literal_update"] / every
    loop = {
        "frame to tensor": times["convert"],
        "F, to stride 16": times["backbone"],
        "D": times["target"],
        "masks": times["masks"],
        "a far piece": times["drop"],
        "memory": times["extend"],
        f"update, 1/{every}": update,
    }
    total = sum(loop.values())
    held = config.memory.capacity
    print(f"| frame loop, D alone, {held} samples | ms | share |\n|---|---|---|")
    for name, value in loop.items():
        print(f"| {name} | {value:.1f} | {100 * value / total:.0f} % |")
    print(f"| **in all** | **{total:.1f}** | |")
    print(f"| literal update, 1/{every} | {literal:.1f} | x {literal / update:.0f} |")
    full = total + times["whole_backbone"] - times["backbone"] + times["segment"] - times["masks"]
    print(f"| F, to stride 32 | {times['whole_backbone']:.1f} | |")
    print(f"| S | {times['segment']:.1f} | |")
    print(f"| **in all, full** | **{full:.1f}** | |\n")
    samples = config.augmentation.samples
    backbone = samples * times["backbone"]
    whole = times["augment"] + backbone + times["fit"] + times["update"]
    print("| first frame | ms |\n|---|---|")
    print(f"| altered copies | {times['augment']:.0f} |\n| F, {samples} times | {backbone:.0f} |")
    print(f"| Gauss-Newton | {times['fit']:.0f} |\n| **in all** | **{whole:.0f}** |")
    ratio = times["literal_fit"] / times["fit"]
    print(f"| literal Gauss-Newton | {times['literal_fit']:.0f} (x {ratio:.0f}) |")


def _network(config: FrtmConfig) -> FrtmNetwork:
    """Return the embedded network, with a random segmentation network if none is embedded."""
    if available_variant(config, None).variant.refines:
        return load_network(config, device="cpu")
    network = load_network(replace(config, variant=Variant.D_ONLY), device="cpu")
    segmentation = SegmentationNetwork(network.backbone.channels, SegmentationConfig())
    return FrtmNetwork(network.backbone, segmentation).for_inference()


if __name__ == "__main__":
    main()
