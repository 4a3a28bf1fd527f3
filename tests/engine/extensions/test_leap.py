"""Which pieces of a new mask are the object."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
import torch
from safetensors.torch import save

from napari_frtm.config import preset
from napari_frtm.engine.extensions.leap import drop_others
from napari_frtm.engine.extensions.location import Location
from napari_frtm.engine.tracking.propagate import propagate
from napari_frtm.engine.tracking.tracker import Tracker
from napari_frtm.io.video.opening import open_video
from napari_frtm.io.weights.checkpoint import load_network

if TYPE_CHECKING:
    from conftest import Clip
    from numpy.typing import NDArray

    from napari_frtm.config import FrtmConfig
    from napari_frtm.engine.networks.network import FrtmNetwork

LEAP = 0.5


def _soft(*squares: tuple[int, int, int]) -> NDArray[np.float32]:
    """Return a soft mask of squares, by top, left and side, with a faint rim around them."""
    mask = np.zeros((96, 128), np.float32)
    for top, left, side in squares:
        mask[top - 2 : top + side + 2, left - 2 : left + side + 2] = 0.3
    for top, left, side in squares:
        mask[top : top + side, left : left + side] = 0.9
    return mask


LIKE = np.ones((96, 128), np.float32)
LOCATION = Location.from_annotation(_soft((40, 20, 20)), 7)


def test_a_piece_far_from_the_last_mask_is_dropped_with_its_rim() -> None:
    """Its size is 20 pixels, so it may leap by 10."""
    soft = _soft((40, 26, 20), (40, 90, 10))

    assert drop_others(soft, LIKE, LOCATION, 8, LEAP)

    np.testing.assert_array_equal(soft, _soft((40, 26, 20)))


@pytest.mark.parametrize(
    ("squares", "index"),
    [
        ([(40, 26, 20), (40, 49, 10)], 8),  # near enough: 9 pixels from the last mask
        ([(40, 90, 10)], 8),  # nothing is nearer
        ([(10, 90, 10), (70, 90, 10)], 8),  # nothing is nearer than either
        ([(40, 26, 4), (40, 90, 10)], 8),  # what is near may be something left behind
        ([(40, 26, 20), (40, 90, 10)], 16),  # it was not seen for long
    ],
)
def test_what_can_be_the_object_stays(squares: list[tuple[int, int, int]], index: int) -> None:
    """Nothing of the mask changes."""
    soft = _soft(*squares)

    assert not drop_others(soft, LIKE, LOCATION, index, LEAP)

    np.testing.assert_array_equal(soft, _soft(*squares))


def test_pieces_that_were_drawn_far_apart_may_be_found_so() -> None:
    """Several cells may be one object; a slip of the brush is none of them."""
    cells = Location.from_annotation(_soft((10, 10, 10), (40, 50, 10)), 7)
    slipped = Location.from_annotation(_soft((40, 20, 20), (10, 100, 3)), 7)
    soft = _soft((12, 12, 10), (40, 52, 10), (70, 90, 10))

    assert not drop_others(soft, LIKE, cells, 8, LEAP)
    assert slipped.apart == 0
    assert drop_others(_soft((40, 26, 20), (40, 90, 10)), LIKE, slipped, 8, LEAP)


def _likeness(*squares: tuple[int, int, int, float]) -> NDArray[np.float32]:
    """Return what looks like the object by so much, by top, left and side; the rest does not."""
    likeness = np.zeros((96, 128), np.float32)
    for top, left, side, alike in squares:
        likeness[top : top + side, left : left + side] = alike
    return likeness


BOTH = _soft((40, 20, 20), (40, 60, 20))
WIDE = replace(LOCATION, box=Location.from_annotation(BOTH, 7).box, mask=BOTH[40:60, 20:80] > 0.5)


def test_a_double_that_was_followed_too_is_dropped_as_soon_as_it_is_apart() -> None:
    """The last mask holds both, so that both are near; the larger one looks less like it."""
    soft = _soft((40, 20, 20), (40, 60, 30))
    likeness = _likeness((40, 20, 20, 0.6), (40, 60, 30, 0.2))

    assert drop_others(soft, likeness, WIDE, 8, LEAP)

    np.testing.assert_array_equal(soft, _soft((40, 20, 20)))


@pytest.mark.parametrize(
    ("other", "main", "alike"),
    [
        (60, 0.6, 0.4),  # it looks like it, too
        (46, 0.6, 0.0),  # 6 pixels away, it may be a part that looks different
        (60, 0.1, 0.0),  # the object has changed too much to tell
    ],
)
def test_a_piece_that_may_be_the_object_stays(other: int, main: float, alike: float) -> None:
    """Its size is 35 pixels in the last mask, a quarter of which pieces may lie apart."""
    soft = _soft((40, 20, 20), (40, other, 10))
    likeness = _likeness((40, 20, 20, main), (40, other, 10, alike))

    assert not drop_others(soft, likeness, WIDE, 8, LEAP)


@pytest.mark.parametrize(("place", "index"), [((40, 24, 20), 8), ((40, 90, 20), 30)])
def test_a_hidden_object_is_not_what_is_seen_in_its_place(
    place: tuple[int, int, int], index: int
) -> None:
    """Neither what lies where it was, nor what is found elsewhere later, if it looks different."""
    lately = replace(LOCATION, likeness=0.6)
    soft = _soft(place)

    assert not drop_others(soft, _likeness((*place, 0.5)), lately, index, LEAP)
    assert drop_others(soft, _likeness((*place, 0.1)), lately, index, LEAP)
    assert not soft.max() > 0.5


def test_likeness_of_late_follows_what_is_seen_and_small_pieces_say_little() -> None:
    """It is a running mean, at most 1."""
    seen = LOCATION.moved(_soft((40, 20, 20)), 8, likeness=_likeness((40, 20, 20, 0.5)))
    large = seen.moved(_soft((40, 20, 20)), 9, likeness=_likeness((40, 20, 20, 3.0)))
    small = seen.moved(_soft((40, 20, 2)), 9, likeness=_likeness((40, 20, 2, 3.0)))

    assert seen.likeness == pytest.approx(0.5)
    assert large.likeness == pytest.approx(0.6)
    assert small.likeness == pytest.approx(0.5, abs=0.01)
    assert seen.moved(_soft(), 9, likeness=LIKE).likeness == seen.likeness


def test_a_look_alike_that_is_met_is_not_followed() -> None:
    """The bundled clip: both fish are one piece for a while, then one of them hides."""
    samples = Path(str(files("napari_frtm") / "sample_data"))
    frames = open_video(samples / "roto.mp4").frames
    truth = tifffile.imread(samples / "roto_truth.tif")
    config = replace(preset("lite"), short_side=360, enlarge=1.0)
    network = load_network(config, device="cpu")
    network.half_precision = False

    run = propagate(network, config, frames[:57], {24: truth[24]})
    wrong = {p.index: int(((p.labels > 0) & (truth[p.index] == 0)).sum()) for p in run}

    assert max(wrong[t] for t in range(44, 57)) < 5000  # the look-alike has 9000


def _drawn_taps(tracker: Tracker) -> torch.Tensor:
    return tracker.state_dict()["1.drawn_taps"]


def test_what_the_user_drew_is_known_apart_from_what_was_found(
    clip: Clip, network: FrtmNetwork, lite: FrtmConfig
) -> None:
    """Frames that are followed change the target model, not what it was drawn as."""
    tracker = Tracker(network, lite)
    tracker.annotate(0, clip.frames[0], np.where(clip.truth[0] == 1, 1, 0))
    first, learned = _drawn_taps(tracker), tracker.state_dict()["1.taps"]
    save(tracker.state_dict())  # which refuses tensors that share their memory
    tracker.segment([1, 2], list(clip.frames[1:3]))
    followed, changed = _drawn_taps(tracker), tracker.state_dict()["1.taps"]
    restored = Tracker(network, lite)
    restored.load_state_dict(tracker.state_dict())
    tracker.annotate(3, clip.frames[3], np.where(clip.truth[3] == 1, 1, 0))

    torch.testing.assert_close(first, learned)
    torch.testing.assert_close(followed, first)
    torch.testing.assert_close(_drawn_taps(restored), first)
    assert not torch.allclose(changed, learned)
    assert not torch.allclose(_drawn_taps(tracker), first)


def test_a_run_that_was_begun_before_likeness_was_known_goes_on(
    clip: Clip, network: FrtmNetwork, lite: FrtmConfig
) -> None:
    """Its target models are taken for what was drawn."""
    tracker = Tracker(network, lite)
    tracker.annotate(0, clip.frames[0], clip.truth[0])
    state = {k: v for k, v in tracker.state_dict().items() if not k.endswith("drawn_taps")}
    for name in ("1.seen", "4.seen"):
        state[name] = state[name][:, :3]
    old = Tracker(network, lite)
    old.load_state_dict(state)

    (expected,) = tracker.segment([1], [clip.frames[1]])
    (found,) = old.segment([1], [clip.frames[1]])

    np.testing.assert_array_equal(found.labels, expected.labels)
