"""Other ways to follow objects, over the same frames and by the same clock.

python scripts/peers.py DAVIS SPLIT --out OUT
python scripts/peers.py DAVIS SPLIT --out OUT --xmem ~/XMem/saves/XMem.pth --sam2 CONFIG=CHECKPOINT

Always: the first mask frozen, carried by DIS optical flow, or grown by GrabCut on each frame; and
napari-frtm (lite). Of Cutie (package `cutie`, with its own weights), XMem (its repository on
PYTHONPATH, --xmem WEIGHTS) and SAM 2 (package `sam2`, --sam2 CONFIG=CHECKPOINT) whatever is there;
what is not is said. Masks go to OUT/METHOD/SEQUENCE, for `napari-frtm evaluate --results`; the
table to OUT/peers.md. The clock counts reading and converting of frames, as for napari-frtm.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import cv2
import numpy as np
import torch
from PIL import Image
from samples.baselines import optical_flow

from napari_frtm.config import preset
from napari_frtm.evaluation.clock import Times, timed
from napari_frtm.evaluation.davis import find_sequences, follow, score
from napari_frtm.evaluation.report import rows
from napari_frtm.io.labels import write_labels
from napari_frtm.io.video.opening import open_video
from napari_frtm.io.weights.checkpoint import load_network, resolve_device

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from napari_frtm.evaluation.davis import Sequence

Labels: TypeAlias = "NDArray[np.integer]"
Way: TypeAlias = "Callable[[Sequence], Iterator[Labels]]"
_GRABCUT_STEPS, _BAND = 2, 15


@dataclass(frozen=True)
class Shot:
    """The frames of a sequence and the labels of its first one."""

    frames: Any
    drawn: Labels

    @classmethod
    def of(cls, sequence: Sequence) -> Shot:
        """Open a sequence."""
        return cls(open_video(sequence.images).frames, sequence.rules.read(sequence.truth[0]))

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        return (np.asarray(self.frames[t]) for t in range(len(self.frames)))

    @property
    def ids(self) -> list[int]:
        """The objects."""
        return [int(i) for i in np.unique(self.drawn) if i not in (0, 255)]


def frozen(sequence: Sequence) -> Iterator[Labels]:
    """Repeat the first mask."""
    shot = Shot.of(sequence)
    for _ in shot:
        yield shot.drawn


def flow(sequence: Sequence) -> Iterator[Labels]:
    """Carry the first mask along by dense optical flow."""
    shot = Shot.of(sequence)
    before, labels = None, shot.drawn
    for frame in shot:
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        if before is not None:
            pair, known = np.stack([before, grey]), np.stack([labels, labels])
            labels = optical_flow(pair, known.astype(np.uint8))[1]
        before = grey
        yield labels


def grabcut(sequence: Sequence) -> Iterator[Labels]:
    """Cut each frame by GrabCut, from a band around the last mask."""
    shot = Shot.of(sequence)
    labels = None
    kernel = np.ones((_BAND, _BAND), np.uint8)
    for frame in shot:
        if labels is None:
            labels = shot.drawn
            yield labels
            continue
        found = np.zeros_like(labels)
        for i in shot.ids:
            last = (labels == i).astype(np.uint8)
            if not last.any():
                continue
            trimap = np.full(last.shape, cv2.GC_BGD, np.uint8)
            trimap[cv2.dilate(last, kernel) > 0] = cv2.GC_PR_BGD
            trimap[last > 0] = cv2.GC_PR_FGD
            trimap[cv2.erode(last, kernel) > 0] = cv2.GC_FGD
            if (trimap == cv2.GC_BGD).any():
                models = np.zeros((1, 65)), np.zeros((1, 65))
                how = cv2.GC_INIT_WITH_MASK
                cv2.grabCut(frame, trimap, None, *models, _GRABCUT_STEPS, how)
            found[np.isin(trimap, (cv2.GC_FGD, cv2.GC_PR_FGD))] = i
        labels = found
        yield labels


def frtm(device: str) -> Way:
    """Return napari-frtm with its embedded weights."""
    config = preset("lite")
    network = load_network(config, device=device)
    return lambda sequence: (p.labels for _, p in follow(sequence, network, config))


def cutie(device: str) -> Way:
    """Return Cutie with its default weights, as its README runs it."""
    from cutie.inference.inference_core import InferenceCore
    from cutie.utils.get_default_model import get_default_model

    model = get_default_model().to(device)

    @torch.inference_mode()
    def run(sequence: Sequence) -> Iterator[Labels]:
        shot = Shot.of(sequence)
        processor = InferenceCore(model, cfg=model.cfg)
        processor.max_internal_size = 480
        for t, frame in enumerate(shot):
            image = torch.from_numpy(frame).permute(2, 0, 1).to(device).float() / 255
            mask = torch.from_numpy(shot.drawn.astype(np.int64)).to(device)
            given = (image, mask) if t == 0 else (image,)
            probabilities = processor.step(*given, **({"objects": shot.ids} if t == 0 else {}))
            yield processor.output_prob_to_mask(probabilities).cpu().numpy()

    return run


def xmem(device: str, weights: Path) -> Way:
    """Return XMem with given weights and the settings of its evaluation script."""
    from inference.inference_core import InferenceCore
    from model.network import XMem

    settings = {
        "top_k": 30,
        "mem_every": 5,
        "deep_update_every": -1,
        "enable_long_term": True,
        "enable_long_term_count_usage": True,
        "num_prototypes": 128,
        "min_mid_term_frames": 5,
        "max_mid_term_frames": 10,
        "max_long_term_elements": 10000,
    }
    network = XMem(settings, str(weights)).to(device).eval()
    mean = torch.tensor([0.485, 0.456, 0.406], device=device)[:, None, None]
    std = torch.tensor([0.229, 0.224, 0.225], device=device)[:, None, None]

    @torch.inference_mode()
    def run(sequence: Sequence) -> Iterator[Labels]:
        shot = Shot.of(sequence)
        processor = InferenceCore(network, config=settings)
        processor.set_all_labels(list(range(1, len(shot.ids) + 1)))
        masks = torch.from_numpy(np.stack([shot.drawn == i for i in shot.ids])).to(device).float()
        table = np.array([0, *shot.ids])
        for t, frame in enumerate(shot):
            image = torch.from_numpy(frame).permute(2, 0, 1).to(device).float() / 255
            given = {"mask": masks, "valid_labels": None} if t == 0 else {}
            probabilities = processor.step((image - mean) / std, **given)
            yield table[probabilities.argmax(0).cpu().numpy()]

    return run


def sam2(device: str, config: str, weights: Path) -> Way:
    """Return SAM 2's video predictor, prompted by the first mask."""
    from sam2.build_sam import build_sam2_video_predictor

    predictor = build_sam2_video_predictor(config, str(weights), device=device)

    @torch.inference_mode()
    def run(sequence: Sequence) -> Iterator[Labels]:
        shot = Shot.of(sequence)
        with tempfile.TemporaryDirectory() as folder:  # it reads JPEG named by number alone
            for t, frame in enumerate(shot):
                Image.fromarray(frame).save(Path(folder) / f"{t:05d}.jpg", quality=95)
            state = predictor.init_state(video_path=folder)
            for i in shot.ids:
                predictor.add_new_mask(state, 0, i, shot.drawn == i)
            for _, ids, logits in predictor.propagate_in_video(state):
                best, winner = logits[:, 0].max(0)
                labels = np.array(ids)[winner.cpu().numpy()]
                yield labels * (best > 0).cpu().numpy()

    return run


def ways(options: argparse.Namespace) -> tuple[dict[str, Callable[[], Way]], dict[str, str]]:
    """Return what can run, by name, and why the rest cannot."""
    device = resolve_device(options.device)
    can: dict[str, Callable[[], Way]] = {
        "frozen mask": lambda: frozen,
        "DIS optical flow": lambda: flow,
        "GrabCut": lambda: grabcut,
        "napari-frtm lite": lambda: frtm(device),
    }
    cannot = {}
    if find_spec("cutie") is None:
        cannot["Cutie"] = "the package 'cutie' is not installed"
    else:
        can["Cutie"] = lambda: cutie(device)
    if find_spec("inference") is None or find_spec("model") is None:
        cannot["XMem"] = "its repository is not on PYTHONPATH"
    elif options.xmem is None:
        cannot["XMem"] = "no weights are given with --xmem"
    else:
        can["XMem"] = lambda: xmem(device, options.xmem)
    config, _, weights = (options.sam2 or "").partition("=")
    if find_spec("sam2") is None:
        cannot["SAM 2"] = "the package 'sam2' is not installed"
    elif not weights:
        cannot["SAM 2"] = "no weights are given with --sam2 CONFIG=CHECKPOINT"
    else:
        can["SAM 2"] = lambda: sam2(device, config, Path(weights))
    return can, cannot


def measure(way: Way, sequences: list[Sequence], masks: Path) -> tuple[float, float, float]:
    """Follow all sequences; return mean J, mean F, and seconds a frame."""
    each = []
    for sequence in sequences:
        folder = masks / sequence.name
        folder.mkdir(parents=True, exist_ok=True)
        names = [Path(name).stem for name in open_video(sequence.images).names]
        times = Times()
        for name, labels in zip(names, timed(way(sequence), times), strict=False):
            write_labels(folder / f"{name}.png", labels)
        each.append(times.per_frame)
    row = rows({s.name: score(s, masks / s.name) for s in sequences})[-1]
    return row.jaccard, row.boundary_f, float(np.mean(each))


def main() -> None:
    """Run what is there, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("root", type=Path, help="folder with JPEGImages and Annotations")
    parser.add_argument("split", help="list of sequences, as for evaluate")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--xmem", type=Path, metavar="WEIGHTS")
    parser.add_argument("--sam2", metavar="CONFIG=CHECKPOINT")
    parser.add_argument("--only", nargs="+", metavar="METHOD")
    options = parser.parse_args()
    can, cannot = ways(options)
    for name, why in cannot.items():
        print(f"{name} is left out: {why}.", file=sys.stderr)
    sequences = find_sequences(options.root, options.split)
    lines = ["| method | J&F | J | F | ms a frame |", "|---|---|---|---|---|"]
    for name, make in can.items():
        if options.only and name not in options.only:
            continue
        j, f, seconds = measure(make(), sequences, options.out / name.replace(" ", "_").lower())
        cells = f"{(j + f) / 2:.3f} | {j:.3f} | {f:.3f} | {1000 * seconds:.0f}"
        lines.append(f"| {name} | {cells} |")
        print(lines[-1], flush=True)
    (options.out / "peers.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
