"""What has to be done before torch is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from napari_frtm.errors import FrtmError
from napari_frtm.plugin.run import preload

if TYPE_CHECKING:
    from types import ModuleType


def test_a_torch_that_does_not_load_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows says that a DLL failed; the user learns how to start napari instead."""

    def fail(name: str) -> ModuleType:
        raise OSError("[WinError 1114] A dynamic link library (DLL) initialization routine failed.")

    monkeypatch.setattr(preload, "import_module", fail)
    monkeypatch.setattr(preload, "load_triton", lambda: None)

    with pytest.raises(FrtmError, match=r"WinError 1114.*import torch, napari"):
        preload.prepare_for_torch()
