"""OpenVINO without its telemetry: it would tell its makers, over the network, of each import."""

from __future__ import annotations

import sys

_TELLS = "openvino_telemetry"

_hidden = _TELLS not in sys.modules
if _hidden:
    sys.modules[_TELLS] = None  # type: ignore[assignment]  # as if it were not installed
try:
    import openvino
    from openvino import opset13 as ops
finally:
    if _hidden:
        del sys.modules[_TELLS]

__all__ = ["openvino", "ops"]
