"""A small shot with its masks, and the command line to run on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from console import Outcome, Shot, arguments, contents, finish, paint, process, write_movie
from PIL import Image

from napari_frtm.cli import main
from napari_frtm.io.labels import write_labels

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COUNT, HEIGHT, WIDTH = 20, 96, 128


@pytest.fixture(scope="session")
def shot(tmp_path_factory: pytest.TempPathFactory) -> Shot:
    """Write a shot of a moving textured square, id 1; another one, id 3, comes with frame 8."""
    folder = tmp_path_factory.mktemp("shot")
    rng = np.random.default_rng(1)
    background = rng.integers(60, 130, (HEIGHT, WIDTH, 3), np.uint8)
    texture = np.kron(rng.integers(0, 2, (8, 8, 1)) * 90, np.ones((4, 4, 3))).astype(np.uint8)
    frames = np.repeat(background[None], COUNT, 0)
    truth = np.zeros((COUNT, HEIGHT, WIDTH), np.uint8)
    for t in range(COUNT):
        paint(frames[t], truth[t], (10 + t, 8 + 2 * t), texture + np.array([160, 20, 0]), 1)
        if t >= 8:
            paint(frames[t], truth[t], (60, 90 - t), texture + np.array([0, 40, 160]), 3)
        write_labels(folder / f"mask{t}.png", truth[t])
    write_movie(folder / "shot.mp4", frames)
    (folder / "images").mkdir()
    for t, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / "images" / f"take_{t + 5}.png")
    return Shot(folder, frames, truth)


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run the command line in this process."""

    def run(*arguments: str | Path) -> Outcome:
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as error:  # of argparse
            code = int(error.code or 0)
        return Outcome(code, *capfd.readouterr())

    return run


@pytest.fixture(scope="session")
def finished(shot: Shot, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the files of an undisturbed run in a process of its own."""
    out = tmp_path_factory.mktemp("finished") / "masks"
    outcome = finish(process(arguments(shot, out)))
    assert outcome.code == 0, outcome.err
    return contents(out)
