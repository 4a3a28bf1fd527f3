"""The network that corrects outlines."""

from __future__ import annotations

import torch
from torch.nn.functional import pixel_unshuffle

from napari_frtm.engine.networks.outline import OutlineNetwork


def test_at_first_it_changes_nothing() -> None:
    """The log-odds of a mask are those of its plane, of which 1 is the probability 0.99."""
    full, half = torch.rand(2, 7, 24, 32), torch.rand(2, 2, 12, 16)
    network = OutlineNetwork(7, 2).eval()
    odds = network(full, half)
    torch.testing.assert_close(odds, 4.595 * full[:, 3])


def test_planes_of_full_size_are_seen_in_quarters() -> None:
    """Each pixel of half the size sees all four of the full size: as torch's own, but faster."""
    full, half = torch.rand(2, 7, 24, 32), torch.rand(2, 2, 12, 16)
    network = OutlineNetwork(7, 2).eval()
    seen: list[torch.Tensor] = []
    network.enter.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    network(full, half)
    torch.testing.assert_close(seen[0], torch.cat([pixel_unshuffle(full, 2), half], 1))
