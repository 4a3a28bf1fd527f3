"""The *Review* dock with several videos, and when they are closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from reviewing import PREVIEW, choose, open_video

from napari_frtm.plugin.docks.review.dock import Review

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot
    from reviewing import Desk


def test_one_of_several_videos_is_shown(desk: Desk) -> None:
    """The one that is chosen; another where it is removed."""
    review = desk.review
    assert review.video.isHidden()
    other = open_video(desk.viewer, "other")
    assert not review.video.isHidden()
    assert [review.video.itemText(i) for i in range(2)] == ["cells", "other"]
    assert review.session is desk.view

    review.video.setCurrentIndex(1)
    assert review.session is other
    review.toggle_frozen()
    assert other.timeline.frozen[0]
    assert not desk.view.session.timeline.frozen.any()

    desk.viewer.layers.remove(other.video)
    assert review.session is desk.view
    assert review.video.isHidden()


def test_a_new_dock_offers_all_videos(desk: Desk, qtbot: QtBot) -> None:
    """Also those that were there before it."""
    open_video(desk.viewer, "other")

    review = Review(desk.viewer)
    qtbot.addWidget(review)

    assert review.video.count() == 2
    assert review.session is desk.view


def test_a_closed_dock_rests(desk: Desk, qtbot: QtBot) -> None:
    """Until it is opened again; what is changed and removed meanwhile is none of its business."""
    desk.viewer.window.remove_dock_widget(desk.review)
    other = open_video(desk.viewer, "other")
    other.go_to(3)
    desk.viewer.layers.clear()
    assert desk.review.session is None
    assert desk.review.video.count() == 1

    third = open_video(desk.viewer, "third")
    desk.viewer.window.add_dock_widget(desk.review, name="Review")

    assert desk.review.session is third


def test_a_clean_up_keeps_to_its_video(desk: Desk, qtbot: QtBot) -> None:
    """Also where the user looks at another one meanwhile."""
    other = open_video(desk.viewer, "other")
    before = other.masks.data.copy()
    desk.review.video.setCurrentIndex(0)
    choose(desk, "Drop specks", 5)

    desk.review.clean_up.apply()
    desk.review.video.setCurrentIndex(1)
    qtbot.waitUntil(lambda: not desk.review.clean_up.running, timeout=60_000)

    assert desk.review.session is other
    np.testing.assert_array_equal(other.masks.data, before)
    assert other.history.last is None


def test_a_removed_video_leaves_nothing_behind(desk: Desk) -> None:
    """The dock says what to do next, and its buttons do nothing."""
    desk.review.clean_up.preview.setChecked(True)

    desk.viewer.layers.remove(desk.view.video)

    assert desk.review.session is None
    assert PREVIEW not in desk.viewer.layers
    assert not desk.review.note.isHidden()
    desk.review.go_to_doubtful(forward=True)
    desk.review.freeze_range()
    desk.review.clean_up.apply()
    assert not desk.review.clean_up.running


def test_removed_masks_leave_the_dock_in_use(desk: Desk) -> None:
    """With what is known of them."""
    desk.review.clean_up.preview.setChecked(True)

    desk.viewer.layers.remove(desk.view.masks)
    desk.view.session.changed.emit()
    desk.view.go_to(4)
    desk.review.table.table.cellClicked.emit(1, 0)

    assert desk.review.table.table.rowCount() == 2
    assert PREVIEW not in desk.viewer.layers
