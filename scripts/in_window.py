"""What the tours in a real napari window have in common: waiting, and pictures."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PIL import Image
from qtpy.QtWidgets import QApplication

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import napari

PATIENCE = 600  # seconds


def wait(done: Callable[[], object], what: str) -> None:
    """Let napari work until something is true."""
    end = time.monotonic() + PATIENCE
    while not done():
        QApplication.processEvents()
        time.sleep(0.005)
        if time.monotonic() > end:
            raise TimeoutError(f"Waited {PATIENCE} s for: {what}.")


def rest(seconds: float = 1.0) -> None:
    """Let napari draw and save."""
    end = time.monotonic() + seconds
    wait(lambda: time.monotonic() > end, "a moment")


def take(viewer: napari.Viewer, path: Path) -> None:
    """Save a picture of the window."""
    rest()
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = viewer.window.screenshot(canvas_only=False, flash=False)[..., :3]
    Image.fromarray(picture).resize((1200, 760)).save(path, quality=82)
    print(path)
