"""Load triton, which torch brings on Linux, so that it does not crash beside OpenGL.

Triton contains LLVM. So do OpenGL drivers of Mesa (software rendering, AMD), in another version and
with symbols visible to the whole process. Once napari has drawn with such a driver, loading triton
binds to the driver's LLVM and ends the process with a segmentation fault. ``RTLD_DEEPBIND`` makes
triton prefer its own. Loading torch before napari draws would help as well, but a plugin is not
asked then, and opening a widget must not take the seconds that torch takes.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

_MAPS = Path("/proc/self/maps")  # libraries in this process; on Linux only


def load_triton() -> None:
    """Load triton if it is installed and the display driver's LLVM is in the process already."""
    if "triton" in sys.modules or not _driver_has_llvm() or find_spec("triton") is None:
        return
    flags = sys.getdlopenflags()
    sys.setdlopenflags(flags | os.RTLD_DEEPBIND)
    try:
        import_module("triton")
    finally:
        sys.setdlopenflags(flags)


def _driver_has_llvm() -> bool:
    return _MAPS.exists() and "libLLVM" in _MAPS.read_text(errors="replace")
