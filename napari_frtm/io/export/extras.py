"""Packages that only some exports need."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from napari_frtm.errors import OutputError

if TYPE_CHECKING:
    from types import ModuleType


def extra(package: str, purpose: str) -> ModuleType:
    """Return a package of the optional extra ``export``.

    Raises
    ------
    OutputError
        If it is not installed; the message says how to get it.
    """
    try:
        return import_module(package)
    except ImportError as error:
        raise _absent(package, purpose) from error


def require(package: str, purpose: str) -> None:
    """Check that a package is there, without the time that its import takes.

    Raises
    ------
    OutputError
        If it is not installed; the message says how to get it.
    """
    if find_spec(package) is None:
        raise _absent(package, purpose)


def missing(package: str, matting: bool = False) -> str:
    """Return what has to be installed for a format's package, and matting; empty if nothing has.

    Nothing is imported.
    """
    needed = [package] if package else []
    needed += ["pymatting"] if matting else []
    absent = [name for name in needed if find_spec(name) is None]
    if not absent:
        return ""
    return f"Needs {' and '.join(absent)}: pip install 'napari-frtm[export]'"


def _absent(package: str, purpose: str) -> OutputError:
    return OutputError(
        f"{purpose} needs the package {package.partition('.')[0]}, which is not installed. "
        "Install it with: pip install 'napari-frtm[export]'"
    )
