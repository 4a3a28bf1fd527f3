"""Objects that may have divided: one piece for some frames, then two, and they stay apart.

Nothing is changed here; what is found is for the user to look at, and to divide.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np

from napari_frtm.engine.frames.labels import object_boxes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterable, Mapping

    from numpy.typing import NDArray

    from napari_frtm.types import Labels

DENIED = "no_divisions"
"""Where `session.json` keeps pairs of object and frame that are no division."""

# by benchmarks/divisions.py, see docs/microscopy.md
_BEFORE = 2  # frames, at least, on which it is one piece before it is two
_APART = 2  # frames, at least, on which it is two: daughters soon touch again
_SHARE = 0.2  # of its area, at least, in the smaller of the two
_SPECKS = 0.1  # of its area, at most, in all other pieces
_LARGER = 1.8  # times the area of before, at most: else something else has been followed as well
_KEPT = 0.9  # of the area of before, from frame to frame: cells shrink just before they divide
_GAP = 1.5  # square roots of the area of before, at most, between the two when they part


@dataclass(frozen=True, slots=True, order=True)
class PossibleDivision:
    """Where an object may have divided.

    Attributes
    ----------
    object_id : int
        The object.
    frame : int
        The first frame on which it is two pieces.
    """

    object_id: int
    frame: int


def denied_divisions(settings: Mapping[str, Any]) -> set[PossibleDivision]:
    """Return what the user has said to be no division, from what a session keeps.

    What is no pair of whole numbers is passed over: it costs an offer more, and no session.
    """
    kept = settings.get(DENIED)
    pairs = [each for each in kept if isinstance(each, list)] if isinstance(kept, list) else []
    return {
        PossibleDivision(*each) for each in pairs if [type(value) for value in each] == [int, int]
    }


def possible_divisions(
    read: Callable[[int], Labels],
    frames: Iterable[int],
    denied: Collection[PossibleDivision] = (),
) -> Generator[tuple[int, list[PossibleDivision]], None, None]:
    """Yield each frame, and the divisions that can be told once it is seen.

    Of each object the first division is found: it ends there. An object divides where it comes to
    be two pieces, each at least a fifth of it, on two frames before it is one again or gone, and
    was one piece on two frames before. Two pieces that the border of the image cuts off, that lie
    far apart or are much larger than the object was, are none of it.

    Parameters
    ----------
    read : callable
        Gives the labels of a frame, of shape (H, W).
    frames : iterable of int
        Those that have masks, in order; each is read once.
    denied : collection of PossibleDivision
        Those that the user has said to be none; the same object may divide later.
    """
    histories: dict[int, _History] = {}
    for frame in frames:
        labels = read(frame)
        boxes = object_boxes(labels)
        for object_id in histories.keys() - boxes.keys():
            histories[object_id].forget()
        found = []
        for object_id, box in boxes.items():
            history = histories.setdefault(object_id, _History())
            if history.told:
                continue
            at_border = (
                box.top == 0,
                box.left == 0,
                box.bottom == labels.shape[0],
                box.right == labels.shape[1],
            )
            begun = history.look(frame, _pieces(labels[box.slices] == object_id, at_border))
            possible = None if begun is None else PossibleDivision(object_id, begun)
            if possible in denied:
                history.forget()
            elif possible is not None:
                history.told = True
                found.append(possible)
        yield frame, found


class _Pieces(NamedTuple):
    """What an object consists of on a frame.

    Attributes
    ----------
    area : int
        Of all of it, pixels.
    second, others : int
        Of the second largest piece, and of all after it, pixels.
    gap : int
        Rows or columns between the boxes around the two largest, whichever are more; 0 if it is
        one piece.
    cut_off : bool
        Whether the border of the image cuts off both of them.
    """

    area: int
    second: int
    others: int
    gap: int
    cut_off: bool

    @property
    def are_one(self) -> bool:
        """Whether it is one piece, but for specks."""
        return self.second + self.others <= _SPECKS * self.area

    @property
    def are_two(self) -> bool:
        """Whether it is two pieces, but for specks, and neither is small."""
        both_large = self.second >= _SHARE * self.area
        return both_large and self.others <= _SPECKS * self.area and not self.cut_off


class _History:
    """What is known of one object up to a frame.

    Attributes
    ----------
    told : bool
        Whether its division was found.
    """

    def __init__(self) -> None:
        self.told = False
        self.forget()

    def forget(self) -> None:
        """Begin anew: it was gone, or its pieces are no daughters."""
        self._whole = self._apart = 0
        self._area = 0.0
        self._begun: int | None = None

    def look(self, frame: int, pieces: _Pieces) -> int | None:
        """Take in a frame; return on which one it divided, once that can be told."""
        if pieces.are_one:
            self._whole, self._apart, self._begun = self._whole + 1, 0, None
            self._area = max(pieces.area, _KEPT * self._area)
        elif pieces.are_two and self._whole >= _BEFORE and self._are_daughters(pieces):
            self._begun = frame if self._begun is None else self._begun
            self._apart += 1
        return self._begun if self._apart >= _APART else None

    def _are_daughters(self, pieces: _Pieces) -> bool:
        """Whether two pieces can be what has become of the object."""
        if self._begun is not None:
            return True
        return pieces.area <= _LARGER * self._area and pieces.gap <= _GAP * self._area**0.5


def _pieces(mask: NDArray[np.bool_], at_border: tuple[bool, bool, bool, bool]) -> _Pieces:
    """Return what a mask in its box consists of.

    Parameters
    ----------
    mask : bool array of shape (h, w)
        The object, up to its outermost pixels.
    at_border : tuple of bool
        Whether top, left, bottom and right of the box are those of the image.
    """
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    stats = stats[1:][np.argsort(-stats[1:, cv2.CC_STAT_AREA], kind="stable")]
    areas = stats[:, cv2.CC_STAT_AREA]
    area = int(areas.sum())
    if count < 3:
        return _Pieces(area, 0, 0, 0, cut_off=False)
    first = stats[:2, [cv2.CC_STAT_TOP, cv2.CC_STAT_LEFT]]
    stop = first + stats[:2, [cv2.CC_STAT_HEIGHT, cv2.CC_STAT_WIDTH]]
    touches = np.hstack([first == 0, stop == mask.shape]) & at_border
    gap = int((first.max(0) - stop.min(0)).max())
    return _Pieces(
        area, int(areas[1]), int(areas[2:].sum()), max(0, gap), bool(touches.any(1).all())
    )
