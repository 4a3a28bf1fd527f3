"""What napari shows of drives that do not answer."""

from __future__ import annotations

import logging

from napari.utils.notifications import show_warning

from napari_frtm.io import silent_drive


class _Shown(logging.Handler):
    """Shows what is logged, from any thread."""

    def emit(self, record: logging.LogRecord) -> None:
        show_warning(record.getMessage())


def show_silent_drives() -> None:
    """Show from now on in napari which drive does not answer; to say it twice changes nothing."""
    if not any(isinstance(handler, _Shown) for handler in silent_drive.logger.handlers):
        silent_drive.logger.addHandler(_Shown())
