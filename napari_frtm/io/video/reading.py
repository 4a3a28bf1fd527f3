"""Errors of the libraries that read files, turned into errors for the user."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_frtm.errors import VideoError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn whatever a library raises while reading `path` into a `VideoError`."""
    try:
        yield
    except VideoError:
        raise
    except FileNotFoundError as error:
        raise VideoError(f"{path} is not there (any more). Check the path.") from error
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise VideoError(
            f"{path.name} cannot be read ({reason}). Is it complete, and of the kind that its "
            f"name says? Full path: {path}"
        ) from error
