"""Frames and labels to tensors, and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_frtm.config import FrtmConfig
from napari_frtm.engine.frames.images import Geometry, to_images
from napari_frtm.engine.frames.labels import to_labels, to_masks
from napari_frtm.engine.frames.partition import Partition
from napari_frtm.types import Box, Contrast

CPU = torch.device("cpu")


def _geometry(size: tuple[int, int], enlarge: float = 1.0) -> Geometry:
    """At a short side of 480 pixels at most."""
    return Geometry.scaled(size, FrtmConfig(enlarge=enlarge).scale(size))


@pytest.mark.parametrize(
    ("video", "working", "padded", "scores", "visible"),
    [
        pytest.param((480, 854), (480, 854), (480, 864), (30, 54), (30, 54), id="480p"),
        pytest.param((2160, 3840), (480, 853), (480, 864), (30, 54), (30, 54), id="4K"),
        pytest.param((1000, 700), (686, 480), (704, 480), (44, 30), (43, 30), id="portrait"),
        pytest.param((33, 50), (33, 50), (64, 64), (4, 4), (3, 4), id="small"),
        pytest.param((1, 5000), (1, 5000), (32, 5024), (2, 314), (1, 313), id="a line"),
    ],
)
def test_sizes(
    video: tuple[int, int],
    working: tuple[int, int],
    padded: tuple[int, int],
    scores: tuple[int, int],
    visible: tuple[int, int],
) -> None:
    """At a short side of 480 pixels at most."""
    geometry = _geometry(video)

    assert geometry.working == working
    assert geometry.padded == padded
    assert geometry.scores == scores
    assert geometry.visible_scores == visible


@pytest.mark.parametrize(
    ("video", "working"),
    [
        pytest.param((400, 600), (480, 720), id="up to the short side"),
        pytest.param((100, 160), (125, 200), id="not beyond what is allowed"),
        pytest.param((960, 960), (480, 480), id="down without limit"),
    ],
)
def test_small_frames_are_enlarged(video: tuple[int, int], working: tuple[int, int]) -> None:
    """A quarter larger at most, where the settings allow it."""
    assert _geometry(video, enlarge=1.25).working == working


@pytest.mark.parametrize(
    ("dtype", "contrast"),
    [
        (np.uint8, (0, 255)),
        (np.uint16, (100, 4000)),
        (np.int16, (-1000, 1000)),
        (np.float32, (-1.5, 2.5)),
        (np.bool_, (0, 1)),
    ],
)
def test_intensities_are_mapped_by_the_contrast(dtype: type, contrast: tuple[float, float]) -> None:
    """The limits become 0 and 1, beyond is clipped; gray becomes three equal channels."""
    frame = np.zeros((32, 32), dtype)
    frame[:16], frame[16:] = contrast

    images = to_images([frame], contrast, _geometry((32, 32)), CPU)

    assert images.shape == (1, 3, 32, 32)
    assert images[0, :, 0, 0].tolist() == [0, 0, 0]
    assert images[0, :, 31, 31].tolist() == [1, 1, 1]


@pytest.mark.parametrize(("dtype", "high"), [(np.uint8, 200), (np.float32, 4.0)])
def test_gamma_is_what_napari_shows(dtype: type, high: float) -> None:
    """A quarter of the way from black to white becomes a half with a gamma of 0.5."""
    frame = np.full((32, 32), high / 4, dtype)

    images = to_images([frame], Contrast(0, high, 0.5), _geometry((32, 32)), CPU)

    assert images.numpy() == pytest.approx(0.5)


def test_padding_repeats_the_border() -> None:
    """A frame of 20 x 30 to 32 x 32."""
    frame = np.arange(600, dtype=np.float32).reshape(20, 30)

    images = to_images([frame], (0, 599), _geometry((20, 30)), CPU)

    assert images[0, 0, 31, 31] == 1
    assert torch.equal(images[0, 0, 19], images[0, 0, 31])


def test_values_that_are_not_finite_are_black() -> None:
    """And the caller's frame is left alone."""
    frame = np.full((32, 32), 5.0, np.float32)
    frame[3, 4] = np.nan

    images = to_images([frame], (0, 10), _geometry((32, 32)), CPU)

    assert images[0, 0, 3, 4] == 0
    assert images[0, 0, 5, 5] == 0.5
    assert np.isnan(frame[3, 4])


def test_a_frame_of_another_shape_is_refused() -> None:
    """With both shapes."""
    geometry = _geometry((32, 32))

    with pytest.raises(ValueError, match=r"\(40, 32\).*\(32, 32\)"):
        to_images([np.zeros((40, 32), np.uint8)], (0, 255), geometry, CPU)


def test_thin_objects_survive_scaling_down() -> None:
    """A one-pixel object of a 4K frame; a large one keeps its soft border."""
    labels = np.zeros((960, 960), np.uint16)
    labels[500, 700] = 300
    labels[:401, :401] = 2

    masks = to_masks(labels, [2, 7, 300], _geometry((960, 960)))

    assert masks[300].box == Box(250, 350, 251, 351)
    assert masks[300].soft.tolist() == [[1]]
    assert masks[2].box == Box(0, 0, 201, 201)
    assert masks[2].soft[200, 100] == 0.5
    assert masks[2].soft[:200, :200].min() == 1
    assert masks[7].soft.size == 0


@pytest.mark.parametrize("working", [(31, 47), (64, 96), (96, 150)])
def test_masks_are_scaled_by_area(working: tuple[int, int]) -> None:
    """As torch scales the whole plane; each in its box."""
    labels = np.random.default_rng(0).integers(0, 3, (64, 96))
    labels[:, 60:] = 0

    masks = to_masks(labels, [1, 2], Geometry((64, 96), working))

    for object_id, mask in masks.items():
        whole = torch.from_numpy(labels == object_id)[None, None].float()
        expected = torch.nn.functional.interpolate(whole, working, mode="area")[0, 0]
        found = mask.within(Box(0, 0, *working))
        np.testing.assert_allclose(found, expected.numpy(), atol=1e-6)


def _partition(probabilities: torch.Tensor) -> Partition:
    """Return layers (N + 1, H, W), background first, as a partition."""
    background, *parts = probabilities.numpy()
    frame = Box(0, 0, *background.shape)
    return Partition([frame] * len(parts), parts, frame, background, background.shape)


def test_labels_take_the_likeliest_and_keep_ids() -> None:
    """At the same size, and upsampled."""
    probabilities = torch.zeros(3, 4, 4)
    probabilities[0], probabilities[1, :2], probabilities[2, 2:, 2:] = 0.2, 0.8, 0.7

    same = to_labels(_partition(probabilities), (3, 300), (4, 4))
    larger = to_labels(_partition(probabilities), (3, 7), (8, 8))

    assert same.dtype == np.uint16
    assert same.tolist() == [[3] * 4, [3] * 4, [0, 0, 300, 300], [0, 0, 300, 300]]
    assert larger.dtype == np.uint8
    assert larger[:3].tolist() == [[3] * 8] * 3
    assert (larger[6:, 6:] == 7).all()


@pytest.mark.parametrize("size", [(60, 90), (97, 201)])
def test_the_largest_probability_wins_everywhere(size: tuple[int, int]) -> None:
    """Against all layers upsampled together; one object is nowhere above the background."""
    generator = torch.Generator().manual_seed(0)
    coarse = 4 * torch.randn(1, 4, 6, 9, generator=generator)
    coarse[:, 2] = coarse[:, 0] - 0.1
    probabilities = torch.nn.functional.interpolate(coarse, (60, 90), mode="bilinear")[0].softmax(0)

    labels = to_labels(_partition(probabilities), (3, 5, 300), size)

    logits = probabilities.clamp(min=1e-6).log()[None]
    layers = torch.nn.functional.interpolate(logits, size, mode="bilinear")[0]
    expected = np.array([0, 3, 5, 300])[layers.argmax(0).numpy()]
    assert np.array_equal(labels, expected)
    assert set(np.unique(labels)) == {0, 3, 300}


@pytest.mark.parametrize("layout", ["reversed", "by columns", "read only"])
def test_any_layout_of_a_frame_will_do(layout: str) -> None:
    """Without a warning of torch's, which wants arrays that can be written."""
    frame = np.random.default_rng(0).integers(0, 256, (32, 64, 3), np.uint8)
    given = frame
    if layout == "reversed":
        given = frame[::-1].copy()[::-1]
    elif layout == "by columns":
        given = np.asfortranarray(frame)
    else:
        given.flags.writeable = False

    images = to_images([given], (0, 255), _geometry((32, 64)), CPU)

    assert torch.equal(images, to_images([frame.copy()], (0, 255), _geometry((32, 64)), CPU))


@pytest.mark.parametrize("working", [(30, 44), (75, 110)])
@pytest.mark.parametrize("shape", [(60, 88), (60, 88, 3)])
def test_bytes_are_scaled_as_such(working: tuple[int, int], shape: tuple[int, ...]) -> None:
    """Off by one intensity at most, smaller and larger, gray and colour."""
    frame = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    geometry = Geometry((60, 88), working)

    as_bytes = to_images([frame], (0, 255), geometry, CPU)
    exact = to_images([frame.astype(np.float32)], (0, 255), geometry, CPU)

    assert as_bytes.shape == (1, 3, *geometry.padded)
    assert as_bytes.dtype == torch.float32
    assert 0 < (as_bytes - exact).abs().max() < 1.5 / 255


def test_bytes_of_which_few_are_seen_are_scaled_exactly() -> None:
    """Off by one would be a twentieth of what is seen."""
    frame = np.random.default_rng(0).integers(0, 20, (60, 88), np.uint8)
    geometry = Geometry((60, 88), (30, 44))

    few = to_images([frame], (0, 20), geometry, CPU)

    assert torch.equal(few, to_images([frame.astype(np.float32)], (0, 20), geometry, CPU))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_frames_stay_as_they_are(dtype: type[np.generic]) -> None:
    """Scaling happens on a copy."""
    frame = np.arange(24 * 36, dtype=dtype).reshape(24, 36)
    before = frame.copy()

    to_images([frame], (10.0, 90.0), Geometry((24, 36), (12, 18)), CPU)

    assert np.array_equal(frame, before)
