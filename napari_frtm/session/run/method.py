"""How to segment, as people choose it in words, and the settings of a run that come of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path  # noqa: TC003 - read by `structured`
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_frtm.config import PRESETS, LocalityConfig, Variant, preset
from napari_frtm.io.weights.library import find_checkpoint
from napari_frtm.session.run.request import Settings

if TYPE_CHECKING:
    from napari_frtm.config import FrtmConfig
    from napari_frtm.types import Frames


def suited_preset(frames: Frames) -> str:
    """Return the preset for a video that nobody has chosen one for.

    Parameters
    ----------
    frames : Frames
        The video; its first frame is read if it does not say its type.

    Returns
    -------
    str
        ``cells`` for one channel of whole numbers of more than 8 bits, as microscopes record;
        ``lite`` for all else.
    """
    kind = getattr(frames, "dtype", None) or np.asarray(frames[0]).dtype
    recorded = len(frames.shape) == 3 and kind.kind in "iu" and kind.itemsize > 1
    return "cells" if recorded else PRESETS[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """What a user says about the method; None for what is left to the preset.

    Attributes
    ----------
    preset : str or None
        ``lite``, ``cells``, ``fast`` or ``accurate``.
    variant : Variant or None
        Parts of the method that run.
    checkpoint : str or None
        File or name of the weights of the segmentation network.
    backbone_weights : Path or None
        Weights of the backbone.
    device : str or None
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    short_side : int or None
        Working resolution, pixels of the shorter side.
    local : bool or None
        Whether each object is looked for only near where it was last seen.
    outlines : bool or None
        Whether the outlines of masks are corrected.
    seed : int or None
        Of all random numbers, in [0, 2^63).
    """

    preset: Literal["lite", "cells", "fast", "accurate"] | None = None
    variant: Variant | None = None
    checkpoint: str | None = None
    backbone_weights: Path | None = None
    device: Literal["auto", "cpu", "cuda", "mps"] | None = None
    short_side: int | None = None
    local: bool | None = None
    outlines: bool | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.seed is not None and not 0 <= self.seed < 2**63:
            raise ValueError(f"seed must be in [0, 2^63), got {self.seed}.")

    def settings(self, before: Settings | None = None, suited: str = PRESETS[0]) -> Settings:
        """Return the settings of a run.

        Parameters
        ----------
        before : Settings, optional
            Of an earlier run: what is not chosen stays as it was there. Another preset starts anew.
        suited : str
            The preset where neither is said; see `suited_preset`.

        Raises
        ------
        FrtmError
            If there is no such checkpoint.
        ValueError
            If `short_side` makes no sense.
        """
        name = self.preset or (before.preset if before else "") or suited
        anew = before is None or before.preset != name
        if before is None or anew:
            before = Settings(config=preset(name), preset=name)
        config = self.changed(before.config)
        checkpoint = before.checkpoint
        if anew or self.checkpoint is not None:
            checkpoint = find_checkpoint(config, self.checkpoint)
        if checkpoint is not None and checkpoint.is_file():
            checkpoint = checkpoint.absolute()  # the run may go on in another folder
        return replace(
            before,
            config=config,
            device=self.device or "auto",
            checkpoint=checkpoint,
            backbone_weights=self.backbone_weights or before.backbone_weights,
            exact_variant=before.exact_variant or self.variant is not None,
        )

    def changed(self, config: FrtmConfig) -> FrtmConfig:
        """Return the numbers of a preset with what was chosen besides.

        Raises
        ------
        ValueError
            If `short_side` makes no sense.
        """
        if self.variant is not None:
            config = replace(config, variant=self.variant)
        if self.seed is not None:
            config = replace(config, seed=self.seed)
        if self.outlines is not None:
            config = replace(config, outlines=self.outlines)
        if self.local is False:
            config = replace(config, locality=None)
        elif self.local and config.locality is None:
            config = replace(config, locality=LocalityConfig())
        return config if self.short_side is None else replace(config, short_side=self.short_side)
