"""The video loop: carry annotations through a range of frames, chunk by chunk."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_frtm.config import Direction
from napari_frtm.engine.extensions.blend import StoredPrediction, blend, compress, with_annotation
from napari_frtm.engine.extensions.search_region import working_scale
from napari_frtm.engine.frames.frames import as_video, contrast_for
from napari_frtm.engine.frames.prefetch import read_ahead
from napari_frtm.engine.tracking.baseline import BaselineTracker
from napari_frtm.engine.tracking.passes import Plan, check_request
from napari_frtm.engine.tracking.tracker import Tracker

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterator, Mapping, Sequence

    from torch import Tensor

    from napari_frtm.config import FrtmConfig
    from napari_frtm.engine.networks.network import FrtmNetwork
    from napari_frtm.engine.tracking.passes import Pass
    from napari_frtm.types import Contrast, Frame, Frames, Labels, Prediction

_TOGETHER = 4
"""Frames that come together at least: what shows and saves them takes its time as well."""


class Propagation:
    """One run over a range of frames; can stop after any chunk and go on later.

    Annotated frames are keyframes: what was drawn on them comes back unchanged. Going forward, a
    pass runs from the first keyframe to the end of the range; going backward, from the last one
    to its start. In both directions, the frames from the first to the last keyframe are seen by
    both passes and blended; until the second pass comes by, the masks of the first are held, a
    few ten kilobytes a frame and object. Otherwise memory does not grow with the video.

    Annotated frames outside the range are references: a pass learns the nearest of them before it
    starts, so that a part of a video can be run again without the rest. With one behind its start
    a pass begins at the edge of the range. An object that is drawn only ahead of the start is not
    known before it; but if all that is drawn lies ahead, it is known from the start.

    Parameters
    ----------
    network : FrtmNetwork
        Backbone and segmentation network.
    config : FrtmConfig
        The method's numbers.
    frames : Frames or sequence of arrays
        Any video with ``frames[t]``, or a list of images; only one chunk of it is in memory at a
        time.
    annotations : mapping of int to array of shape (H, W)
        The user's labels by frame index.
    contrast : Contrast, or tuple of two floats, optional
        How intensities are seen: black, white, and gamma; by default 0 and 255 of bytes.
    span : range, optional
        Frames to fill, step 1; the whole video by default.
    direction : Direction
        Which way to go.
    references : mapping of int to array of shape (H, W), optional
        The user's labels of frames outside the range; nothing is delivered for them.
    complete : collection of int
        Annotated frames and references whose labels say everything: an object that is not drawn
        there is absent. On others it is predicted where nothing was drawn.

    Raises
    ------
    FrtmError
        If no object is drawn on any frame, or an annotation lies outside the range.
    ValueError
        If a reference lies inside the range, or outside the video; if these are no frames, or
        their contrast is not known.
    """

    def __init__(
        self,
        network: FrtmNetwork,
        config: FrtmConfig,
        frames: Frames | Sequence[Frame],
        annotations: Mapping[int, Labels],
        *,
        contrast: Contrast | tuple[float, float] | None = None,
        span: range | None = None,
        direction: Direction = Direction.FORWARD,
        references: Mapping[int, Labels] | None = None,
        complete: Collection[int] = (),
    ) -> None:
        self.network = network
        self.config = config
        self.frames = frames = as_video(frames)
        self.annotations = dict(sorted(annotations.items()))
        self.references = dict(references or {})
        self.complete = frozenset(complete)
        self.contrast = contrast_for(frames, contrast)
        self.span = range(frames.shape[0]) if span is None else span
        check_request(self.span, frames.shape, self.annotations, self.references)
        self._plan = Plan.of(
            self.span, Direction(direction), self.annotations | self.references, self.complete
        )
        if config.locality and config.locality.scale is None:
            drawn = [*self.annotations.values(), *self.references.values()]
            least = config.scale((frames.shape[1], frames.shape[2]))
            scale = working_scale(drawn, least, config.locality)
            self.config = replace(config, locality=replace(config.locality, scale=scale))
        self._pass = self._position = 0
        self._tracker = self._new_tracker()
        self._held: dict[int, StoredPrediction] = {}

    @property
    def order(self) -> list[int]:
        """Frame indices in the order in which they are delivered."""
        return [i for way in self._plan.passes for i in way.frames if self._plan.final(way, i)]

    @property
    def finished(self) -> int:
        """How many frames of `order` have been delivered."""
        passes = self._plan.passes
        done = [(way, i) for way in passes[: self._pass] for i in way.frames]
        if self._pass < len(passes):
            way = passes[self._pass]
            done += [
                (way, i) for i in way.frames[: max(0, self._position - len(way.initial_keyframes))]
            ]
        return sum(self._plan.final(way, i) for way, i in done)

    def chunks(self) -> Generator[list[Prediction], None, None]:
        """Yield the predictions, finished frames only, as lists of frames that came together.

        A list may be empty: work was done, but its frames wait for the second pass, or a reference
        was learned.
        """
        while self._pass < len(self._plan.passes):
            way = self._plan.passes[self._pass]
            visits = way.visits
            with closing(read_ahead(self.frames, visits[self._position :])) as frames:
                while self._position < len(visits):
                    predictions = self._step(way, frames)
                    yield [self._finish(p) for p in predictions if self._deliver(way, p)]
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
        self._held = {i: StoredPrediction.from_state(_below(state, f"held.{i}.")) for i in indices}

    def _step(self, way: Pass, frames: Iterator[Frame]) -> list[Prediction]:
        """Learn a keyframe, or segment some frames."""
        if self._position < len(way.initial_keyframes):
            index, ids = way.initial_keyframes[self._position]
            self._position += 1
            labels = (self.annotations | self.references)[index]
            labels = np.where(np.isin(labels, list(ids)), labels, 0)
            self._tracker.learn(index, next(frames), labels, complete=index in self.complete)
            return []
        most = max(_TOGETHER, self._tracker.until_update)
        ahead = way.visits[self._position : self._position + most]
        index = ahead[0]
        if index in self.annotations:
            self._position += 1
            labels = self.annotations[index]
            complete = index in self.complete
            return [self._tracker.annotate(index, next(frames), labels, complete=complete)]
        stop = next((n for n, i in enumerate(ahead) if i in self.annotations), len(ahead))
        self._position += stop
        predictions: list[Prediction] = []
        while len(predictions) < stop:
            before = len(predictions)
            chunk = ahead[before : min(stop, before + self._tracker.until_update)]
            predictions += self._tracker.segment(chunk, [next(frames) for _ in chunk])
        return predictions

    def _deliver(self, way: Pass, prediction: Prediction) -> bool:
        """Say whether a prediction is due now; if it will be blended, hold it."""
        final = self._plan.final(way, prediction.index)
        if not final and self._pass == 0:
            self._held[prediction.index] = compress(prediction)
        return final

    def _finish(self, prediction: Prediction) -> Prediction:
        """Blend in what the first pass said of this frame; keep what the user drew."""
        index = prediction.index
        held = self._held.pop(index, None)
        if held is None:
            return prediction
        ids = {*held.object_ids, *prediction.object_ids}
        shares = {i: self._plan.share(i, index) for i in ids}
        height, width = self.frames.shape[1:3]
        blended = blend(
            held, prediction, shares, self._tracker.confidence_estimators, (height, width)
        )
        drawn = self.annotations.get(index)
        if drawn is None:
            return blended
        return with_annotation(blended, drawn, complete=index in self.complete)

    def _new_tracker(self) -> Tracker | BaselineTracker:
        kind = BaselineTracker if self.config.variant.is_baseline else Tracker
        return kind(self.network, self.config, self.contrast)


def propagate(
    network: FrtmNetwork,
    config: FrtmConfig,
    frames: Frames | Sequence[Frame],
    annotations: Mapping[int, Labels],
    *,
    contrast: Contrast | tuple[float, float] | None = None,
    span: range | None = None,
    direction: Direction = Direction.FORWARD,
    references: Mapping[int, Labels] | None = None,
    complete: Collection[int] = (),
) -> Generator[Prediction, None, None]:
    """Yield the prediction of every frame, one by one; for the parameters see `Propagation`."""
    run = Propagation(
        network,
        config,
        frames,
        annotations,
        contrast=contrast,
        span=span,
        direction=direction,
        references=references,
        complete=complete,
    )
    for chunk in run.chunks():
        yield from chunk


def _below(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
