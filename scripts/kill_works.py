"""The commands that `kill_campaign` kills, on tiny clips: how each begins, and how it goes on."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import tifffile
from PIL import Image
from whole_files import contents, final_files

from napari_frtm.io.export.formats import FORMATS
from napari_frtm.io.labels import write_labels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

SAMPLES = Path(__file__).parents[1] / "sample_data"
SIZE = (112, 64)  # width, height
FRAMES = 24
METHOD = ("--variant", "d-only", "--short-side", "64", "--device", "cpu")
EXPORTED = ("png", "tiff", "zarr", "npz", "coco", "csv", "exr-layers", "prores", "overlay")
COMMAND = (sys.executable, "-m", "napari_frtm")


class Work:
    """A command that leaves files in a folder, and can be begun again after a kill.

    Parameters
    ----------
    folder : Path
        For what it needs, and for what it leaves: ``out`` in it.
    """

    name = ""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.out = folder / "out"
        folder.mkdir(parents=True, exist_ok=True)
        self.prepare()

    def prepare(self) -> None:
        """Write what the command needs."""

    def begin(self) -> list[str]:
        """Return the command, for an empty place."""
        raise NotImplementedError

    def again(self) -> list[str]:
        """Return the command that goes on after a kill."""
        return self.begin()

    def clear(self) -> None:
        """Remove what the command has left."""
        shutil.rmtree(self.out, ignore_errors=True)

    def has_files(self) -> bool:
        """Whether the command has written anything under a final name."""
        return self.out.exists() and any(final_files(self.out))

    def result(self) -> dict[str, str]:
        """Return what is compared in the end."""
        return contents(self.out)

    def lost(self) -> list[str]:
        """Say what was finished before the kill and is not there any more."""
        return []


class Segment(Work):
    """``napari-frtm segment``, with all that it writes."""

    name = "segment"

    def prepare(self) -> None:
        """Write a clip."""
        self.movie, self.mask, _ = clip(self.folder)

    def begin(self) -> list[str]:
        """Return the command."""
        files = ["segment", str(self.movie), "--mask", str(self.mask), "--out", str(self.out)]
        overlay = ["--overlay", str(self.out / "overlay.mp4")]
        return [*COMMAND, *files, "--scores", "--probabilities", *overlay, *METHOD]

    def again(self) -> list[str]:
        """Return the same with ``--resume``, if there is a session."""
        session = self.out / f"{self.movie.stem}.frtm" / "session.json"
        return [*self.begin(), "--resume"] if session.exists() else self.begin()


class Export(Work):
    """``napari-frtm export`` in one format."""

    name = "export"

    def __init__(self, folder: Path, form: str, session: Path) -> None:
        self.form, self.session = form, session
        super().__init__(folder)

    def begin(self) -> list[str]:
        """Return the command."""
        to = self.out / f"it{FORMATS[self.form].suffix}"
        return [*COMMAND, "export", str(self.session), str(to), "--format", self.form]

    def again(self) -> list[str]:
        """Return the same, which may replace what a kill has left of many files."""
        return [*self.begin(), "--overwrite"]

    def has_files(self) -> bool:
        """Whether anything is there, be it under a hidden name: one file comes when all is done."""
        return any(path.is_file() for path in self.out.rglob("*"))


class Train(Work):
    """``napari-frtm train`` with a recipe of a few steps."""

    name = "train"
    recipe = """
steps = 12
batch = 1
checkpoint_interval = 3
[segmentation]
channels = [4, 4, 4, 4]
[crop]
size = 64
[validation]
interval = 4
every = 4
dataset = { kind = "videos", path = "davis", split = "held-out" }
[[datasets]]
kind = "videos"
path = "davis"
split = "train"
references = 3
"""

    def prepare(self) -> None:
        """Write the recipe, and two videos in the layout of DAVIS."""
        (self.folder / "tiny.toml").write_text(self.recipe)
        root = self.folder / "data" / "davis"
        (root / "ImageSets").mkdir(parents=True)
        (root / "ImageSets" / "train.txt").write_text("one\n")
        (root / "ImageSets" / "held-out.txt").write_text("two\n")
        for name, first in (("one", 0), ("two", 48)):
            images, masks = (root / kind / "480p" / name for kind in ("JPEGImages", "Annotations"))
            images.mkdir(parents=True)
            masks.mkdir(parents=True)
            for t, (frame, labels) in enumerate(frames(first, 8)):
                Image.fromarray(frame).save(images / f"{t:05d}.jpg")
                write_labels(masks / f"{t:05d}.png", labels)

    def begin(self) -> list[str]:
        """Return the command."""
        recipe, data = str(self.folder / "tiny.toml"), str(self.folder / "data")
        files = ["train", recipe, "--data", data, "--out", str(self.out)]
        return [*COMMAND, *files, "--device", "cpu"]

    def again(self) -> list[str]:
        """Return the same with ``--resume``."""
        return [*self.begin(), "--resume"]


class Batch(Work):
    """``napari-frtm batch`` of two clips on one worker."""

    name = "batch"

    def prepare(self) -> None:
        """Write two clips and a job."""
        tables = ""
        for name, first in (("one", 0), ("two", 40)):
            movie, mask, _ = clip(self.folder, name, first)
            tables += f'[[clips]]\nvideo = "{movie.name}"\nmasks = ["{mask.name}"]\n'
        settings = '[settings]\nvariant = "d-only"\nshort_side = 64\ndevice = "cpu"\n'
        exports = '[[exports]]\nformat = "png"\nto = "png/{name}"\n'
        exports += '[[exports]]\nformat = "overlay"\nto = "movies/{name}.mp4"\n'
        (self.folder / "job.toml").write_text(f'out = "out"\n{settings}\n{exports}\n{tables}')

    def begin(self) -> list[str]:
        """Return the command."""
        job = ["batch", str(self.folder / "job.toml")]
        return [*COMMAND, *job, "--workers", "1", "--threads", "1", "--no-gpu"]

    def result(self) -> dict[str, str]:
        """Return what was found; the report tells how long it took."""
        found = contents(self.out)
        return {name: digest for name, digest in found.items() if not name.startswith("report.")}


class Session(Work):
    """A video worked on in napari, by `kill_session`."""

    name = "napari session"
    options: tuple[str, ...] = ()

    def prepare(self) -> None:
        """Write a clip, from which each session begins."""
        clip(self.folder / "clip")
        self.journal = self.out / "journal.txt"

    def begin(self) -> list[str]:
        """Return the program, after laying out the clip where none is."""
        shutil.copytree(self.folder / "clip", self.out, dirs_exist_ok=True)
        script = Path(__file__).with_name("kill_session.py")
        return [sys.executable, str(script), str(self.out / "clip.tif"), *self.options]

    def has_files(self) -> bool:
        """Whether there is a session; the clip is there before."""
        return (self.out / "clip.frtm" / "session.json").exists()

    def result(self) -> dict[str, str]:
        """Return masks, keyframes and what is known of the frames."""
        found = contents(self.out)
        kept = ("masks-", "keyframes/", "timeline")
        return {n: d for n, d in found.items() if n.removeprefix("clip.frtm/").startswith(kept)}

    def lost(self) -> list[str]:
        """Say which masks and corrections that were told as saved are not in the session."""
        import zarr

        if not self.journal.exists():
            return []
        text = self.journal.read_text()
        said = [line.split() for line in text[: text.rfind("\n") + 1].splitlines()]
        saved = {(line[0], int(line[1])) for line in said if len(line) == 2}
        session, problems = self.out / "clip.frtm", []
        for what, frame in sorted(saved):
            if what == "corrected" and not list(session.glob(f"keyframes/{frame:05d}*")):
                problems.append(f"the correction of frame {frame}")
        done = {frame for what, frame in saved if what == "mask"}
        masks = zarr.open_array(next(session.glob("masks-*.zarr")), mode="r") if done else None
        return problems + [f"the mask of frame {t}" for t in sorted(done) if not masks[t].any()]


class Window(Session):
    """The same in a real window, for which there has to be a display."""

    name = "napari session in a window"
    options = ("--window",)


def frames(first: int, count: int) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Yield small frames of the sample movie with their truth."""
    import av

    truth = tifffile.imread(SAMPLES / "roto_truth.tif")
    with av.open(str(SAMPLES / "roto.mp4")) as movie:
        for t, frame in enumerate(movie.decode(video=0)):
            if first <= t < first + count:
                labels = cv2.resize(truth[t], SIZE, interpolation=cv2.INTER_NEAREST)
                yield cv2.resize(frame.to_ndarray(format="rgb24"), SIZE), labels.astype(np.uint8)


def clip(folder: Path, name: str = "clip", first: int = 0) -> tuple[Path, Path, Path]:
    """Write a stack of small frames, the mask of the first, and all masks; return where."""
    folder.mkdir(parents=True, exist_ok=True)
    pairs = list(frames(first, FRAMES))
    paths = folder / f"{name}.tif", folder / f"{name}_mask.png", folder / f"{name}_truth.npz"
    tifffile.imwrite(paths[0], np.stack([frame for frame, _ in pairs]), photometric="rgb")
    write_labels(paths[1], pairs[0][1])
    np.savez(paths[2], truth=np.stack([labels for _, labels in pairs]))
    return paths
