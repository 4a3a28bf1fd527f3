"""Windows: where they lie, and that they change little."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from napari_frtm.config import FrtmConfig, Variant, preset
from napari_frtm.engine.extensions.windows import crop, groups, window_around
from napari_frtm.engine.tracking.propagate import Propagation, propagate
from napari_frtm.evaluation.metrics import jaccard
from napari_frtm.io.labels import read_labels
from napari_frtm.io.video.opening import open_video
from napari_frtm.io.weights.checkpoint import load_network
from napari_frtm.types import Box

if TYPE_CHECKING:
    from conftest import Clip
    from numpy.typing import NDArray

    from napari_frtm.engine.networks.network import FrtmNetwork


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        pytest.param(Box(40, 70, 60, 90), Box(32, 64, 96, 128), id="at least 64 pixels"),
        pytest.param(Box(0, 0, 64, 64), Box(0, 0, 64, 64), id="as it is"),
        pytest.param(Box(-30, 200, 20, 400), Box(0, 192, 64, 320), id="inside the frame"),
        pytest.param(Box(0, 0, 600, 33), Box(0, 0, 256, 64), id="no larger than the frame"),
    ],
)
def test_a_window_lies_around_the_box(box: Box, expected: Box) -> None:
    """On multiples of 32 pixels, in a frame of 256 x 320."""
    assert window_around(box, (256, 320)) == expected


def test_a_window_is_no_larger_than_asked_for_if_that_holds_the_box() -> None:
    """Multiples of 32 pixels around the box count; the window goes on alike on both sides."""
    assert window_around(Box(40, 70, 60, 90), (256, 320), 128) == Box(0, 32, 128, 160)
    assert window_around(Box(31, 31, 129, 97), (256, 320), 128) == Box(0, 0, 160, 128)


def test_there_are_few_sizes() -> None:
    """Of windows in a large frame; each holds its box."""
    sizes = set()
    for side in range(1, 900):
        window = window_around(Box(31, 31, 31 + side, 31 + side), (1024, 1024))
        assert window.top <= 31 < 31 + side <= window.bottom
        sizes.add(window.size)

    assert len(sizes) <= 14


def test_crops_of_one_size_become_a_batch() -> None:
    """At any stride."""
    features = torch.arange(2 * 8 * 8.0).view(1, 2, 8, 8)
    windows = [Box(0, 0, 64, 64), Box(64, 32, 128, 96)]

    found = crop(features, windows, 16)

    assert torch.equal(found[1], features[0, :, 4:8, 2:6])
    assert crop(features, [Box(0, 0, 128, 128)], 16) is features
    assert groups(["a", "b", "a"]) == [[0, 2], [1]]


def test_windows_change_little() -> None:
    """With the embedded weights, on the bundled clip."""
    samples = files("napari_frtm") / "sample_data"
    frames = np.asarray(open_video(str(samples / "roto.mp4")).frames[:4])
    mask = read_labels(Path(str(samples / "roto_mask.png")))
    config = preset("lite", "full")
    network = load_network(config, device="cpu")
    whole, windows = (
        list(propagate(network, each, frames, {0: mask}))
        for each in (replace(config, windows=False), config)
    )

    assert (
        min(jaccard(a.labels > 0, b.labels > 0) for a, b in zip(whole, windows, strict=True)) > 0.9
    )


def test_small_frames_are_seen_as_a_whole(clip: Clip) -> None:
    """In windows as small as their objects the segmentation network loses these."""
    config = replace(preset("lite", "full"), short_side=144)
    network = load_network(config, device="cpu")
    mask = (clip.truth[0] == 1).astype(np.uint8)

    for p in propagate(network, config, clip.frames[:6], {0: mask}):
        assert jaccard(p.labels > 0, clip.truth[p.index] == 1) > 0.8


def test_an_object_does_not_depend_on_how_many_there_are(
    clip: Clip, full_network: FrtmNetwork, lite: FrtmConfig
) -> None:
    """Target models that are solved together are those that are solved alone."""
    config = replace(lite, variant=Variant.FULL, windows=True)
    config = replace(config, target=replace(config.target, cg_steps=(3, 3), update_cg_steps=2))

    def taps(labels: NDArray[np.uint8]) -> dict[str, torch.Tensor]:
        run = Propagation(full_network, config, clip.frames[:2], {0: labels})
        next(run.chunks())
        return {k: v for k, v in run.state_dict().items() if k.endswith(".taps")}

    first = clip.truth[0]
    together = taps(first)
    assert len(together) == 2
    for object_id in np.unique(first)[1:].tolist():
        name = f"tracker.{object_id}.taps"
        alone = taps(np.where(first == object_id, first, 0))
        torch.testing.assert_close(alone[name], together[name], rtol=1e-2, atol=1e-3)
