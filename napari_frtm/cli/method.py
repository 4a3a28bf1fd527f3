"""How to segment: the options that several commands share, and the network that they ask for."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_frtm.config import PRESETS, FrtmConfig, LocalityConfig, Variant, preset
from napari_frtm.errors import FrtmError
from napari_frtm.io.weights.library import find_checkpoint

if TYPE_CHECKING:
    from napari_frtm.engine.networks.network import FrtmNetwork


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """What the options of a command say; see ``napari-frtm segment --help``.

    `checkpoint` is the file that the segmentation network comes from, unless it is embedded.
    """

    config: FrtmConfig
    variant_chosen: bool
    device: str
    checkpoint: Path | None
    backbone_weights: Path | None

    def load(self) -> tuple[FrtmConfig, FrtmNetwork]:
        """Return the setting, of a variant that there are weights for, and its network.

        A variant that the user chose is not changed.
        """
        from napari_frtm.io.weights.checkpoint import available_variant, load_network

        config = self.config
        if not self.variant_chosen:
            config = available_variant(config, self.checkpoint)
        network = load_network(
            config,
            device=self.device,
            checkpoint=self.checkpoint,
            backbone_weights=self.backbone_weights,
        )
        return config, network


def add_method_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how to segment."""
    method = parser.add_argument_group("method")
    add = method.add_argument
    add(
        "--preset",
        choices=PRESETS,
        default="lite",
        help="lite: embedded weights, made for CPUs (default); fast and accurate: the paper's, "
        "with ResNet-18 and ResNet-101",
    )
    add(
        "--variant",
        choices=[*map(str, Variant)],
        metavar="|".join(Variant),
        help="parts of the method that run (default: full, or d-only without weights for it)",
    )
    add(
        "--checkpoint",
        metavar="FILE|NAME",
        help="segmentation network: .safetensors of this program, .pth of the authors, or the name "
        "of an imported one (see 'napari-frtm weights --help')",
    )
    add(
        "--backbone-weights",
        type=Path,
        metavar="FILE",
        help="ImageNet weights of the backbone as torchvision saves them",
    )
    add(
        "--device",
        choices=("auto", "cpu", "cuda", "mps"),
        default="auto",
        help="where to compute (default: auto, the GPU if there is one)",
    )
    add(
        "--short-side",
        type=int,
        metavar="N",
        help="working resolution: scale frames to N pixels on the shorter side, up at most by what "
        "the preset allows (default: 600 for lite, 480 for the others)",
    )
    add(
        "--local",
        action="store_true",
        help="look for each object only near where it was last seen, with small objects enlarged: "
        "for many objects that look alike, such as cells",
    )
    add("--seed", type=_seed, metavar="N", help="of all random numbers (default: 0)")


def method(options: argparse.Namespace) -> Method:
    """Return what the options describe."""
    config = _config(options)
    return Method(
        config=config,
        variant_chosen=options.variant is not None,
        device=options.device,
        checkpoint=find_checkpoint(config, options.checkpoint),
        backbone_weights=options.backbone_weights,
    )


def _config(options: argparse.Namespace) -> FrtmConfig:
    config = preset(options.preset)
    if options.variant is not None:
        config = replace(config, variant=Variant(options.variant))
    if options.seed is not None:
        config = replace(config, seed=options.seed)
    if options.local:
        config = replace(config, locality=LocalityConfig())
    if options.short_side is None:
        return config
    try:
        return replace(config, short_side=options.short_side)
    except ValueError as error:
        raise FrtmError(f"--short-side: {error}") from error


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number in [0, 2^63)")
    return int(text)
