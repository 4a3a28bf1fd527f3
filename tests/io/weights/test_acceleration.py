"""Whether OpenVINO computes F and S, and that masks do not depend on it."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import platformdirs
import pytest

import napari_frtm
from napari_frtm.config import preset
from napari_frtm.engine.tracking.propagate import propagate
from napari_frtm.io.labels import read_labels
from napari_frtm.io.video.opening import open_video
from napari_frtm.io.weights import acceleration
from napari_frtm.io.weights.acceleration import SWITCH
from napari_frtm.io.weights.checkpoint import load_network

if TYPE_CHECKING:
    from napari_frtm.engine.networks.compiled import Part
    from napari_frtm.io.weights.acceleration import Times

OPENVINO = "napari_frtm.engine.networks.untold"
"""What imports it without its telemetry."""

SAMPLES = Path(napari_frtm.__file__).parent / "sample_data"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder for what was measured; OpenVINO is as if nobody had set anything."""
    pytest.importorskip(OPENVINO, reason="openvino is not installed")
    monkeypatch.delenv(SWITCH)
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *_, **__: str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Times]:
    """Return what was measured, each time: OpenVINO is faster at F alone."""
    times: list[Times] = []

    def compare(*_: object) -> Times:
        times.append({"F": (2.0, 1.0), "S": (2.0, 1.9)})
        return times[-1]

    monkeypatch.setattr(acceleration, "compare", compare)
    return times


def _parts() -> frozenset[Part] | None:
    """Return what OpenVINO computes of the embedded network."""
    compiled = load_network(preset("lite"), device="cpu").compiled
    return None if compiled is None else compiled.parts


def test_what_is_faster_is_chosen_and_remembered(measured: list[Times]) -> None:
    """A later process decides the same, so that a run goes on with the same numbers."""
    found = [_parts() for _ in range(3)]

    assert found == [{"F"}] * 3
    assert len(measured) == 1


def test_another_number_of_threads_is_another_machine(
    measured: list[Times], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So is another processor, or version of torch."""
    _parts()

    monkeypatch.setattr("torch.get_num_threads", lambda: 77)
    _parts()

    assert len(measured) == 2


@pytest.mark.parametrize("content", ["", "[]", '{"seconds": {"F": [1, "?"]}}', '{"seconds": 3}'])
def test_what_is_damaged_is_measured_again(
    content: str, measured: list[Times], cache: Path
) -> None:
    """Without a word."""
    _parts()
    (kept,) = (cache / "openvino").iterdir()
    kept.write_text(content)

    assert _parts() == {"F"}
    assert len(measured) == 2


def test_a_cache_that_cannot_be_written_is_none(measured: list[Times], cache: Path) -> None:
    """It is measured each time then."""
    cache.write_text("a file")

    assert [_parts(), _parts()] == [{"F"}, {"F"}]
    assert len(measured) == 2


@pytest.mark.parametrize(("switch", "expected"), [("0", None), ("1", {"F", "S"})])
def test_the_user_may_choose(
    switch: str, expected: set[str] | None, measured: list[Times], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is measured then."""
    monkeypatch.setenv(SWITCH, switch)

    assert _parts() == expected
    assert measured == []


def test_without_it_all_is_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """It need not be installed."""
    monkeypatch.setattr(acceleration, "_version", lambda _: None)

    network = load_network(preset("lite"), device="cpu")

    assert network.compiled is None
    assert network.place == "cpu"


@pytest.mark.parametrize(
    ("variant", "expected"), [("full", {"F", "S"}), ("d-only", {"F"})], ids=["F and S", "F"]
)
def test_both_are_measured(variant: str, expected: set[str]) -> None:
    """What there is of them."""
    network = load_network(preset("lite", variant), device="cpu")
    compiled = acceleration.CompiledNetworks(network.backbone, network.segmentation)

    times = acceleration.compare(network, compiled)

    assert set(times) == expected
    assert all(0 < seconds < 60 for both in times.values() for seconds in both)


def test_what_fails_is_not_chosen(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    """Nor taken for fast, nor remembered."""
    monkeypatch.setattr("napari_frtm.engine.networks.compiled.CompiledGraph.__init__", None)

    assert _parts() == frozenset()
    assert not cache.exists()


@pytest.mark.slow
def test_masks_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the bundled clip, nearly to the last pixel."""
    video = open_video(SAMPLES / "roto.mp4")
    drawn, config = {0: read_labels(SAMPLES / "roto_mask.png")}, preset("lite")
    masks = {}
    for switch in ("0", "1"):
        monkeypatch.setenv(SWITCH, switch)
        network = load_network(config, device="cpu")
        network.half_precision = False
        run = propagate(network, config, video.frames, drawn, contrast=video.contrast)
        masks[switch] = np.stack([one.labels > 0 for one in islice(run, 12)])

    by_torch, by_openvino = masks.values()

    assert (by_torch & by_openvino).sum() / (by_torch | by_openvino).sum() > 0.99
