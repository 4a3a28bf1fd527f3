"""The list of keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_frtm.plugin.docks.keys import Keys
from napari_frtm.plugin.keys import KEYS, bind, unbind

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.viewer import Viewer


def _texts(panel: Keys) -> dict[str, tuple[str, bool, str]]:
    return {
        name.text(): (does.text(), name.isEnabled(), note.text())
        for name, does, note in panel.rows.values()
    }


def test_lists_every_key(make_napari_viewer: Callable[[], Viewer]) -> None:
    """With what it does."""
    viewer = make_napari_viewer()
    bind(viewer)

    panel = Keys(viewer)

    shown = _texts(panel)
    assert {name: does for name, (does, _, _) in shown.items()} == {k.name: k.does for k in KEYS}
    assert all(enabled for _, enabled, _ in shown.values())
    assert "Click on the picture" in panel.state.text()
    panel.deleteLater()


def test_greys_keys_that_are_not_bound(make_napari_viewer: Callable[[], Viewer]) -> None:
    """All while no dock is open, else those that are taken; and says by whom."""
    viewer = make_napari_viewer()
    _, panel = viewer.window.add_plugin_dock_widget("napari-frtm", "Keys")
    assert not any(enabled for _, enabled, _ in _texts(panel).values())
    assert "while Propagate or Review is open" in panel.state.text()

    viewer.bind_key("k", print)
    bind(viewer)
    panel.look()

    assert [name for name, (_, enabled, _) in _texts(panel).items() if not enabled] == ["K"]
    assert "Taken by" in _texts(panel)["K"][2]
    unbind(viewer)


def test_fits_a_narrow_dock(make_napari_viewer: Callable[[], Viewer]) -> None:
    """Of 300 pixels: texts are wrapped, not cut off."""
    viewer = make_napari_viewer()
    panel = Keys(viewer)

    panel.resize(300, 400)
    panel.show()

    inside = panel.findChild(type(panel).__bases__[0], "inside")
    assert inside.width() <= 300
    assert inside.minimumSizeHint().width() <= 300
    panel.close()
    panel.deleteLater()
