"""What a run will give, said before it is started and before anything is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from napari_frtm.config import PRESETS, preset
from napari_frtm.errors import CheckpointError
from napari_frtm.io.weights import library

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_frtm.config import FrtmConfig
    from napari_frtm.io.weights.library import Listed

NAMES = {
    "mobilenet_v2": "MobileNetV2",
    "resnet18": "ResNet-18",
    "resnet50": "ResNet-50",
    "resnet101": "ResNet-101",
}
"""Backbones, as people write them."""
DOWNLOADS = {"resnet18": 45, "resnet50": 98, "resnet101": 171}
"""Megabytes of the weights that torchvision downloads."""


class Delivery(NamedTuple):
    """Whether masks will be as fine as the setting asks for, and what to tell the user."""

    is_as_asked: bool
    text: str


def delivery(config: FrtmConfig, checkpoint: Path | None = None) -> Delivery:
    """Return what a setting will give with the weights that are here.

    Parameters
    ----------
    config : FrtmConfig
        The setting.
    checkpoint : Path, optional
        The file of weights that the user chose.
    """
    download = _download(config, checkpoint)
    if not config.variant.refines:
        return Delivery(True, f"Coarse masks, as chosen.{download}")
    path = library.find_checkpoint(config, checkpoint)
    if path is not None:
        return Delivery(True, f"Refined masks, with the weights '{path.stem}'.{download}")
    if library.has_refinement(config):
        return Delivery(True, f"Refined masks, with weights that are in the package.{download}")
    return Delivery(
        False,
        "Coarse masks only, coarser than those of lite: there is no segmentation network for "
        f"{NAMES[config.backbone]} here. Import one (dock Weights), or choose lite.{download}",
    )


def of_presets() -> dict[str, Delivery]:
    """Return what each preset will give, if no other weights are chosen."""
    return {name: delivery(preset(name)) for name in PRESETS}


def fitting(backbone: str, listed: Sequence[Listed]) -> list[str]:
    """Return the names of those weights that run with a backbone."""
    return [weights.name for weights in listed if weights.backbone == backbone]


def imported() -> list[Listed]:
    """Return the imported weights whose files can be read."""
    found = []
    for path in library.imported():
        try:
            found.append(library.describe(path))
        except CheckpointError:  # told by the dock *Weights*, and by 'weights verify'
            continue
    return found


def _download(config: FrtmConfig, checkpoint: Path | None) -> str:
    """Return what has to be downloaded before the run; empty if nothing has."""
    backbone = config.backbone
    if backbone in library.EMBEDDED or library.cached_backbone(backbone) is not None:
        return ""
    if checkpoint is not None and _has_backbone(checkpoint):
        return ""
    return f" {NAMES[backbone]} is downloaded first ({DOWNLOADS[backbone]} MB)."


def _has_backbone(checkpoint: Path) -> bool:
    try:
        return "backbone" in library.describe(checkpoint).parameters
    except CheckpointError:  # of the authors, which has none; or damaged, which the run tells
        return False
