"""J and F against numbers worked out by hand, and against an independent implementation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from PIL import Image

from napari_frtm.evaluation.metrics import ObjectScores, boundary_f, jaccard, score_video

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray


def square(row: int, column: int, side: int = 3, size: int = 9) -> NDArray[np.bool_]:
    """Return a square object in a square image."""
    mask = np.zeros((size, size), bool)
    mask[row : row + side, column : column + side] = True
    return mask


EMPTY, FULL = np.zeros((9, 9), bool), np.ones((9, 9), bool)


@pytest.mark.parametrize(
    ("predicted", "truth", "expected"),
    [
        pytest.param([1, 1, 0, 0], [0, 1, 1, 0], 1 / 3, id="one-of-three"),
        pytest.param([1, 1, 0, 0], [1, 1, 0, 0], 1, id="same"),
        pytest.param([1, 1, 0, 0], [0, 0, 1, 1], 0, id="apart"),
        pytest.param([0, 0, 0, 0], [0, 0, 0, 0], 1, id="both-empty"),
        pytest.param([0, 0, 0, 0], [1, 0, 0, 0], 0, id="one-empty"),
    ],
)
def test_jaccard(predicted: list[int], truth: list[int], expected: float) -> None:
    """Intersection over union."""
    j = jaccard(np.array([predicted], bool), np.array([truth], bool))

    assert j == pytest.approx(expected)


@pytest.mark.parametrize(
    ("predicted", "truth", "expected"),
    [
        pytest.param(square(3, 3), square(3, 3), 1, id="same"),
        pytest.param(square(3, 4), square(3, 3), 1, id="one-pixel-off-is-tolerated"),
        # each boundary has 12 pixels in columns 4..7 and 2..5; the 4 of the far column are missed
        pytest.param(square(3, 5), square(3, 3), 2 / 3, id="two-pixels-off"),
        # ours is the pixels (2..3, 2..3), all within 1 of theirs; of their 12, the 5 pixels
        # (2, 2..4), (3, 2), (4, 2) are within 1 of ours: precision 1, recall 5 / 12
        pytest.param(square(3, 3, 1), square(3, 3), 10 / 17, id="too-small"),
        pytest.param(square(0, 0), square(6, 6), 0, id="apart"),
        pytest.param(EMPTY, EMPTY, 1, id="both-empty"),
        pytest.param(EMPTY, square(3, 3), 0, id="none-predicted"),
        pytest.param(square(3, 3), EMPTY, 0, id="none-there"),
        pytest.param(FULL, EMPTY, 1, id="the-edge-of-the-image-is-no-boundary"),
    ],
)
def test_boundary_f(
    predicted: NDArray[np.bool_], truth: NDArray[np.bool_], expected: float
) -> None:
    """The tolerance is 0.008 x 12.7 pixels, rounded up: 1 pixel."""
    f = boundary_f(predicted, truth)

    assert f == pytest.approx(expected)


def test_a_larger_tolerance_forgives_more() -> None:
    """0.1 x 12.7 pixels is 2 pixels."""
    f = boundary_f(square(3, 5), square(3, 3), tolerance=0.1)

    assert f == 1


@pytest.mark.parametrize("measure", [jaccard, boundary_f])
def test_void_pixels_do_not_count(measure: Any) -> None:
    """Whatever is predicted there."""
    predicted = square(3, 3) | square(7, 0, 2)

    with_void = measure(predicted, square(3, 3), square(6, 0, 3))
    without = measure(predicted, square(3, 3))

    assert with_void == 1
    assert without < 1


@pytest.mark.parametrize("radius", [1, 2, 5, 8, 18])
def test_the_tolerance_is_a_disk(radius: int) -> None:
    """F by the definition: dilate each boundary with a disk and intersect."""
    random = np.random.default_rng(radius)
    ours, theirs = (
        np.asarray(cv2.GaussianBlur(random.normal(size=(90, 120)), (0, 0), 4) > 0.02)
        for _ in range(2)
    )
    y, x = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    disk = (y * y + x * x <= radius * radius).astype(np.uint8)

    def edge(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
        padded = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
        shifted = (padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:])
        return np.any([mask != s for s in shifted], axis=0).astype(np.uint8)

    a, b = edge(ours), edge(theirs)
    precision = (a & cv2.dilate(b, disk)).sum() / a.sum()
    recall = (b & cv2.dilate(a, disk)).sum() / b.sum()

    f = boundary_f(ours, theirs, tolerance=radius / 150)

    assert f == pytest.approx(2 * precision * recall / (precision + recall), abs=1e-12)


def labels(*rows: list[int]) -> NDArray[np.uint8]:
    """Return a label image."""
    return np.array(rows, np.uint8)


def test_the_first_and_the_last_frame_are_left_out() -> None:
    """Against J by hand."""
    truth = [labels([1, 1, 0, 2])] * 4
    predicted = [labels([0, 0, 0, 0]), labels([1, 0, 0, 2]), labels([1, 1, 2, 2]), truth[0] * 0]

    scores = score_video(iter(predicted), iter(truth))

    assert {i: s.jaccard for i, s in scores.items()} == {1: (0.5, 1.0), 2: (1.0, 0.5)}
    assert all(len(s.boundary_f) == 2 for s in scores.values())


def test_every_frame_can_count() -> None:
    """As in the unsupervised benchmark."""
    frames = [labels([1, 0])] * 2

    scores = score_video(frames, frames, every_frame=True)

    assert scores == {1: ObjectScores((1.0, 1.0), (1.0, 1.0))}


def test_objects_count_from_when_they_appear() -> None:
    """1 from the start, though hidden at first; 2 from its false prediction on; 3 never."""
    truth = [labels([1, 0, 0]), labels([0, 0, 0]), labels([1, 0, 0]), labels([1, 2, 0])] * 2
    predicted = [frame.copy() for frame in truth]
    predicted[2] = labels([1, 2, 3])

    scores = score_video(predicted, truth)

    assert scores[1].jaccard == (1, 1, 1, 1, 1, 1)
    assert scores[2].jaccard == (0, 1, 1, 1, 1)
    assert set(scores) == {1, 2}


@pytest.mark.parametrize(
    ("void", "expected"),
    [pytest.param(255, {1: 1.0}, id="davis"), pytest.param(None, {1: 0.5, 255: 0.0}, id="an-id")],
)
def test_void_in_the_truth(void: int | None, expected: dict[int, float]) -> None:
    """255 is void unless the caller says otherwise."""
    truth, predicted = [labels([1, 255, 0])] * 3, [labels([1, 1, 0])] * 3

    scores = score_video(predicted, truth, void=void)

    assert {i: s.jaccard[0] for i, s in scores.items()} == expected


@pytest.mark.parametrize(
    ("predicted", "truth", "message"),
    [
        pytest.param([EMPTY] * 3, [EMPTY] * 4, "shorter|longer", id="number"),
        pytest.param([EMPTY[:3]] * 3, [EMPTY] * 3, "shape", id="size"),
        pytest.param([EMPTY] * 2, [EMPTY] * 2, "None of 2 frames", id="too-short"),
    ],
)
def test_frames_that_do_not_match(predicted: Any, truth: Any, message: str) -> None:
    """Misuse is reported."""
    with pytest.raises(ValueError, match=message):
        score_video(predicted, truth)


def blobs(random: np.random.Generator, size: tuple[int, int], count: int) -> NDArray[np.uint8]:
    """Return a label image of irregular objects."""
    image = np.zeros(size, np.uint8)
    for i in range(1, count + 1):
        field = cv2.GaussianBlur(random.normal(size=size), (0, 0), random.uniform(3, 12))
        image[field > np.quantile(field, 0.85)] = i
    return image


def guess(random: np.random.Generator, truth: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the truth displaced, thinner or thicker, now and then without an object."""
    moved = np.roll(truth, random.integers(-6, 7, 2), (0, 1))
    change = cv2.erode if random.random() < 0.5 else cv2.dilate
    image = np.asarray(change(moved, np.ones((random.integers(1, 9),) * 2, np.uint8)), np.uint8)
    return image * (image != (random.random() < 0.3))


def save(folder: Path, frames: Sequence[NDArray[np.uint8]]) -> None:
    """Write frames as the benchmark wants them."""
    folder.mkdir(parents=True)
    for t, frame in enumerate(frames):
        image = Image.fromarray(frame)
        image.putpalette([0] * 768)
        image.save(folder / f"{t:05d}.png")


@pytest.mark.parametrize("seed", range(5))
def test_equal_to_vos_benchmark(tmp_path: Path, seed: int) -> None:
    """Several objects, among them one that appears late, to 1e-6 percent."""
    benchmark = pytest.importorskip("vos_benchmark.benchmark").benchmark
    random = np.random.default_rng(seed)
    truth = [blobs(random, (90 + 60 * seed, 230), 3) for _ in range(6)]
    predicted = [guess(random, frame) for frame in truth]
    for late in (truth[0], truth[1], truth[2], predicted[1]):
        late[late == 3] = 0
    save(tmp_path / "truth" / "a", truth)
    save(tmp_path / "predicted" / "a", predicted)

    scores = score_video(predicted, truth)

    *_, theirs = benchmark(
        [str(tmp_path / "truth")], [str(tmp_path / "predicted")], num_processes=1, verbose=False
    )
    j, f = theirs[0]["a"]
    assert {i: 100 * np.mean(s.jaccard) for i, s in scores.items()} == pytest.approx(j, abs=1e-6)
    assert {i: 100 * np.mean(s.boundary_f) for i, s in scores.items()} == pytest.approx(f, abs=1e-6)
