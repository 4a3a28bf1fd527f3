"""After a run that follows cells, divisions are looked for; nothing waits for that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_frtm.plugin.view.workspace_view import workspace_view

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from tests.plugin.conftest import Desk

SECONDS = 60_000


@pytest.mark.parametrize(("preset", "looks"), [("cells", True), ("lite", False)])
def test_a_run_on_cells_is_searched(desk: Desk, qtbot: QtBot, preset: str, looks: bool) -> None:
    """All of its frames; other objects do not divide."""
    desk.widget.form.options.preset.value = preset
    desk.widget.form.options.masks.value = "Coarse"
    divisions = workspace_view(desk.viewer).open(desk.video).session.divisions

    desk.widget.start()
    qtbot.waitUntil(lambda: not desk.widget.running, timeout=SECONDS)
    qtbot.waitUntil(lambda: not divisions.is_searching, timeout=SECONDS)

    filled = workspace_view(desk.viewer).open(desk.video).session.timeline.filled
    searched = 0 if divisions.progress is None else divisions.progress.done
    assert searched == looks * np.count_nonzero(filled)
    assert np.count_nonzero(filled) > 0
