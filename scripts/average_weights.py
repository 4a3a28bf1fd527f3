"""Make the mean of two checkpoints of the same network, one trained on from the other.

    python scripts/average_weights.py FIRST.safetensors SECOND.safetensors OUT.safetensors

Half way between both, weights keep what the first training knew of its videos and have what the
second learned of other pictures; runs take as long as with either.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_frtm.io.weights.inspection import inspect
from napari_frtm.io.weights.sealed import write_sealed


def average(first: Path, second: Path, out: Path) -> None:
    """Write the mean of two checkpoints, with the metadata of the second."""
    a, b = inspect(first), inspect(second)
    if a.backbone != b.backbone or a.tensors.keys() != b.tensors.keys():
        raise SystemExit(f"{first} and {second} do not hold the same network.")
    mean = {
        name: ((a.tensors[name].float() + tensor.float()) / 2).to(tensor.dtype)
        for name, tensor in b.tensors.items()
    }
    write_sealed(out, mean, b.facts)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    average(options.first, options.second, options.out)
