"""The manifest, and what it points at."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from npe2 import PluginManifest

import napari_frtm

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


def test_movie_patterns_are_those_of_open_video(manifest: PluginManifest) -> None:
    """Every pattern that napari asks the reader about is one that it opens."""
    from napari_frtm.io.video import supported

    (reader,) = manifest.contributions.readers

    assert all(supported(pattern.replace("*", "clip")) for pattern in reader.filename_patterns)


@pytest.mark.parametrize(
    "module", ["propagate", "reader", "sample_data", "layers", "request", "worker"]
)
def test_plugin_imports_no_torch(module: str) -> None:
    """So that napari starts, and docks open, without waiting for it."""
    code = f"import napari_frtm.plugin.{module}, sys; assert 'torch' not in sys.modules"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_widget_opens_without_torch() -> None:
    """The network is loaded when a run starts, in its thread."""
    code = """
import sys
from napari.components import ViewerModel
from qtpy.QtWidgets import QApplication
from napari_frtm.plugin.propagate import Propagate
from napari_frtm.plugin.sample_data import cells
app = QApplication([])
viewer = ViewerModel()
(image, _, _), (labels, _, _) = cells()
viewer.add_image(image)
viewer.add_labels(labels)
Propagate(viewer)
assert "torch" not in sys.modules
"""

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
