"""Where F and S run in half precision."""

from __future__ import annotations

import pytest
import torch

from napari_frtm.engine.networks.network import has_half_precision


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        pytest.param(["avx512_bf16", "avx512_fp16", "amx_bf16"], True, id="Intel with AMX"),
        pytest.param(["avx512_bf16", "avx512_fp16"], False, id="Intel, AMX hidden"),
        pytest.param(["avx512_bf16"], True, id="AMD"),
        pytest.param([], False, id="none of them"),
    ],
)
def test_processors_in_half_precision(
    flags: list[str], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that are faster so."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: dict.fromkeys(flags, True))

    assert has_half_precision("cpu") is expected


def test_devices_in_half_precision() -> None:
    """CUDA, and no other kind of GPU."""
    assert has_half_precision("cuda:1")
    assert not has_half_precision("mps")
