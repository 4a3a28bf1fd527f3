"""What a batch is asked to do: clips, how to follow their objects, and what to write of them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, Self

from napari_frtm.config import Direction  # noqa: TC001 - read by `structured`
from napari_frtm.io.export.settings import EdgeSettings, ExportSettings, OddSides
from napari_frtm.io.video.stacks.stack_frames import PROJECTIONS, Section
from napari_frtm.session.run.method import Method
from napari_frtm.structure import structured
from napari_frtm.types import BYTES, Contrast

RESULTS = "results"
"""Folder of what is known of each clip, below that of the job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipSettings(Method):
    """How the objects of a clip are followed.

    Attributes
    ----------
    direction : Direction or None
        Which way to go from the masks; forward if not said.
    soft : bool
        Whether soft masks are kept, for mattes with soft edges.
    split_at_keyframes : bool
        Whether the stretches between masks are followed apart, each from its masks alone.
    split_objects : bool
        Whether each object is followed apart, as if it were the only one.
    """

    direction: Direction | None = None
    soft: bool = False
    split_at_keyframes: bool = False
    split_objects: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """One video and what to follow in it.

    Attributes
    ----------
    name : str
        What its results are called; after the video if not said.
    video : Path or None
        Movie, folder or pattern of images, or stack.
    session : Path or None
        A session folder to go on with, in place of a video with masks.
    masks : tuple of str
        ``FILE`` or ``T:FILE``: label images, and of which frames.
    frames : tuple of int or None
        The first frame and the one after the last; the whole video if not said.
    contrast : tuple of float or None
        Intensities seen as black and white.
    gamma : float or None
        How those between are seen; see `Contrast`.
    axes, channel, plane, projection : str, int, int, str or None
        What of a stack the video is; see `Section`.
    mask_threshold : float or None
        Of soft masks: from which part of full strength on a pixel belongs to the object.
    settings : ClipSettings
        How to follow.
    """

    name: str = ""
    video: Path | None = None
    session: Path | None = None
    masks: tuple[str, ...] = ()
    frames: tuple[int, int] | None = None
    contrast: tuple[float, float] | None = None
    gamma: float | None = None
    axes: str | None = None
    channel: int | None = None
    plane: int | None = None
    projection: str | None = None
    mask_threshold: float | None = None
    settings: ClipSettings = field(default_factory=ClipSettings)

    def __post_init__(self) -> None:
        if self.name and (Path(self.name).name != self.name or self.name.startswith(".")):
            raise ValueError(f"name must be the name of a file, without folders, not {self.name!r}")
        if self.frames is not None and not 0 <= self.frames[0] < self.frames[1]:
            raise ValueError(f"frames must be [A, B] with 0 <= A < B, got {list(self.frames)}")
        self.seen(BYTES)  # which refuses what shows nothing
        if self.projection is not None and self.projection not in PROJECTIONS:
            known = " or ".join(map(repr, PROJECTIONS))
            raise ValueError(f"projection must be {known}, got {self.projection!r}")
        if self.mask_threshold is not None and not 0 < self.mask_threshold <= 1:
            raise ValueError(f"mask_threshold must be in (0, 1], got {self.mask_threshold}")

    def seen(self, known: Contrast) -> Contrast:
        """Return how intensities are seen, where nothing else is said as is known."""
        return known.but(self.contrast, self.gamma)

    @property
    def section(self) -> Section:
        """What of a stack the video is."""
        plane = self.plane if self.projection is None else self.projection
        return Section(axes=self.axes, channel=self.channel, plane=plane)


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What is written of each clip when it is done; see `ExportSettings`.

    Attributes
    ----------
    format : str
        A key of `FORMATS`.
    to : str
        File or folder below that of the job, with ``{name}`` for the name of the clip.
    """

    format: str
    to: str
    objects: tuple[int, ...] | None = None
    names: str = "%05d"
    start: int | None = None
    depth: Literal[0, 8, 16, 32] = 0
    premultiplied: bool = False
    audio: bool = False
    odd: OddSides = OddSides.REFUSE
    edges: EdgeSettings = field(default_factory=EdgeSettings)

    def __post_init__(self) -> None:
        if "{name}" not in self.to:
            raise ValueError(f"to must have {{name}} in it, for the name of the clip: {self.to!r}")
        path = Path(self.to.replace("{name}", "name"))
        if path.is_absolute() or ".." in path.parts:
            raise ValueError(f"to must lie below the folder of the results, got {self.to!r}")
        self.settings(Path(), "name")  # which refuses what makes no sense

    def settings(self, out: Path, name: str) -> ExportSettings:
        """Return how the clip of a name is exported, below a folder."""
        chosen = {key: getattr(self, key) for key in _EXPORTED}
        return ExportSettings(destination=out / self.to.replace("{name}", name), **chosen)


_EXPORTED = "format", "objects", "names", "start", "depth", "premultiplied", "audio", "odd", "edges"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchJob:
    """All that a batch is asked to do.

    Attributes
    ----------
    out : Path
        Folder of sessions, exports and report.
    clips : tuple of Clip
        With names of their own.
    exports : tuple of Export
        What is written of each.
    retries : int
        How often a clip that failed is tried again, on another worker if there is one.
    """

    out: Path
    clips: tuple[Clip, ...]
    exports: tuple[Export, ...] = ()
    retries: int = 2

    def __post_init__(self) -> None:
        if self.retries < 0:
            raise ValueError(f"retries must not be negative, got {self.retries}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a worker is given: one clip, or one part of it.

    Attributes
    ----------
    clip : Clip
        With absolute paths.
    out : Path
        Folder of the job.
    exports : tuple of Export
        What is written of it.
    overwrite : bool
        Whether results that are not of this task may be replaced.
    part : tuple of int or None
        Of a part: the first frame that it fills and the one after the last.
    object_id : int or None
        Of a part: the object that it follows.
    """

    clip: Clip
    out: Path
    exports: tuple[Export, ...] = ()
    overwrite: bool = False
    part: tuple[int, int] | None = None
    object_id: int | None = None

    @property
    def is_part(self) -> bool:
        """Whether it is one of several that make a clip."""
        return self.part is not None

    @property
    def name(self) -> str:
        """What it is called, among all tasks of a job."""
        words = [self.clip.name]
        words += [] if self.part is None else [f"frames {self.part[0]} to {self.part[1] - 1}"]
        words += [] if self.object_id is None else [f"object {self.object_id}"]
        return " ".join(words)

    @property
    def session(self) -> Path:
        """Its session folder."""
        if self.clip.session is not None:
            return self.clip.session
        if self.part is None:
            return self.out / f"{self.clip.name}.frtm"
        which = "all" if self.object_id is None else self.object_id
        return self.parts / f"{self.part[0]}-{which}.frtm"

    @property
    def parts(self) -> Path:
        """Where the parts of its clip are until they are joined."""
        return self.out / f".{self.clip.name}.parts"

    @property
    def result(self) -> Path:
        """Where it is kept what is known of the clip when it is done."""
        return self.out / RESULTS / f"{self.clip.name}.json"

    def to_text(self) -> str:
        """Return it as JSON, which workers of another version can read at least; see `of_text`."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def of_text(cls, text: str) -> Self:
        """Return what `to_text` gave."""
        task: Self = structured(cls, json.loads(text))
        return task
