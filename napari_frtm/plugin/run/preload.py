"""What has to be done before torch is loaded beside a viewer.

Threads of OpenMP that wait for each other must sleep: spinning, they take the cores from the viewer
and from themselves. And triton, which torch brings on Linux, must not crash beside OpenGL: it
contains LLVM. So do OpenGL drivers of Mesa (software rendering, AMD), in another version and with
symbols visible to the whole process. Once napari has drawn with such a driver, loading triton binds
to the driver's LLVM and ends the process with a segmentation fault. ``RTLD_DEEPBIND`` makes triton
prefer its own. Loading torch before napari draws would help too, but a plugin is not asked then,
and opening a widget must not take the seconds that torch takes.

The viewer stands still while another thread holds Python's lock: as long as a library of torch is
mapped, and as long as all objects are searched for garbage, which a large import sets off several
times. So the libraries are mapped beforehand, without the lock; and see `without_collection`.

On Windows, Qt may have loaded an older C++ runtime than torch needs, and then torch cannot load
any more. All that helps is to load it first, and that is what the user is told.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from napari_frtm.errors import FrtmError

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAPS = Path("/proc/self/maps")  # libraries in this process; on Linux only
_LIBRARIES = {"libtorch_global_deps.so": "RTLD_GLOBAL", "libtorch_python.so": "RTLD_LOCAL"}
_ADVICE = (
    "Start napari so that torch comes before Qt: "
    'python -c "import torch, napari; napari.Viewer(); napari.run()". On Windows also install '
    "the newest Visual C++ Redistributable of Microsoft."
)


def prepare_for_torch() -> None:
    """Do it; later calls, or calls once torch is loaded, change nothing.

    Raises
    ------
    FrtmError
        If torch cannot be loaded, with what helps.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    load_triton()
    try:
        if "torch" not in sys.modules:
            _map_libraries()
        import_module("napari_frtm.engine.networks.backbone")
    except OSError as error:  # a library of torch does not load
        raise FrtmError(f"torch cannot be loaded: {error} {_ADVICE}") from error


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


def _map_libraries() -> None:
    """Map the libraries of torch, on Linux; the C function is called without Python's lock."""
    spec = find_spec("torch")
    if sys.platform != "linux" or spec is None or spec.origin is None:
        return
    load = ctypes.CDLL(None).dlopen
    load.argtypes, load.restype = (ctypes.c_char_p, ctypes.c_int), ctypes.c_void_p
    for name, scope in _LIBRARIES.items():
        load(os.fsencode(Path(spec.origin).parent / "lib" / name), os.RTLD_NOW | getattr(os, scope))


@contextmanager
def without_collection() -> Iterator[None]:
    """Collect no garbage while torch and a network load; what they made then counts as old."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.unfreeze()
        if was_enabled:
            gc.enable()


def _driver_has_llvm() -> bool:
    return _MAPS.exists() and "libLLVM" in _MAPS.read_text(errors="replace")
