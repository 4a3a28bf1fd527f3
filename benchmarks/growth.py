"""How the time and memory of a run grow with objects, resolution, sample memory and length.

    python benchmarks/growth.py OUT [--only objects cells resolution memory length] [--frames 8]

Textured discs move over a textured ground. Every case runs by itself, so that its peak of memory
is its own, and with one thread: "cpu" is the time the processor worked, which a busy machine
changes little, without that of drawing the frames; "wall" is what a clock says, with it. OUT gets
growth.json and growth.svg.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_frtm.config import FrtmConfig, LocalityConfig, preset

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Case:
    """One run: what is measured, what it is measured against, and the video."""

    group: str
    x: float
    mode: str
    objects: int
    height: int
    width: int
    diameter: int
    frames: int
    capacity: int = 32


class Discs:
    """A video of discs on a grid, each on its own small circle; drawn frame by frame."""

    def __init__(self, case: Case) -> None:
        self.shape = (case.frames, case.height, case.width, 3)
        self.case = case
        self.seconds = 0.0  # that drawing frames has taken
        rng = np.random.default_rng(0)
        noise = rng.integers(0, 255, (case.height, case.width, 3), np.uint8)
        self._ground = cv2.GaussianBlur(noise, (0, 0), 6)
        self._colours = rng.integers(60, 255, (case.objects, 3))
        columns = int(np.ceil((case.objects * case.width / case.height) ** 0.5))
        rows = -(-case.objects // columns)
        numbers = np.arange(case.objects)
        self._x = (numbers % columns + 0.5) * case.width / columns
        self._y = (numbers // columns + 0.5) * case.height / rows

    def labels(self, index: int) -> NDArray[np.uint16]:
        """Return the label image of a frame."""
        labels = np.zeros(self.shape[1:3], np.uint16)
        for number, centre in enumerate(self._centres(index)):
            cv2.circle(labels, centre, self.case.diameter // 2, number + 1, -1)
        return labels

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        begun = time.thread_time()
        frame = self._ground.copy()
        for centre, colour in zip(self._centres(index), self._colours, strict=True):
            cv2.circle(frame, centre, self.case.diameter // 2, colour.tolist(), -1)
        self.seconds += time.thread_time() - begun
        return frame

    def _centres(self, index: int) -> list[tuple[int, int]]:
        phase = index / 5 + np.arange(self.case.objects)
        reach = self.case.diameter / 8
        x, y = self._x + reach * np.sin(phase), self._y + reach * np.cos(phase)
        return list(zip(x.astype(int).tolist(), y.astype(int).tolist(), strict=True))


def cases(frames: int) -> list[Case]:
    """Return all cases."""
    found = []
    for mode in ("windows", "whole"):
        found += [Case("objects", n, mode, n, 480, 854, 80, frames) for n in (1, 2, 5, 10, 20)]
        sizes = ((240, 426), (480, 854), (1080, 1920), (2160, 3840), (4320, 7680))
        found += [Case("resolution", h, mode, 1, h, w, h // 4, frames) for h, w in sizes]
        found += [
            Case("memory", k, mode, 1, 480, 854, 120, frames, capacity=k) for k in (8, 32, 80, 200)
        ]
    found += [
        Case("cells", n, "local", n, size, size, side, frames)
        for n, size, side in ((10, 1024, 60), (100, 512, 24), (300, 512, 18))
    ]
    found += [Case("length", t, "windows", 1, 480, 854, 120, t) for t in (20, 60, 180)]
    return found


def config(case: Case) -> FrtmConfig:
    """Return the setting of a case."""
    setting = preset("lite")
    memory = replace(setting.memory, capacity=case.capacity)
    locality = LocalityConfig() if case.mode == "local" else None
    return replace(setting, memory=memory, windows=case.mode != "whole", locality=locality)


def measure(case: Case) -> dict[str, Any]:
    """Run a case in this process."""
    import torch

    from napari_frtm.engine.tracking.propagate import Propagation
    from napari_frtm.io.weights.checkpoint import load_network

    torch.set_num_threads(1)
    video, setting = Discs(case), config(case)
    network = load_network(setting, device="cpu")
    before = _resident()
    marks = [(time.process_time() - video.seconds, time.perf_counter())]
    overlap, delivered = [], 0
    for chunk in Propagation(network, setting, video, {0: video.labels(0)}).chunks():
        marks.append((time.process_time() - video.seconds, time.perf_counter()))
        delivered += len(chunk)
        if chunk:
            truth, found = video.labels(chunk[-1].index), chunk[-1].labels
            overlap.append(((truth == found) & (truth > 0)).sum() / ((truth + found) > 0).sum())
    each = max(1, delivered - 1)
    return {
        "first_cpu": marks[1][0] - marks[0][0],
        "first_wall": marks[1][1] - marks[0][1],
        "frame_cpu": (marks[-1][0] - marks[1][0]) / each,
        "frame_wall": (marks[-1][1] - marks[1][1]) / each,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before,
        "overlap": float(np.mean(overlap)),
    }


def main() -> None:
    """Run the cases, print and save the table and the plot."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", nargs="+", help="groups of cases")
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(measure(Case(**json.loads(options.case)))))
        return
    options.out.mkdir(parents=True, exist_ok=True)
    results = []
    print("| case | first frame cpu (wall), s | a frame cpu (wall), ms | peak, MB | IoU |")
    print("|---|---|---|---|---|")
    for case in cases(options.frames):
        if options.only and case.group not in options.only:
            continue
        command = [sys.executable, __file__, ".", "--case", json.dumps(asdict(case))]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        result = json.loads(done.stdout.splitlines()[-1])
        results.append(asdict(case) | result)
        print(
            f"| {case.group} {case.x:g}, {case.mode} "
            f"| {result['first_cpu']:.2f} ({result['first_wall']:.2f}) "
            f"| {1000 * result['frame_cpu']:.0f} ({1000 * result['frame_wall']:.0f}) "
            f"| {result['peak_mb']:.0f} | {result['overlap']:.3f} |",
            flush=True,
        )
        (options.out / "growth.json").write_text(json.dumps(results, indent=1))
    plot(results, options.out / "growth.svg")


def plot(results: list[dict[str, Any]], path: Path) -> None:
    """Draw the processor's time of a frame over what grows, a panel for each group, as SVG."""
    groups = list(dict.fromkeys(result["group"] for result in results))
    panels = [_panel(group, [r for r in results if r["group"] == group]) for group in groups]
    shifted = [f'<g transform="translate({320 * n} 0)">{p}</g>' for n, p in enumerate(panels)]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{320 * len(groups)}" height="240" '
    style = 'font-family="sans-serif" font-size="11" style="background:white">'
    path.write_text(f"{head}{style}{''.join(shifted)}</svg>\n")


def _panel(group: str, results: list[dict[str, Any]]) -> str:
    """Return the curves of a group, 300 x 220."""
    right, high = (max(r[key] for r in results) for key in ("x", "frame_cpu"))
    parts = [
        '<path d="M50 20 V190 H300" fill="none" stroke="black"/>',
        f'<text x="50" y="14">ms a frame, one core: up to {1000 * high:.0f}</text>',
        f'<text x="50" y="208">{group}: up to {right:g}</text>',
    ]
    for number, mode in enumerate(dict.fromkeys(r["mode"] for r in results)):
        colour = ("#0072b2", "#d55e00", "#009e73")[number % 3]
        line = [r for r in results if r["mode"] == mode]
        points = [(50 + 250 * r["x"] / right, 190 - 165 * r["frame_cpu"] / high) for r in line]
        joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in points)
        curve = f'<polyline points="{joined}" fill="none"/>'
        parts.append(f'<g fill="{colour}" stroke="{colour}">{curve}{dots}</g>')
        parts.append(f'<text x="60" y="{40 + 14 * number}" fill="{colour}">{mode}</text>')
    return "".join(parts)


def _resident() -> float:
    """Return the resident memory of this process in MB (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


if __name__ == "__main__":
    main()
