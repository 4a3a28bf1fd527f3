"""The video loop: carry annotations through a range of frames, chunk by chunk."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_frtm.config import Direction
from napari_frtm.engine.blend import Held, blend, hold, with_annotation
from napari_frtm.engine.tracker import Tracker
from napari_frtm.errors import FrtmError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from torch import Tensor

    from napari_frtm.config import FrtmConfig
    from napari_frtm.engine.network import FrtmNetwork
    from napari_frtm.types import Frame, Frames, Labels, Prediction

_LARGEST_ID = 65535


class Propagation:
    """One run over a range of frames; can stop after any chunk and go on later.

    Annotated frames are keyframes: what was drawn on them comes back unchanged. Going forward, a
    pass runs from the first keyframe to the end of the range; going backward, from the last one
    to its start. In both directions, the frames from the first to the last keyframe are seen by
    both passes and blended; until the second pass comes by, the masks of the first are held, a
    few ten kilobytes a frame and object. Otherwise memory does not grow with the video.

    Parameters
    ----------
    network : FrtmNetwork
        Backbone and segmentation network.
    config : FrtmConfig
        The method's numbers.
    frames : Frames
        Any video with ``frames[t]``; only one chunk of it is in memory at a time.
    annotations : mapping of int to array of shape (H, W)
        The user's labels by frame index.
    contrast : tuple of float
        Intensities that count as black and white.
    span : range, optional
        Frames to fill, step 1; the whole video by default.
    direction : Direction
        Which way to go.

    Raises
    ------
    FrtmError
        If there is no annotation, or one lies outside the range.
    """

    def __init__(
        self,
        network: FrtmNetwork,
        config: FrtmConfig,
        frames: Frames,
        annotations: Mapping[int, Labels],
        *,
        contrast: tuple[float, float] = (0.0, 255.0),
        span: range | None = None,
        direction: Direction = Direction.FORWARD,
    ) -> None:
        self.network = network
        self.config = config
        self.frames = frames
        self.annotations = dict(sorted(annotations.items()))
        self.contrast = contrast
        self.span = range(frames.shape[0]) if span is None else span
        _check(self.span, frames.shape[0], self.annotations)
        self._ids = {t: set(np.unique(drawn).tolist()) for t, drawn in self.annotations.items()}
        self._passes = _passes(self.span, list(self.annotations), Direction(direction))
        self._pass = self._position = 0
        self._tracker = self._new_tracker()
        self._held: dict[int, Held] = {}

    @property
    def order(self) -> list[int]:
        """Frame indices in the order in which they are delivered."""
        return [i for k, order in enumerate(self._passes) for i in order if self._final(k, i)]

    @property
    def finished(self) -> int:
        """How many frames of `order` have been delivered."""
        before = sum(len(order) for order in self._passes[: self._pass])
        visited = [(k, i) for k, order in enumerate(self._passes) for i in order]
        return sum(self._final(k, i) for k, i in visited[: before + self._position])

    def chunks(self) -> Generator[list[Prediction], None, None]:
        """Yield the predictions, finished frames only, as lists of frames that came together.

        A list may be empty: work was done, but its frames wait for the second pass.
        """
        while self._pass < len(self._passes):
            order = self._passes[self._pass]
            with closing(_read_ahead(self.frames, order[self._position :])) as frames:
                while self._position < len(order):
                    predictions = self._step(order, frames)
                    yield [self._finish(p) for p in predictions if self._deliver(p)]
            self._pass += 1
            self._position = 0
            self._tracker = self._new_tracker()

    def state_dict(self) -> dict[str, Tensor]:
        """Return where the run stands after the chunks taken so far; see `load_state_dict`."""
        state = {
            "pass": torch.tensor(self._pass),
            "position": torch.tensor(self._position),
        }
        state |= {f"tracker.{k}": v for k, v in self._tracker.state_dict().items()}
        for index, held in self._held.items():
            state |= {f"held.{index}.{k}": v for k, v in held.state_dict().items()}
        return state

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on where another run with the same arguments stood."""
        self._pass, self._position = int(state["pass"]), int(state["position"])
        self._tracker.load_state_dict(_below(state, "tracker."))
        indices = {int(name.split(".")[1]) for name in state if name.startswith("held.")}
        self._held = {i: Held.from_state(_below(state, f"held.{i}.")) for i in indices}

    def _step(self, order: Sequence[int], frames: Iterator[Frame]) -> list[Prediction]:
        """Segment the frames up to the next annotation or update, or learn an annotation."""
        index = order[self._position]
        if index in self.annotations:
            self._position += 1
            return [self._tracker.annotate(index, next(frames), self.annotations[index])]
        ahead = order[self._position : self._position + self._tracker.until_update]
        stop = next((n for n, i in enumerate(ahead) if i in self.annotations), len(ahead))
        chunk = ahead[:stop]
        self._position += len(chunk)
        return self._tracker.segment(chunk, [next(frames) for _ in chunk])

    def _deliver(self, prediction: Prediction) -> bool:
        """Say whether a prediction is due now; if it will be blended, hold it."""
        final = self._final(self._pass, prediction.index)
        if not final and self._pass == 0:
            self._held[prediction.index] = hold(prediction)
        return final

    def _final(self, number: int, index: int) -> bool:
        """Whether a frame is finished in this pass, if there are two."""
        if len(self._passes) == 1:
            return True
        first, last = min(self.annotations), max(self.annotations)
        if number == 0:
            return index > last or first == last
        return index < first or (index <= last and first != last)

    def _finish(self, prediction: Prediction) -> Prediction:
        """Blend in what the first pass said of this frame; keep what the user drew."""
        held = self._held.pop(prediction.index, None)
        if held is None:
            return prediction
        ids = {*held.object_ids, *prediction.object_ids}
        shares = {i: self._share(i, prediction.index) for i in ids}
        height, width = self.frames.shape[1:3]
        blended = blend(held, prediction, shares, (height, width))
        drawn = self.annotations.get(prediction.index)
        return blended if drawn is None else with_annotation(blended, drawn)

    def _share(self, object_id: int, index: int) -> float:
        """Return how much the backward pass counts: how near the object's next keyframe is."""
        drawn = [t for t, ids in self._ids.items() if object_id in ids]
        before = [t for t in drawn if t <= index]
        after = [t for t in drawn if t >= index]
        if not (before and after) or before[-1] == after[0]:
            return 0.5  # only one pass knows it, or both know it from here
        return (index - before[-1]) / (after[0] - before[-1])

    def _new_tracker(self) -> Tracker:
        return Tracker(self.network, self.config, self.contrast)


def propagate(
    network: FrtmNetwork,
    config: FrtmConfig,
    frames: Frames,
    annotations: Mapping[int, Labels],
    *,
    contrast: tuple[float, float] = (0.0, 255.0),
    span: range | None = None,
    direction: Direction = Direction.FORWARD,
) -> Generator[Prediction, None, None]:
    """Yield the prediction of every frame, one by one; for the parameters see `Propagation`."""
    run = Propagation(
        network, config, frames, annotations, contrast=contrast, span=span, direction=direction
    )
    for chunk in run.chunks():
        yield from chunk


def _passes(span: range, annotated: Sequence[int], direction: Direction) -> list[range]:
    forward = range(annotated[0], span.stop)
    backward = range(annotated[-1], span.start - 1, -1)
    return {
        Direction.FORWARD: [forward],
        Direction.BACKWARD: [backward],
        Direction.BOTH: [forward, backward],
    }[direction]


def _check(span: range, length: int, annotations: Mapping[int, Labels]) -> None:
    if span.step != 1 or len(span) == 0 or span.start < 0 or span.stop > length:
        raise FrtmError(
            f"The range {span.start}:{span.stop} is not within the video's {length} frames, "
            f"0:{length}. Choose a range inside it."
        )
    if not annotations:
        raise FrtmError("No frame is annotated. Paint an object on at least one frame.")
    for index, labels in annotations.items():
        low, high = int(np.min(labels)), int(np.max(labels))
        if low < 0 or high > _LARGEST_ID:
            raise FrtmError(
                f"Frame {index} has the object id {low if low < 0 else high}; ids must be from 1 "
                f"to {_LARGEST_ID}. Give the object another one."
            )
    outside = [i for i in annotations if i not in span]
    if outside:
        raise FrtmError(
            f"The annotated frame {outside[0]} is outside the range {span.start}:{span.stop}. "
            "Extend the range, or annotate a frame inside it."
        )


def _read_ahead(frames: Frames, order: Sequence[int]) -> Generator[Frame, None, None]:
    """Yield frames in this order; the next one is read while the last one is used."""
    with ThreadPoolExecutor(1, "frtm-reader") as reader:
        upcoming: Future[Frame] | None = None
        for position, index in enumerate(order):
            current = upcoming or reader.submit(_read, frames, index)
            upcoming = None
            if position + 1 < len(order):
                upcoming = reader.submit(_read, frames, order[position + 1])
            yield current.result()


def _read(frames: Frames, index: int) -> Frame:
    return np.asarray(frames[index])


def _below(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
