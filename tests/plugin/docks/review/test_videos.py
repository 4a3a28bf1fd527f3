"""The *Review* dock with several videos, and when they are closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from reviewing import FRAMES, PREVIEW, SIZE, choose, masks, open_video

from napari_frtm.plugin import commands
from napari_frtm.plugin.docks.review.dock import Review
from napari_frtm.plugin.source.axes import VideoAxes
from napari_frtm.plugin.view.workspace_view import workspace_view

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot
    from reviewing import Desk


def test_one_of_several_videos_is_shown(desk: Desk) -> None:
    """The current one: that worked on last, or chosen here; another where it is removed."""
    review = desk.review
    assert review.video.isHidden()
    other = open_video(desk.viewer, "other")
    assert not review.video.isHidden()
    assert [review.video.itemText(i) for i in range(2)] == ["cells", "other"]
    assert review.session_view is other

    review.video.setCurrentIndex(0)
    assert review.session_view is desk.view
    review.video.setCurrentIndex(1)
    assert review.session_view is other
    review.freeze_button.click()
    assert other.session.timeline.frozen[0]
    assert not desk.view.session.timeline.frozen.any()

    desk.viewer.layers.remove(other.video)
    assert review.session_view is desk.view
    assert review.video.isHidden()


def test_a_new_dock_offers_all_videos(desk: Desk, qtbot: QtBot) -> None:
    """Also those that were there before it."""
    open_video(desk.viewer, "other")

    review = Review(desk.viewer)
    qtbot.addWidget(review)

    assert review.video.count() == 2
    assert review.session_view is desk.review.session_view


def test_what_is_current_is_so_in_all_docks(window_desk: Desk) -> None:
    """Chosen in *Propagate* or in *Review*: there is one, which commands act on too."""
    desk = window_desk
    review, viewer = desk.review, desk.viewer
    other = open_video(viewer, "other")
    _, propagate = viewer.window.add_plugin_dock_widget("napari-frtm", "Propagate")
    assert propagate.session_view is review.session_view is other

    review.video.setCurrentIndex(0)
    assert propagate.session_view is desk.view
    assert propagate.form.video.layer is desk.view.video

    propagate.form.video.layer = other.video
    assert review.session_view is other
    assert review.video.currentText() == "other"
    commands.toggle_frozen(viewer)
    assert other.session.timeline.frozen[0]
    assert not desk.view.session.timeline.frozen.any()


def test_each_video_keeps_its_range(window_desk: Desk, qtbot: QtBot) -> None:
    """From In to Out, whichever dock it is chosen in."""
    desk = window_desk
    viewer = desk.viewer
    other = open_video(viewer, "other")
    _, propagate = viewer.window.add_plugin_dock_widget("napari-frtm", "Propagate")
    propagate.form.frames.span = range(2, 7)
    assert other.session.span == range(2, 7)

    desk.review.video.setCurrentIndex(0)
    assert propagate.form.frames.span == desk.view.session.span == range(FRAMES)
    propagate.form.video.layer = other.video

    assert propagate.form.frames.span == other.session.span == range(2, 7)
    assert desk.view.session.span == range(FRAMES)
    commands.set_in(viewer)
    qtbot.waitUntil(lambda: propagate.form.frames.span == range(7))


def test_channels_of_a_video_are_videos_of_their_own(window_desk: Desk) -> None:
    """Choosing the work on one of them, in either dock, begins none on another."""
    desk = window_desk
    viewer, review = desk.viewer, desk.review
    video = viewer.add_image(np.zeros((FRAMES, 2, *SIZE), np.uint8), name="two", scale=(1,) * 4)
    axes = VideoAxes(time=0, takes={1: 1}, ndim=4)
    second = workspace_view(viewer).open(video, axes)
    second.session.store.put(0, masks())
    second.session.timeline.record(0, {1: 0.9}, {1: 101})
    second.session.changed.emit()
    _, propagate = viewer.window.add_plugin_dock_widget("napari-frtm", "Propagate")
    assert propagate.form.axes.axes == axes

    review.video.setCurrentIndex(0)
    assert propagate.session_view is desk.view
    review.video.setCurrentIndex(1)
    assert propagate.session_view is review.session_view is second
    assert propagate.form.axes.axes == axes
    assert len(propagate.workspace.sessions) == 2

    propagate.form.options.objects.value = "1"
    propagate.form.axes.takes[0].setCurrentText("0")
    assert propagate.workspace.current.source.axes.takes == {1: 0}
    propagate.form.axes.takes[0].setCurrentText("1")
    assert propagate.workspace.current is second.session


def test_work_that_is_not_current_can_be_chosen(desk: Desk) -> None:
    """Where nothing is known of the current video yet."""
    empty = desk.viewer.add_image(np.zeros((FRAMES, *SIZE), np.uint8), name="empty")
    workspace_view(desk.viewer).open(empty)
    assert desk.review.session_view is None
    assert not desk.review.video.isHidden()
    assert desk.review.video.currentIndex() == -1

    desk.review.video.setCurrentIndex(0)

    assert desk.review.session_view is desk.view


def test_a_closed_dock_rests(window_desk: Desk, qtbot: QtBot) -> None:
    """Until it is opened again; what is changed and removed meanwhile is none of its business."""
    desk = window_desk
    desk.viewer.window.remove_dock_widget(desk.review)
    other = open_video(desk.viewer, "other")
    other.go_to(3)
    desk.viewer.layers.clear()
    assert desk.review.session_view is None
    assert desk.review.video.count() == 1

    third = open_video(desk.viewer, "third")
    desk.viewer.window.add_dock_widget(desk.review, name="Review")

    assert desk.review.session_view is third


def test_a_clean_up_keeps_to_its_video(desk: Desk, qtbot: QtBot) -> None:
    """Also where the user looks at another one meanwhile."""
    other = open_video(desk.viewer, "other")
    before = other.masks.data.copy()
    desk.review.video.setCurrentIndex(0)
    choose(desk, "Drop specks", 5)

    desk.review.clean_up.apply()
    assert desk.review.clean_up.running
    desk.review.video.setCurrentIndex(1)
    qtbot.waitUntil(lambda: not desk.review.clean_up.running, timeout=60_000)

    assert desk.review.session_view is other
    np.testing.assert_array_equal(other.masks.data, before)
    assert other.session.history.last is None
    assert desk.view.session.history.last.name == "Drop specks"


def test_a_clean_up_goes_on_without_the_dock(window_desk: Desk, qtbot: QtBot) -> None:
    """Which is closed and opened again meanwhile, or built anew; one step that can be undone."""
    desk = window_desk
    choose(desk, "Drop specks", 5)
    workspace = workspace_view(desk.viewer).workspace
    desk.review.clean_up.apply()
    cleaning = workspace.changing

    desk.viewer.window.remove_dock_widget(desk.review)
    assert workspace.changing is cleaning
    later = Review(desk.viewer)
    qtbot.addWidget(later)
    assert later.clean_up.running
    assert later.clean_up.bar.maximum() == FRAMES
    assert not later.clean_up.apply_button.isEnabled()
    qtbot.waitUntil(lambda: workspace.changing is None, timeout=60_000)

    assert cleaning.progress.done == later.clean_up.bar.value() == FRAMES
    assert not desk.view.masks.data[:, 2, 50].any()
    assert desk.view.session.history.last.name == "Drop specks"
    desk.viewer.window.add_dock_widget(desk.review, name="Review")
    assert not desk.review.clean_up.running
    assert desk.review.clean_up.apply_button.isEnabled()
    assert desk.review.undo_button.isEnabled()
    desk.review.undo_button.click()
    qtbot.waitUntil(lambda: not desk.view.session.edits.is_busy)
    assert desk.view.masks.data[:, 2, 50].all()


def test_a_clean_up_is_cancelled_from_another_dock(window_desk: Desk, qtbot: QtBot) -> None:
    """Than that which has started it."""
    desk = window_desk
    choose(desk, "Drop specks", 5)
    workspace = workspace_view(desk.viewer).workspace
    desk.review.clean_up.apply()
    desk.viewer.window.remove_dock_widget(desk.review)
    later = Review(desk.viewer)
    qtbot.addWidget(later)

    later.clean_up.cancel_button.click()
    qtbot.waitUntil(lambda: workspace.changing is None, timeout=60_000)

    assert np.count_nonzero(desk.view.masks.data[:, 2, 50]) > 0


def test_a_removed_video_leaves_nothing_behind(desk: Desk) -> None:
    """The dock says what to do next, and its buttons do nothing."""
    desk.review.clean_up.preview.setChecked(True)

    desk.viewer.layers.remove(desk.view.video)

    assert desk.review.session_view is None
    assert PREVIEW not in desk.viewer.layers
    assert not desk.review.note.isHidden()
    desk.review.next_button.click()
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
