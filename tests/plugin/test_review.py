"""The *Review* dock, with a session in a viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
from qtpy.QtCore import Qt, QThreadPool

from napari_frtm.plugin import commands
from napari_frtm.plugin.axes import VideoAxes
from napari_frtm.plugin.review import Review
from napari_frtm.plugin.sessions import watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot
    from qtpy.QtWidgets import QPushButton

    from napari_frtm.plugin.session import Session

T, H, W = 12, 40, 60
SHOWN = "clean-up preview"


class Desk(NamedTuple):
    """What a user has before them."""

    viewer: Viewer
    review: Review
    session: Session


@pytest.fixture
def desk(make_napari_viewer: Callable[[], Viewer], qtbot: QtBot) -> Iterator[Desk]:
    """Return a session whose frames hold objects 1 and 2, with a speck, and its review."""
    viewer = make_napari_viewer()
    session = _session(viewer, "cells")
    review = Review(viewer)
    viewer.window.add_dock_widget(review, name="Review", area="right")
    yield Desk(viewer, review, session)
    review.clean_up.stop()
    assert QThreadPool.globalInstance().waitForDone(60_000)
    watch(viewer).close()


def _labels() -> np.ndarray:
    labels = np.zeros((H, W), np.uint8)
    labels[10:20, 10:20] = 1
    labels[2, 50] = 1  # the speck
    labels[10:20, 40:50] = 2
    return labels


def _session(viewer: Viewer, name: str) -> Session:
    place = {"scale": (1, 0.5, 0.5), "units": ("pixel", "micrometer", "micrometer")}
    video = viewer.add_image(np.zeros((T, H, W), np.uint8), name=name, **place)
    session = watch(viewer).of(video, VideoAxes())
    session.results.prepare(2)
    for frame in range(T):
        session.results.put(frame, _labels())
        session.timeline.record(frame, {1: 0.9, 2: 0.8}, {1: 101, 2: 100})
    session.timeline.confidence[2][[3, 4, 8]] = 0.5, 0.2, 0.4
    session.layers.show()
    session.go_to(0)
    session.changed.emit()
    return session


def _clean(desk: Desk, qtbot: QtBot) -> None:
    desk.review.clean_up.apply()
    qtbot.waitUntil(lambda: not desk.review.clean_up.running, timeout=60_000)


def _choose(desk: Desk, operation: str, amount: int) -> None:
    desk.review.clean_up.operation.setCurrentText(operation)
    desk.review.clean_up.amount.setValue(amount)


def _click(button: QPushButton, qtbot: QtBot) -> None:
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_without_a_session_the_dock_says_what_to_do(
    make_napari_viewer: Callable[[], Viewer], qtbot: QtBot
) -> None:
    """Nothing else is shown, and what is pressed by key or mouse does nothing."""
    viewer = make_napari_viewer()
    review = Review(viewer)
    viewer.window.add_dock_widget(review, name="Review")

    for act in (review.toggle_keyframe, review.toggle_frozen, review.freeze_range, review.undo):
        act()
    review.go_to_doubtful(forward=True)
    review.clean_up.apply()
    viewer.add_image(np.zeros((T, H, W), np.uint8))

    assert review.session is None
    assert not review.note.isHidden()
    for widget in (review.video, review.strip, review.table, review.clean_up_fold):
        assert widget.isHidden()


def test_doubtful_frames_are_visited_in_turn(desk: Desk) -> None:
    """The worst of each stretch, forward and back, below the threshold."""
    visited = []
    for forward in (True, True, True, False):
        desk.review.go_to_doubtful(forward=forward)
        visited.append(desk.session.current)
    desk.review.threshold.setValue(0.3)
    desk.review.go_to_doubtful(forward=True)

    assert visited == [4, 8, 4, 8]
    assert desk.session.current == 4
    commands.next_doubtful(desk.viewer)  # the key takes the same threshold: only one is below
    assert desk.session.current == 4


def test_no_doubtful_frame_is_said(desk: Desk, qtbot: QtBot, messages: list[str]) -> None:
    """And the displayed one stays."""
    desk.review.threshold.setValue(0.1)
    desk.session.go_to(5)

    _click(desk.review.next_button, qtbot)

    assert messages == ["No frame is doubtful."]
    assert desk.session.current == 5


def test_buttons_say_what_they_would_do_to_the_frame(desk: Desk, qtbot: QtBot) -> None:
    """By what it is."""
    review = desk.review
    desk.session.go_to(4)
    _click(review.keyframe_button, qtbot)
    _click(review.freeze_button, qtbot)
    qtbot.waitUntil(lambda: review.freeze_button.text() == "Unfreeze")
    assert review.keyframe_button.text() == "No keyframe"
    assert desk.session.timeline.frozen[4]

    _click(review.previous_button, qtbot)
    assert desk.session.current == 3  # keyframes are not doubtful
    assert [b.text() for b in (review.keyframe_button, review.freeze_button)] == [
        "Keyframe",
        "Freeze",
    ]

    _click(review.freeze_range_button, qtbot)
    assert desk.session.timeline.frozen.all()


def test_a_frame_without_masks_is_no_keyframe(
    desk: Desk, qtbot: QtBot, messages: list[str]
) -> None:
    """The message says what to do."""
    desk.session.timeline.clear([0])

    _click(desk.review.keyframe_button, qtbot)

    assert messages == ["Frame 0 has no masks yet. Paint on it, or propagate to it first."]
    assert not desk.session.keyframes


def test_undo_says_what_it_would_undo(desk: Desk, qtbot: QtBot) -> None:
    """And cannot be pressed if there is nothing, or while masks are being changed."""
    button = desk.review.undo_button
    assert not button.isEnabled()
    assert button.toolTip() == "Nothing to undo."

    step = desk.session.edits.begin("Grow or shrink")
    desk.session.edits.change(step, 0, np.zeros((H, W), np.uint8))
    desk.review.look()
    assert not button.isEnabled()
    desk.session.edits.end(step)
    desk.review.look()
    assert button.isEnabled()
    assert button.toolTip() == "Undo: Grow or shrink. (U)"
    _click(button, qtbot)

    qtbot.waitUntil(lambda: not button.isEnabled())
    np.testing.assert_array_equal(desk.session.labels(0), _labels())


def test_the_table_selects_objects_and_frames(desk: Desk) -> None:
    """By a click its label, by a double click the frame where it is least sure."""
    table = desk.review.table.table

    table.cellClicked.emit(1, 0)
    table.cellDoubleClicked.emit(1, 3)

    assert desk.session.masks.selected_label == 2
    assert desk.session.current == 4


def test_a_click_on_the_strip_goes_there(desk: Desk) -> None:
    """To the frame picked."""
    desk.review.strip.picked.emit(7)

    assert desk.session.current == 7


def test_what_is_shown_follows_the_slider(desk: Desk) -> None:
    """The area on the displayed frame, in the table."""
    desk.session.timeline.area[2][6] = 40

    desk.viewer.dims.set_current_step(0, 6)

    assert desk.review.table.table.item(1, 1).text() == "10 µm²"


def test_one_of_several_videos_is_shown(desk: Desk) -> None:
    """The one that is chosen; another where it is removed."""
    review = desk.review
    assert review.video.isHidden()
    other = _session(desk.viewer, "other")
    assert not review.video.isHidden()
    assert [review.video.itemText(i) for i in range(2)] == ["cells", "other"]
    assert review.session is desk.session

    review.video.setCurrentIndex(1)
    assert review.session is other
    review.toggle_frozen()
    assert other.timeline.frozen[0]
    assert not desk.session.timeline.frozen.any()

    desk.viewer.layers.remove(other.video)
    assert review.session is desk.session
    assert review.video.isHidden()


def test_a_new_dock_offers_all_videos(desk: Desk, qtbot: QtBot) -> None:
    """Also those that were there before it."""
    _session(desk.viewer, "other")

    review = Review(desk.viewer)
    qtbot.addWidget(review)

    assert review.video.count() == 2
    assert review.session is desk.session


def test_frames_are_frozen_and_made_keyframes(desk: Desk, qtbot: QtBot) -> None:
    """The one displayed, or the range, and back."""
    desk.session.go_to(5)
    desk.review.toggle_frozen()
    desk.review.toggle_keyframe()
    assert np.flatnonzero(desk.session.timeline.frozen).tolist() == [5]
    assert desk.session.timeline.keyframes == {5}

    desk.session.span = range(4, 9)
    desk.review.freeze_range()
    assert np.flatnonzero(desk.session.timeline.frozen).tolist() == [4, 5, 6, 7, 8]
    desk.review.freeze_range()
    assert not desk.session.timeline.frozen.any()


def test_a_clean_up_is_one_step(desk: Desk, qtbot: QtBot) -> None:
    """Frozen frames, keyframes and frames outside the range stay; undo brings all back."""
    before = desk.session.masks.data.copy()
    desk.session.span = range(2, 10)
    desk.session.freeze([3], True)
    desk.session.make_keyframe(4)
    _choose(desk, "Drop specks", 5)

    _clean(desk, qtbot)

    specks = desk.session.masks.data[:, 2, 50] == 1
    assert np.flatnonzero(~specks).tolist() == [2, 5, 6, 7, 8, 9]
    assert desk.session.timeline.area[1][5] == 100
    assert desk.session.undo() == "Drop specks"
    qtbot.waitUntil(lambda: not desk.session.is_busy)
    np.testing.assert_array_equal(desk.session.masks.data, before)
    assert desk.session.history.last is None


def test_keyframes_are_cleaned_up_if_wanted(desk: Desk, qtbot: QtBot) -> None:
    """And stay keyframes."""
    desk.session.make_keyframe(4)
    desk.review.clean_up.keyframes.setChecked(True)
    desk.session.go_to(4)
    desk.review.clean_up.frames.setCurrentText("This frame")
    _choose(desk, "Drop specks", 5)

    _clean(desk, qtbot)

    assert np.flatnonzero(desk.session.masks.data[:, 2, 50] == 0).tolist() == [4]
    assert desk.session.keyframes[4][2, 50] == 0
    assert desk.session.timeline.keyframes == {4}


def test_the_preview_shows_what_apply_does(desk: Desk, qtbot: QtBot) -> None:
    """On the displayed frame, as the number changes; it goes when it is no longer wanted."""
    _choose(desk, "Grow or shrink", 1)
    desk.review.clean_up.preview.setChecked(True)
    desk.review.clean_up.amount.setValue(-2)
    desk.session.go_to(6)
    shown = desk.viewer.layers[SHOWN].data.copy()
    assert desk.viewer.layers.selection.active.name != SHOWN

    _clean(desk, qtbot)

    np.testing.assert_array_equal(shown, desk.session.masks.data[6])
    assert np.count_nonzero(shown) == 2 * 36
    assert SHOWN not in desk.viewer.layers


def test_the_preview_leaves_alone_what_apply_does(desk: Desk) -> None:
    """A keyframe is shown as it is, until keyframes are wanted too."""
    desk.session.make_keyframe(0)
    _choose(desk, "Grow or shrink", -2)
    desk.review.clean_up.preview.setChecked(True)
    np.testing.assert_array_equal(desk.viewer.layers[SHOWN].data, _labels())

    desk.review.clean_up.keyframes.setChecked(True)

    assert np.count_nonzero(desk.viewer.layers[SHOWN].data) == 2 * 36


def test_the_preview_goes_with_the_dock(desk: Desk) -> None:
    """When the user closes it."""
    desk.review.clean_up.preview.setChecked(True)
    assert SHOWN in desk.viewer.layers

    desk.viewer.window.remove_dock_widget(desk.review)

    assert SHOWN not in desk.viewer.layers


def test_a_closed_dock_rests(desk: Desk, qtbot: QtBot) -> None:
    """Until it is opened again; what is changed and removed meanwhile is none of its business."""
    desk.viewer.window.remove_dock_widget(desk.review)
    other = _session(desk.viewer, "other")
    other.go_to(3)
    desk.viewer.layers.clear()
    assert desk.review.session is None
    assert desk.review.video.count() == 1

    third = _session(desk.viewer, "third")
    desk.viewer.window.add_dock_widget(desk.review, name="Review")

    assert desk.review.session is third


def test_a_clean_up_keeps_to_its_video(desk: Desk, qtbot: QtBot) -> None:
    """Also where the user looks at another one meanwhile."""
    other = _session(desk.viewer, "other")
    before = other.masks.data.copy()
    desk.review.video.setCurrentIndex(0)
    _choose(desk, "Drop specks", 5)

    desk.review.clean_up.apply()
    desk.review.video.setCurrentIndex(1)
    qtbot.waitUntil(lambda: not desk.review.clean_up.running, timeout=60_000)

    assert desk.review.session is other
    np.testing.assert_array_equal(other.masks.data, before)
    assert other.history.last is None


def test_what_the_user_draws_meanwhile_stays(desk: Desk, qtbot: QtBot) -> None:
    """The frame is a keyframe by then."""
    _choose(desk, "Drop specks", 5)

    desk.review.clean_up.apply()
    desk.session.make_keyframe(9)
    qtbot.waitUntil(lambda: not desk.review.clean_up.running, timeout=60_000)

    assert desk.session.masks.data[9, 2, 50] == 1
    assert desk.session.masks.data[8, 2, 50] == 0


def test_a_removed_video_leaves_nothing_behind(desk: Desk) -> None:
    """The dock says what to do next, and its buttons do nothing."""
    desk.review.clean_up.preview.setChecked(True)

    desk.viewer.layers.remove(desk.session.video)

    assert desk.review.session is None
    assert SHOWN not in desk.viewer.layers
    assert not desk.review.note.isHidden()
    desk.review.go_to_doubtful(forward=True)
    desk.review.freeze_range()
    desk.review.clean_up.apply()
    assert not desk.review.clean_up.running


def test_removed_masks_leave_the_dock_in_use(desk: Desk) -> None:
    """With what is known of them."""
    desk.review.clean_up.preview.setChecked(True)

    desk.viewer.layers.remove(desk.session.masks)
    desk.session.changed.emit()
    desk.session.go_to(4)
    desk.review.table.table.cellClicked.emit(1, 0)

    assert desk.review.table.table.rowCount() == 2
    assert SHOWN not in desk.viewer.layers


def test_nothing_is_cut_off_in_a_narrow_dock(desk: Desk) -> None:
    """300 pixels wide, of a laptop's height, with many objects and videos of long names."""
    _session(desk.viewer, "a movie with a rather long name, as cameras give them.mp4")
    desk.review.clean_up_fold.expand(animate=False)
    desk.session.timeline.record(0, dict.fromkeys(range(1, 61), 0.9), {})
    desk.session.changed.emit()

    least = desk.review.minimumSizeHint()

    assert least.width() <= 300
    assert least.height() <= 800
