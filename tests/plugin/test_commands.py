"""Commands of menus and keys: what they do, and what they say where they cannot."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_frtm.plugin import commands
from napari_frtm.plugin.docks.keys import Keys
from napari_frtm.plugin.docks.propagate.dock import Propagate
from napari_frtm.plugin.keys import KEYS, is_bound
from napari_frtm.plugin.source.axes import VideoAxes
from napari_frtm.plugin.view.workspace_view import workspace_view

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot

    from napari_frtm.plugin.view.session_view import SessionView
    from tests.plugin.conftest import Desk

LENGTH = 12
COMMANDS = [key.command for key in KEYS]


@pytest.fixture
def work(make_napari_viewer: Callable[[], Viewer]) -> Iterator[SessionView]:
    """Return a view with masks on all frames but the last; doubtful are 2-4, 7 and 9."""
    viewer = make_napari_viewer()
    video = viewer.add_image(np.zeros((LENGTH, 20, 30), np.uint8), name="clip")
    view = workspace_view(viewer).open(video, VideoAxes())
    doubtful = {2: 0.5, 3: 0.2, 4: 0.5, 7: 0.4, 9: 0.1}
    for frame in range(LENGTH - 1):
        view.session.timeline.record(frame, {1: doubtful.get(frame, 0.9)}, {1: 0.0})
    view.session.store.make_room(1)
    view.show()
    view.go_to(0)
    yield view
    workspace_view(viewer).close()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_empty_viewer(
    command: Callable[[Viewer], None],
    make_napari_viewer: Callable[[], Viewer],
    messages: list[str],
) -> None:
    """There is a message for every command but the list of keys, and no traceback."""
    viewer = make_napari_viewer()

    command(viewer)

    assert len(messages) == (command is not commands.show_keys)
    assert all(message.endswith(".") for message in messages)


def test_start_opens_the_dock(
    make_napari_viewer: Callable[[], Viewer], messages: list[str]
) -> None:
    """Once, under the name that napari's menu gives it, which then hides it."""
    viewer = make_napari_viewer()

    commands.start_or_pause(viewer)
    commands.start_or_pause(viewer)

    (name,) = (n for n, dock in viewer.window.dock_widgets.items() if isinstance(dock, Propagate))
    assert name == "Propagate (FRTM)"
    assert "Open a video" in messages[0]


def test_a_hidden_dock_is_shown(make_napari_viewer: Callable[[], Viewer]) -> None:
    """And not built again."""
    viewer = make_napari_viewer()
    dock, _ = viewer.window.add_plugin_dock_widget("napari-frtm", "Propagate")
    dock.setVisible(False)

    commands.start_or_pause(viewer)

    assert not dock.isHidden()
    assert sum(isinstance(w, Propagate) for w in viewer.window.dock_widgets.values()) == 1


def test_the_range_is_set_to_the_displayed_frame(desk: Desk, qtbot: QtBot) -> None:
    """In and Out."""
    desk.viewer.dims.set_current_step(0, 3)
    commands.set_in(desk.viewer)
    desk.viewer.dims.set_current_step(0, 8)
    commands.set_out(desk.viewer)

    assert desk.widget.session_view.session.span == range(3, 9)
    qtbot.waitUntil(lambda: desk.widget.form.frames.span == range(3, 9))


def test_a_range_set_just_now_is_that_of_the_run(
    window_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the dock has not shown it yet."""
    desk = window_desk
    monkeypatch.setattr(desk.widget.workspace, "start", lambda run, **options: None)
    desk.viewer.dims.set_current_step(0, 3)
    commands.set_in(desk.viewer)

    commands.start_or_pause(desk.viewer)

    assert desk.widget.session_view.session.span == range(3, 12)
    assert desk.widget.session_view.session.form["range"] == [3, 12]


def test_keyframe_on_and_off(work: SessionView) -> None:
    """Of the displayed frame."""
    work.go_to(5)

    commands.toggle_keyframe(work.viewer)
    assert set(work.session.store.keyframes) == {5}
    assert work.viewer.status == "Frame 5 is a keyframe."

    commands.toggle_keyframe(work.viewer)
    assert not work.session.store.keyframes
    assert work.viewer.status == "Frame 5 is no longer a keyframe."


def test_a_frame_without_masks_is_no_keyframe(work: SessionView, messages: list[str]) -> None:
    """It would say that there is no object on it."""
    work.go_to(LENGTH - 1)

    commands.toggle_keyframe(work.viewer)

    assert not work.session.store.keyframes
    assert "Frame 11 has no masks yet" in messages[0]


def test_frozen_on_and_off(work: SessionView) -> None:
    """Of the displayed frame."""
    work.go_to(5)

    commands.toggle_frozen(work.viewer)
    assert np.flatnonzero(work.session.timeline.frozen).tolist() == [5]

    commands.toggle_frozen(work.viewer)
    assert not work.session.timeline.frozen.any()


def test_from_keyframe_to_keyframe(work: SessionView) -> None:
    """Round and round, both ways."""
    for frame in (2, 6, 9):
        work.session.keyframes.make(frame)

    assert _visit(commands.next_keyframe, work, 4) == [2, 6, 9, 2]
    assert _visit(commands.previous_keyframe, work, 4) == [9, 6, 2, 9]


def test_from_doubtful_to_doubtful_frame(work: SessionView) -> None:
    """The worst of each stretch, round and round, both ways; frozen ones are not doubtful."""
    assert _visit(commands.next_doubtful, work, 4) == [3, 7, 9, 3]
    assert _visit(commands.previous_doubtful, work, 4) == [9, 7, 3, 9]

    work.session.freeze([7], True)
    assert _visit(commands.previous_doubtful, work, 2) == [9, 3]


def test_no_doubtful_frame(work: SessionView, messages: list[str]) -> None:
    """That is said."""
    work.session.freeze(range(LENGTH), True)

    assert _visit(commands.next_doubtful, work, 1) == [0]
    assert _visit(commands.previous_doubtful, work, 1) == [0]
    assert messages == ["No frame is doubtful."] * 2


def _visit(command: Callable[[Viewer], None], view: SessionView, times: int) -> list[int]:
    """Return the frames that a command goes to, from frame 0 on."""
    view.go_to(0)
    visited = []
    for _ in range(times):
        command(view.viewer)
        visited.append(view.current)
    return visited


def test_undo_and_redo_name_what_they_did(work: SessionView, messages: list[str]) -> None:
    """And say when there is nothing left."""
    work.session.edits.apply([(1, np.ones((20, 30), np.uint8))], "Grow 1-1")

    commands.undo(work.viewer)
    assert not work.session.store.labels(1).any()
    commands.undo(work.viewer)
    commands.redo(work.viewer)
    assert work.session.store.labels(1).all()
    commands.redo(work.viewer)

    assert messages[0] == "Undone: Grow 1-1."
    assert "no run, clean-up or change of objects to undo" in messages[1]
    assert messages[2] == "Redone: Grow 1-1."
    assert "nothing to redo" in messages[3]


def test_new_masks_are_selected_for_painting(
    make_napari_viewer: Callable[[], Viewer], messages: list[str]
) -> None:
    """On the current video; a second time it is the same layer."""
    viewer = make_napari_viewer()
    commands.new_masks(viewer)
    assert "Open a video" in messages[0]
    viewer.add_image(np.zeros((LENGTH, 20, 30), np.uint8), name="clip")

    commands.new_masks(viewer)
    masks = workspace_view(viewer).current.masks
    viewer.layers.selection.active = viewer.layers["clip"]
    commands.new_masks(viewer)

    assert [layer.name for layer in viewer.layers] == ["clip", "clip masks"]
    assert viewer.layers.selection.active is masks is workspace_view(viewer).current.masks
    assert masks.mode == "paint"


def test_work_is_that_of_the_video_chosen(work: SessionView, messages: list[str]) -> None:
    """Where *Propagate* is open, which names one."""
    viewer = work.viewer
    other = viewer.add_image(np.zeros((LENGTH, 8, 8), np.uint8), name="other")
    _, dock = viewer.window.add_plugin_dock_widget("napari-frtm", "Propagate")
    dock.form.video.layer = other

    commands.toggle_frozen(viewer)
    assert "There are no masks yet" in messages[0]

    dock.form.video.layer = work.video
    commands.toggle_frozen(viewer)
    assert work.session.timeline.frozen[work.current]


def test_work_is_that_of_review_where_only_it_is_open(work: SessionView) -> None:
    """Of several videos, the one that is chosen there; without a choice the last one."""
    viewer = work.viewer
    other = viewer.add_image(np.zeros((LENGTH, 8, 8), np.uint8), name="other")
    later = workspace_view(viewer).open(other, VideoAxes())
    later.session.timeline.record(0, {1: 0.9}, {1: 0.0})
    _, dock = viewer.window.add_plugin_dock_widget("napari-frtm", "Review")
    assert dock.session_view is later
    dock.video.setCurrentIndex(0)
    assert dock.session_view is work

    commands.toggle_frozen(viewer)

    assert work.session.timeline.frozen[work.current]
    assert not later.session.timeline.frozen.any()


def test_work_needs_no_dock(work: SessionView) -> None:
    """There is a current video without any; one that has ended is none."""
    viewer = work.viewer
    other = viewer.add_image(np.zeros((LENGTH, 8, 8), np.uint8), name="other")
    workspace_view(viewer).open(other, VideoAxes())
    viewer.layers.remove(other)

    commands.toggle_frozen(viewer)

    assert not viewer.window.dock_widgets
    assert work.session.timeline.frozen[work.current]


def test_docks_opened_by_commands_are_those_of_the_menu(
    make_napari_viewer: Callable[[], Viewer],
) -> None:
    """There is one of a kind, whichever came first, and after it was closed."""
    from napari._app_model import get_app_model

    viewer = make_napari_viewer()
    menu = get_app_model().commands

    def docks() -> list[str]:
        return sorted(viewer.window.dock_widgets)

    for command in (commands.start_or_pause, commands.new_masks, commands.show_keys):
        command(viewer)
    for command_id in ("napari-frtm.propagate", "napari-frtm.keys"):
        menu.execute_command(command_id)
    assert docks() == ["Keys (FRTM)", "Propagate (FRTM)"]

    viewer.window.remove_dock_widget("all")
    for command_id in ("napari-frtm.propagate", "napari-frtm.keys"):
        menu.execute_command(command_id)
    for command in (commands.start_or_pause, commands.new_masks, commands.show_keys):
        command(viewer)
    assert docks() == ["Keys (FRTM)", "Propagate (FRTM)"]


def test_a_dock_that_a_script_has_opened_is_used(
    make_napari_viewer: Callable[[], Viewer],
) -> None:
    """Though napari gives it another name then."""
    viewer = make_napari_viewer()
    viewer.window.add_plugin_dock_widget("napari-frtm", "Propagate")

    commands.start_or_pause(viewer)

    assert len(viewer.window.dock_widgets) == 1


def test_keys_call_the_commands(window_desk: Desk, qtbot: QtBot) -> None:
    """As typed, while the dock is open."""
    desk = window_desk
    from napari_frtm.plugin.keys import bind

    bind(desk.viewer)
    assert all(is_bound(desk.viewer, key) for key in KEYS)
    handler = desk.viewer.window._qt_viewer._key_map_handler

    for layer in (desk.video, desk.labels):
        desk.viewer.layers.selection.active = layer
        desk.viewer.dims.set_current_step(0, 4)
        assert handler.press_key("Shift-I")
        qtbot.waitUntil(lambda: desk.widget.form.frames.span.start == 4)
        desk.widget.form.frames.span = range(12)


def test_list_of_keys_is_shown_and_hidden(make_napari_viewer: Callable[[], Viewer]) -> None:
    """By the same command."""
    viewer = make_napari_viewer()

    commands.show_keys(viewer)
    (panel,) = (w for w in viewer.window.dock_widgets.values() if isinstance(w, Keys))
    assert not panel.parentWidget().isHidden()

    commands.show_keys(viewer)
    assert panel.parentWidget().isHidden()
    commands.show_keys(viewer)
    assert not panel.parentWidget().isHidden()


def test_while_a_run_is_under_way(
    window_desk: Desk, messages: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Start pauses and goes on, cancel stops; what would disturb the run says why it cannot be."""
    desk = window_desk
    called: list[str] = []
    workspace = desk.widget.workspace
    desk.viewer.window.remove_dock_widget("all")  # a run goes on, and obeys, without it
    with monkeypatch.context() as patch:
        patch.setattr(workspace, "run", SimpleNamespace(session=workspace.current))
        patch.setattr(workspace, "toggle_pause", lambda: called.append("pause"))
        patch.setattr(workspace, "cancel", lambda: called.append("cancel"))

        commands.start_or_pause(desk.viewer)
        commands.cancel(desk.viewer)
        for command in (commands.undo, commands.redo):
            command(desk.viewer)
        commands.propagate_from_here(desk.viewer)

    assert called == ["pause", "cancel"]
    assert not desk.viewer.window.dock_widgets
    assert all("Cancel it first" in message for message in messages[:2])
    assert "A run is under way" in messages[2]
