"""All checks that need a GPU, as one report; without one it says so.

python scripts/gpu_check.py --out REPORT      (make gpu-check)

Runs the tests marked gpu and the parity tests, compares the masks of CPU and GPU on the bundled
clips (J over 0.99), times all presets at 480 x 854, trains for a few steps, and writes report.md
and report.json, with the name of the card, into the folder REPORT. Exits with 1 if a check failed.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch

from napari_frtm.config import PRESETS, LocalityConfig, SegmentationConfig, Variant, preset
from napari_frtm.engine.networks.backbone import Backbone
from napari_frtm.engine.networks.network import FrtmNetwork
from napari_frtm.engine.networks.segmentation import SegmentationNetwork
from napari_frtm.engine.tracking.propagate import propagate
from napari_frtm.evaluation.metrics import jaccard
from napari_frtm.io.labels import read_labels, write_labels
from napari_frtm.io.video.opening import open_video
from napari_frtm.io.weights.checkpoint import load_network
from napari_frtm.io.weights.outlines import read_outlines
from napari_frtm.training.config import TrainConfig
from napari_frtm.training.loop import Training, train
from napari_frtm.training.mixture import CropConfig, DatasetConfig
from napari_frtm.training.state import TrainStep

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_frtm.config import FrtmConfig

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "sample_data"
LEAST_J = 0.99
SIZE = (480, 854)
FRAMES = 24


@dataclass(frozen=True)
class Check:
    """One line of the report."""

    name: str
    passed: bool
    result: str


def gpu() -> str | None:
    """Return the device to check: ``cuda``, ``mps``, or none."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else None


def card(device: str) -> str:
    """Return what the device is called."""
    if device == "cuda":
        properties = torch.cuda.get_device_properties(0)
        memory = properties.total_memory / 2**30
        return f"{properties.name}, {memory:.0f} GiB, CUDA {torch.version.cuda}"
    return f"{device} on {platform.processor() or platform.machine()}"


def tests(*arguments: str) -> Check:
    """Run some of the tests."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    lines = done.stdout.strip().splitlines() or [done.stderr.strip()[-200:]]
    return Check(f"pytest {' '.join(arguments)}", done.returncode == 0, lines[-1])


def agreement(name: str, config: FrtmConfig, device: str, frames: int = FRAMES) -> Check:
    """Compare the masks of a bundled clip on the CPU and on a device."""
    movie, mask = (
        ("cells.tif", "cells_mask.tif") if "cells" in name else ("roto.mp4", "roto_mask.png")
    )
    video = open_video(SAMPLES / movie)
    drawn = {0: read_labels(SAMPLES / mask)}
    labels = []
    for place in ("cpu", device):
        network = load_network(config, device=place)
        run = propagate(network, config, video.frames[:frames], drawn, contrast=video.contrast)
        labels.append([prediction.labels for prediction in run])
    ids = np.unique(drawn[0])[1:]
    overlaps = [
        jaccard(theirs == i, ours == i) for ours, theirs in zip(*labels, strict=True) for i in ids
    ]
    mean, least = float(np.mean(overlaps)), min(overlaps)
    result = f"J of CPU and {device}: mean {mean:.4f}, least {least:.4f}"
    return Check(f"agreement, {name}", mean > LEAST_J, result)


def speed(name: str, device: str, frames: int = 10 * FRAMES) -> Check:
    """Time a preset, all steps, one object; random weights, on which time does not depend."""
    config = preset(name)
    backbone = Backbone(config.backbone)
    segmentation = SegmentationNetwork(backbone.channels, SegmentationConfig())
    outlines = read_outlines() if config.outlines else None
    network = FrtmNetwork(backbone, segmentation, outlines=outlines).for_inference(device)
    clip = np.asarray(open_video(SAMPLES / "roto.mp4").frames[:FRAMES])
    clip = np.stack([cv2.resize(frame, SIZE[::-1]) for frame in clip])
    mask = read_labels(SAMPLES / "roto_mask.png").astype(np.uint8)
    drawn = {0: cv2.resize(mask, SIZE[::-1], interpolation=cv2.INTER_NEAREST)}
    video = np.concatenate([clip] * -(-frames // FRAMES))[:frames]
    first, loops = [], []
    for _ in range(3):  # the first round warms up
        start = time.perf_counter()
        run = propagate(network, config, video, drawn)
        next(run)
        then = time.perf_counter()
        count = sum(1 for _ in run)
        loops.append((time.perf_counter() - then) / count)
        first.append(then - start)
    loop, begun = statistics.median(loops[1:]), statistics.median(first[1:])
    result = f"{1000 * loop:.2f} ms a frame, {1 / loop:.0f} a second; first frame {begun:.2f} s"
    return Check(f"speed, {name}, {SIZE[0]} x {SIZE[1]}", bool(np.isfinite(loop)), result)


def training(device: str, steps: int = 40) -> Check:
    """Train a small network on the bundled clip; the loss has to fall."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        _as_data_set(data)
        config = TrainConfig(
            datasets=(DatasetConfig(kind="videos", path="."),),
            segmentation=SegmentationConfig(channels=(16, 16, 16, 16)),
            crop=CropConfig(size=224),
            steps=steps,
            batch=4,
            bfloat16=device == "cuda",
        )
        job = Training(config=config, data=data, out=Path(folder) / "run", device=device)
        done = [event for event in train(job) if isinstance(event, TrainStep)]
    few = max(1, steps // 5)
    before, after = (statistics.mean(s.loss for s in part) for part in (done[:few], done[-few:]))
    each = 1000 * (done[-1].seconds - done[0].seconds) / max(1, len(done) - 1)
    result = f"loss {before:.3f} to {after:.3f} in {steps} steps, {each:.0f} ms a step"
    return Check("training", after < before, result)


def _as_data_set(folder: Path) -> None:
    """Write the bundled clip as training reads it."""
    frames = np.asarray(open_video(SAMPLES / "roto.mp4").frames[:FRAMES])
    truth: NDArray[np.integer] = open_truth()[: len(frames)]
    for kind in ("JPEGImages", "Annotations"):
        (folder / kind / "roto").mkdir(parents=True)
    for t, (frame, labels) in enumerate(zip(frames, truth, strict=True)):
        cv2.imwrite(str(folder / f"JPEGImages/roto/{t:05d}.jpg"), frame[..., ::-1])
        write_labels(folder / f"Annotations/roto/{t:05d}.png", labels)


def open_truth() -> NDArray[np.integer]:
    """Return the true labels of the bundled movie, of shape (T, H, W)."""
    import tifffile

    return np.asarray(tifffile.imread(SAMPLES / "roto_truth.tif"))


def checks(device: str) -> list[Check]:
    """Run everything; what raises counts as failed."""
    plain = preset("lite", Variant.D_ONLY)
    jobs = [
        lambda: tests("-m", "gpu", "tests/engine"),
        lambda: tests("-k", "parity or authors", "tests/engine", "tests/io/weights"),
        lambda: agreement("roto, full", replace(preset("lite"), windows=False), device),
        lambda: agreement("roto, d-only", plain, device),
        lambda: agreement("cells, local", replace(plain, locality=LocalityConfig()), device),
        *(lambda name=name: speed(name, device) for name in PRESETS),
        lambda: training(device),
    ]
    found = []
    for job in jobs:
        try:
            check = job()
        except Exception as error:  # noqa: BLE001 - the report has to say it, and to go on
            check = Check("a check stopped", False, f"{type(error).__name__}: {error}")
        print(f"{'ok    ' if check.passed else 'FAILED'} {check.name}: {check.result}", flush=True)
        found.append(check)
    return found


def write_report(out: Path, device: str, found: list[Check]) -> None:
    """Write the report as Markdown and as JSON."""
    out.mkdir(parents=True, exist_ok=True)
    facts = {
        "card": card(device),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": platform.platform(),
    }
    lines = [f"# {facts['card']}", "", *(f"- {k}: {v}" for k, v in facts.items()), ""]
    lines += ["| check | | result |", "|---|---|---|"]
    lines += [f"| {c.name} | {'ok' if c.passed else 'FAILED'} | {c.result} |" for c in found]
    (out / "report.md").write_text("\n".join(lines) + "\n")
    content = {**facts, "checks": [asdict(check) for check in found]}
    (out / "report.json").write_text(json.dumps(content, indent=2) + "\n")


def main() -> int:
    """Check, report; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("gpu_report"), help="folder of the report")
    options = parser.parse_args()
    device = gpu()
    if device is None:
        built = torch.version.cuda or "no CUDA"
        print(f"There is no GPU that torch {torch.__version__} (built for {built}) can use here.")
        print("Nothing was checked. The tests find what they can on a pretended one.")
        return 0
    print(card(device))
    found = checks(device)
    write_report(options.out, device, found)
    print(f"Report: {options.out / 'report.md'}")
    return 0 if all(check.passed for check in found) else 1


if __name__ == "__main__":
    sys.exit(main())
