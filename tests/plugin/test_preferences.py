"""What the user prefers, as napari keeps it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import napari.settings
import pytest
from npe2 import PluginManifest

from napari_frtm.config import PRESETS
from napari_frtm.plugin.preferences import PLUGIN, Place, Preferences, preferences

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari.viewer import Viewer
    from npe2._pytest_plugin import TestPluginManager
    from pytestqt.qtbot import QtBot


needs_plugin_settings = pytest.mark.skipif(
    not hasattr(napari.settings, "get_plugin_settings"), reason="napari keeps them from 0.9 on"
)


@pytest.fixture
def registered(npe2pm: TestPluginManager, plugin_settings: None) -> None:
    """Have napari know this plugin alone, without settings from before."""
    npe2pm.register(PluginManifest.from_distribution(PLUGIN))


@needs_plugin_settings
@pytest.mark.usefixtures("registered")
def test_defaults_are_those_of_the_manifest() -> None:
    """Said twice, since napari reads the manifest without us."""
    contributions = PluginManifest.from_distribution(PLUGIN).contributions
    properties = {
        name: setting
        for group in contributions.configurations.values()
        for name, setting in group.properties.items()
    }

    assert preferences() == Preferences()
    assert {name: setting.default for name, setting in properties.items()} == asdict(Preferences())
    assert tuple(properties["preset"].enum) == PRESETS
    assert tuple(properties["place"].enum) == tuple(Place)


def test_choices_are_those_of_the_form() -> None:
    """So that each can be shown there."""
    from napari_frtm.plugin.docks.propagate import options

    contributions = PluginManifest.from_distribution(PLUGIN).contributions
    runs = contributions.configurations["runs"].properties

    assert tuple(runs["masks"].enum) == tuple(options.Masks)
    assert tuple(runs["device"].enum) == options.DEVICES


@needs_plugin_settings
@pytest.mark.usefixtures("registered")
def test_what_is_set_is_kept(tmp_path: Path) -> None:
    """In napari's folder, and at once."""
    from napari.settings import get_plugin_settings

    settings = get_plugin_settings(PLUGIN)
    settings.runs.preset = "accurate"
    settings.runs.short_side = 720
    settings.sessions.place = Place.DATA.value

    assert preferences() == Preferences(preset="accurate", short_side=720, place=Place.DATA)
    assert "preset: accurate" in (tmp_path / "napari-frtm.yaml").read_text()


@needs_plugin_settings
@pytest.mark.usefixtures("registered")
def test_what_is_no_choice_is_left_out(tmp_path: Path) -> None:
    """A preset of a later version, say, in the user's file."""
    (tmp_path / "napari-frtm.yaml").write_text("runs:\n  preset: huge\n  device: cpu\n")

    found = preferences()

    assert found == Preferences(device="cpu")


@needs_plugin_settings
def test_there_are_defaults_where_the_plugin_is_unknown(
    npe2pm: TestPluginManager, plugin_settings: None
) -> None:
    """Switched off in napari, or used without it."""
    assert preferences() == Preferences()


def test_there_are_defaults_before_napari_0_9(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which has no settings of plugins."""
    monkeypatch.delattr("napari.settings.get_plugin_settings", raising=False)

    assert preferences() == Preferences()


@needs_plugin_settings
@pytest.mark.usefixtures("registered")
def test_preferences_dialog_changes_them(
    make_napari_viewer: Callable[[], Viewer], qtbot: QtBot
) -> None:
    """By its own widgets."""
    from napari._qt.dialogs.preferences_dialog import PreferencesDialog
    from qtpy.QtWidgets import QCheckBox, QComboBox

    make_napari_viewer()
    dialog = PreferencesDialog()
    qtbot.addWidget(dialog)
    names = [dialog._list.item(row).text() for row in range(dialog._list.count())]
    page = dialog._stack.widget(names.index("FRTM"))
    (preset,) = [box for box in page.findChildren(QComboBox) if box.findText("accurate") >= 0]

    preset.setCurrentText("accurate")
    page.findChildren(QCheckBox)[0].setChecked(False)

    assert preferences() == Preferences(preset="accurate", saves=False)
