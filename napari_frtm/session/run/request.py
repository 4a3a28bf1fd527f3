"""What one run reads, as frozen data, and what it says of itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path  # noqa: TC003 - read by `structured`
from typing import TYPE_CHECKING, Any

from napari_frtm.config import Direction, FrtmConfig
from napari_frtm.structure import structured

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_frtm.session.run.coverage import Coverage, Scope
    from napari_frtm.session.store.store import Store, WrittenFrame
    from napari_frtm.types import Contrast, Frames, Labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the user chooses for a run.

    Attributes
    ----------
    config : FrtmConfig
        The method's numbers.
    preset : str
        Name of the preset that `config` comes from.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    direction : Direction
        Which way to go.
    objects : tuple of int or None
        Objects to follow, sorted; None for all.
    soft : bool
        Whether probabilities are kept.
    checkpoint, backbone_weights : Path or None
        Files of weights; None for those that the preset has.
    exact_variant : bool
        Whether to fail if there are no weights for the variant, instead of running without S.
    """

    config: FrtmConfig
    preset: str = ""
    device: str = "auto"
    direction: Direction = Direction.FORWARD
    objects: tuple[int, ...] | None = None
    soft: bool = False
    checkpoint: Path | None = None
    backbone_weights: Path | None = None
    exact_variant: bool = False

    def plain(self) -> dict[str, Any]:
        """Return the settings as values that JSON has words for; see `from_plain`."""
        paths = {
            name: None if path is None else str(path)
            for name, path in (
                ("checkpoint", self.checkpoint),
                ("backbone_weights", self.backbone_weights),
            )
        }
        return {**asdict(self), **paths}

    @classmethod
    def from_plain(cls, values: dict[str, Any]) -> Settings:
        """Return settings from what `plain` gave, having gone through JSON.

        Raises
        ------
        ValueError, TypeError
            If they are not such values.
        """
        return structured(cls, values)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Request:
    """Everything that a run reads: a snapshot, which nobody changes while it runs.

    Attributes
    ----------
    frames : Frames
        The video.
    keyframes : mapping of int to array of shape (H, W)
        The frames that the user has drawn, as they are now.
    complete : frozenset of int
        Those of them whose labels say everything.
    store : Store
        Takes the masks, and says which frames are protected.
    settings : Settings
        How to follow.
    span : range
        In to Out.
    scope : Scope
        How much of the span to fill.
    here : int
        The frame that the user looks at.
    contrast : Contrast, optional
        How intensities are seen; found from the frames if not given.
    """

    frames: Frames
    keyframes: Mapping[int, Labels]
    complete: frozenset[int]
    store: Store
    settings: Settings
    span: range
    scope: Scope
    here: int = 0
    contrast: Contrast | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Started:
    """What a run is going to do, known once everything is loaded.

    Attributes
    ----------
    total : int
        Frames that will come.
    done : int
        Frames of them that are there already.
    coverage : Coverage
        Which frames it covers.
    objects : tuple of int
        The objects that are followed.
    config : FrtmConfig
        The method's numbers, with the variant that there are weights for.
    settings : Settings
        As asked for, or as the run that goes on had them.
    device : str
        Where it runs.
    contrast : Contrast
        How intensities are seen.
    scope : Scope
        How much of the range it was asked to fill.
    """

    total: int
    done: int
    coverage: Coverage
    objects: tuple[int, ...]
    config: FrtmConfig
    settings: Settings
    device: str
    contrast: Contrast
    scope: Scope


@dataclass(frozen=True, slots=True, eq=False)
class Advanced:
    """Frames that have been written, and how many of the run's are done."""

    frames: list[WrittenFrame]
    done: int
