"""Text inputs: a list of objects, a folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from magicgui.widgets import FileEdit

from napari_frtm.errors import FrtmError

LARGEST_ID = 65535
"""Results are at most 16 bits wide."""


def parse_objects(text: str) -> frozenset[int] | None:
    """Return the labels that a text such as ``1, 3-5`` names; None if it is empty, for all.

    Raises
    ------
    FrtmError
        If it is anything else.
    """
    parts = text.replace(",", " ").split()
    objects: set[int] = set()
    for part in parts:
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", part, re.ASCII)
        if match is None or int(match[1]) == 0:
            raise FrtmError(f"Objects: '{part}' is no label. Write labels such as 1, 3-5.")
        first, last = int(match[1]), int(match[2] or match[1])
        if max(first, last) > LARGEST_ID:
            raise FrtmError(f"Objects: '{part}' is too large. Labels go up to {LARGEST_ID}.")
        if last < first:
            raise FrtmError(f"Objects: '{part}' names no label. Write the smaller one first.")
        objects.update(range(first, last + 1))
    return frozenset(objects) if parts else None


class FolderEdit(FileEdit):  # type: ignore[misc]
    """The path of a folder, typed or chosen; may be empty."""

    def __init__(self, placeholder: str = "", **options: Any) -> None:
        super().__init__(mode="d", nullable=True, **options)
        self.choose_btn.text = "…"
        self.choose_btn.max_width = 30
        self.line_edit.native.setPlaceholderText(placeholder)

    @property
    def path(self) -> Path | None:
        """The folder; None if the field is empty."""
        text = self.line_edit.value.strip()
        return Path(text).expanduser() if text else None

    @path.setter
    def path(self, path: Path | None) -> None:
        self.value = path
