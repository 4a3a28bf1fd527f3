"""Tracker: the target models of one pass through a video (paper, algorithm 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from napari_frtm.config import TARGET_STRIDE
from napari_frtm.engine.augment import altered_copies
from napari_frtm.engine.images import Geometry, to_images, to_labels, to_masks
from napari_frtm.engine.memory import SampleMemory, initial_weights
from napari_frtm.engine.merge import merge
from napari_frtm.engine.target import TargetModel, sample_loss
from napari_frtm.types import Prediction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_frtm.config import FrtmConfig
    from napari_frtm.engine.network import FrtmNetwork
    from napari_frtm.types import Frame, Labels


@dataclass(slots=True)
class _Object:
    """What is learned about one object."""

    model: TargetModel
    memory: SampleMemory


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a frame showed: projected features by object, scores and aggregated probabilities."""

    projected: dict[int, Tensor]
    scores: Tensor
    probabilities: Tensor


class Tracker:
    """The objects of one pass through a video, in one direction.

    Parameters
    ----------
    network : FrtmNetwork
        Backbone and segmentation network; its device is where everything runs.
    config : FrtmConfig
        The method's numbers.
    contrast : tuple of float
        Intensities that count as black and white.
    """

    def __init__(
        self,
        network: FrtmNetwork,
        config: FrtmConfig,
        contrast: tuple[float, float] = (0.0, 255.0),
    ) -> None:
        if config.variant.refines and network.segmentation is None:
            raise ValueError(f"Variant '{config.variant}' needs a segmentation network.")
        self.network = network
        self.config = config
        self.contrast = contrast
        self._objects: dict[int, _Object] = {}
        self._since_update = 0

    @property
    def object_ids(self) -> tuple[int, ...]:
        """Ids of the objects known so far, in the order of the predictions' arrays."""
        return tuple(self._objects)

    @property
    def until_update(self) -> int:
        """How many frames can be segmented before the target models change."""
        return self.config.update_interval - self._since_update

    @torch.inference_mode()
    def annotate(self, index: int, frame: Frame, labels: Labels) -> Prediction:
        """Learn from the user's labels: new ids start an object, known ids correct it.

        Parameters
        ----------
        index : int
            Frame index in the video.
        frame : array of shape (H, W) or (H, W, 3)
            The image.
        labels : array of shape (H, W)
            Object ids, 0 elsewhere. Known objects that are not in it are predicted where it is 0.

        Returns
        -------
        Prediction
            The user's labels as they are, completed by the objects not in them.

        Raises
        ------
        ValueError
            If the labels are empty while no object is known, or not of the frame's size.
        """
        labels = np.asarray(labels)
        if labels.shape != frame.shape[:2]:
            raise ValueError(f"Labels {labels.shape} do not fit a frame of {frame.shape[:2]}.")
        ids = [int(i) for i in np.unique(labels) if i]
        if not ids and not self._objects:
            raise ValueError(f"The labels of frame {index} are empty: no object to follow.")
        geometry = self._geometry(frame)
        image = to_images([frame], self.contrast, geometry, self.network.device)
        features = self.network.features(image, refine=False)[TARGET_STRIDE]
        masks = to_masks(labels, ids, geometry, self.network.device) if ids else image[:0, 0]
        for object_id, mask in zip(ids, masks, strict=True):
            if object_id in self._objects:
                self._correct(object_id, features, mask)
            else:
                rng = np.random.default_rng((self.config.seed, object_id, index))
                self._start(object_id, geometry.crop(image)[0], features, mask, rng)
        self._since_update = 0
        return self._completed(index, frame, labels, dict(zip(ids, masks, strict=True)))

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
        size = self._frames_at_once(geometry)
        predictions = []
        for first in range(0, len(frames), size):
            batch = slice(first, first + size)
            seen = self._look(frames[batch], geometry)
            predictions += self._report(indices[batch], seen, geometry)
            if self.config.variant.updates:
                self._remember(seen, geometry)
        self._advance(len(frames))
        return predictions

    def state_dict(self) -> dict[str, Tensor]:
        """Return target models and memories, by names ``object.part``; see `load_state_dict`."""
        state = {"since_update": torch.tensor(self._since_update)}
        for object_id, target in self._objects.items():
            state[f"{object_id}.projection"] = target.model.projection
            state[f"{object_id}.taps"] = target.model.taps
            for name, tensor in target.memory.state_dict().items():
                state[f"{object_id}.memory.{name}"] = tensor
        return state

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on where another tracker with the same network and settings stood."""
        self._since_update = int(state["since_update"])
        ids = sorted({int(name.split(".")[0]) for name in state if "." in name})
        device = self.network.device
        self._objects = {}
        for i in ids:
            parts = {
                name.rpartition(".")[2]: tensor.to(device)
                for name, tensor in state.items()
                if name.startswith(f"{i}.")
            }
            model = TargetModel(parts.pop("projection"), parts.pop("taps"), self.config.target)
            self._objects[i] = _Object(model, SampleMemory.from_state(parts, self.config.memory))

    def _start(
        self,
        object_id: int,
        image: Tensor,
        features: Tensor,
        mask: Tensor,
        rng: np.random.Generator,
    ) -> None:
        """Fit a new target model on the frame and its altered copies (algorithm 1, lines 1-2)."""
        device = self.network.device
        pixels = (image.permute(1, 2, 0) * 255).round().byte().cpu().numpy()
        copies = altered_copies(pixels, mask.cpu().numpy(), self.config.augmentation, rng)
        geometry = Geometry.bounded(pixels.shape[:2], self.config.short_side)
        all_features, all_masks = [features], [mask]
        for altered, altered_mask in copies:
            again = to_images([altered], (0.0, 255.0), geometry, device)
            all_features.append(self.network.features(again, refine=False)[TARGET_STRIDE])
            all_masks.append(torch.from_numpy(altered_mask).to(device))
        samples = torch.cat(all_features).float()
        loss = sample_loss(torch.stack(all_masks), self.config.target.kappa_min, geometry.scores)
        generator = torch.Generator().manual_seed(self.config.seed)
        model = TargetModel.initial(samples.shape[1], self.config.target, generator).to(device)
        model.fit(samples, loss, initial_weights(len(samples)).to(samples))
        memory = SampleMemory(model.project(samples), loss, self.config.memory)
        model.update(*memory.samples)
        self._objects[object_id] = _Object(model, memory)
        self._objects = dict(sorted(self._objects.items()))

    def _correct(self, object_id: int, features: Tensor, mask: Tensor) -> None:
        """Learn the user's mask of a known object; its sample stays for good."""
        target = self._objects[object_id]
        h, w = features.shape[-2:]
        loss = sample_loss(mask[None], self.config.target.kappa_min, (h, w))
        target.memory.add(target.model.project(features.float()), loss, permanent=True)
        target.model.update(*target.memory.samples)

    def _look(self, frames: Sequence[Frame], geometry: Geometry) -> _Seen:
        """Features, scores and masks of frames (algorithm 1, lines 4-6)."""
        refine = self.config.variant.refines
        images = to_images(frames, self.contrast, geometry, self.network.device)
        features = self.network.features(images, refine=refine)
        deep = features[TARGET_STRIDE].float()
        projected = {i: target.model.project(deep) for i, target in self._objects.items()}
        scores = torch.stack(
            [target.model.scores(projected[i]) for i, target in self._objects.items()], 1
        )
        if refine:
            masks = torch.sigmoid(geometry.crop(self.network.refine(scores, features)))
        else:
            up = interpolate(scores, geometry.padded, mode="bilinear", align_corners=False)
            masks = geometry.crop(up).clamp(0, 1)
        return _Seen(projected, scores, merge(masks))

    def _report(self, indices: Sequence[int], seen: _Seen, geometry: Geometry) -> list[Prediction]:
        height, width = geometry.visible_scores
        scores = seen.scores[..., :height, :width].cpu().numpy()
        return [
            Prediction(
                index=index,
                object_ids=self.object_ids,
                labels=to_labels(probabilities, self.object_ids, geometry.video),
                probabilities=probabilities[1:].cpu().numpy(),
                scores=frame_scores,
            )
            for index, probabilities, frame_scores in zip(
                indices, seen.probabilities, scores, strict=True
            )
        ]

    def _remember(self, seen: _Seen, geometry: Geometry) -> None:
        """Extend every object's memory by the frames seen (algorithm 1, line 7).

        The label is the soft mask of S. Without S it is the mask itself: a target model has
        nothing to learn from its own scores, and more from what it would have to score.
        """
        kappa_min = self.config.target.kappa_min
        labels = seen.probabilities
        if not self.config.variant.refines:
            labels = (labels > 0.5).float()
        for layer, (object_id, target) in enumerate(self._objects.items(), start=1):
            for frame in range(len(seen.probabilities)):
                loss = sample_loss(labels[frame, layer][None], kappa_min, geometry.scores)
                target.memory.add(seen.projected[object_id][frame][None], loss)

    def _advance(self, frames: int) -> None:
        """Count frames, and optimise w2 every t_s of them (algorithm 1, lines 8-9)."""
        self._since_update += frames
        if self._since_update < self.config.update_interval:
            return
        self._since_update = 0
        if self.config.variant.updates:
            for target in self._objects.values():
                target.model.update(*target.memory.samples)

    def _completed(
        self, index: int, frame: Frame, labels: Labels, given: Mapping[int, Tensor]
    ) -> Prediction:
        """Return the prediction of an annotated frame, with the user's labels on top."""
        geometry = self._geometry(frame)
        seen = self._look([frame], geometry)
        for mask in given.values():
            seen.probabilities[0, 1:, mask > 0.5] = 0
        for object_id, mask in given.items():
            seen.probabilities[0, 1 + self.object_ids.index(object_id)] = mask
        (prediction,) = self._report([index], seen, geometry)
        absent = [i for i in self.object_ids if i not in given]
        completed = np.where(np.isin(prediction.labels, absent), prediction.labels, 0)
        completed = np.where(labels > 0, labels, completed).astype(prediction.labels.dtype)
        return Prediction(
            index, self.object_ids, completed, prediction.probabilities, prediction.scores
        )

    def _geometry(self, frame: Frame) -> Geometry:
        height, width = frame.shape[:2]
        return Geometry.bounded((height, width), self.config.short_side)

    def _frames_at_once(self, geometry: Geometry) -> int:
        """Return how many frames go through the networks together: what the memory holds.

        On a CPU one frame at a time is fastest: its layers fit the caches better.
        """
        if self.network.device.type != "cuda":
            return 1
        height, width = geometry.padded
        per_frame = height * width * (600 + 1000 * min(len(self._objects), 8))  # bytes, roughly
        free, _ = torch.cuda.mem_get_info(self.network.device)
        return int(max(1, min(self.config.update_interval, free // 2 // per_frame)))
