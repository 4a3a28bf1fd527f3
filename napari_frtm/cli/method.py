"""How to segment: the options that several commands share, and what they ask for."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from napari_frtm.config import PRESETS, Variant
from napari_frtm.errors import FrtmError
from napari_frtm.session.run.method import Method

if TYPE_CHECKING:
    from napari_frtm.config import FrtmConfig
    from napari_frtm.engine.networks.network import FrtmNetwork
    from napari_frtm.session.run.request import Settings


def load(settings: Settings) -> tuple[FrtmConfig, FrtmNetwork]:
    """Return the config of a run, of a variant that there are weights for, and its network.

    A variant that the user chose is not changed.
    """
    from napari_frtm.io.weights.checkpoint import available_variant, load_network

    config = settings.config
    if not settings.exact_variant:
        config = available_variant(config, settings.checkpoint)
    network = load_network(
        config,
        device=settings.device,
        checkpoint=settings.checkpoint,
        backbone_weights=settings.backbone_weights,
    )
    return config, network


def add_method_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how to segment."""
    method = parser.add_argument_group("method")
    add = method.add_argument
    add(
        "--preset",
        choices=PRESETS,
        help="lite: embedded weights, made for CPUs (default); cells: the same for microscopy, "
        "with each object looked for near its last place (default for one channel of 16 bits); "
        "fast, accurate: the paper's, with ResNet-18 and ResNet-101",
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
        type=path,
        metavar="FILE",
        help="ImageNet weights of the backbone as torchvision saves them",
    )
    add(
        "--device",
        choices=("auto", "cpu", "cuda", "mps"),
        help="where to compute (default: auto, the GPU if there is one)",
    )
    add(
        "--short-side",
        type=int,
        metavar="N",
        help="working resolution: scale frames to N pixels on the shorter side, up at most by what "
        "the preset allows (default: 600 for lite and cells, 480 for the others)",
    )
    add(
        "--local",
        action=argparse.BooleanOptionalAction,
        help="look for each object only near where it was last seen, with small objects enlarged: "
        "for many objects that look alike, such as cells (default for the preset cells)",
    )
    add(
        "--outlines",
        action=argparse.BooleanOptionalAction,
        help="correct the outlines of masks by the colours on both sides (default for the presets "
        "lite and cells)",
    )
    add("--seed", type=_seed, metavar="N", help="of all random numbers (default: 0)")


def method_settings(
    options: argparse.Namespace, before: Settings | None = None, suited: str = PRESETS[0]
) -> Settings:
    """Return the settings that the options describe.

    Parameters
    ----------
    options : argparse.Namespace
        Of `add_method_arguments`; None for what was not given.
    before : Settings, optional
        Of an earlier run: what is not given stays as it was there. Another preset starts anew.
    suited : str
        The preset where neither says one.

    Raises
    ------
    FrtmError
        If they make no sense, or name a checkpoint that there is not.
    """
    chosen = {field.name: getattr(options, field.name) for field in fields(Method)}
    if options.variant is not None:
        chosen["variant"] = Variant(options.variant)
    try:
        return Method(**chosen).settings(before, suited)
    except ValueError as error:
        raise FrtmError(f"--short-side: {error}") from error


def path(text: str) -> Path:
    """Return a path of the command line; for `type` of an option."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the name of a file or folder is empty")
    return Path(text)


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number in [0, 2^63)")
    return int(text)
