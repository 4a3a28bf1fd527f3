"""Tracker: the objects of one pass through a video (paper, algorithm 1)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from napari_frtm.config import TARGET_STRIDE
from napari_frtm.engine.extensions.blend import with_annotation
from napari_frtm.engine.extensions.motion import Stage
from napari_frtm.engine.extensions.outlines import Outlines, outline_network
from napari_frtm.engine.extensions.parts import SeenFrame, parts_around, parts_within_reach
from napari_frtm.engine.extensions.search_region import SearchRegions
from napari_frtm.engine.frames.images import Geometry, flaw, to_images
from napari_frtm.engine.frames.labels import DrawnMask, to_masks
from napari_frtm.engine.tracking.annotation import AnnotatedFrame
from napari_frtm.engine.tracking.objects import objects_from_state, update_objects
from napari_frtm.engine.tracking.scoring import (
    score_frames,
    score_parts,
    score_windows,
    with_likeness,
)
from napari_frtm.engine.tracking.segmentation import (
    SegmentedFrame,
    masks_in_windows,
    whole_frames,
)
from napari_frtm.types import BYTES, Box

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from napari_frtm.config import FrtmConfig
    from napari_frtm.engine.extensions.confidence import ConfidenceEstimator
    from napari_frtm.engine.networks.backbone import Features
    from napari_frtm.engine.networks.network import FrtmNetwork
    from napari_frtm.engine.tracking.objects import TrackedObject
    from napari_frtm.types import Contrast, Frame, Labels, Prediction

logger = logging.getLogger(__name__)


class Tracker:
    """The objects of one pass through a video, in one direction.

    Parameters
    ----------
    network : FrtmNetwork
        Backbone and segmentation network; its device is where everything runs.
    config : FrtmConfig
        The method's numbers.
    contrast : Contrast
        How intensities are seen.

    Raises
    ------
    ValueError
        If the variant needs a segmentation network, or outlines are to be corrected, and there
        is no network for it.
    """

    def __init__(
        self,
        network: FrtmNetwork,
        config: FrtmConfig,
        contrast: Contrast = BYTES,
    ) -> None:
        if config.variant.refines and network.segmentation is None:
            raise ValueError(f"Variant '{config.variant}' needs a segmentation network.")
        self.network = network
        self.config = config
        self.contrast = contrast
        self._outline_network = outline_network(network, config)
        self._objects: dict[int, TrackedObject] = {}
        self._stage = Stage()
        self._since_update = 0
        self._warned = False

    @property
    def object_ids(self) -> tuple[int, ...]:
        """Ids of the objects known so far, in the order of the predictions' arrays."""
        return tuple(self._objects)

    @property
    def confidence_estimators(self) -> dict[int, ConfidenceEstimator]:
        """What says how sure the masks of the known objects are."""
        return {i: known.confidence_estimator for i, known in self._objects.items()}

    @property
    def until_update(self) -> int:
        """How many frames can be segmented before the target models change."""
        return self.config.update_interval - self._since_update

    @property
    def _windowed(self) -> bool:
        """Whether a frame is segmented in windows, which depend on the one before.

        On a GPU it is not for speed alone: whole frames go through it together, which is faster.
        """
        on_gpu = self.network.device.type == "cuda"
        for_speed = self.config.windows and self.config.variant.refines and not on_gpu
        return bool(self.config.locality or for_speed)

    @property
    def _leap(self) -> float | None:
        """How far objects can move; looked for locally, they are not found elsewhere anyway."""
        return None if self.config.locality else self.config.leap

    @torch.inference_mode()
    def annotate(
        self, index: int, frame: Frame, labels: Labels, *, complete: bool = False
    ) -> Prediction:
        """Learn from the user's labels: new ids start an object, known ids correct it.

        Parameters
        ----------
        index : int
            Frame index in the video.
        frame : array of shape (H, W) or (H, W, 3)
            The image.
        labels : array of shape (H, W)
            Object ids, 0 elsewhere. Known objects that are not in it are predicted where it is 0.
        complete : bool
            Known objects that are not in `labels` are absent, instead.

        Returns
        -------
        Prediction
            The user's labels as they are, completed by the objects not in them.

        Raises
        ------
        ValueError
            If the labels are empty while no object is known, or not of the frame's size.
        """
        if not self._objects and not np.any(labels):
            raise ValueError(f"The labels of frame {index} are empty: no object to follow.")
        geometry = self._geometry(frame)
        image, features, given = self._learn(index, frame, labels, complete=complete)
        if self._windowed:
            seen = SeenFrame.whole(features, geometry.padded)
            regions = self._regions(index, geometry)
            segmented = self._in_windows(index, image, seen, geometry, regions)
        else:
            (segmented,) = self._whole([index], image, features, geometry)
        segmented.replace(given, self.object_ids)
        segmented.drop_others(self._objects, self._leap)
        prediction = segmented.prediction(self.confidence_estimators, geometry)
        return with_annotation(prediction, labels, complete=complete)

    @torch.inference_mode()
    def learn(self, index: int, frame: Frame, labels: Labels, *, complete: bool = False) -> None:
        """Learn as `annotate` does, without a prediction; for the parameters see there.

        Labels that are empty while no object is known teach nothing.
        """
        if self._objects or np.any(labels):
            self._learn(index, frame, labels, complete=complete)

    @torch.inference_mode()
    def segment(self, indices: Sequence[int], frames: Sequence[Frame]) -> list[Prediction]:
        """Predict frames that follow each other, then learn from them.

        Parameters
        ----------
        indices : sequence of int
            Frame indices in the video.
        frames : sequence of arrays of shape (H, W) or (H, W, 3)
            Not more than `until_update`; the result does not depend on how many come at once.

        Raises
        ------
        ValueError
            If there are more frames than `until_update`, or no object is known.
        """
        if len(frames) > self.until_update:
            raise ValueError(f"{len(frames)} frames given, {self.until_update} until an update.")
        if not self._objects:
            raise ValueError("No object is known; annotate a frame first.")
        geometry = self._geometry(frames[0])
        size = self.network.frames_at_once(geometry.padded, len(self._objects))
        predictions = []
        for first in range(0, len(frames), size):
            batch = slice(first, first + size)
            images = self._images(indices[batch], frames[batch], geometry)
            for segmented in self._segmented(indices[batch], images, geometry):
                segmented.drop_others(self._objects, self._leap)
                predictions.append(segmented.prediction(self.confidence_estimators, geometry))
                if self.config.variant.updates:
                    self._remember(segmented, geometry)
        self._advance(len(frames))
        return predictions

    def state_dict(self) -> dict[str, Tensor]:
        """Return all that has been learned, by names ``object.part``; see `load_state_dict`."""
        state = {"since_update": torch.tensor(self._since_update)} | self._stage.state_dict()
        for object_id, known in self._objects.items():
            state |= {f"{object_id}.{name}": part for name, part in known.state_dict().items()}
        return state

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on where another tracker with the same network and settings stood."""
        self._since_update = int(state["since_update"])
        self._stage.load_state_dict(state)
        self._objects = objects_from_state(state, self.config, self.network.device)

    def _learn(
        self, index: int, frame: Frame, labels: Labels, *, complete: bool
    ) -> tuple[Tensor, Features, dict[int, DrawnMask]]:
        """Start and correct objects; return image, features, and the masks given by id."""
        labels = np.asarray(labels)
        if labels.shape != frame.shape[:2]:
            raise ValueError(f"Labels {labels.shape} do not fit a frame of {frame.shape[:2]}.")
        ids = {int(i) for i in np.unique(labels) if i}
        if complete:
            ids.update(self._objects)
        geometry = self._geometry(frame)
        image = self._images([index], [frame], geometry)
        features = self.network.features(image, refine=self.config.variant.refines)
        given = to_masks(labels, sorted(ids), geometry)
        deep = features[TARGET_STRIDE].float()
        stage = self._follow_stage(image[0], geometry)
        annotated = AnnotatedFrame(index, image[0], deep, given, geometry, stage)
        known = {i: self._objects[i] for i in given if i in self._objects}
        new = [i for i in given if i not in self._objects]
        annotated.correct(known, self.config)
        self._objects |= annotated.start(new, self.network, self.config)
        self._objects = dict(sorted(self._objects.items()))
        self._since_update = 0
        return image, features, given

    def _follow_stage(self, image: Tensor, geometry: Geometry) -> tuple[float, float]:
        """Return where the stage is in the next frame, where it matters."""
        if self.config.locality is None:
            return self._stage.position
        return self._stage.follow(geometry.crop(image))

    def _segmented(
        self, indices: Sequence[int], images: Tensor, geometry: Geometry
    ) -> Iterator[SegmentedFrame]:
        """Yield scores and masks of B frames, each before the next one is looked at."""
        refine, together = self.config.variant.refines, len(images) > 1
        if together or not self._windowed:
            features = self.network.features(images, refine=refine)
        if not self._windowed:
            yield from self._whole(indices, images, features, geometry)
            return
        for number, index in enumerate(indices):
            self._follow_stage(images[number], geometry)
            regions, one = self._regions(index, geometry), slice(number, number + 1)
            if together:
                alone = {stride: level[one] for stride, level in features.items()}
                seen = SeenFrame.whole(alone, geometry.padded)
            else:
                parts = self._parts(index, regions, geometry.padded)
                seen = SeenFrame.of_parts(self.network, images[one], parts, refine=refine)
            yield self._in_windows(index, images[one], seen, geometry, regions)

    def _whole(
        self, indices: Sequence[int], images: Tensor, features: Features, geometry: Geometry
    ) -> list[SegmentedFrame]:
        """Return scores and masks of B whole frames."""
        objects = list(self._objects.values())
        scored = score_frames(objects, features[TARGET_STRIDE].float())
        if self._leap:
            scored = with_likeness(objects, scored)
        refine = self.config.variant.refines
        outlines = Outlines.of(images, self._outline_network)
        return whole_frames(
            self.network, indices, scored, features, geometry, outlines, refine=refine
        )

    def _in_windows(
        self,
        index: int,
        image: Tensor,
        seen: SeenFrame,
        geometry: Geometry,
        regions: SearchRegions | None,
    ) -> SegmentedFrame:
        """Return scores and masks of one frame."""
        objects = list(self._objects.values())
        if regions:
            scored = score_windows(objects, seen, regions)
        else:
            scored = score_parts(objects, seen, index, self._leap)
            if self._leap:
                (scored,) = with_likeness(objects, [scored])
        refine = self.config.variant.refines
        masks = masks_in_windows(self.network, scored, seen, refine=refine)
        (outlines,) = Outlines.of(image, self._outline_network)
        return SegmentedFrame.of_windows(index, scored, masks, geometry, regions, outlines)

    def _regions(self, index: int, geometry: Geometry) -> SearchRegions | None:
        """Return where objects are looked for in a frame; None for everywhere."""
        locality = self.config.locality
        if locality is None:
            return None
        locations = [known.location(index) for known in self._objects.values()]
        sizes, stage = (geometry.working, geometry.padded), self._stage.position
        return SearchRegions(locations, index, locality, *sizes, stage)

    def _parts(
        self, index: int, regions: SearchRegions | None, frame: tuple[int, int]
    ) -> list[Box]:
        """Return the parts of a frame of padded size (H, W) that F is to see."""
        if regions:
            return parts_around(regions.wide, frame)
        if self._leap is None:
            return [Box(0, 0, *frame)]
        objects = self._objects.values()
        lasts = [known.location(index) if known.locations else None for known in objects]
        return parts_within_reach(lasts, index, self._leap, frame)

    def _remember(self, segmented: SegmentedFrame, geometry: Geometry) -> None:
        """Extend every object's memory by a frame.

        The label is the soft mask of S. Without S it is the mask itself: a target model has
        nothing to learn from its own scores, and more from what it would have to score.
        """
        losses = segmented.losses(self.config, geometry, self.network.device)
        projected = segmented.scored.projected
        for known, sample, loss in zip(self._objects.values(), projected, losses, strict=True):
            known.remember(sample, loss)

    def _advance(self, frames: int) -> None:
        """Count frames, and update the target models every t_s of them (algorithm 1, line 8)."""
        self._since_update += frames
        if self._since_update < self.config.update_interval:
            return
        self._since_update = 0
        if self.config.variant.updates:
            update_objects(list(self._objects.values()))

    def _images(
        self, indices: Sequence[int], frames: Sequence[Frame], geometry: Geometry
    ) -> Tensor:
        """Convert frames, and warn of the first one that shows nothing."""
        for index, frame in zip(indices, frames, strict=True):
            if not self._warned and (what := flaw(frame, self.contrast)):
                self._warned = True
                logger.warning("Frame %d %s. (Said once.)", index, what)
        return to_images(frames, self.contrast, geometry, self.network.device)

    def _geometry(self, frame: Frame) -> Geometry:
        height, width = frame.shape[:2]
        return Geometry.scaled((height, width), self.config.scale((height, width)))
