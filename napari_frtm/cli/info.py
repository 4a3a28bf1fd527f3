"""Print versions, devices, weights and caches.

for example:
  napari-frtm info
"""

from __future__ import annotations

import importlib.metadata
import platform
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from napari_frtm import __version__

if TYPE_CHECKING:
    import argparse

_PACKAGES = (
    "torch",
    "torchvision",
    "numpy",
    "opencv-python-headless",
    "av",
    "dask",
    "zarr",
    "napari",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: this command has no options."""


def run(options: argparse.Namespace) -> None:
    """Run this command."""
    import torch

    print(f"napari-frtm {__version__}")
    print(f"Python {platform.python_version()} on {platform.platform()}")
    for package in _PACKAGES:
        print(f"  {package} {_version(package)}")
    print("\nDevices")
    print(f"  cpu: {torch.get_num_threads()} threads")
    for index in range(torch.cuda.device_count()):
        print(f"  cuda:{index}: {torch.cuda.get_device_name(index)}")
    print(f"  mps: {'yes' if torch.backends.mps.is_available() else 'no'}")
    print("\nWeights")
    for weights in sorted(Path(str(files("napari_frtm") / "weights")).glob("*.safetensors")):
        print(
            f"  embedded {weights.name}, {weights.stat().st_size / 1e6:.1f} MB: {_parts(weights)}"
        )
    cache = Path(torch.hub.get_dir()) / "checkpoints"
    found = sorted(cache.glob("*.pth")) if cache.is_dir() else []
    print(f"  downloaded backbones in {cache}: {', '.join(p.name for p in found) or 'none'}")


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _parts(path: Path) -> str:
    from safetensors import safe_open

    with safe_open(path, framework="np") as file:
        parts = {name.partition(".")[0] for name in file.keys()}  # noqa: SIM118
    return " and ".join(sorted(parts))
