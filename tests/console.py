"""A small shot in files, and the command line in processes of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import av

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

FAST = ("--variant", "d-only-no-update", "--short-side", "48")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as in main, but before torch is loaded


@dataclass(frozen=True)
class Shot:
    """Files to run on: a movie, its frames as a folder of images, and masks."""

    folder: Path
    frames: NDArray[np.uint8]
    truth: NDArray[np.uint8]

    @property
    def movie(self) -> str:
        """The movie file."""
        return str(self.folder / "shot.mp4")

    @property
    def images(self) -> str:
        """The folder with an image per frame."""
        return str(self.folder / "images")

    def mask(self, index: int) -> str:
        """Return the label image of a frame."""
        return str(self.folder / f"mask{index}.png")


@dataclass(frozen=True)
class Outcome:
    """What a command left behind on the terminal."""

    code: int
    out: str
    err: str


def paint(
    frame: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    corner: tuple[int, int],
    patch: NDArray[np.integer],
    object_id: int,
) -> None:
    """Put a square patch into a frame and its labels."""
    place = tuple(slice(start, start + len(patch)) for start in corner)
    frame[place] = patch
    labels[place] = object_id


def write_movie(path: Path, frames: NDArray[np.uint8]) -> Path:
    """Write frames as H.264."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"crf": "10", "threads": "1"})
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return path


def process(arguments: Sequence[str | Path], prelude: str = "") -> subprocess.Popen[str]:
    """Start the command line in a process of its own, after some lines of Python."""
    code = f"import sys\n{prelude}\nfrom napari_frtm.cli import main\nsys.exit(main(sys.argv[1:]))"
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(started: subprocess.Popen[str]) -> Outcome:
    """Wait for the end of a process."""
    out, err = started.communicate(timeout=120)
    return Outcome(started.returncode, out, err)


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder, its session's included, without hidden ones."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def arguments(shot: Shot, out: Path, direction: str = "forward") -> list[str | Path]:
    """Return a run with two masks and all soft outputs."""
    first, second = (0, 8) if direction == "forward" else (3, 14)
    return [
        *("segment", shot.movie, "--out", out, "--direction", direction),
        *("--mask", f"{first}:{shot.mask(first)}", "--mask", f"{second}:{shot.mask(second)}"),
        *("--scores", "--probabilities"),
    ]
