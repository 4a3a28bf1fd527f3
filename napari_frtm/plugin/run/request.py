"""What one run of *Propagate* reads, and what it says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_frtm.config import Direction, FrtmConfig
    from napari_frtm.plugin.run.plan import Course, Reach
    from napari_frtm.plugin.work.session import Session
    from napari_frtm.plugin.work.store import Finished
    from napari_frtm.types import Labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the form says.

    Attributes
    ----------
    preset : str
        Name of the preset that `config` comes from.
    config : FrtmConfig
        The method's numbers.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    span : range
        In to Out.
    direction : Direction
        Which way to go.
    objects : frozenset of int or None
        Objects to follow; None for all.
    soft : bool
        Whether probabilities are kept.
    """

    preset: str
    config: FrtmConfig
    device: str
    span: range
    direction: Direction
    objects: frozenset[int] | None = None
    soft: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Request:
    """Everything that a run reads.

    Attributes
    ----------
    session : Session
        Has the video, the keyframes drawn on the result, and takes the masks.
    labels : array or None
        The user's labels, see `painted_frames`; None for the keyframes of the session alone.
    labels_name : str
        Of the user's layer, for messages.
    here : int
        The frame that is displayed.
    contrast : tuple of float, optional
        Intensities that count as black and white; found from the frames if not given.
    continues : bool
        Whether to go on with the run in the session folder that was broken off.
    """

    session: Session
    labels: Any
    labels_name: str
    here: int
    reach: Reach
    contrast: tuple[float, float] | None
    settings: Settings
    continues: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """What a run is going to do, known once everything is loaded.

    Attributes
    ----------
    total : int
        Frames that will come.
    done : int
        Frames of them that are there already.
    course : Course
        Where it goes.
    painted : dict of int to array of shape (H, W)
        Frames that are painted on the user's layer.
    largest_id : int
        Of the painted objects.
    objects : int
        How many there are.
    config : FrtmConfig
        The method's numbers, with the variant that there are weights for.
    device : str
        Where it runs.
    contrast : tuple of float
        Intensities that count as black and white.
    """

    total: int
    done: int
    course: Course
    painted: dict[int, Labels]
    largest_id: int
    objects: int
    config: FrtmConfig
    device: str
    contrast: tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """Frames that have been written, and how many of the plan's are done."""

    frames: list[Finished]
    done: int
