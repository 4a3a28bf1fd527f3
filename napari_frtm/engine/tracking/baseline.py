"""The methods that the paper compares its own with: Base net and F.-T. (section 4.1, table 1).

Both learn from annotated frames alone. They run as a `Tracker` does, so that all that can be done
with one can be done with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from napari_frtm.config import TARGET_STRIDE, Variant
from napari_frtm.engine.extensions.blend import with_annotation
from napari_frtm.engine.extensions.confidence import ConfidenceEstimator
from napari_frtm.engine.frames.images import Geometry, to_images
from napari_frtm.engine.frames.labels import DrawnMask, to_masks
from napari_frtm.engine.frames.partition import Partition
from napari_frtm.engine.networks.network import FrtmNetwork
from napari_frtm.engine.target.augmentation import altered_copies
from napari_frtm.engine.target.fine_tuning import FineTuned, fine_tune
from napari_frtm.engine.target.model import TargetModel
from napari_frtm.engine.tracking.scoring import Scored
from napari_frtm.engine.tracking.segmentation import SegmentedFrame
from napari_frtm.errors import FrtmError
from napari_frtm.types import BYTES, Box

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_frtm.config import FrtmConfig
    from napari_frtm.engine.networks.backbone import Features
    from napari_frtm.types import Contrast, Frame, Labels, Prediction


class Known(Protocol):
    """What has been learned of one object."""

    def see(self, network: FrtmNetwork, features: Features) -> tuple[Tensor, Tensor]:
        """Return scores (B, h, w) and mask logits (B, H, W), padding included, of B frames."""

    def state_dict(self) -> dict[str, Tensor]:
        """Return it as tensors."""


class Encoded:
    """An object as Base net knows it: the encoding (1, width, h, w) of its reference frame."""

    def __init__(self, encoding: Tensor) -> None:
        self.encoding = encoding

    def see(self, network: FrtmNetwork, features: Features) -> tuple[Tensor, Tensor]:
        """Return scores and mask logits."""
        assert network.encoder is not None
        deep = features[TARGET_STRIDE].float()
        scores = network.encoder(deep, self.encoding.expand(len(deep), -1, -1, -1))
        return scores, network.refine(scores[:, None], features)[:, 0]

    def state_dict(self) -> dict[str, Tensor]:
        """Return it as tensors."""
        return {"encoding": self.encoding}


class Trained:
    """An object as F.-T. knows it: a target model and a segmentation network of its own."""

    def __init__(self, parts: FineTuned) -> None:
        self.parts = parts

    def see(self, network: FrtmNetwork, features: Features) -> tuple[Tensor, Tensor]:
        """Return scores and mask logits."""
        model = self.parts.model
        scores = model.scores(model.project(features[TARGET_STRIDE].float()))
        own = FrtmNetwork(network.backbone, self.parts.segmentation)
        own.half_precision = network.half_precision
        return scores, own.refine(scores[:, None], features)[:, 0]

    def state_dict(self) -> dict[str, Tensor]:
        """Return it as tensors."""
        model = {"projection": self.parts.model.projection, "taps": self.parts.model.taps}
        learned = self.parts.segmentation.state_dict()
        return model | {f"segmentation.{name}": tensor for name, tensor in learned.items()}


class BaselineTracker:
    """The objects of one pass through a video, by Base net or F.-T.; for the methods see `Tracker`.

    An object that is annotated again is learned anew from that frame.

    Parameters
    ----------
    network : FrtmNetwork
        With a target encoder for Base net.
    config : FrtmConfig
        Of one of the two variants.
    contrast : Contrast
        How intensities are seen.

    Raises
    ------
    FrtmError
        If objects are to be looked for locally, which target models alone can do.
    ValueError
        If the network lacks a part.
    """

    def __init__(
        self,
        network: FrtmNetwork,
        config: FrtmConfig,
        contrast: Contrast = BYTES,
    ) -> None:
        if config.locality is not None:
            raise FrtmError(
                f"The variant '{config.variant}' cannot look for objects near their last place: "
                "leave out --local, or use another variant."
            )
        needed: dict[str, nn.Module | None] = {"segmentation network": network.segmentation}
        if config.variant is Variant.BASE_NET:
            needed["target encoder"] = network.encoder
        for part, there in needed.items():
            if there is None:
                raise ValueError(f"Variant '{config.variant}' needs a {part}.")
        self.network = network
        self.config = config
        self.contrast = contrast
        self._objects: dict[int, Known] = {}
        self._estimators: dict[int, ConfidenceEstimator] = {}

    @property
    def object_ids(self) -> tuple[int, ...]:
        """Ids of the objects known so far."""
        return tuple(self._objects)

    @property
    def confidence_estimators(self) -> dict[int, ConfidenceEstimator]:
        """What says how sure the masks are."""
        return self._estimators

    @property
    def until_update(self) -> int:
        """How many frames can be segmented at once; nothing ever changes in between."""
        return self.config.update_interval

    def annotate(
        self, index: int, frame: Frame, labels: Labels, *, complete: bool = False
    ) -> Prediction:
        """Learn from the user's labels, and return them, completed by the other objects."""
        if not self._objects and not np.any(labels):
            raise ValueError(f"The labels of frame {index} are empty: no object to follow.")
        geometry = self._geometry(frame)
        given = self._learn(index, frame, labels, complete=complete)
        segmented = self._segmented(index, frame, geometry)
        segmented.replace(given, self.object_ids)
        prediction = segmented.prediction(self.confidence_estimators, geometry)
        return with_annotation(prediction, labels, complete=complete)

    def learn(self, index: int, frame: Frame, labels: Labels, *, complete: bool = False) -> None:
        """Learn as `annotate` does, without a prediction."""
        if self._objects or np.any(labels):
            self._learn(index, frame, labels, complete=complete)

    def segment(self, indices: Sequence[int], frames: Sequence[Frame]) -> list[Prediction]:
        """Predict frames, one after the other."""
        if not self._objects:
            raise ValueError("No object is known; annotate a frame first.")
        geometry = self._geometry(frames[0])
        segmented = (
            self._segmented(index, frame, geometry)
            for index, frame in zip(indices, frames, strict=True)
        )
        return [each.prediction(self.confidence_estimators, geometry) for each in segmented]

    def state_dict(self) -> dict[str, Tensor]:
        """Return all that has been learned, by names ``object.part``."""
        return {
            f"{i}.{name}": part
            for i, known in self._objects.items()
            for name, part in (known.state_dict() | self._estimators[i].state_dict()).items()
        }

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on where another tracker with the same network and settings stood."""
        parts: dict[int, dict[str, Tensor]] = {}
        for name, tensor in state.items():
            object_id, _, part = name.partition(".")
            parts.setdefault(int(object_id), {})[part] = tensor
        for i, own in sorted(parts.items()):
            self._estimators[i] = ConfidenceEstimator.from_state(own, refined=True)
            self._objects[i] = self._restored(own)

    def _restored(self, state: Mapping[str, Tensor]) -> Known:
        device = self.network.device
        if self.config.variant is Variant.BASE_NET:
            return Encoded(state["encoding"].to(device))
        learned = {
            name.removeprefix("segmentation."): tensor
            for name, tensor in state.items()
            if name.startswith("segmentation.")
        }
        assert self.network.segmentation is not None
        projection, taps = state["projection"].to(device), state["taps"].to(device)
        model = TargetModel(projection, taps, self.config.target)
        return Trained(FineTuned.restored(model, self.network.segmentation, learned))

    @torch.no_grad()
    def _learn(
        self, index: int, frame: Frame, labels: Labels, *, complete: bool
    ) -> dict[int, DrawnMask]:
        """Learn the objects anew; return the masks given by id."""
        labels = np.asarray(labels)
        if labels.shape != frame.shape[:2]:
            raise ValueError(f"Labels {labels.shape} do not fit a frame of {frame.shape[:2]}.")
        drawn = [int(i) for i in np.unique(labels) if i]
        geometry = self._geometry(frame)
        image = to_images([frame], self.contrast, geometry, self.network.device)
        absent = self._objects.keys() - set(drawn) if complete else set()
        given = to_masks(labels, sorted({*drawn, *absent}), geometry)
        whole = Box(0, 0, *geometry.working)
        for i in drawn:
            soft = given[i].within(whole)
            mask = torch.from_numpy(soft).to(self.network.device)
            estimator = self._estimators.setdefault(i, ConfidenceEstimator(refined=True))
            estimator.observe_annotation(soft)
            if self.config.variant is Variant.BASE_NET:
                self._objects[i] = self._encode(image, mask)
            else:
                rng = np.random.default_rng((self.config.seed, i, index))
                self._objects[i] = self._fine_tune(geometry.crop(image)[0], mask, rng)
        self._objects = dict(sorted(self._objects.items()))
        self._estimators = dict(sorted(self._estimators.items()))
        return given

    def _encode(self, image: Tensor, mask: Tensor) -> Known:
        assert self.network.encoder is not None
        deep = self.network.features(image, refine=False)[TARGET_STRIDE].float()
        return Encoded(self.network.encoder.encode(deep, mask[None]))

    def _fine_tune(self, image: Tensor, mask: Tensor, rng: np.random.Generator) -> Known:
        """Learn from an image (3, H, W) at the working size, and from altered copies of it."""
        pixels = (image.permute(1, 2, 0) * 255).round().byte().cpu().numpy()
        augmentation = self.config.fine_tuning.augmentation(self.config.augmentation)
        copies = altered_copies(pixels, mask.cpu().numpy(), augmentation, rng)
        geometry = Geometry.scaled((pixels.shape[0], pixels.shape[1]), 1.0)
        levels = []
        for picture in (pixels, *(copy for copy, _ in copies)):
            ready = to_images([picture], (0.0, 255.0), geometry, image.device)
            levels.append(self.network.features(ready, refine=True))
        features = {stride: torch.cat([f[stride] for f in levels]) for stride in levels[0]}
        moved = [torch.from_numpy(copy_mask).to(mask.device) for _, copy_mask in copies]
        assert self.network.segmentation is not None
        masks = torch.stack([mask, *moved])
        return Trained(fine_tune(features, masks, self.network.segmentation, self.config))

    @torch.no_grad()
    def _segmented(self, index: int, frame: Frame, geometry: Geometry) -> SegmentedFrame:
        image = to_images([frame], self.contrast, geometry, self.network.device)
        features = self.network.features(image, refine=True)
        each = [known.see(self.network, features) for known in self._objects.values()]
        scores = torch.cat([scores for scores, _ in each])
        logits = torch.cat([logits for _, logits in each])
        masks = torch.sigmoid(geometry.crop(logits)).cpu().numpy()
        boxes = [Box(0, 0, *geometry.working)] * len(each)
        partition = Partition.merged(boxes, list(masks), geometry.working)
        scored = Scored(scores, [], [])
        return SegmentedFrame(index, scored, scores.cpu().numpy(), None, partition, None)

    def _geometry(self, frame: Frame) -> Geometry:
        height, width = frame.shape[:2]
        return Geometry.scaled((height, width), self.config.scale((height, width)))
