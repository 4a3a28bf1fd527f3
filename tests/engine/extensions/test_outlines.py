"""Outlines of soft masks where the colours of the image change."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
import torch

from napari_frtm.config import LocalityConfig, SketchConfig, Variant, preset
from napari_frtm.engine.extensions.colours import FULL, HALF
from napari_frtm.engine.extensions.outlines import Outlines
from napari_frtm.engine.networks.network import FrtmNetwork
from napari_frtm.engine.networks.outline import OutlineNetwork
from napari_frtm.engine.sketch.prompts import Prompts
from napari_frtm.engine.sketch.sketch import Sketch
from napari_frtm.engine.tracking.propagate import propagate
from napari_frtm.engine.tracking.tracker import Tracker
from napari_frtm.evaluation.metrics import jaccard
from napari_frtm.io.weights.outlines import read_outlines
from napari_frtm.types import Box

if TYPE_CHECKING:
    from conftest import Clip
    from numpy.typing import NDArray

    from napari_frtm.config import FrtmConfig

SIZE = (120, 160)


def painted(truth: NDArray[np.bool_], seed: int = 0) -> torch.Tensor:
    """Return an image (3, H, W) of something reddish on a greenish ground, with noise."""
    noise = np.random.default_rng(seed).normal(0, 0.04, (3, *truth.shape))
    object_, ground = np.array([0.8, 0.4, 0.3]), np.array([0.3, 0.5, 0.3])
    image = np.where(truth, object_[:, None, None], ground[:, None, None]) + noise
    return torch.from_numpy(image.clip(0, 1).astype(np.float32))


def blurred(truth: NDArray[np.bool_], pixels: float, shift: int = 0) -> NDArray[np.float32]:
    """Return a soft mask that is about there."""
    soft = cv2.GaussianBlur(truth.astype(np.float32), (0, 0), pixels)
    return np.roll(soft, shift, 1).astype(np.float32)


def outlines_of(image: torch.Tensor) -> Outlines:
    """Return those of an image (3, H, W), by the embedded network."""
    (found,) = Outlines.of(image[None], read_outlines().eval())
    assert found is not None
    return found


@torch.inference_mode()
def followed(mask: NDArray[np.float32], image: torch.Tensor) -> NDArray[np.float32]:
    """Return the mask of one object that covers the image."""
    (found,) = outlines_of(image).followed([mask], [Box(0, 0, *mask.shape)])
    return found


def star() -> NDArray[np.bool_]:
    """Return something with corners."""
    angles = np.arange(16) * np.pi / 8
    radii = np.where(np.arange(16) % 2, 24, 44)
    points = np.stack([80 + radii * np.cos(angles), 60 + radii * np.sin(angles)], 1)
    drawn = np.zeros(SIZE, np.uint8)
    cv2.fillPoly(drawn, [points.round().astype(np.int32)], 1)
    return drawn > 0


@pytest.mark.parametrize("shift", [0, 3, 6])
def test_a_mask_that_is_about_right_comes_to_be_right(shift: int) -> None:
    """Blurred by five pixels, and moved by as many; the corners are lost."""
    truth = star()
    rough = blurred(truth, 5, shift)
    before, after = (jaccard(m > 0.5, truth) for m in (rough, followed(rough, painted(truth))))
    assert before < 0.87
    assert after > 0.92


def test_a_thin_part_with_a_colour_of_its_own_is_kept() -> None:
    """Smoothing alone would take away a line of three pixels."""
    truth = np.zeros(SIZE, np.bool_)
    truth[40:80, 40:80] = True
    truth[58:61, 80:130] = True  # three pixels wide
    soft = np.where(truth, 0.7, 0.2).astype(np.float32)
    found = followed(soft, painted(truth)) > 0.5
    assert found[58:61, 82:126].mean() > 0.95
    assert jaccard(found, truth) > 0.97


def test_where_nothing_is_to_be_seen_a_mask_stays_where_it_is() -> None:
    """A colour that is inside as often as outside says nothing."""
    truth = np.zeros(SIZE, np.bool_)
    truth[30:90, 40:120] = True
    soft = blurred(truth, 2)
    grey = torch.full((3, *SIZE), 0.5)
    assert jaccard(followed(soft, grey) > 0.5, truth) > 0.97


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_what_is_sure_everywhere_is_left_alone(value: float) -> None:
    """All background, or all object."""
    mask = np.full(SIZE, value, np.float32)
    np.testing.assert_array_equal(followed(mask, painted(star())), mask)


def test_only_the_band_around_the_outline_changes() -> None:
    """What is far from any unsure pixel is not looked at."""
    truth = star()
    mask = blurred(truth, 1)
    found = followed(mask, painted(truth))
    undecided = ((mask > 0.45) & (mask < 0.55)).astype(np.uint8)
    far = cv2.dilate(undecided, np.ones((33, 33))) == 0
    assert far.any()
    np.testing.assert_array_equal(found[far], mask[far])


def test_a_mask_in_a_box_of_a_padded_frame_is_found_there() -> None:
    """The image is larger than the box, and begins elsewhere."""
    truth = star()
    image = torch.zeros(3, 160, 224)
    image[:, : SIZE[0], : SIZE[1]] = painted(truth)
    rough, box = blurred(truth, 5), Box(10, 20, 118, 150)
    with torch.inference_mode():
        (found,) = outlines_of(image).followed([rough[box.slices].copy()], [box])
    assert found.shape == box.size
    assert jaccard(found > 0.5, truth[box.slices]) > 0.93


def test_what_does_not_change_sides_is_as_sure_as_it_was() -> None:
    """Confidence comes from how sure the segmentation network is."""
    truth = star()
    mask = blurred(truth, 5, 3)
    found = followed(mask, painted(truth))
    same = (found > 0.5) == (mask > 0.5)
    assert not same.all()
    np.testing.assert_array_equal(found[same], mask[same])


def test_what_is_given_stays_as_it_is() -> None:
    """A new mask is returned, of probabilities."""
    truth = star()
    mask = blurred(truth, 5)
    before = mask.copy()
    found = followed(mask, painted(truth))
    np.testing.assert_array_equal(mask, before)
    assert found.dtype == np.float32
    assert 0 <= found.min() <= found.max() <= 1


def test_a_box_without_pixels_has_none() -> None:
    """An object that cannot be anywhere."""
    (found,) = outlines_of(painted(star())).followed(
        [np.zeros((0, 0), np.float32)], [Box(0, 0, 0, 0)]
    )
    assert found.size == 0


def test_masks_follow_outlines_where_it_is_wanted() -> None:
    """The paper's presets keep the masks as they are."""
    images = torch.stack([painted(star()), painted(star(), 1)])
    for one, image in zip(Outlines.of(images, read_outlines()), images, strict=True):
        assert one is not None
        np.testing.assert_array_equal(one.image, image.numpy())
    assert Outlines.of(images, None) == [None, None]
    assert [preset(name).outlines for name in ("lite", "cells", "fast")] == [True, True, False]


def test_a_network_that_has_learned_nothing_changes_nothing() -> None:
    """Its last convolution is zero at first."""
    rough, image = blurred(star(), 5), painted(star())
    (outlines,) = Outlines.of(image[None], OutlineNetwork(FULL, HALF).eval())
    assert outlines is not None
    with torch.inference_mode():
        (found,) = outlines.followed([rough], [Box(0, 0, *SIZE)])
    np.testing.assert_array_equal(found, rough)


def test_without_the_network_that_is_said(network: FrtmNetwork, lite: FrtmConfig) -> None:
    """Not ignored without a word."""
    with pytest.raises(ValueError, match="no outline network"):
        Tracker(FrtmNetwork(network.backbone), replace(lite, outlines=True))


@pytest.mark.parametrize(
    "changes",
    [{}, {"windows": False}, {"variant": Variant.D_ONLY}, {"locality": LocalityConfig(scale=1.0)}],
    ids=["windows", "whole", "d-only", "local"],
)
def test_they_have_the_last_word_on_the_masks_of_a_video(
    clip: Clip,
    full_network: FrtmNetwork,
    full: FrtmConfig,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
) -> None:
    """Where they say that there is nothing, nothing is found, in the frames that are not drawn."""
    config = replace(full, short_side=96, enlarge=1.0, outlines=True, **changes)

    def found(config: FrtmConfig) -> list[bool]:
        run = propagate(full_network, config, clip.frames[:3], {0: clip.truth[0]})
        return [bool(p.labels.any()) for p in run]

    def nothing(
        _: Outlines, masks: list[NDArray[np.float32]], boxes: list[Box]
    ) -> list[NDArray[np.float32]]:
        return [np.zeros(box.size, np.float32) for box in boxes]

    monkeypatch.setattr(Outlines, "followed", nothing)
    assert found(config) == [True, False, False]
    assert any(found(replace(config, outlines=False))[1:])


@pytest.mark.parametrize("repeats", [0, 1, 2])
def test_sketches_follow_them(
    clip: Clip,
    network: FrtmNetwork,
    lite: FrtmConfig,
    repeats: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where it is wanted, and once: not in the answers before, that target models are fitted on."""
    seen: list[int] = []
    followed = Outlines.followed

    def watched(
        self: Outlines, masks: list[NDArray[np.float32]], boxes: list[Box]
    ) -> list[NDArray[np.float32]]:
        seen.append(len(masks))
        return followed(self, masks, boxes)

    monkeypatch.setattr(Outlines, "followed", watched)
    strokes = np.zeros(clip.truth[0].shape, np.int32)
    rows, columns = np.nonzero(clip.truth[0] == 1)
    strokes[rows[len(rows) // 2], columns[len(rows) // 2]] = 1
    for outlines in (True, False):
        config = replace(lite, outlines=outlines)
        sketch = Sketch(network, config, clip.frames[0], sketch=SketchConfig(repeats=repeats))
        sketch.masks(Prompts(strokes=strokes))

    assert seen == [1]  # in the answer, with outlines alone
