"""Text inputs: a list of objects, a folder."""

from __future__ import annotations

import re
from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QToolButton, QWidget

from napari_frtm.errors import FrtmError


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
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
        if match is None or int(match[1]) == 0:
            raise FrtmError(f"Objects: '{part}' is no label. Write labels such as 1, 3-5.")
        objects.update(range(int(match[1]), int(match[2] or match[1]) + 1))
    return frozenset(objects) if parts else None


class FolderEdit(QWidget):  # type: ignore[misc]
    """The path of a folder, typed or chosen."""

    def __init__(self) -> None:
        super().__init__()
        self.text = QLineEdit()
        self.text.setPlaceholderText("not saved")
        self.button = QToolButton()
        self.button.setText("…")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.text, 1)
        layout.addWidget(self.button)
        self.button.clicked.connect(self._choose)

    @property
    def path(self) -> Path | None:
        """The folder; None if the field is empty."""
        text = self.text.text().strip()
        return Path(text).expanduser() if text else None

    @path.setter
    def path(self, path: Path | None) -> None:
        self.text.setText("" if path is None else str(path))
        self.text.setCursorPosition(len(self.text.text()))

    def _choose(self) -> None:
        start = self.path.parent if self.path is not None else Path.home()
        chosen = QFileDialog.getExistingDirectory(self, "Folder for this session", str(start))
        if chosen:
            self.path = Path(chosen)
