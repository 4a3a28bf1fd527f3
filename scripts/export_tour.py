"""The *Export* dock in a real napari window; leaves two pictures for docs/export.md.

    xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/export_tour.py docs/images

QT_API chooses the Qt binding.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import napari
from in_window import take, wait
from qtpy.QtCore import Qt

from napari_frtm.plugin.docks.export.dock import Export
from napari_frtm.plugin.docks.propagate.dock import Propagate
from napari_frtm.plugin.view.workspace_view import workspace_view

if TYPE_CHECKING:
    from napari_frtm.plugin.view.session_view import SessionView


def with_masks(viewer: napari.Viewer) -> SessionView:
    """Open the sample and follow its fish, with soft masks."""
    viewer.open_sample("napari-frtm", "roto")
    dock = Propagate(viewer)
    dock.form.options.probabilities.value = True
    dock.panel.start_button.click()
    workspace = dock.workspace
    wait(lambda: workspace.run is not None, "the start")
    wait(lambda: workspace.run is None, "the run")
    view = workspace_view(viewer).current
    assert view is not None
    viewer.layers["roto labels"].visible = False
    return view


def main() -> None:
    """Export, measure, and look."""
    folder = Path(sys.argv[1])
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1500, 950)
    view = with_masks(viewer)
    dock = Export(viewer)
    viewer.window.add_dock_widget(dock, name="Export", area="right")
    workspace = dock.workspace
    with tempfile.TemporaryDirectory() as place:
        dock.form.format.setCurrentIndex(dock.form.format.findData("matte-tiff"))
        dock.form.destination.setText(str(Path(place) / "plates"))
        dock.form.names.setText("plate.%04d")
        dock.form.start.setValue(1001)
        dock.form.edges.inputs["feather"].setValue(2)
        dock.form.edges.inputs["smooth"].setValue(2)
        dock.form.edges_fold.expand(animate=False)
        dock.start()
        wait(lambda: workspace.exporting is None or "Writing" in dock.status.text(), "a frame")
        take(viewer, folder / "export_dock.jpg")
        wait(lambda: workspace.exporting is None, "the export")
    dock.form.edges_fold.collapse(animate=False)
    dock.measure()
    wait(lambda: workspace.exporting is None, "the measurement")
    dock.table_fold.expand(animate=False)
    viewer.layers.selection.active = view.masks
    table, _ = viewer.window.add_plugin_dock_widget("napari", "Features table widget")
    window = viewer.window._qt_window
    window.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, table)
    window.resizeDocks([table], [210], Qt.Orientation.Vertical)
    view.go_to(10)
    take(viewer, folder / "export_table.jpg")
    viewer.close()


if __name__ == "__main__":
    main()
