"""Keys: free in napari, bound while a dock is open, and never at the expense of others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from napari import layers
from napari.utils import key_bindings
from napari.utils.shortcuts import default_shortcuts
from qtpy.QtWidgets import QLabel, QWidget

from napari_frtm.plugin import commands
from napari_frtm.plugin.keys import KEYS, bind, follow, is_bound, obstacle, unbind

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot

    from napari_frtm.plugin.keys import Key

DOCS = Path(__file__).parents[2] / "docs" / "keys.md"
NEXT = next(key for key in KEYS if key.command is commands.next_doubtful)


@pytest.fixture
def viewer(make_napari_viewer: Callable[[], Viewer]) -> Viewer:
    """Return a viewer; napari binds its own keys when one is built."""
    return make_napari_viewer()


def _own_keys(kind: type) -> set[str]:
    """Return the keys that napari has bound on a type of layer, or of viewer."""
    maps = [vars(base).get("class_keymap", {}) for base in kind.__mro__]
    return {str(binding) for keymap in maps for binding in keymap}


def test_no_key_is_given_twice() -> None:
    """Nor a command."""
    assert len({str(key.binding) for key in KEYS}) == len(KEYS)
    assert len({key.command for key in KEYS}) == len(KEYS)


def test_keys_are_free_in_napari(viewer: Viewer) -> None:
    """On the viewer, in its menus, and on the layers one works on: the video and the labels."""
    from napari._app_model import get_app_model

    taken = _own_keys(type(viewer)) | _own_keys(layers.Image) | _own_keys(layers.Labels)
    taken |= {str(rule.keybinding) for rule in get_app_model().keybindings}

    assert {"V", "Space", "O", "E", "Ctrl+S"} <= taken  # it was looked in the right place
    assert not {str(key.binding) for key in KEYS} & taken


def test_keys_are_free_in_napari_default_shortcuts() -> None:
    """Of the viewer, of images and of labels, by what the actions are called."""
    other = ("points", "shape", "vertex", "surface", "tracks", "vectors", "slice", "add_", "select")
    other += ("direct_mode", "copy", "paste")
    ours = {str(key.binding) for key in KEYS}

    clashes = {
        action
        for action, bindings in default_shortcuts.items()
        if ours & {str(binding) for binding in bindings}
    }

    assert all(any(word in action for word in other) for action in clashes), clashes


def test_bind_and_unbind(viewer: Viewer) -> None:
    """Twice is as once."""
    bind(viewer)
    bind(viewer)
    assert all(is_bound(viewer, key) for key in KEYS)

    unbind(viewer)
    unbind(viewer)
    assert not viewer.keymap


def test_a_taken_key_is_left_alone(viewer: Viewer) -> None:
    """By another plugin, before us."""

    def theirs(viewer: Viewer) -> None: ...

    viewer.bind_key("n", theirs)

    bind(viewer)

    assert viewer.keymap[NEXT.binding] is theirs
    assert not is_bound(viewer, NEXT)
    assert "Taken" in obstacle(viewer, NEXT)
    unbind(viewer)
    assert viewer.keymap == {NEXT.binding: theirs}


def test_a_key_taken_later_is_left_alone(viewer: Viewer) -> None:
    """By the user, who overwrites ours."""

    def theirs(viewer: Viewer) -> None: ...

    bind(viewer)
    viewer.bind_key("n", theirs, overwrite=True)

    unbind(viewer)

    assert viewer.keymap == {NEXT.binding: theirs}


def test_keys_of_the_user_come_first(viewer: Viewer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that hold everywhere in napari."""
    monkeypatch.setitem(key_bindings.USER_KEYMAP, NEXT.binding, print)

    bind(viewer)

    assert not is_bound(viewer, NEXT)


@pytest.mark.parametrize("kind", ["add_image", "add_labels", "add_points", "add_shapes"])
def test_keys_of_layers_keep_working(viewer: Viewer, kind: str) -> None:
    """Whatever layer is active."""
    layer = getattr(viewer, kind)(np.zeros((4, 8, 8), np.uint8) if kind[4] in "il" else None)
    handler = viewer.window._qt_viewer._key_map_handler
    before = {str(key) for key in handler.active_keymap}

    bind(viewer)

    own = _own_keys(type(layer)) | _own_keys(type(viewer))
    assert own <= before
    for binding, call in handler.active_keymap.items():
        if str(binding) in own:
            assert call.__func__ not in {key.command for key in KEYS}


def test_says_on_which_layers_napari_has_the_key(viewer: Viewer) -> None:
    """Points and Shapes, which are not used for masks."""
    notes = {key.name: obstacle(viewer, key) for key in KEYS}

    assert "on Points and Shapes layers" in notes["S"]
    assert "on Shapes layers" in notes["R"]
    assert not any("Image" in note or "Labels" in note for note in notes.values())
    assert not notes["N"]


def test_keys_are_bound_while_a_dock_is_open(viewer: Viewer) -> None:
    """The first that opens binds them, the last that closes unbinds them."""
    docks = []
    for name in ("one", "two"):
        inside = QLabel(name)
        follow(viewer, inside)
        assert bool(viewer.keymap) is bool(docks)
        docks.append(viewer.window.add_dock_widget(inside, name=name))
        assert is_bound(viewer, NEXT)

    viewer.window.remove_dock_widget(docks[0])
    assert is_bound(viewer, NEXT)
    viewer.window.remove_dock_widget(docks[1])
    assert not viewer.keymap


def test_keys_rest_while_the_dock_is_hidden(
    make_napari_viewer: Callable[..., Viewer], qtbot: QtBot
) -> None:
    """As napari's menu does it; but not while it is behind the tab of another dock."""
    viewer = make_napari_viewer(show=True)
    inside = QLabel("ours")
    follow(viewer, inside)
    dock = viewer.window.add_dock_widget(inside, name="ours")
    qtbot.waitUntil(inside.isVisible)

    dock.setVisible(False)
    assert not viewer.keymap
    dock.setVisible(True)
    assert is_bound(viewer, NEXT)
    other = viewer.window.add_dock_widget(QWidget(), name="other", tabify=True)
    other.raise_()
    qtbot.wait(50)
    assert is_bound(viewer, NEXT)


def _row(key: Key) -> str:
    return f"| `{key.name}` | {key.does} |"


def test_docs_list_the_keys() -> None:
    """All of them, in the same words and order, and no others."""
    rows = [line for line in DOCS.read_text().splitlines() if line.startswith("| `")]

    assert rows == [_row(key) for key in KEYS]
