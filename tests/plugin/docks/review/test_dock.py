"""The *Review* dock: what its buttons, table and strip say and do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Qt
from reviewing import FRAMES, SIZE, masks, open_video

from napari_frtm.plugin import commands
from napari_frtm.plugin.docks.review.dock import Review

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot
    from qtpy.QtWidgets import QPushButton
    from reviewing import Desk


def _click(button: QPushButton, qtbot: QtBot) -> None:
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_without_a_session_the_dock_says_what_to_do(
    make_napari_viewer: Callable[[], Viewer], qtbot: QtBot
) -> None:
    """Nothing else is shown, and what is pressed by key or mouse changes nothing."""
    viewer = make_napari_viewer()
    review = Review(viewer)
    viewer.window.add_dock_widget(review, name="Review")

    for button in (
        review.keyframe_button,
        review.freeze_button,
        review.freeze_range_button,
        review.next_button,
    ):
        button.click()
    for command in (commands.undo, commands.redo):
        command(viewer)
    review.clean_up.apply()
    viewer.add_image(np.zeros((FRAMES, *SIZE), np.uint8))

    assert review.session_view is None
    assert not review.note.isHidden()
    for widget in (review.video, review.strip, review.table, review.clean_up_fold):
        assert widget.isHidden()


def test_doubtful_frames_are_visited_in_turn(desk: Desk) -> None:
    """The worst of each stretch, forward and back, below the threshold."""
    visited = []
    forward, back = desk.review.next_button, desk.review.previous_button
    for button in (forward, forward, forward, back):
        button.click()
        visited.append(desk.view.current)
    desk.review.threshold.setValue(0.3)
    forward.click()

    assert visited == [4, 8, 4, 8]
    assert desk.view.current == 4
    commands.next_doubtful(desk.viewer)  # the key takes the same threshold: only one is below
    assert desk.view.current == 4


def test_no_doubtful_frame_is_said(desk: Desk, qtbot: QtBot, messages: list[str]) -> None:
    """And the displayed one stays."""
    desk.review.threshold.setValue(0.1)
    desk.view.go_to(5)

    _click(desk.review.next_button, qtbot)

    assert messages == ["No frame is doubtful."]
    assert desk.view.current == 5


def test_buttons_say_what_they_would_do_to_the_frame(desk: Desk, qtbot: QtBot) -> None:
    """By what it is."""
    review = desk.review
    desk.view.go_to(4)
    _click(review.keyframe_button, qtbot)
    _click(review.freeze_button, qtbot)
    qtbot.waitUntil(lambda: review.freeze_button.text() == "Unfreeze")
    assert review.keyframe_button.text() == "No keyframe"
    assert desk.view.session.timeline.frozen[4]

    _click(review.previous_button, qtbot)
    assert desk.view.current == 3  # keyframes are not doubtful
    assert [b.text() for b in (review.keyframe_button, review.freeze_button)] == [
        "Keyframe",
        "Freeze",
    ]

    _click(review.freeze_range_button, qtbot)
    assert desk.view.session.timeline.frozen.all()


def test_a_frame_without_masks_is_no_keyframe(
    desk: Desk, qtbot: QtBot, messages: list[str]
) -> None:
    """The message says what to do."""
    desk.view.session.timeline.clear([0])

    _click(desk.review.keyframe_button, qtbot)

    assert messages == ["Frame 0 has no masks yet. Paint on it, or propagate to it first."]
    assert not desk.view.session.store.keyframes


def test_undo_and_redo_say_what_they_would_do(desk: Desk, qtbot: QtBot) -> None:
    """And cannot be pressed if there is nothing, or while masks are being changed."""
    button, again = desk.review.undo_button, desk.review.redo_button
    assert not button.isEnabled()
    assert button.toolTip() == "Nothing to undo."

    assert again.toolTip() == "Nothing to redo."
    desk.view.session.edits.begin("Grow or shrink")
    desk.view.session.edits.change(0, np.zeros(SIZE, np.uint8))
    desk.review.look()
    assert not button.isEnabled()
    desk.view.session.edits.end()
    desk.review.look()
    assert button.isEnabled()
    assert button.toolTip() == "Undo: Grow or shrink. (U)"
    _click(button, qtbot)

    qtbot.waitUntil(lambda: not button.isEnabled())
    np.testing.assert_array_equal(desk.view.session.store.labels(0), masks())
    assert again.isEnabled()
    assert again.toolTip() == "Redo: Grow or shrink. (Shift-U)"
    _click(again, qtbot)

    qtbot.waitUntil(lambda: not again.isEnabled())
    assert not desk.view.session.store.labels(0).any()
    assert button.isEnabled()


def test_the_table_selects_objects_and_frames(desk: Desk) -> None:
    """By a click its label, by a double click the frame where it is least sure."""
    table = desk.review.table.table

    table.cellClicked.emit(1, 0)
    table.cellDoubleClicked.emit(1, 3)

    assert desk.view.masks.selected_label == 2
    assert desk.view.current == 4


def test_a_click_on_the_strip_goes_there(desk: Desk) -> None:
    """To the frame picked."""
    desk.review.strip.picked.emit(7)

    assert desk.view.current == 7


def test_what_is_shown_follows_the_slider(desk: Desk) -> None:
    """The area on the displayed frame, in the table."""
    desk.view.session.timeline.area[2][6] = 40

    desk.viewer.dims.set_current_step(0, 6)

    assert desk.review.table.table.item(1, 1).text() == "10 µm²"


def test_frames_are_frozen_and_made_keyframes(desk: Desk, qtbot: QtBot) -> None:
    """The one displayed, or the range, and back."""
    desk.view.go_to(5)
    desk.review.freeze_button.click()
    desk.review.keyframe_button.click()
    assert np.flatnonzero(desk.view.session.timeline.frozen).tolist() == [5]
    assert desk.view.session.timeline.keyframes == {5}

    desk.view.session.set_span(range(4, 9))
    desk.review.freeze_range()
    assert np.flatnonzero(desk.view.session.timeline.frozen).tolist() == [4, 5, 6, 7, 8]
    desk.review.freeze_range()
    assert not desk.view.session.timeline.frozen.any()


def test_nothing_is_cut_off_in_a_narrow_dock(desk: Desk) -> None:
    """300 pixels wide, of a laptop's height, with many objects and videos of long names."""
    open_video(desk.viewer, "a movie with a rather long name, as cameras give them.mp4")
    for fold in (desk.review.objects_fold, desk.review.clean_up_fold):
        fold.expand(animate=False)
    desk.view.session.timeline.record(0, dict.fromkeys(range(1, 61), 0.9), {})
    desk.view.session.changed.emit()

    least = desk.review.minimumSizeHint()

    assert least.width() <= 320  # with the scroll bar
    assert least.height() <= 800
