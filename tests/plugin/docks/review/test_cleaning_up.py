"""Clean-up in the *Review* dock, and its preview."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from reviewing import PREVIEW, choose, masks

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot
    from reviewing import Desk


def _clean(desk: Desk, qtbot: QtBot) -> None:
    desk.review.clean_up.apply()
    qtbot.waitUntil(lambda: not desk.review.clean_up.running, timeout=60_000)


def test_a_clean_up_is_one_step(desk: Desk, qtbot: QtBot) -> None:
    """Frozen frames, keyframes and frames outside the range stay; undo brings all back."""
    before = desk.view.masks.data.copy()
    desk.view.session.set_span(range(2, 10))
    desk.view.session.freeze([3], True)
    desk.view.session.keyframes.make(4)
    choose(desk, "Drop specks", 5)

    _clean(desk, qtbot)

    specks = desk.view.masks.data[:, 2, 50] == 1
    assert np.flatnonzero(~specks).tolist() == [2, 5, 6, 7, 8, 9]
    assert desk.view.session.timeline.area[1][5] == 100
    assert desk.view.session.edits.undo() == "Drop specks"
    qtbot.waitUntil(lambda: not desk.view.session.edits.is_busy)
    np.testing.assert_array_equal(desk.view.masks.data, before)
    assert desk.view.session.history.last is None


def test_keyframes_are_cleaned_up_if_wanted(desk: Desk, qtbot: QtBot) -> None:
    """And stay keyframes."""
    desk.view.session.keyframes.make(4)
    desk.review.clean_up.keyframes.setChecked(True)
    desk.view.go_to(4)
    desk.review.clean_up.frames.setCurrentText("This frame")
    choose(desk, "Drop specks", 5)

    _clean(desk, qtbot)

    assert np.flatnonzero(desk.view.masks.data[:, 2, 50] == 0).tolist() == [4]
    assert desk.view.session.store.keyframes[4][2, 50] == 0
    assert desk.view.session.timeline.keyframes == {4}


def test_what_the_user_draws_meanwhile_stays(desk: Desk, qtbot: QtBot) -> None:
    """The frame is a keyframe by then."""
    choose(desk, "Drop specks", 5)

    desk.review.clean_up.apply()
    desk.view.session.keyframes.make(9)
    qtbot.waitUntil(lambda: not desk.review.clean_up.running, timeout=60_000)

    assert desk.view.masks.data[9, 2, 50] == 1
    assert desk.view.masks.data[8, 2, 50] == 0


def test_the_preview_shows_what_apply_does(desk: Desk, qtbot: QtBot) -> None:
    """On the displayed frame, as the number changes; it goes when it is no longer wanted."""
    choose(desk, "Grow or shrink", 1)
    desk.review.clean_up.preview.setChecked(True)
    desk.review.clean_up.amount.setValue(-2)
    desk.view.go_to(6)
    shown = desk.viewer.layers[PREVIEW].data.copy()
    assert desk.viewer.layers.selection.active.name != PREVIEW

    _clean(desk, qtbot)

    np.testing.assert_array_equal(shown, desk.view.masks.data[6])
    assert np.count_nonzero(shown) == 2 * 36
    assert PREVIEW not in desk.viewer.layers


def test_the_preview_leaves_alone_what_apply_does(desk: Desk) -> None:
    """A keyframe is shown as it is, until keyframes are wanted too."""
    desk.view.session.keyframes.make(0)
    choose(desk, "Grow or shrink", -2)
    desk.review.clean_up.preview.setChecked(True)
    np.testing.assert_array_equal(desk.viewer.layers[PREVIEW].data, masks())

    desk.review.clean_up.keyframes.setChecked(True)

    assert np.count_nonzero(desk.viewer.layers[PREVIEW].data) == 2 * 36


def test_the_preview_stays_while_other_things_change(desk: Desk, qtbot: QtBot) -> None:
    """It goes when a clean-up is done, or when it is no longer wanted."""
    choose(desk, "Grow or shrink", -2)
    desk.review.clean_up.preview.setChecked(True)

    with qtbot.waitSignal(desk.view.session.changed):
        desk.view.session.freeze([3], True)
    desk.view.go_to(3)

    np.testing.assert_array_equal(desk.viewer.layers[PREVIEW].data, masks())  # a frozen one stays
    desk.view.go_to(4)
    assert np.count_nonzero(desk.viewer.layers[PREVIEW].data) == 2 * 36


def test_the_preview_goes_with_the_dock(window_desk: Desk) -> None:
    """When the user closes it."""
    desk = window_desk
    desk.review.clean_up.preview.setChecked(True)
    assert PREVIEW in desk.viewer.layers

    desk.viewer.window.remove_dock_widget(desk.review)

    assert PREVIEW not in desk.viewer.layers
