"""Which images of a folder are the frames of one sequence, and in which order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from napari_frtm.errors import VideoError
from napari_frtm.io.video.images.image import IMAGES
from napari_frtm.io.video.reading import reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_PLACE = re.compile(r"%0?(\d*)d|(#+|@+)|([*?])")  # %04d, ####, @@@@ and *
_NUMBER = re.compile(r"((?:(?:(?<=[._ ])|^)-)?\d+)")  # a minus sign follows no letter
_TIME = re.compile(r"(19|20)\d\d([-_.]?)[01]\d\2[0-3]\d[-_.T ]?[0-2]\d[-_.:h]?[0-5]\d")
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Numbered:
    """Images of one sequence.

    Attributes
    ----------
    paths : tuple of Path
        In the order of their numbers.
    remarks : tuple of str
        What the user should know: images that are left out, numbers that are missing.
    """

    paths: tuple[Path, ...]
    remarks: tuple[str, ...] = ()


def is_pattern(path: Path) -> bool:
    """Whether `path` is a pattern of image files: ``a.%04d.png``, ``a.####.png`` or ``a*``."""
    of_any_kind = path.name.endswith("*")
    return of_any_kind or (bool(_PLACE.search(path.stem)) and path.suffix.lower() in IMAGES)


def find_images(path: Path) -> list[Path]:
    """Return the image files of a folder or pattern, in natural order; hidden ones left out."""
    folder, wanted = path, re.compile(".*", re.DOTALL)
    if not path.is_dir():
        folder, wanted = path.parent, _regex(path.name)
    with reading(folder):
        files = [
            file
            for file in folder.iterdir()
            if file.suffix.lower() in IMAGES
            and not file.name.startswith(".")
            and wanted.fullmatch(file.name)
        ]
    return sorted(files, key=_natural)


def find_sequence(path: Path) -> Numbered:
    """Return the images of a folder or pattern that are one sequence.

    One number counts the frames. What is not named like the others is left out, with a remark; a
    pattern with ``*`` takes all that it matches, in natural order.

    Raises
    ------
    VideoError
        If there are none, or several sequences, or two images of one number.
    """
    images = find_images(path)
    if not images:
        kinds = ", ".join(IMAGES)
        raise VideoError(f"{path} has no images. Choose a folder or pattern of {kinds} files.")
    _refuse_twins(path, images)
    if not path.is_dir() and re.search(r"[*?]", path.name):
        return Numbered(tuple(images))
    groups: dict[str, list[Path]] = {}
    for image in images:
        groups.setdefault(_NUMBER.sub("#", image.stem), []).append(image)
    sequences = [group for group in groups.values() if len(group) > 1]
    if not sequences:
        remark = f"The images of {path.name} have no numbers: they come in alphabetical order."
        return Numbered(tuple(images), (remark,) if len(images) > 1 else ())
    if len(sequences) > 1:
        raise _several(path, sequences)
    (frames,) = sequences
    others = [image for image in images if image not in set(frames)]
    return Numbered(tuple(frames), (*_left_out(frames, others), *_gaps(path, frames)))


def _regex(pattern: str) -> re.Pattern[str]:
    """Return what a pattern of file names stands for."""
    parts, end = [], 0
    for place in _PLACE.finditer(pattern):
        width = int(place[1] or 0) if place[1] is not None else len(place[2] or "")
        digits = rf"-?\d{{{width},}}" if width > 1 else r"-?\d+"
        wild = {"*": ".*", "?": "."}.get(place[0], digits)
        parts += [re.escape(pattern[end : place.start()]), wild]
        end = place.end()
    return re.compile("".join(parts) + re.escape(pattern[end:]), re.DOTALL)


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sort key by which image 2 comes before image 10, and -5 before 2."""
    parts = _NUMBER.split(path.name.lower())
    return [(int(part), part) if i % 2 else (-1, part) for i, part in enumerate(parts)]


def _numbers(frames: Sequence[Path]) -> list[tuple[int, ...]]:
    """Return the numbers in the names of the images, those that differ."""
    columns = zip(*([int(n) for n in _NUMBER.findall(f.stem)] for f in frames), strict=True)
    return [column for column in columns if len(set(column)) > 1]


def _gaps(path: Path, frames: Sequence[Path]) -> list[str]:
    """Say which numbers are missing; refuse what is not counted by one number."""
    columns = _numbers(frames)
    if len(columns) != 1 and all(_TIME.search(frame.stem) for frame in frames):
        return []
    counting = [c for c in columns if len(set(c)) == len(c) and list(c) == sorted(c)]
    if not counting:
        raise _several(path, _by_beginning(frames))
    numbers = counting[-1]
    step = min(after - before for before, after in pairwise(numbers))
    missing = [
        _span(before + step, after - step)
        for before, after in pairwise(numbers)
        if after - before > step
    ]
    if not missing:
        return []
    what = f"{_pattern(frames)} lacks the numbers {_some(missing)}"
    return [f"{what}: the frames before and after follow each other."]


def _left_out(frames: Sequence[Path], others: Sequence[Path]) -> list[str]:
    if not others:
        return []
    names = _some([image.name for image in others])
    return [f"Not named like {_pattern(frames)}, and left out: {names}."]


def _by_beginning(frames: Sequence[Path]) -> list[list[Path]]:
    """Group images by what stands before their last number that differs."""
    ends = [list(_NUMBER.finditer(frame.stem)) for frame in frames]
    columns = range(len(ends[0]))
    last = max(i for i in columns if len({matches[i][0] for matches in ends}) > 1)
    groups: dict[str, list[Path]] = {}
    for frame, matches in zip(frames, ends, strict=True):
        groups.setdefault(frame.stem[: matches[last].start()], []).append(frame)
    return list(groups.values())


def _pattern(frames: Sequence[Path]) -> str:
    """Return a pattern for images that one number tells apart."""
    first, parts = frames[0], _NUMBER.split(frames[0].stem)
    others = [_NUMBER.split(frame.stem) for frame in frames]
    for i in range(1, len(parts), 2):
        if len({other[i] for other in others}) > 1:
            parts[i] = "#" * min(len(other[i].lstrip("-")) for other in others)
    return "".join(parts) + first.suffix


def _several(path: Path, sequences: Sequence[Sequence[Path]]) -> VideoError:
    found = _some([f"{_pattern(s)} ({len(s)} images)" for s in sequences])
    return VideoError(
        f"{path.name} has several sequences: {found}. Give one of these patterns, or move each "
        f"into a folder of its own; {path.name}/*{sequences[0][0].suffix} takes all as one video."
    )


def _refuse_twins(path: Path, images: Iterable[Path]) -> None:
    """Refuse two images of one name: each frame has one output."""
    stems: dict[str, Path] = {}
    for image in images:
        twin = stems.setdefault(image.stem, image)
        if twin is not image:
            raise VideoError(
                f"{path.name} has both {twin.name} and {image.name}. Keep one kind of image in "
                f"the folder, or give a pattern such as {path.name}/####{image.suffix}."
            )


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first} to {last}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
