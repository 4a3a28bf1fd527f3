"""Largest resident memory of a run on the CPU; what the form's estimate was made from.

    for n in 1 8; do python benchmarks/peak_memory.py lite 600 $n; done

Networks that would have to be downloaded or imported have random weights: they take as much.
"""

from __future__ import annotations

import argparse
import resource
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
import torchvision

from napari_frtm.config import PRESETS, SegmentationConfig, preset
from napari_frtm.engine.networks.backbone import Backbone
from napari_frtm.engine.networks.network import FrtmNetwork
from napari_frtm.engine.networks.segmentation import SegmentationNetwork
from napari_frtm.engine.tracking.propagate import propagate
from napari_frtm.io.weights.checkpoint import load_network
from napari_frtm.io.weights.library import EMBEDDED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_frtm.config import FrtmConfig


class Moving:
    """Smooth noise that moves, drawn frame by frame."""

    def __init__(self, count: int, height: int, width: int) -> None:
        self.shape = (count, height, width, 3)
        noise = np.random.default_rng(0).integers(0, 255, (height + 64, width, 3), np.uint8)
        self._ground = cv2.GaussianBlur(noise, (0, 0), 4)

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        """Draw a frame."""
        return self._ground[index % 64 :][: self.shape[1]].copy()


def discs(count: int, height: int, width: int) -> NDArray[np.uint8]:
    """Return a label image of as many discs."""
    side = int(np.ceil(np.sqrt(count)))
    labels = np.zeros((height, width), np.uint8)
    for i in range(count):
        row, column = divmod(i, side)
        centre = int((column + 0.5) * width / side), int((row + 0.5) * height / side)
        cv2.circle(labels, centre, max(4, height // side // 4), i + 1, -1)
    return labels


def random_network(config: FrtmConfig) -> FrtmNetwork:
    """Return a network of the size of a setting's."""
    body = torchvision.models.get_model(config.backbone, weights=None)
    trunk = {k: v for k, v in body.state_dict().items() if not k.startswith("fc.")}
    backbone = Backbone(config.backbone, trunk)
    segmentation = SegmentationNetwork(backbone.channels, SegmentationConfig())
    return FrtmNetwork(backbone, segmentation).for_inference("cpu")


def main() -> None:
    """Follow some discs and print the memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("preset", choices=PRESETS)
    parser.add_argument("side", type=int, help="height of the video, 16:9, pixels")
    parser.add_argument("objects", type=int)
    parser.add_argument("--frames", type=int, default=10)
    options = parser.parse_args()
    torch.set_num_threads(1)
    before = _resident()
    config = preset(options.preset)
    height, width = options.side, round(options.side * 16 / 9)
    embedded = config.backbone in EMBEDDED
    network = load_network(config, device="cpu") if embedded else random_network(config)
    painted = {0: discs(options.objects, height, width)}
    for _ in propagate(network, config, Moving(options.frames, height, width), painted):
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    print(f"{before:.0f} MB with torch loaded, {peak:.0f} MB at most", flush=True)


def _resident() -> float:
    """Return the resident memory of this process in MB (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


if __name__ == "__main__":
    main()
