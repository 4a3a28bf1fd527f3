"""Whether OpenVINO computes F and S, and that masks do not depend on it."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import platformdirs
import pytest
import torch

import napari_frtm
from napari_frtm.config import preset
from napari_frtm.engine.tracking.propagate import propagate
from napari_frtm.io.labels import read_labels
from napari_frtm.io.video.opening import open_video
from napari_frtm.io.weights import acceleration, eight_bits
from napari_frtm.io.weights.acceleration import SWITCH
from napari_frtm.io.weights.checkpoint import load_network

if TYPE_CHECKING:
    from napari_frtm.engine.networks.compiled import Part
    from napari_frtm.io.weights.acceleration import Form, Times

OPENVINO = "napari_frtm.engine.networks.untold"
"""What imports it without its telemetry."""

BYTES_ADD_UP = acceleration._bytes_add_up

SAMPLES = Path(napari_frtm.__file__).parent / "sample_data"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder for what was measured; OpenVINO is as if nobody had set anything."""
    pytest.importorskip(OPENVINO, reason="openvino is not installed")
    monkeypatch.delenv(SWITCH)
    monkeypatch.setattr(acceleration, "_bytes_add_up", lambda: True)
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *_, **__: str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Times]:
    """Return what was measured, each time: OpenVINO is faster at F alone."""
    times: list[Times] = []

    def compare(*_: object) -> Times:
        slow: dict[Form, float] = {"torch": 2.0, "f32": 1.9, "8 bits": 1.8}
        times.append({"F": slow | {"f32": 1.0, "8 bits": 0.85}, "S": slow | {"8 bits": 1.81}})
        return times[-1]

    monkeypatch.setattr(acceleration, "compare", compare)
    return times


def _parts() -> frozenset[Part] | None:
    """Return what OpenVINO computes of the embedded network."""
    compiled = load_network(preset("lite"), device="cpu").compiled
    return None if compiled is None else compiled.parts


def _place() -> str:
    return load_network(preset("lite"), device="cpu").place


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


@pytest.mark.parametrize(
    "content",
    ["", "[]", '{"seconds": {"F": [1, 2]}}', '{"seconds": {"F": {"torch": 1}}}', '{"seconds": 3}'],
)
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


@pytest.mark.parametrize(
    ("switch", "expected"),
    [("0", "cpu"), ("1", "cpu (OpenVINO)"), ("int8", "cpu (OpenVINO, 8 bits)")],
)
def test_the_user_may_choose(
    switch: str, expected: str, measured: list[Times], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is measured then."""
    monkeypatch.setenv(SWITCH, switch)

    assert _place() == expected
    assert measured == []


@pytest.mark.parametrize(("switch", "expected"), [("", "8 bits"), ("f32", "OpenVINO")])
def test_8_bits_are_chosen_where_they_are_faster(
    switch: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless the user wants single precision."""

    def compare(_: object, forms: dict[Form, object]) -> Times:
        seconds: dict[Form, float] = {"torch": 4.0, "f32": 3.0, "8 bits": 2.0}
        by = {form: s for form, s in seconds.items() if form == "torch" or form in forms}
        return {"F": by, "S": by}

    monkeypatch.setattr(acceleration, "compare", compare)
    monkeypatch.setenv(SWITCH, switch)

    assert [_place(), _place()] == [f"cpu ({expected})".replace("(8", "(OpenVINO, 8")] * 2


@pytest.mark.parametrize(
    ("flags", "tried"),
    [
        ({"avx2": True, "avx512_vnni": False}, {"f32"}),
        ({"avx2": True, "avx_vnni": True}, {"f32", "8 bits"}),
        ({"neon": True}, {"f32", "8 bits"}),
    ],
)
def test_8_bits_are_not_tried_where_they_overflow(
    flags: dict[str, bool], tried: set[Form], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On x86 without VNNI, however fast they are there."""
    monkeypatch.setattr(acceleration, "_bytes_add_up", BYTES_ADD_UP)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: flags, raising=False)
    seen: list[set[Form]] = []

    def compare(_: object, forms: dict[Form, object]) -> Times:
        seen.append(set(forms))
        return {"F": {"torch": 1.0}, "S": {"torch": 1.0}}

    monkeypatch.setattr(acceleration, "_times", compare)
    load_network(preset("lite"), device="cpu")

    assert seen == [tried]


def test_each_part_has_its_own_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """F in single precision, S in 8 bits."""
    seconds: Times = {
        "F": {"torch": 2.0, "f32": 1.0, "8 bits": 1.0},
        "S": {"torch": 2.0, "f32": 2.0, "8 bits": 1.0},
    }
    monkeypatch.setattr(acceleration, "compare", lambda *_: seconds)

    compiled = load_network(preset("lite"), device="cpu").compiled

    assert compiled is not None
    assert compiled.parts == {"F", "S"}
    assert compiled.in_8_bits == {"S"}


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

    times = acceleration.compare(network, {"f32": compiled})

    assert set(times) == expected
    assert all(set(by) == {"torch", "f32"} for by in times.values())
    assert all(0 < seconds < 60 for by in times.values() for seconds in by.values())


def test_what_fails_is_not_chosen(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    """Nor taken for fast, nor remembered."""
    monkeypatch.setattr("napari_frtm.engine.networks.compiled.CompiledGraph.__init__", None)

    assert _parts() == frozenset()
    assert not cache.exists()


@pytest.mark.slow
@pytest.mark.parametrize(("switch", "least"), [("1", 0.99), ("int8", 0.97)])
def test_masks_are_the_same(switch: str, least: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the bundled clip, nearly to the last pixel."""
    video = open_video(SAMPLES / "roto.mp4")
    drawn, config = {0: read_labels(SAMPLES / "roto_mask.png")}, preset("lite")
    masks = {}
    for each in ("0", switch):
        monkeypatch.setenv(SWITCH, each)
        network = load_network(config, device="cpu")
        network.half_precision = False
        run = propagate(network, config, video.frames, drawn, contrast=video.contrast)
        masks[each] = np.stack([one.labels > 0 for one in islice(run, 12)])
        assert ("OpenVINO" in network.place) == (each != "0")

    by_torch, by_openvino = masks.values()

    assert (by_torch & by_openvino).sum() / (by_torch | by_openvino).sum() > least


@pytest.mark.parametrize("content", [None, b"", b"damaged"], ids=["missing", "empty", "damaged"])
def test_without_its_graphs_it_is_single_precision(
    content: bytes | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With one warning."""
    path = tmp_path / "graphs.safetensors"
    if content == b"damaged":
        content = bytearray(eight_bits.FILE.read_bytes())
        content[-1000] ^= 1
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setattr(eight_bits, "FILE", path)
    monkeypatch.setenv(SWITCH, "int8")

    assert _place() == "cpu (OpenVINO)"
    (record,) = caplog.records
    assert "single precision: graphs.safetensors" in record.getMessage()
