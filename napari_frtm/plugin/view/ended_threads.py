"""Threads that have ended: napari keeps a record of each, and with it whatever the thread held."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_frtm.plugin.run.worker import Worker

if TYPE_CHECKING:
    from napari.viewer import Viewer


def forget_ended_threads(viewer: Viewer) -> None:
    """Let napari drop its records of those of our threads that have ended.

    It asks whether any still runs before it closes, and has no word to take a record back: after a
    day's work there would be thousands.
    """
    manager = getattr(getattr(viewer, "window", None), "_task_status_manager", None)
    records: dict[object, Any] = getattr(manager, "_tasks", {})
    for key, record in list(records.items()):
        worker = getattr(getattr(record, "_cancel_callback", None), "__self__", None)
        if isinstance(worker, Worker) and worker.has_ended:
            records.pop(key, None)
