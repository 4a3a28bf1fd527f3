"""*Send to batch*, and the dock *Batch*: real worker processes, whose masks come back."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
import tomllib
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
import tifffile
from distributed import Client
from napari.components import ViewerModel
from qtpy.QtCore import QThreadPool, QUrl
from qtpy.QtGui import QDesktopServices

from napari_frtm.batch.job_file import read_job
from napari_frtm.config import Direction, preset
from napari_frtm.engine.tracking.propagate import propagate
from napari_frtm.plugin.docks.batch import Batch
from napari_frtm.plugin.docks.propagate.dock import Propagate
from napari_frtm.plugin.run.batch_process import Sent, followed, job_text
from napari_frtm.plugin.view.workspace_view import workspace_view
from napari_frtm.plugin.work.sending import Sending
from napari_frtm.session.run.request import Settings
from napari_frtm.types import BYTES, Contrast

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.layers import Image
    from pytestqt.qtbot import QtBot

    from napari_frtm.engine.networks.network import FrtmNetwork
    from napari_frtm.plugin.view.session_view import SessionView
    from tests.conftest import Clip

COUNT = 6
SECONDS = 120_000


class Desk(NamedTuple):
    """What a user has before them: a saved session with one painted frame."""

    viewer: ViewerModel
    propagate: Propagate
    batch: Batch
    video: Image
    folder: Path

    @property
    def view(self) -> SessionView | None:
        """The session, as it is shown."""
        return workspace_view(self.viewer).current


@pytest.fixture
def desk(clip: Clip, qtbot: QtBot, tmp_path: Path) -> Iterator[Desk]:
    """Return the desk; nothing runs after."""
    path = tmp_path / "squares.tif"
    tifffile.imwrite(path, clip.frames[:COUNT], photometric="rgb")
    viewer = ViewerModel()
    docks = Propagate(viewer), Batch(viewer)
    for dock in docks:
        qtbot.addWidget(dock)
    (video,) = viewer.open(str(path), plugin="napari-frtm")
    view = workspace_view(viewer).open(video)
    docks[0].new_masks()
    qtbot.waitUntil(lambda: view.session.store.folder is not None, timeout=SECONDS)
    assert view.masks is not None
    view.session.store.put(0, clip.truth[0])
    view.session.keyframes.make(0)
    docks[0].form.options.masks.value = "Coarse"
    docks[1].workers.setValue(1)
    assert view.session.store.folder is not None
    yield Desk(viewer, *docks, video, view.session.store.folder.path)
    docks[1].sending.stop()
    assert QThreadPool.globalInstance().waitForDone(SECONDS)


def test_masks_come_back(
    desk: Desk,
    clip: Clip,
    network: FrtmNetwork,
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They are those of a run; meanwhile the layers are away. One whose video is gone fails."""
    desk.propagate.send()
    assert desk.view is None
    assert desk.batch.table.item(0, 1).text() == "waiting"
    qtbot.waitUntil(lambda: [*desk.viewer.layers] == [desk.video], timeout=SECONDS)

    def back() -> bool:
        view = desk.view
        return view is not None and bool(view.session.timeline.filled.all())

    qtbot.waitUntil(back, timeout=SECONDS)
    assert desk.batch.table.item(0, 1).text() == "done"
    assert desk.batch.table.item(0, 2).text() == f"{COUNT} / {COUNT}"
    assert desk.batch.status.text() == "1 of 1 done."
    config = preset("lite", "d-only")
    expected = propagate(network, config, clip.frames[:COUNT], {0: clip.truth[0]})
    view = desk.view
    assert view is not None
    assert view.masks is not None
    for p in expected:
        assert (np.asarray(view.masks.data[p.index]) == p.labels).mean() > 0.99
    qtbot.waitUntil(lambda: not desk.batch.sending.is_running, timeout=SECONDS)
    assert not desk.batch.stop_button.isEnabled()
    opened: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    desk.batch.report_button.click()
    page = Path(opened[0].toLocalFile())
    assert "1 of 1 clips are done" in page.read_text()
    assert "data:image/jpeg" in page.read_text()

    (tmp_path / "squares.tif").rename(tmp_path / "elsewhere.tif")
    gone = tmp_path / "gone" / "squares.frtm"
    shutil.copytree(desk.folder, gone, ignore=shutil.ignore_patterns("*.lock"))
    sent = Sent(session=gone, settings=Settings(config=config), span=range(COUNT))
    desk.batch.sending.send(sent)
    qtbot.waitUntil(lambda: not desk.batch.sending.is_running, timeout=SECONDS)
    assert [desk.batch.table.item(row, 1).text() for row in (0, 1)] == ["done", "failed"]
    assert "is not there any more" in desk.batch.status.text()
    assert desk.batch.sending.report not in (None, page)


def test_workers_of_a_running_scheduler(desk: Desk, qtbot: QtBot, tmp_path: Path) -> None:
    """The dock says where it is, and no process of this machine is started."""
    file = tmp_path / "scheduler.json"
    words = ["scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file)]
    worker = ["worker", "--scheduler-file", str(file), "--nthreads", "1", "--no-nanny"]
    dask = [sys.executable, "-m", "dask"]
    with ExitStack() as stack:
        for each in (words, worker):
            process = subprocess.Popen([*dask, *each], cwd=tmp_path)
            stack.callback(process.wait)
            stack.callback(process.kill)
        qtbot.waitUntil(file.exists, timeout=SECONDS)
        desk.batch.scheduler.setText(json.loads(file.read_text())["address"])
        desk.batch.scheduler.editingFinished.emit()
        desk.propagate.send()
        qtbot.waitUntil(lambda: not desk.batch.sending.is_running, timeout=SECONDS)
        with Client(desk.batch.sending.scheduler) as client:
            asked = client.run(lambda: "napari_frtm.engine.tracking.tracker" in sys.modules)
    assert list(asked.values()) == [True]
    assert desk.batch.table.item(0, 1).text() == "done"


def test_it_can_be_stopped(desk: Desk, qtbot: QtBot) -> None:
    """The session comes back, and another program may open it."""
    desk.propagate.send()
    desk.batch.sending.stop()
    qtbot.waitUntil(lambda: desk.view is not None, timeout=SECONDS)
    assert desk.batch.table.item(0, 1).text() == "stopped"
    view = desk.view
    assert view is not None
    qtbot.waitUntil(lambda: bool(view.session.store.keyframes), timeout=SECONDS)


def test_what_cannot_be_sent_is_said(
    desk: Desk, messages: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is handed over then."""
    desk.propagate.form.options.objects.value = "1"
    desk.propagate.send()
    assert "A batch follows all objects" in messages[-1]
    desk.propagate.form.options.objects.value = ""
    monkeypatch.setattr("napari_frtm.plugin.work.sending.find_spec", lambda name: None)
    desk.propagate.send()
    assert 'pip install "napari-frtm[batch]"' in messages[-1]
    assert desk.view is not None
    assert not desk.batch.sending.sent


@pytest.mark.parametrize("name", ["fast", "cells"])
def test_a_job_says_what_the_form_says(tmp_path: Path, name: str) -> None:
    """Two sessions of one name are two clips; settings are those chosen."""
    config = replace(preset(name, "d-only"), locality=None, outlines=name == "fast")
    settings = Settings(config=config, preset=name, direction=Direction.BOTH, soft=True)
    sent = []
    for folder in ("a", 'b"'):
        path = tmp_path / folder / "shot.frtm"
        path.mkdir(parents=True)
        (path / "session.json").touch()
        contrast = Contrast(0, 99, 0.5)
        sent.append(Sent(session=path, settings=settings, span=range(2, 9), contrast=contrast))
    text = job_text(sent)
    assert [clip["name"] for clip in tomllib.loads(text)["clips"]] == ["shot", "shot-2"]
    (tmp_path / "job.toml").write_text(text)
    clips = read_job(tmp_path / "job.toml").clips
    assert [clip.session for clip in clips] == [each.session for each in sent]
    for clip in clips:
        assert clip.frames == (2, 9)
        assert clip.seen(BYTES) == (0, 99, 0.5)
        assert clip.settings.soft
        assert clip.settings.settings().config == config
        assert clip.settings.direction == Direction.BOTH


def test_a_window_that_closes_does_not_wait(tmp_path: Path) -> None:
    """The process is told to end; a thread that waited for it would outlive the window."""
    settings = Settings(config=preset("lite", "d-only"), preset="lite")
    sent = Sent(session=tmp_path / "shot.frtm", settings=settings, span=range(COUNT))
    steps = followed(job_text([sent]), tmp_path / "batch", [], lambda: 0.0)
    assert next(steps) is None

    begun = time.monotonic()
    steps.close()

    assert time.monotonic() - begun < 5


def test_one_that_is_done_can_be_sent_again_at_once(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the others of its batch go on; it is in the next one."""
    others, batches = Event(), []

    def lines(text: str, *_: object) -> Iterator[dict[str, object]]:
        batches.append([clip["name"] for clip in tomllib.loads(text)["clips"]])
        for name in batches[-1]:
            told = {"done": 6, "total": 6, "confidence": 0.9, "reason": ""}
            yield {"clip": name, "state": "done", **told}
            others.wait(30)

    monkeypatch.setattr("napari_frtm.plugin.work.sending.followed", lines)
    sending = Sending()
    settings = Settings(config=preset("lite", "d-only"), preset="lite")
    first = Sent(session=tmp_path / "first.frtm", settings=settings, span=range(COUNT))
    sending.send(first)
    qtbot.waitUntil(lambda: sending.sent[first.session].state == "done", timeout=SECONDS)
    sending.send(first)
    others.set()

    qtbot.waitUntil(lambda: not sending.is_running, timeout=SECONDS)

    assert batches == [["first"], ["first"]]
    assert sending.sent[first.session].state == "done"
