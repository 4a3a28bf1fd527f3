"""Packages that only some exports need."""

from __future__ import annotations

from importlib import import_module
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
        raise OutputError(
            f"{purpose} needs the package {package.partition('.')[0]}, which is not installed. "
            "Install it with: pip install 'napari-frtm[export]'"
        ) from error
