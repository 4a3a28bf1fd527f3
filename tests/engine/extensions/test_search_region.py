"""Looking for objects only near where they were last seen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from napari_frtm.config import FrtmConfig, LocalityConfig, preset
from napari_frtm.engine.extensions.location import Location
from napari_frtm.engine.extensions.motion import Stage
from napari_frtm.engine.extensions.search_region import SearchRegions, working_scale
from napari_frtm.engine.tracking import annotation, segmentation
from napari_frtm.engine.tracking.propagate import Propagation, propagate
from napari_frtm.engine.tracking.tracker import Tracker
from napari_frtm.evaluation.metrics import jaccard
from napari_frtm.types import Box, SoftMasks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_frtm.engine.networks.network import FrtmNetwork

CONFIG = LocalityConfig(reach=2.0, growth=0.5)
FRAME = Box(0, 0, 96, 128)


def _square(
    top: int, left: int, side: int = 10, size: tuple[int, int] = (96, 128)
) -> NDArray[np.float32]:
    mask = np.zeros(size, np.float32)
    mask[top : top + side, left : left + side] = 1
    return mask


def test_a_window_is_one_near_the_mask_and_zero_beyond_its_reach() -> None:
    """The reach is twice the side of the square: 20 pixels; from 10 on the window falls."""
    window = Location.from_annotation(_square(40, 50), 7).window(8, CONFIG, FRAME)

    assert window[45, 55] == 1
    assert window[45, 59 + 10] == 1
    assert window[45, 59 + 15] == pytest.approx(0.5, abs=0.02)
    assert window[45, 59 + 20] == 0
    assert window[0, 0] == 0


def test_a_jump_of_the_stage_does_not_lose_an_object(
    network: FrtmNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Among others that look alike, of which one would be found in its place."""
    rng = np.random.default_rng(0)
    field = rng.integers(20, 50, (300, 400, 1), np.uint8).repeat(3, 2)
    for top in range(20, 290, 45):
        for left in range(20, 390, 45):
            side = int(rng.integers(12, 24))
            field[top : top + side, left : left + side] = rng.integers(120, 255)
    corners = [(60, 60), (60, 60), (92, 60), (92, 60)]
    frames = [field[y : y + 192, x : x + 256] for y, x in corners]
    first = np.zeros((192, 256), np.uint8)
    first[110 - 60 + 45 : 110 - 60 + 75, 155 - 60 : 155 - 60 + 30] = 1
    first &= frames[0][..., 0] > 100
    config = replace(preset("cells", "d-only"), short_side=192)
    truth = [first, first, np.roll(first, -32, 0), np.roll(first, -32, 0)]

    def found() -> list[float]:
        masks = [p.labels for p in propagate(network, config, frames, {0: first})]
        return [jaccard(m == 1, t == 1) for m, t in zip(masks, truth, strict=True)]

    assert min(found()) > 0.5
    monkeypatch.setattr(Stage, "follow", lambda self, image: (0.0, 0.0))
    assert max(found()[2:]) < 0.1


def test_a_window_grows_while_the_object_is_not_seen() -> None:
    """By half of the reach with each frame, in both directions of time."""
    location = Location.from_annotation(_square(40, 50), 7)

    widths = [int((location.window(t, CONFIG, FRAME)[45] > 0).sum()) for t in (8, 9, 10, 4)]

    assert widths[0] < widths[1] < widths[2] == widths[3]


def test_an_empty_mask_leaves_the_place_where_it_was() -> None:
    """A new one moves it; the size stays the one that was drawn."""
    location = Location.from_annotation(_square(40, 50), 7)

    assert location.moved(np.zeros((96, 128), np.float32), 8) is location
    moved = location.moved(_square(42, 52, side=4), 8)

    assert (moved.index, moved.size) == (8, 10)
    assert moved.mask.sum() == 16


def test_of_several_pieces_those_on_the_last_mask_are_kept() -> None:
    """If none is, the nearest one."""
    location = Location.from_annotation(_square(40, 50), 0)
    pieces = _square(42, 52, 4) + _square(40, 70, 6)
    beside = _square(40, 64, 4) + _square(40, 80, 6)

    for soft in (pieces, beside):
        location.cut(soft)

    assert pieces.sum() == 16
    assert beside[40:44, 64:68].all()
    assert beside.sum() == 16


def _regions(*masks: NDArray[np.float32]) -> SearchRegions:
    locations = [Location.from_annotation(mask, 0) for mask in masks]
    return SearchRegions(locations, 1, CONFIG, (96, 128), (96, 128))


def test_a_window_holds_the_region_and_a_score_around_it() -> None:
    """In steps of 32 pixels, inside the frame."""
    near = _regions(_square(40, 50))
    corner = SearchRegions(
        [Location.from_annotation(_square(0, 0), 0)], 1, CONFIG, (90, 120), (96, 128)
    )

    assert near.windows == [Box(0, 0, 96, 128)]
    assert corner.windows == [Box(0, 0, 64, 64)]
    assert near.weights[0].shape == (96, 128)
    assert corner.weights[0].shape == (64, 64)


def test_scores_and_masks_outside_the_window_do_not_count() -> None:
    """Scores are at most 0 there, masks are 0."""
    regions = _regions(_square(40, 50))
    scores = torch.full((6, 8), 0.5)
    scores[0, 0] = -0.5

    limited = regions.scores(0, scores)
    (masks,) = regions.limit([np.ones((96, 128), np.float32)])

    assert limited[2, 3] == 0.5
    assert limited[0, 7] == 0
    assert limited[0, 0] == -0.5
    assert masks[45, 55] == 1
    assert masks[0, 0] == 0


def test_of_what_an_object_wins_of_another_only_the_main_part_is_its_own() -> None:
    """Both claim the right square; a stripe of it, that the left one wins, is left to the other."""
    left, right = _square(40, 30, 12), _square(40, 42, 12)
    regions = _regions(left, right)
    left, right = left.copy(), right.copy()
    left[40:52, 42:54] = 0.7
    right[:, 42:48] *= 0.9
    right[:, 48:54] *= 0.6
    boxes = regions.boxes

    masks = regions.limit([left[boxes[0].slices], right[boxes[1].slices]])
    masks = SoftMasks(boxes, masks, (96, 128))

    assert (masks[0][40:52, 30:42] == 1).all()
    assert (masks[0][40:52, 48:54] == 0).all()
    assert (masks[1][40:52, 42:54] > 0.5).all()


def test_pieces_on_the_last_mask_stay_if_they_are_about_as_large() -> None:
    """Several cells may be one object."""
    drawn = _square(10, 10, 10) + _square(10, 40, 8) + _square(10, 60, 4)
    location = Location.from_annotation(drawn, 0)
    soft = drawn.copy()

    location.drop_fragments(soft, soft > 0.5)

    assert soft[10:20, 10:20].all()
    assert soft[10:18, 40:48].all()
    assert not soft[10:14, 60:64].any()


def test_an_object_learns_neither_from_afar_nor_from_other_objects(
    network: FrtmNetwork, lite: FrtmConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the annotated frame, on its altered copies, and on a correction."""
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    losses = annotation.region_losses

    def spy(masks: torch.Tensor, counts: torch.Tensor, kappa: float, size: tuple[int, int]):  # type: ignore[no-untyped-def]
        seen.append((masks, counts))
        return losses(masks, counts, kappa, size)

    monkeypatch.setattr(annotation, "region_losses", spy)
    frames, truth = _twins()
    labels = truth[0]
    labels[36:60, 40:50] = 2  # six pixels beside object 1
    tracker = Tracker(network, replace(lite, locality=LocalityConfig(reach=1.0, scale=1.0)))
    for _ in range(2):
        tracker.annotate(0, frames[0], labels)

    (masks, counts), (_, corrected) = seen[0], seen[2]
    regions = _found_regions(tracker)
    other = torch.from_numpy(labels == 2)[regions.boxes[0].slices]
    assert len(masks) == len(counts) == lite.augmentation.samples
    for mask, count in zip(masks, counts, strict=True):
        assert count[mask > 0.5].all()
        assert not count[other & (mask <= 0.5)].any()
        assert count.float().sum() < 0.5 * labels.size
    assert torch.equal(corrected[0], counts[0])


def _found_regions(tracker: Tracker) -> SearchRegions:
    """Return where the objects of a tracker are looked for in frame 0."""
    locations = [known.location(0) for known in tracker._objects.values()]
    near = LocalityConfig(reach=1.0, scale=1.0)
    return SearchRegions(locations, 0, near, (96, 160), (96, 160))


def test_objects_looked_for_locally_learn_slowly(network: FrtmNetwork, lite: FrtmConfig) -> None:
    """As if whitening were off; looked for everywhere, they do not."""
    frames, truth = _twins()

    def learned(config: FrtmConfig) -> torch.Tensor:
        tracker = Tracker(network, config)
        tracker.annotate(0, frames[0], truth[0])
        return tracker.state_dict()["1.taps"]

    plain = replace(lite, target=replace(lite.target, whitening=False))
    near = LocalityConfig(reach=1.0, scale=1.0)
    assert torch.equal(
        learned(replace(lite, locality=near)), learned(replace(plain, locality=near))
    )
    assert not torch.allclose(learned(lite), learned(plain), atol=1e-4)


def test_an_object_does_not_learn_from_where_another_was_found(
    network: FrtmNetwork, lite: FrtmConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their windows overlap, what they learn from does not."""
    frames, truth = _twins()
    labels = truth[0]
    labels[36:60, 40:50] = 2
    tracker = Tracker(network, replace(lite, locality=LocalityConfig(reach=1.0, scale=1.0)))
    learned: list[list[torch.Tensor]] = []
    losses = segmentation.region_losses

    def spy(masks: torch.Tensor, counts: torch.Tensor, kappa: float, size: tuple[int, int]):  # type: ignore[no-untyped-def]
        learned.extend([mask, count] for mask, count in zip(masks, counts, strict=True))
        return losses(masks, counts, kappa, size)

    monkeypatch.setattr(segmentation, "region_losses", spy)
    tracker.annotate(0, frames[0], labels)
    (prediction,) = tracker.segment([1], frames[1:2])

    masks = prediction.probabilities
    found = [mask > 0.5 for mask in masks]
    assert all(mask.any() for mask in found)
    for number, other in ((0, 1), (1, 0)):
        hard = masks.parts[number] > 0.5
        (count,) = [c for mask, c in learned if np.array_equal(mask > 0.5, hard)]
        assert not count[torch.from_numpy(found[other][masks.boxes[number].slices])].any()


@pytest.mark.parametrize(
    ("side", "size", "expected"),
    [
        pytest.param(40, (200, 200), 2.0, id="objects of half the size: twice as large"),
        pytest.param(5, (200, 200), 4.0, id="at most four times"),
        pytest.param(20, (800, 1000), 1.0, id="not beyond the pixels allowed"),
        pytest.param(100, (960, 960), 0.8, id="as much smaller as the objects allow"),
        pytest.param(400, (960, 960), 0.5, id="but not below the short side"),
    ],
)
def test_small_objects_are_enlarged(side: int, size: tuple[int, int], expected: float) -> None:
    """Until they have the size that suits."""
    labels = np.zeros(size, np.uint8)
    labels[:side, :side] = 3

    least = FrtmConfig().scale(size)

    assert working_scale([labels], least, LocalityConfig(size=80)) == expected


def _twins() -> tuple[np.ndarray, np.ndarray]:
    """Return two squares that look the same and move side by side, and their truth."""
    rng = np.random.default_rng(0)
    ground = rng.integers(60, 90, (96, 160, 3), np.uint8)
    patch = np.where(
        (np.indices((24, 24)) // 4).sum(0)[..., None] % 2, [230, 60, 30], [250, 220, 40]
    )
    frames, truth = [], []
    for t in range(20):
        frame, labels = ground.copy(), np.zeros((96, 160), np.uint8)
        for object_id, left in ((1, 10 + 2 * t), (2, 80 + 2 * t)):
            frame[36:60, left : left + 24] = patch
            labels[36:60, left : left + 24] = object_id
        frames.append(frame)
        truth.append(labels)
    return np.stack(frames), np.stack(truth)


def _overlaps(network: FrtmNetwork, config: FrtmConfig) -> list[float]:
    frames, truth = _twins()
    last = list(propagate(network, config, frames, {0: truth[0]}))[-1].labels
    both = [
        ((last == i) & (truth[-1] == i)).sum() / ((last == i) | (truth[-1] == i)).sum()
        for i in (1, 2)
    ]
    return [float(value) for value in both]


def test_twins_keep_their_numbers(network: FrtmNetwork, lite: FrtmConfig) -> None:
    """As they do not when each may be anywhere."""
    near = _overlaps(network, replace(lite, locality=LocalityConfig(size=40)))
    anywhere = _overlaps(network, replace(lite, leap=None, outlines=False))

    assert min(near) > 0.6
    assert min(anywhere) < 0.3


@pytest.mark.parametrize("stop", [1, 2])
def test_a_run_goes_on_exactly(network: FrtmNetwork, lite: FrtmConfig, stop: int) -> None:
    """Places are part of what is saved."""
    frames, truth = _twins()
    config = replace(lite, locality=LocalityConfig(size=40))
    whole = list(propagate(network, config, frames, {0: truth[0]}))
    first = Propagation(network, config, frames, {0: truth[0]})
    chunks = first.chunks()
    taken = [p for _ in range(stop) for p in next(chunks)]

    second = Propagation(network, config, frames, {0: truth[0]})
    second.load_state_dict(first.state_dict())
    rest = [p for chunk in second.chunks() for p in chunk]

    for expected, found in zip(whole, taken + rest, strict=True):
        np.testing.assert_array_equal(found.labels, expected.labels)
        np.testing.assert_array_equal(found.probabilities, expected.probabilities)
