"""What a training sees, as frozen dataclasses: data sets, clips of images, crops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from napari_frtm.config import TARGET_STRIDE, check


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetConfig:
    """One data set of the mixture.

    Attributes
    ----------
    kind : str
        ``videos``: folders in the layout of DAVIS or YouTube-VOS; ``images``: folders ``images``
        and ``masks``, from which clips are made; ``stacks``: folders with a ``video.tif``,
        ``labels.tif`` and, optionally, ``labelled_frames.txt``.
    path : str
        Folder below the data root.
    split : str
        Videos to use: a file below ``ImageSets`` without ``.txt``. All without it.
    names : tuple of str
        Videos to use, by name. All without it.
    weight : float
        How often it is drawn, relative to the others.
    references : int
        Reference frames of each video, evenly spaced from the first one on.
    part : str
        Images to use: ``all``; ``training``, without every tenth by name; ``held out``, these.
    limit : int
        Largest number of images, evenly spaced in the sorted list; 0 for all.
    short_side : int
        Images whose shorter side differs are scaled to it, pixels; 0 leaves them as they are.
    objects : int
        Largest number of objects of a reference frame, evenly spaced by id.
    smallest : float
        Objects that cover less of the reference frame are left out, as a fraction.
    sizes : pair of float or empty
        Range of the sizes (square root of the area over the shorter side) that objects of images
        are shrunk to, before the background of another image; empty leaves them as they are.
    intruders : float
        Share of the clips made of images in which another object comes by, before the target or
        behind it.
    teacher : float
        How much of what is to be learned is what the first weights answer to the whole crop; the
        rest is the true mask. Needs `TrainConfig.windows`.
    sketched : float
        Share of the samples in which S sees a reference frame as that of a sketch: with a target
        model fitted on simulated strokes, points, boxes and rough polygons, and nothing to learn
        but the true mask. Needs `TrainConfig.windows`.
    """

    kind: Literal["videos", "images", "stacks"]
    path: str
    split: str = ""
    names: tuple[str, ...] = ()
    weight: float = 1.0
    references: int = 3
    part: Literal["all", "training", "held out"] = "all"
    limit: int = 0
    short_side: int = 0
    objects: int = 10
    smallest: float = 0.0005
    sizes: tuple[float, ...] = ()
    intruders: float = 0.5
    teacher: float = 0.0
    sketched: float = 0.0

    def __post_init__(self) -> None:
        check(self.weight > 0, "weight", "positive", self.weight)
        check(self.references >= 1, "references", "at least 1", self.references)
        check(self.objects >= 1, "objects", "at least 1", self.objects)
        check(0 <= self.intruders <= 1, "intruders", "in [0, 1]", self.intruders)
        check(0 <= self.teacher <= 1, "teacher", "in [0, 1]", self.teacher)
        check(0 <= self.sketched <= 1, "sketched", "in [0, 1]", self.sketched)
        low, high = self.sizes or (1, 1)
        check(0 < low <= high, "sizes", "empty or an increasing range", self.sizes)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipConfig:
    """How often what happens in videos happens in the clips made of images, each in [0, 1].

    Attributes
    ----------
    alike : float
        Share of the objects that come by which are of the same picture, or the object itself in
        other colours, and not of another image.
    light : float
        Share of the frames with a shadow or light that is not even.
    thin : float
        Share of the clips whose object has thin parts (rods, lines, wheels with spokes).
    holes : float
        Share of the clips whose object has holes.
    lines : float
        Share of the clips with lines before the object: nets, branches, fences.
    streaks : float
        Share of the frames blurred along the motion of object or camera.
    recorded : float
        Share of the frames with the noise of a sensor and the blocks of a compression.
    """

    alike: float = 0.0
    light: float = 0.0
    thin: float = 0.0
    holes: float = 0.0
    lines: float = 0.0
    streaks: float = 0.0
    recorded: float = 0.0

    def __post_init__(self) -> None:
        for name in ("alike", "light", "thin", "holes", "lines", "streaks", "recorded"):
            check(0 <= getattr(self, name) <= 1, name, "in [0, 1]", getattr(self, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class CropConfig:
    """Validation frames of a training sample: crops, as large for all data sets.

    Attributes
    ----------
    size : int
        Side, pixels, a multiple of 32.
    scale : tuple of float
        Range of the change of size.
    frames : int
        Validation frames of a sample; the paper uses 2.
    near : float
        Share of the crops placed around a pixel of the object; the others are anywhere.
    jitter : float
        Largest change of brightness and colour, as a fraction.
    disturbed : float
        Share of the samples whose scores are made worse, so that S learns to correct them.
    poor : float
        Share of the samples that use a poorly fitted target model.
    dropped : float
        Share of the feature channels that S does not see of a crop, so that it relies on the
        scores and not on what the objects of the training data look like.
    """

    size: int = 352
    scale: tuple[float, float] = (0.6, 1.3)
    frames: int = 2
    near: float = 0.9
    jitter: float = 0.1
    disturbed: float = 0.2
    poor: float = 0.1
    dropped: float = 0.0

    def __post_init__(self) -> None:
        check(0 <= self.dropped < 1, "dropped", "in [0, 1)", self.dropped)
        check(self.size > 0 and self.size % 32 == 0, "size", "a multiple of 32", self.size)
        check(0 < self.scale[0] <= self.scale[1], "scale", "an increasing range", self.scale)
        check(self.frames >= 1, "frames", "at least 1", self.frames)

    @property
    def scores(self) -> int:
        """Side of the coarse scores of a crop."""
        return self.size // TARGET_STRIDE
