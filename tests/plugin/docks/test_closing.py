"""Docks that are closed, then napari: in a process of its own, as a crash would end this one."""

from __future__ import annotations

import os
import subprocess
import sys

import qtpy

DOCKS = ("Propagate", "Sketch", "Review", "Timeline", "Export", "Weights", "Keys")
SCRIPT = """
import faulthandler, gc, sys
faulthandler.enable()
import napari, numpy as np
from qtpy import API_NAME
from qtpy.QtWidgets import QApplication
from vispy.gloo import gl

def pause():
    QApplication.processEvents()
    gc.collect()
    QApplication.processEvents()

import napari._qt.qt_main_window  # it chooses vispy's backend, which is what `gl` then holds
gl.glGetParameter = lambda name: "" if name == 7939 else 2048  # offscreen there is no OpenGL
gc.freeze()  # what is there before the viewer need not be searched again and again
viewer = napari.Viewer(show=False)
viewer.add_image(np.zeros((5, 20, 30), np.uint8), name="clip")
viewer.add_labels(np.ones((5, 20, 30), np.uint8), name="mine")
for name in sys.argv[1:]:
    _, dock = viewer.window.add_plugin_dock_widget("napari-frtm", name)
    pause()
    viewer.window.remove_dock_widget(dock)
    del dock
    pause()
    viewer.layers["clip"].name = f"after {name}"  # what follows the layer list must not fail
    viewer.layers["mine"].data = np.ones((5, 20, 30), np.uint8)
    viewer.layers[0].name = "clip"
    pause()
viewer.window.add_plugin_dock_widget("napari-frtm", sys.argv[1])  # open while napari closes
pause()
viewer.close()
del viewer
pause()
print(API_NAME, "closed", flush=True)
"""


def test_napari_closes_after_the_docks() -> None:
    """Without an error and without a crash at the end; with the Qt binding of these tests."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *DOCKS],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env=os.environ | {"QT_API": qtpy.API, "QT_QPA_PLATFORM": "offscreen"},
    )

    assert done.returncode == 0, done.stderr
    assert f"{qtpy.API_NAME} closed" in done.stdout
    assert "Traceback" not in done.stderr
    assert "deleted" not in done.stderr
