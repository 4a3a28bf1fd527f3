"""A movie that was propagated, opened in napari, corrected and exported from the dock.

What is written is read by other programs: OpenEXR, PyAV, Pillow, NumPy alone for Cryptomatte.
"""

from __future__ import annotations

import json
import shutil
from importlib import import_module
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import OpenEXR
import pytest
from PIL import Image

from napari_frtm.cli import main
from napari_frtm.plugin.docks.export.dock import Export
from napari_frtm.plugin.view.workspace_view import workspace_view

from .conftest import Desk, choose, finish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari.viewer import Viewer
    from numpy.typing import NDArray
    from pytestqt.qtbot import QtBot

LENGTH = 5
CORRECTED = 3
SAMPLES = Path(str(files("napari_frtm") / "sample_data"))


def _write_movie(path: Path) -> None:
    """Write the first frames of the bundled movie, with a tone and a time code."""
    with av.open(str(SAMPLES / "roto.mp4")) as source:
        decoded = islice(source.decode(video=0), LENGTH)
        pictures = [frame.to_ndarray(format="rgb24") for frame in decoded]
    with av.open(str(path), "w") as container:
        container.metadata["timecode"] = "01:00:00:00"
        video = container.add_stream("libx264", rate=24, options={"crf": "10"})
        video.height, video.width, video.pix_fmt = *pictures[0].shape[:2], "yuv420p"
        audio = container.add_stream("aac", rate=48000)
        audio.layout = "mono"
        for picture in pictures:
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode())
        tone = np.sin(np.arange(2000 * LENGTH) * 0.05).astype(np.float32)[None]
        samples = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
        samples.sample_rate = 48000
        container.mux(audio.encode(samples))
        container.mux(audio.encode())


@pytest.fixture(scope="module")
def propagated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a movie and, beside it, its session as the command line leaves it."""
    folder = tmp_path_factory.mktemp("shots")
    movie = folder / "shot.mov"
    _write_movie(movie)
    mask, out, session = SAMPLES / "roto_mask.png", folder / "masks", folder / "shot.frtm"
    words = ["segment", movie, "--mask", mask, "--out", out, "--session", session]
    assert main([*map(str, words), "--probabilities", "--device", "cpu"]) == 0
    return folder


@pytest.fixture
def shot(
    propagated: Path,
    make_napari_viewer: Callable[[], Viewer],
    qtbot: QtBot,
    tmp_path: Path,
    one_thread: None,
) -> Iterator[Desk]:
    """Return the movie in napari, its work taken up, a frame of it corrected with the brush."""
    folder = Path(shutil.copytree(propagated, tmp_path / "shots"))
    viewer = make_napari_viewer()
    viewer.open(str(folder / "shot.mov"), plugin="napari-frtm")
    workspace = workspace_view(viewer).workspace
    with qtbot.waitSignal(workspace.taken_up, timeout=30_000):
        pass
    view = workspace_view(viewer).current
    qtbot.waitUntil(lambda: view.masks is not None, timeout=30_000)
    view.go_to(CORRECTED)
    view.masks.brush_size = 30
    view.masks.paint((CORRECTED, 40, 40), int(view.session.timeline.object_ids[0]))
    view.painting.settle()
    dock = Export(viewer)
    viewer.window.add_dock_widget(dock, name="Export", area="right")
    yield Desk(viewer, dock, view)
    dock.cancel()
    workspace_view(viewer).close()


def _export(desk: Desk, qtbot: QtBot, form: str, path: Path) -> Path:
    choose(desk, form, path)
    desk.dock.export_button.click()
    finish(desk, qtbot)
    assert desk.dock.status.text().endswith(": done.")
    return path


def _masks(desk: Desk) -> NDArray[np.bool_]:
    """Return what napari shows: where the object is, of shape (T, H, W)."""
    shown = np.stack([np.asarray(desk.view.masks.data[t]) for t in range(LENGTH)]) > 0
    assert shown[CORRECTED, 40, 40]  # the correction
    assert shown.any((1, 2)).all()
    return shown


def _channels(path: Path) -> tuple[dict[str, NDArray[np.floating]], dict[str, object]]:
    with OpenEXR.File(str(path), separate_channels=True) as file:
        return {name: each.pixels.copy() for name, each in file.channels().items()}, dict(
            file.header()
        )


def _differ(alpha: NDArray[np.floating], mask: NDArray[np.bool_]) -> float:
    """Return the share of the mask's area at which a matte says something else."""
    return float(((alpha >= 0.5) != mask).sum() / mask.sum())


def test_mattes_say_what_napari_shows(shot: Desk, qtbot: QtBot, tmp_path: Path) -> None:
    """As EXR, EXR with layers, 16-bit PNG and Cryptomatte, all the same; the correction too."""
    shown = _masks(shot)

    exr = _export(shot, qtbot, "exr", tmp_path / "exr") / "object_1"
    layers = _export(shot, qtbot, "exr-layers", tmp_path / "layers")
    crypto = _export(shot, qtbot, "cryptomatte", tmp_path / "crypto")
    shot.dock.form.depth.setCurrentText("16 bits")
    png = _export(shot, qtbot, "matte-png", tmp_path / "png") / "object_1"

    for t in range(LENGTH):
        one, _ = _channels(exr / f"{t:05d}.exr")
        alpha = one["A"].astype(np.float32)
        np.testing.assert_array_equal(alpha >= 0.5, shown[t])
        assert ((alpha > 0.02) & (alpha < 0.98)).any()  # soft
        np.testing.assert_array_equal(_channels(layers / f"{t:05d}.exr")[0]["object_1.A"], one["A"])
        levels = np.asarray(Image.open(png / f"{t:05d}.png")).astype(np.float32) / 65535
        np.testing.assert_allclose(levels, alpha, atol=1e-3)
        np.testing.assert_allclose(_covered(crypto / f"{t:05d}.exr", "object_1"), levels, atol=1e-4)
    corner = _channels(exr / f"{CORRECTED:05d}.exr")[0]["A"][35:45, 35:45]
    np.testing.assert_array_equal(corner, np.ones((10, 10)))


def _covered(path: Path, name: str) -> NDArray[np.float32]:
    """Return the coverage of an object, read as the specification of Cryptomatte says."""
    channels, header = _channels(path)
    key = next(k for k in header if k.startswith("cryptomatte/") and k.endswith("/manifest"))
    number = int(json.loads(str(header[key]))[name], 16)
    wanted = np.array(number, np.uint32).view(np.float32)
    total = np.zeros_like(channels["object00.R"])
    for rank in range(3):
        for identity, share in ("RG", "BA"):
            ids = channels[f"object{rank:02d}.{identity}"]
            total += np.where(ids == wanted, channels[f"object{rank:02d}.{share}"], 0)
    return total


def test_matting_from_the_dock(shot: Desk, qtbot: QtBot, tmp_path: Path) -> None:
    """It changes the band around the outline alone."""
    import_module("pymatting")  # the first time it compiles itself, for a minute or longer
    shot.dock.form.frames.setCurrentText("In to Out")
    shot.view.session.set_span(range(1, 2))
    shot.dock.form.edges.inputs["band"].setValue(5)
    plain = _export(shot, qtbot, "matte-png", tmp_path / "plain")
    shot.dock.form.edges.inputs["matting"].setChecked(True)

    matted = _export(shot, qtbot, "matte-png", tmp_path / "matted")

    before, after = (
        np.asarray(Image.open(folder / "object_1" / "00001.png")).astype(int)
        for folder in (plain, matted)
    )
    changed = np.abs(after - before) > 8
    assert 20 < changed.sum() < 0.5 * (before > 127).sum()
    mask = before > 127
    far = np.ones_like(mask)
    for y, x in np.argwhere(mask[1:] != mask[:-1]):
        far[max(0, y - 8) : y + 9, max(0, x - 8) : x + 9] = False
    for y, x in np.argwhere(mask[:, 1:] != mask[:, :-1]):
        far[max(0, y - 8) : y + 9, max(0, x - 8) : x + 9] = False
    assert not changed[far].any()


def test_prores_with_the_sound_of_the_movie(shot: Desk, qtbot: QtBot, tmp_path: Path) -> None:
    """Alpha as napari shows it, colours of the movie, and the packets of its sound."""
    shown = _masks(shot)
    shot.dock.form.audio.setChecked(True)

    path = _export(shot, qtbot, "prores", tmp_path / "cut.mov")

    source = Path(str(shot.view.session.source.path))
    with av.open(str(path)) as cut, av.open(str(source)) as movie:
        assert cut.streams.video[0].codec_context.codec_tag == "ap4h"
        assert cut.streams.video[0].average_rate == 24
        codes = {each.metadata.get("timecode") for each in cut.streams} - {None}
        assert codes == {"01:00:00:00"}
        sounds = [[bytes(p) for p in each.demux(audio=0) if p.size] for each in (cut, movie)]
    assert len(sounds[0]) > 5
    assert set(sounds[0]) <= set(sounds[1])
    with av.open(str(path)) as cut, av.open(str(source)) as movie:
        frames = [frame.to_ndarray(format="rgba") for frame in cut.decode(video=0)]
        originals = [frame.to_ndarray(format="rgb24") for frame in movie.decode(video=0)]
    assert len(frames) == LENGTH
    for t, frame in enumerate(frames):
        assert _differ(frame[..., 3] / 255, shown[t]) < 0.03
        solid = frame[..., 3] == 255
        assert np.abs(frame[solid][:, :3].astype(int) - originals[t][solid]).mean() < 6


def test_hard_masks_are_bit_exact(shot: Desk, qtbot: QtBot, tmp_path: Path) -> None:
    """Corrected, frozen and predicted frames, as napari shows them."""
    shot.view.session.freeze([2], True)
    shown = np.stack([np.asarray(shot.view.masks.data[t]) for t in range(LENGTH)])

    folder = _export(shot, qtbot, "png", tmp_path / "png")

    written = [np.asarray(Image.open(folder / f"{t:05d}.png")) for t in range(LENGTH)]
    np.testing.assert_array_equal(written, shown)
