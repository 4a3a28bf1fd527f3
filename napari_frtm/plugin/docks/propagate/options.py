"""What a run of *Propagate* can be told: a typed signature, which magicgui shows as a form.

Annotations are not postponed here: magicgui reads them, the enumerations among them too. A combo
box of PySide6 makes plain strings of those, so values are compared with `==`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from napari_frtm.config import PRESETS, Direction, FrtmConfig, LocalityConfig, Variant
from napari_frtm.config import preset as preset_config
from napari_frtm.errors import FrtmError
from napari_frtm.io.weights import library
from napari_frtm.plugin.docks.propagate.entries import parse_objects
from napari_frtm.session.run.request import Settings

DEVICES = ("auto", "cpu", "cuda", "mps")
OWN_WEIGHTS = ""
"""Choice of *Weights*: those that the preset uses by itself."""
FROM_FILE = "(file)"
"""Choice of *Weights*: those of the file named besides; no name of imported weights."""


class Way(StrEnum):
    """Choices of *Direction*."""

    FORWARD = "Forward"
    BACKWARD = "Backward"
    BOTH = "Both ways"
    FRAME = "This frame only"


class Masks(StrEnum):
    """Choices of *Masks*."""

    REFINED = "Refined"
    COARSE = "Coarse"


class Search(StrEnum):
    """Choices of *Search*."""

    EVERYWHERE = "Everywhere"
    NEAR = "Near the last place"


_DIRECTIONS = {Way.BACKWARD: Direction.BACKWARD, Way.BOTH: Direction.BOTH}
_VARIANTS = {Masks.REFINED: Variant.FULL, Masks.COARSE: Variant.D_ONLY}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The settings of a run as they stand in the form; see the tooltips for what they mean."""

    objects: Annotated[
        str,
        {
            "tooltip": "Labels of the objects to follow, such as 1, 3-5; all if empty. The masks "
            "of the others stay as they are."
        },
    ] = ""
    direction: Annotated[
        Way,
        {
            "choices": list(Way),
            "tooltip": "Which way to go through time from painted frames. Both ways: between two "
            "painted frames, what comes from either side is blended. This frame only: neither; "
            "Start and From here fill the displayed frame.",
        },
    ] = Way.FORWARD
    preset: Annotated[
        str,
        {
            "choices": PRESETS,
            "tooltip": "lite: small network (MobileNetV2) that comes with the plugin; works "
            "offline.\n"
            "cells: the same for microscopy; each object is looked for near its last place.\n"
            "fast: ResNet-18; its weights are downloaded once (45 MB).\n"
            "accurate: ResNet-101; its weights are downloaded once (171 MB); wants a GPU.",
        },
    ] = PRESETS[0]
    probabilities: Annotated[
        bool,
        {
            "text": "Probabilities",
            "tooltip": "Keep the soft masks as well, one layer per object, for mattes and "
            "measurements.",
        },
    ] = False
    masks: Annotated[
        Masks,
        {
            "choices": list(Masks),
            "tooltip": "Refined: fine edges, by the segmentation network, where there are weights "
            "of it.\n"
            "Coarse: the target model alone; for small or unusual objects that the refinement "
            "loses.",
        },
    ] = Masks.REFINED
    weights: Annotated[
        str,
        {
            "choices": [("of the preset", OWN_WEIGHTS), ("from a file", FROM_FILE)],
            "tooltip": "Segmentation network, and backbone where it has one: the preset's own, or "
            "one that was imported or fine-tuned for its backbone. See the dock Weights.",
        },
    ] = OWN_WEIGHTS
    weights_file: Annotated[
        Path | None,
        {
            "mode": "r",
            "filter": "Weights (*.safetensors *.pth)",
            "label": "File",
            "tooltip": "Checkpoint of this program (.safetensors) or of the authors (.pth).",
        },
    ] = None
    search: Annotated[
        Search,
        {
            "choices": list(Search),
            "tooltip": "Everywhere: as usual.\n"
            "Near the last place: each object is looked for only around where it was last seen, "
            "and small objects are enlarged. For many objects that look alike, such as cells; "
            "slower, and not for fast motion.",
        },
    ] = Search.EVERYWHERE
    outlines: Annotated[
        bool,
        {
            "text": "Follow colours",
            "tooltip": "Correct the outlines of masks by the colours on both sides: finer, and a "
            "little slower. Without it they are as the networks of the preset leave them.",
        },
    ] = preset_config(PRESETS[0]).outlines
    short_side: Annotated[
        int,
        {
            "min": 32,
            "max": 4320,
            "label": "Resolution, px",
            "tooltip": "Working resolution: larger videos are scaled down so that their shorter "
            "side has this many pixels, smaller ones up by a little. The masks come back at full "
            "size. Lower is faster.",
        },
    ] = preset_config(PRESETS[0]).short_side
    device: Annotated[
        str,
        {
            "choices": DEVICES,
            "tooltip": "Where to compute: auto takes a GPU if there is one; cpu is slow, but needs "
            "no GPU.",
        },
    ] = DEVICES[0]
    seed: Annotated[
        int,
        {
            "max": 2**31 - 1,
            "tooltip": "Start of the random numbers; the same seed gives the same masks.",
        },
    ] = 0

    @property
    def config(self) -> FrtmConfig:
        """The method's numbers."""
        return replace(
            preset_config(self.preset, _VARIANTS[self.masks]),
            short_side=self.short_side,
            seed=self.seed,
            locality=LocalityConfig() if self.search == Search.NEAR else None,
            outlines=self.outlines,
        )

    @property
    def checkpoint(self) -> Path | None:
        """The file of weights that the user chose; None for the preset's own.

        Raises
        ------
        FrtmError
            If there is none such.
        """
        if self.weights == OWN_WEIGHTS:
            return None
        if self.weights != FROM_FILE:
            path = library.named(self.weights)
            if path is None:
                raise FrtmError(f"There are no weights '{self.weights}' any more. Choose others.")
            return path
        if self.weights_file is None or not self.weights_file.is_file():
            missing = (
                "none is named"
                if self.weights_file is None
                else f"{self.weights_file} is not there"
            )
            raise FrtmError(f"The weights shall come from a file, but {missing}. Choose a file.")
        return self.weights_file

    @property
    def settings(self) -> Settings:
        """What a run is told.

        Raises
        ------
        FrtmError
            If the objects are no labels, or the weights are not there.
        """
        objects = parse_objects(self.objects)
        return Settings(
            preset=self.preset,
            config=self.config,
            device=self.device,
            direction=_DIRECTIONS.get(self.direction, Direction.FORWARD),
            objects=None if objects is None else tuple(sorted(objects)),
            soft=self.probabilities,
            checkpoint=self.checkpoint,
        )


def plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return values of options as JSON has them."""
    return {
        name: str(value) if isinstance(value, StrEnum | Path) else value
        for name, value in options.items()
    }
