"""Keys of the docks: which there are, and when they are bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari import layers
from napari.utils import key_bindings
from qtpy.QtCore import QEvent, QObject

from napari_frtm.plugin import commands

if TYPE_CHECKING:
    from collections.abc import Callable

    from app_model.types import KeyBinding
    from napari.viewer import Viewer
    from qtpy.QtWidgets import QWidget

_OPEN = "napari_frtm_keys"
"""Qt property of the docks that want the keys: whether they are open."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key.

    Attributes
    ----------
    name : str
        As napari writes it, such as ``Shift-N``.
    command : callable
        What it calls, with the viewer.
    does : str
        What it does, in the user's words.
    """

    name: str
    command: Callable[[Viewer], None]
    does: str

    @property
    def binding(self) -> KeyBinding:
        """The key, as napari compares it."""
        binding: KeyBinding = key_bindings.coerce_keybinding(self.name)
        return binding


# free on the viewer and on Image and Labels layers, which keep their own keys: so no plain O
KEYS = (
    Key("S", commands.start_or_pause, "Start; while a run is under way, pause it or go on"),
    Key("R", commands.propagate_from_here, "From here: propagate the correction of this frame"),
    Key("Q", commands.cancel, "Cancel the run; finished frames stay"),
    Key("U", commands.undo, "Undo the last run, clean-up or change of objects as a whole"),
    Key("Shift-U", commands.redo, "Redo what was undone last"),
    Key("Shift-I", commands.set_in, "In: let the range begin at the displayed frame"),
    Key("Shift-O", commands.set_out, "Out: let the range end at the displayed frame"),
    Key("K", commands.toggle_keyframe, "Make the displayed frame a keyframe, or no longer"),
    Key("G", commands.toggle_frozen, "Freeze the displayed frame, or give it free again"),
    Key(".", commands.next_keyframe, "Go to the next keyframe"),
    Key(",", commands.previous_keyframe, "Go to the previous keyframe"),
    Key("N", commands.next_doubtful, "Go to the next doubtful frame"),
    Key("Shift-N", commands.previous_doubtful, "Go to the previous doubtful frame"),
    Key("W", commands.next_look, "Next view: masks, alpha, outline, backgrounds, onion skin"),
    Key("H", commands.show_keys, "Show these keys, or hide them"),
)


def follow(viewer: Viewer, dock: QWidget) -> None:
    """Bind the keys while a dock is open, that is neither closed nor hidden by the user.

    Call it once, when the dock is built. With several docks, the keys are bound while one is open.
    """
    dock.installEventFilter(_Watch(viewer, dock))


def bind(viewer: Viewer) -> None:
    """Bind the keys that are free on the viewer; others stay whose they are."""
    for key in KEYS:
        if not _is_taken(viewer, key):
            viewer.bind_key(key.name, key.command)


def unbind(viewer: Viewer) -> None:
    """Unbind the keys that `bind` has bound, unless somebody else has taken them since."""
    for key in KEYS:
        if is_bound(viewer, key):
            viewer.bind_key(key.name, None)


def is_bound(viewer: Viewer, key: Key) -> bool:
    """Whether a key does now what the table says."""
    return viewer.keymap.get(key.binding) is key.command


def obstacle(viewer: Viewer, key: Key) -> str:
    """Return where a key does something else, for the user; empty if nowhere."""
    if not is_bound(viewer, key) and _is_taken(viewer, key):
        return "Taken by napari, by yourself or by another plugin."
    kinds = [kind.__name__ for kind in _LAYERS if _has(kind, key.binding)]
    if not kinds:
        return ""
    return f"Napari's own key on {' and '.join(kinds)} layers."


_LAYERS = (
    layers.Image,
    layers.Labels,
    layers.Points,
    layers.Shapes,
    layers.Surface,
    layers.Tracks,
    layers.Vectors,
)


def _is_taken(viewer: Viewer, key: Key) -> bool:
    maps = (key_bindings.USER_KEYMAP, viewer.keymap)
    return any(key.binding in keymap for keymap in maps) or _has(type(viewer), key.binding)


def _has(kind: type, binding: KeyBinding) -> bool:
    """Whether a type of layer, or of viewer, has a key of its own."""
    return any(binding in vars(base).get("class_keymap", {}) for base in kind.__mro__)


class _Watch(QObject):  # type: ignore[misc]
    """Notices when a dock is opened, hidden and closed."""

    def __init__(self, viewer: Viewer, dock: QWidget) -> None:
        super().__init__(dock)
        self._viewer = viewer

    def eventFilter(self, dock: QWidget, event: QEvent) -> bool:
        """Bind or unbind; let every event pass."""
        around = dock.parentWidget()
        if event.type() in (QEvent.Type.Show, QEvent.Type.ParentChange):
            self._set_open(dock, around is not None)
        elif event.type() == QEvent.Type.Hide:  # of the dock, or of the window, minimised
            self._set_open(dock, around is not None and not around.isHidden())
        return False

    def _set_open(self, dock: QWidget, is_open: bool) -> None:
        dock.setProperty(_OPEN, is_open)
        others = self._viewer.window.dock_widgets.values()
        if is_open or any(other.property(_OPEN) for other in others if hasattr(other, "property")):
            bind(self._viewer)
        else:
            unbind(self._viewer)
