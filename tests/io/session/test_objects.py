"""Names and parents of objects in a session folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from napari_frtm.io.session.files import SessionError
from napari_frtm.io.session.objects import SessionObject, load_objects, save_objects

if TYPE_CHECKING:
    from pathlib import Path


def test_objects_come_back(tmp_path: Path) -> None:
    """Names of any script, and parents."""
    objects = {3: SessionObject(name="Öhrchen 左"), 300: SessionObject(parent=3)}

    save_objects(tmp_path, objects)

    assert load_objects(tmp_path) == objects
    assert [path.name for path in tmp_path.iterdir()] == ["objects.json"]


def test_there_may_be_none(tmp_path: Path) -> None:
    """Sessions of before have no such file."""
    assert load_objects(tmp_path) == {}


@pytest.mark.parametrize(
    "text",
    ['{"1": {"name": "a"', "[]", '{"one": {}}', '{"1": {"parent": "mother"}}', '{"1": 2}'],
)
def test_damaged_files_are_named(tmp_path: Path, text: str) -> None:
    """With what to do."""
    (tmp_path / "objects.json").write_text(text)

    with pytest.raises(SessionError, match=r"objects.json is damaged .* Delete it"):
        load_objects(tmp_path)


def test_unknown_words_are_left(tmp_path: Path) -> None:
    """Newer versions may say more."""
    (tmp_path / "objects.json").write_text('{"1": {"colour": "red"}}')

    assert load_objects(tmp_path) == {1: SessionObject()}
