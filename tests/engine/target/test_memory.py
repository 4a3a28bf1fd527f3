"""The sample memory, by hand: weights, replacement, what stays for good."""

from __future__ import annotations

import pytest
import torch

from napari_frtm.config import MemoryConfig
from napari_frtm.engine.target.memory import SampleMemory, initial_weights
from napari_frtm.engine.target.stencil import Quadratic


def _sample(value: float) -> tuple[torch.Tensor, Quadratic]:
    """One sample, recognisable by its value."""
    loss = Quadratic(torch.full((1, 9, 2, 3), value), torch.full((1, 2, 3), value))
    return torch.full((1, 4, 2, 3), value), loss


def _memory(count: int, capacity: int, drawn: float = 0.0) -> SampleMemory:
    samples = [_sample(-float(k)) for k in range(count)]
    projected = torch.cat([features for features, _ in samples])
    loss = Quadratic(
        torch.cat([loss.stencil for _, loss in samples]),
        torch.cat([loss.target for _, loss in samples]),
    )
    return SampleMemory(projected, loss, MemoryConfig(capacity=capacity, drawn=drawn))


def _values(memory: SampleMemory) -> list[float]:
    projected, loss, _ = memory.samples
    assert torch.equal(projected[:, 0, 0, 0], loss.target[:, 0, 0])
    return projected[:, 0, 0, 0].tolist()


def test_moments_are_those_of_the_samples() -> None:
    """Of two channels at two pixels, weighted by what couples a pixel with all around it."""
    projected = torch.tensor([[[[1.0, 2.0]], [[3.0, -1.0]]], [[[0.0, 1.0]], [[1.0, 1.0]]]])
    stencil = torch.zeros(2, 9, 1, 2)
    stencil[:, 4], stencil[0, 3] = 0.5, torch.tensor([0.0, 1.5])
    memory = SampleMemory(projected, Quadratic(stencil, torch.zeros(2, 1, 2)), MemoryConfig())

    first = 0.5 * torch.tensor([[1.0, 3.0], [3.0, 9.0]]) + 2 * torch.tensor([[4.0, -2], [-2, 1]])
    second = 0.5 * torch.tensor([[0.0, 0], [0, 1]]) + 0.5 * torch.tensor([[1.0, 1], [1, 1]])
    assert torch.allclose(memory.moments, (2 * first + second) / 3)


def test_the_first_frame_counts_double() -> None:
    """2 : 1 : 1."""
    assert initial_weights(3).tolist() == [0.5, 0.25, 0.25]


def test_weights_of_new_samples_grow_by_the_update_rate() -> None:
    """Eta at first, each later one 1 / (1 - eta) times the one before; the sum is one."""
    memory = _memory(1, 5)

    memory.add(*_sample(1))
    first = 0.1 / (1 / 0.9 + 0.1)
    assert memory.weights[:2].tolist() == pytest.approx([1 - first, first])

    memory.add(*_sample(2))
    second = first / 0.9
    total = 1 + second
    expected = [(1 - first) / total, first / total, second / total]
    assert memory.weights[:3].tolist() == pytest.approx(expected)
    assert memory.weights.sum().item() == pytest.approx(1)


def test_a_full_memory_replaces_the_smallest_weight() -> None:
    """And nothing else, sixty times; the altered copies are gone in the end."""
    memory = _memory(3, 6)

    for value in range(1, 61):
        before, full = _values(memory), memory.count == 6
        weakest = before[1:][int(memory.weights[1 : memory.count].argmin())]
        memory.add(*_sample(value))
        assert set(before) - set(_values(memory)) == ({weakest} if full else set())

    assert memory.count == 6
    assert sorted(_values(memory)) == [0, 56, 57, 58, 59, 60]


def test_what_the_user_drew_is_never_replaced() -> None:
    """Neither the first frame nor a later keyframe, which counts double."""
    memory = _memory(1, 4)

    memory.add(*_sample(7), permanent=True)
    weights = memory.weights[:2].tolist()
    for value in range(20, 60):
        memory.add(*_sample(value))

    assert weights[1] == pytest.approx(0.2 / (1 / 0.9 + 0.2))
    assert sorted(_values(memory)) == [0, 7, 58, 59]


def test_more_keyframes_than_slots_still_fit() -> None:
    """The weakest keyframe goes."""
    memory = _memory(1, 2)

    for value in (1, 2, 3):
        memory.add(*_sample(value), permanent=True)

    assert memory.count == 2
    assert 3 in _values(memory)


def test_predictions_never_replace_keyframes() -> None:
    """Not even where keyframes alone fill the memory."""
    memory = _memory(1, 3)
    for value in (1, 2):
        memory.add(*_sample(value), permanent=True)

    memory.add(*_sample(9))

    assert _values(memory) == [0, 1, 2]


def test_a_saved_memory_goes_on_alike() -> None:
    """Also after more samples than it holds."""
    memory = _memory(2, 4)
    for value in (1, 2, 3):
        memory.add(*_sample(value))

    again = SampleMemory.from_state(memory.state_dict(), memory.config)
    for one in (memory, again):
        one.add(*_sample(9))

    assert _values(memory) == _values(again)
    assert torch.equal(memory.weights, again.weights)


def test_what_the_user_drew_keeps_its_share() -> None:
    """A quarter of the weights, in their proportions; the others share the rest in theirs."""
    fading, kept = _memory(1, 8), _memory(1, 8, drawn=0.25)
    for memory in (fading, kept):
        memory.add(*_sample(7), permanent=True)
    assert torch.equal(fading.samples[2], kept.samples[2])  # they still have more than that
    for memory in (fading, kept):
        for value in range(20, 60):
            memory.add(*_sample(value))

    before, after = fading.samples[2], kept.samples[2]

    assert before[:2].sum() < 0.05
    assert after[:2].sum() == pytest.approx(0.25)
    assert after.sum() == pytest.approx(1)
    assert torch.allclose(after[:2] / after[0], before[:2] / before[0])
    assert torch.allclose(after[2:] / after[2], before[2:] / before[2])
