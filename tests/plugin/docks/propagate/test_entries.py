"""Text inputs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from napari_frtm.errors import FrtmError
from napari_frtm.plugin.docks.propagate.entries import FolderEdit, parse_objects

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", None, id="all"),
        pytest.param(" 3 ", {3}, id="one"),
        pytest.param("1, 3-5", {1, 3, 4, 5}, id="several and a range"),
        pytest.param("2 4,6", {2, 4, 6}, id="spaces"),
        pytest.param("300, 65534-65535", {300, 65534, 65535}, id="the largest"),
    ],
)
def test_objects(text: str, expected: set[int] | None) -> None:
    """Numbers and ranges."""
    assert parse_objects(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        *((text, "Write labels such as") for text in ("fish", "0", "1-", "-2", "1.5", "²")),
        ("65536", "Labels go up to 65535"),
        ("1-99999999999", "Labels go up to 65535"),
        ("5-3", "Write the smaller one first"),
    ],
)
def test_no_objects(text: str, message: str) -> None:
    """The message shows what is wrong and how it should be."""
    with pytest.raises(FrtmError, match=message):
        parse_objects(text)


def test_folder(qtbot: QtBot) -> None:
    """Nothing, or a path; a tilde is the home folder."""
    edit = FolderEdit()
    qtbot.addWidget(edit.native)
    assert edit.path is None

    edit.path = Path("/data/clip.frtm")
    assert edit.path == Path("/data/clip.frtm")
    edit.line_edit.value = "~/clip.frtm"
    assert edit.path == Path.home() / "clip.frtm"
