"""A drive that does not answer, as napari tells it."""

from __future__ import annotations

import logging
from threading import Thread

from napari.components import ViewerModel
from napari.utils.notifications import notification_manager

from napari_frtm.io import silent_drive
from napari_frtm.plugin.drive_warnings import show_silent_drives
from napari_frtm.plugin.view.workspace_view import workspace_view


def test_a_silent_drive_is_shown_once_from_whatever_thread() -> None:
    """However many viewers there are."""
    workspace_view(ViewerModel())
    show_silent_drives()
    before = len(notification_manager.records)

    thread = Thread(target=silent_drive.logger.warning, args=("No answer from %s.", "a.mp4"))
    thread.start()
    thread.join()

    records = list(notification_manager.records)[before:]
    assert [record.message for record in records] == ["No answer from a.mp4."]
    assert logging.getLogger("napari_frtm.io.silent_drive").handlers
