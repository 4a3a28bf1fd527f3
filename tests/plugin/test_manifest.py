"""The manifest, and what it points at."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from app_model.types import SubmenuItem
from npe2 import PluginManifest
from npe2.manifest.contributions import Submenu

import napari_frtm

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.viewer import Viewer

MANIFEST = Path(napari_frtm.__path__[0]) / "napari.yaml"


@pytest.fixture(scope="module")
def manifest() -> PluginManifest:
    """Return the manifest, validated by npe2."""
    return PluginManifest.from_file(MANIFEST)


def test_is_found_by_its_entry_point(manifest: PluginManifest) -> None:
    """As napari does for an installed package."""
    found = PluginManifest.from_distribution("napari-frtm")

    assert found.contributions == manifest.contributions


def test_every_python_name_exists(manifest: PluginManifest) -> None:
    """And is callable."""
    for command in manifest.contributions.commands:
        assert command.id.startswith("napari-frtm.")
        module, name = command.python_name.split(":")
        assert callable(getattr(import_module(module), name))


def test_menus_are_open_to_plugins(manifest: PluginManifest) -> None:
    """Napari ignores contributions to its other menus."""
    from napari._app_model.constants._menus import is_menu_contributable

    assert manifest.contributions.menus
    assert all(is_menu_contributable(menu) for menu in manifest.contributions.menus)


def test_menu_items_are_in_napari(
    manifest: PluginManifest, make_napari_viewer: Callable[[], Viewer]
) -> None:
    """Commands, docks and submenus, where the manifest puts them."""
    from napari._app_model import get_app_model

    make_napari_viewer()
    menus = get_app_model().menus

    for menu, items in manifest.contributions.menus.items():
        shown = [item for group in menus.iter_menu_groups(menu) for item in group]
        found = {
            item.submenu if isinstance(item, SubmenuItem) else item.command.id for item in shown
        }
        wanted = {item.submenu if isinstance(item, Submenu) else item.command for item in items}
        assert wanted <= found, menu


def test_commands_run_from_the_menus(
    manifest: PluginManifest, make_napari_viewer: Callable[[], Viewer], messages: list[str]
) -> None:
    """With the viewer that napari hands them; in an empty one each says what is missing."""
    from napari._app_model import get_app_model

    viewer = make_napari_viewer()
    docks = {widget.command for widget in manifest.contributions.widgets}
    others = {
        command.id: command
        for command in manifest.contributions.commands
        if command.python_name.startswith("napari_frtm.plugin.commands:")
    }
    assert docks
    assert len(others) >= 14

    for command in others:
        messages.clear()
        get_app_model().commands.execute_command(command)
        assert len(messages) == 1, command
    viewer.window.remove_dock_widget("all")
    for count, command in enumerate(docks, start=1):
        get_app_model().commands.execute_command(command)
        assert len(viewer.window.dock_widgets) == count, command


def test_every_command_of_the_menus_and_keys_is_in_the_manifest(manifest: PluginManifest) -> None:
    """So that it is in napari's command palette; the list of keys is there as a dock."""
    from napari_frtm.plugin.keys import KEYS

    named = {command.python_name for command in manifest.contributions.commands}
    of_keys = {f"napari_frtm.plugin.commands:{key.command.__name__}" for key in KEYS}

    assert of_keys - named == {"napari_frtm.plugin.commands:show_keys"}


def test_movie_patterns_are_those_of_open_video(manifest: PluginManifest) -> None:
    """Every pattern that napari asks the reader about is one that it opens."""
    from napari_frtm.io.video.opening import supported

    (reader,) = manifest.contributions.readers

    assert all(supported(pattern.replace("*", "clip")) for pattern in reader.filename_patterns)


def test_plugin_imports_no_torch() -> None:
    """So that napari starts, and docks open, without waiting for it."""
    code = """
import sys
from importlib import import_module
from pkgutil import walk_packages
import napari_frtm.plugin as plugin
for module in walk_packages(plugin.__path__, "napari_frtm.plugin."):
    import_module(module.name)
    assert "torch" not in sys.modules, module.name
"""

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_widgets_open_without_torch(manifest: PluginManifest) -> None:
    """The network is loaded when a run starts, in its thread."""
    code = """
import sys
from importlib import import_module
from napari.components import ViewerModel
from qtpy.QtWidgets import QApplication
from napari_frtm.plugin.sample_data import cells
app = QApplication([])
viewer = ViewerModel()
(image, _, _), (labels, _, _) = cells()
viewer.add_image(image)
viewer.add_labels(labels)
for place in sys.argv[1:]:
    module, name = place.split(":")
    getattr(import_module(module), name)(viewer)
assert len(sys.argv) > 2
assert "torch" not in sys.modules
"""
    docks = {widget.command for widget in manifest.contributions.widgets}
    places = [c.python_name for c in manifest.contributions.commands if c.id in docks]

    done = subprocess.run(
        [sys.executable, "-c", code, *places], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
