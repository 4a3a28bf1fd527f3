"""Print versions, devices, weights and caches.

for example:
  napari-frtm info
"""

from __future__ import annotations

import importlib.metadata
import platform
from typing import TYPE_CHECKING

from napari_frtm import __version__
from napari_frtm.cli.weights import table

if TYPE_CHECKING:
    import argparse

_PACKAGES = (
    "torch",
    "torchvision",
    "openvino",
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
    print("\n".join(table()))


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
