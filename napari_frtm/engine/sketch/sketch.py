"""A sketch of one frame: the target model fitted on what is known of it, S on the same frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch

from napari_frtm.config import SketchConfig
from napari_frtm.engine.extensions.outlines import Outlines, outline_network
from napari_frtm.engine.frames.images import Geometry, to_images
from napari_frtm.engine.frames.labels import to_labels
from napari_frtm.engine.frames.partition import Partition
from napari_frtm.engine.sketch.evidence import (
    at_working_size,
    evidence_of,
    of_rough_mask,
    without_unmarked,
)
from napari_frtm.engine.sketch.frame import SketchFrame
from napari_frtm.engine.sketch.prompts import NOT_IT, Prompts, ids_of
from napari_frtm.types import BYTES, Box

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_frtm.config import FrtmConfig
    from napari_frtm.engine.networks.network import FrtmNetwork
    from napari_frtm.engine.sketch.evidence import Evidence
    from napari_frtm.types import Contrast, Frame, Labels

_AT_ONCE = 8
"""Objects that are fitted together."""


class Sketch:
    """One frame of which masks are wanted; its features are computed once.

    Parameters
    ----------
    network : FrtmNetwork
        Backbone and segmentation network; without the latter, masks are as coarse as the scores.
    config : FrtmConfig
        The method's numbers.
    frame : array of shape (H, W) or (H, W, 3)
        The image.
    contrast : Contrast
        How intensities are seen.
    sketch : SketchConfig
        How prompts are weighed.
    """

    def __init__(
        self,
        network: FrtmNetwork,
        config: FrtmConfig,
        frame: Frame,
        contrast: Contrast | tuple[float, float] = BYTES,
        sketch: SketchConfig | None = None,
    ) -> None:
        self.network = network
        self.config = config
        self.sketch = sketch or SketchConfig()
        size = (frame.shape[0], frame.shape[1])
        self.geometry = Geometry.scaled(size, config.scale(size))
        with torch.inference_mode():
            image = to_images([frame], contrast, self.geometry, network.device)
            refined = network.segmentation is not None
            features = network.features(image, refine=refined)
            (outlines,) = Outlines.of(image, outline_network(network, config))
            self._frame = SketchFrame.of(
                network, features, self.geometry, config, self.sketch, outlines
            )

    @torch.inference_mode()
    def masks(self, prompts: Prompts, before: Labels | None = None) -> NDArray[np.int32]:
        """Return the label image that prompts describe.

        Parameters
        ----------
        prompts : Prompts
            At the size of the frame.
        before : integer array of shape (H, W), optional
            Masks that the prompts correct: of the objects that they touch, what nobody pointed at
            stays likely, and no change is made that does not touch a stroke or a box.

        Returns
        -------
        int32 array of shape (H, W)
            Object ids; 0 is background.

        Raises
        ------
        ValueError
            If strokes or masks have another size than the frame.
        """
        self._check(prompts.strokes, "strokes")
        if before is not None:
            self._check(before, "masks")
        ids = _concerned(prompts, before)
        found = evidence_of(prompts, ids, self.geometry, self.sketch)
        marks = {i: evidence.inside for i, evidence in found.items()}
        if before is not None:
            known = at_working_size(before, ids, self.geometry)
            share = self.sketch.before
            found = {i: one.with_answer(known[i], share) for i, one in found.items()}
            marks = {i: mark | (known[i] > 0.5) for i, mark in marks.items()}
        labels = self._labels(found, marks)
        if before is not None:
            labels = _changed_at(prompts.strokes, ids, np.asarray(before, np.int32), labels)
        return _enforced(prompts.strokes, labels)

    @torch.inference_mode()
    def tidied(self, rough: Labels) -> NDArray[np.int32]:
        """Return roughly drawn masks with outlines where the image has them.

        What is deep inside of what was drawn stays, what is far from it stays background.

        Parameters
        ----------
        rough : integer array of shape (H, W)
            Object ids; 0 is background.

        Raises
        ------
        ValueError
            If the masks have another size than the frame.
        """
        self._check(rough, "masks")
        drawn = at_working_size(rough, ids_of(rough), self.geometry)
        found = {i: of_rough_mask(mask, self.sketch) for i, mask in drawn.items()}
        return self._labels(found, {i: mask > 0.5 for i, mask in drawn.items()})

    def _check(self, labels: Labels, what: str) -> None:
        if labels.shape != self.geometry.video:
            raise ValueError(
                f"The {what} have shape {labels.shape}, the frame {self.geometry.video}."
            )

    def _labels(
        self, found: Mapping[int, Evidence], marks: Mapping[int, NDArray[np.bool_]]
    ) -> NDArray[np.int32]:
        """Return the label image that follows from what is known of each object."""
        ids = list(found)
        if not ids:
            return np.zeros(self.geometry.video, np.int32)
        soft = []
        for first in range(0, len(ids), _AT_ONCE):
            together = ids[first : first + _AT_ONCE]
            soft += self._soft([found[i] for i in together], [marks[i] for i in together])
        boxes = [Box(0, 0, *self.geometry.working)] * len(ids)
        partition = Partition.merged(boxes, soft, self.geometry.working)
        return to_labels(partition, ids, self.geometry.video).astype(np.int32)

    def _soft(
        self, evidence: Sequence[Evidence], marks: Sequence[NDArray[np.bool_]]
    ) -> list[NDArray[np.float32]]:
        """Return the soft masks of some objects: found, and found again from the answer."""
        soft = self._frame.refined(self._frame.fitted(evidence), evidence)
        for _ in range(self.sketch.repeats):
            soft = [without_unmarked(mask, mark) for mask, mark in zip(soft, marks, strict=True)]
            share = self.sketch.answer
            again = [one.with_answer(m, share) for one, m in zip(evidence, soft, strict=True)]
            soft = self._frame.refined(self._frame.fitted(again), evidence)
        soft = self._frame.outlined(soft)  # once: target models do not see outlines that finely
        return [
            one.enforced(mask, mark) for one, mask, mark in zip(evidence, soft, marks, strict=True)
        ]


def _concerned(prompts: Prompts, before: Labels | None) -> list[int]:
    """Return the objects that prompts are about: those that a stroke names, or touches."""
    touched = [] if before is None else ids_of(before[prompts.strokes > 0])
    return sorted({*touched, *prompts.object_ids})


def _changed_at(
    strokes: Labels, ids: Sequence[int], before: NDArray[np.int32], after: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Return the masks of before with those changes of the objects that touch a stroke."""
    others = (before > 0) & ~np.isin(before, ids)
    after = np.where(others & (strokes == 0), before, after)
    changed = (after != before).astype(np.uint8)
    count, piece = cv2.connectedComponents(changed, connectivity=8)
    near = cv2.dilate((strokes > 0).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    kept = np.zeros(count, np.bool_)
    kept[piece[near]] = True
    kept[0] = False
    return np.where(kept[piece], after, before)


def _enforced(strokes: Labels, labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return labels that agree with the strokes at every pixel."""
    labels = np.where((strokes > 0) & (strokes != NOT_IT), strokes, labels)
    return np.where(strokes == NOT_IT, 0, labels).astype(np.int32)
