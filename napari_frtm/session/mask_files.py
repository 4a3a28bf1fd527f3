"""The masks of a session as label images in a folder, with soft outputs if wanted."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import cv2
import numpy as np
import tifffile
from PIL import Image

from napari_frtm.errors import OutputError
from napari_frtm.io.atomic import replacing, reporting
from napari_frtm.io.labels import labels_suffix, write_labels
from napari_frtm.io.session.array_reading import read_frame
from napari_frtm.io.session.files import remove_temporaries
from napari_frtm.io.session.identity import native, utf8

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from napari_frtm.session.store.store import Store
    from napari_frtm.types import Labels

KEY = "outputs"
"""Of a session's settings: where its masks are written, and what else."""

_SUFFIXES = (".png", ".tif")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """What is written besides the masks.

    Attributes
    ----------
    scores : bool
        Coarse scores, the largest of all objects: ``scores/NAME.tif``, float32 of shape (h, w), a
        score for 16 x 16 pixels of the working size.
    probabilities : bool
        Soft masks: ``probabilities/ID/NAME.png``, 8 bits, of the video's size.
    """

    scores: bool = False
    probabilities: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskFiles:
    """A folder with a label image per frame; every file is complete or absent at any moment.

    Attributes
    ----------
    folder : Path
        Where they are; made with the first file.
    names : sequence of str
        Stem of the files of each frame.
    outputs : Outputs
        What to write besides the masks.
    suffix : str
        ``.png`` for indexed pictures; ``.tif`` if there are ids above 255.
    """

    folder: Path
    names: Sequence[str]
    outputs: Outputs
    suffix: str = ".png"

    @classmethod
    def of(cls, folder: Path, names: Sequence[str], outputs: Outputs, largest_id: int) -> Self:
        """Return the files of masks with ids up to `largest_id`."""
        return cls(folder=folder, names=names, outputs=outputs, suffix=labels_suffix(largest_id))

    @classmethod
    def of_settings(cls, session: Path, settings: Mapping[str, Any], count: int) -> Self | None:
        """Return the files that a session of `count` frames has said it writes; None if none."""
        said = settings.get(KEY) or {}
        try:
            folder = Path(os.path.normpath(session.absolute() / native(said["folder"])))
            outputs = Outputs(scores=said["scores"], probabilities=said["probabilities"])
            names = [native(name) for name in said["names"]] if said["names"] else _numbers(count)
        except (LookupError, TypeError, AttributeError, ValueError):
            return None
        plain = len(names) == count and all(Path(name).name == name for name in names)
        return cls(folder=folder, names=names, outputs=outputs) if plain else None

    def settings(self, session: Path) -> dict[str, Any]:
        """Return what a session keeps of this under `KEY`, for `of_settings`."""
        try:
            folder = Path(os.path.relpath(self.folder.absolute(), session.absolute())).as_posix()
        except ValueError:  # on another drive
            folder = str(self.folder.absolute())
        names = None if list(self.names) == _numbers(len(self.names)) else self.names
        return {
            "folder": utf8(folder),
            "scores": self.outputs.scores,
            "probabilities": self.outputs.probabilities,
            "names": None if names is None else [utf8(name) for name in names],
        }

    def mask(self, index: int) -> Path:
        """Return where the mask of a frame is."""
        return self.folder / f"{self.names[index]}{self.suffix}"

    def write(self, store: Store, index: int) -> None:
        """Write what a store holds of one frame, to a folder that `update` has made.

        Raises
        ------
        OutputError
            If it cannot be written; every file is as before or as it should be then.
        """
        if self.outputs.scores and store.scores is not None:
            with _file(self._scores(index), self.folder) as path:
                _write_scores(path, read_frame(store.scores, index).astype(np.float32))
        if self.outputs.probabilities:
            for object_id, soft in store.soft_masks(index).items():
                levels = cv2.resize(soft, store.size[:0:-1])
                with _file(self._soft(object_id, index), self.folder) as path:
                    Image.fromarray(levels).save(path)
        write_labels(self.mask(index), store.labels(index))  # last: it tells that all is there

    def update(self, store: Store, indices: Iterable[int]) -> None:
        """Write the frames whose files are missing here, or their masks other than in the store.

        What a killed program has left behind is removed.

        Raises
        ------
        OutputError
            If they cannot be written.
        """
        with reporting(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        for folder in (self.folder, self.folder / "scores", *self.folder.glob("probabilities/*/")):
            remove_temporaries(folder)
        for index in indices:
            other = [self.folder / f"{self.names[index]}{s}" for s in _SUFFIXES if s != self.suffix]
            if not self._is_current(store, index):
                self.write(store, index)
                for path in other:
                    with reporting(path):
                        path.unlink(missing_ok=True)

    def check_free(self, drawn: Collection[Path], source: Path) -> None:
        """Check that nothing that the user has made would be replaced.

        Parameters
        ----------
        drawn : collection of Path
            Masks that were drawn.
        source : Path
            The video.

        Raises
        ------
        OutputError
            If a mask would be written to one of these files.
        """
        targets = {(self.folder / f"{name}{s}").resolve() for name in self.names for s in _SUFFIXES}
        for path in drawn:
            if path.resolve() in targets:
                raise OutputError(
                    f"The masks would replace what you have drawn, {path}. Choose another folder, "
                    "or copy that file elsewhere first."
                )
        if source.resolve() in targets:
            raise OutputError(
                f"The masks would replace the video, {source}. Choose another folder."
            )

    def first_taken(self) -> Path | None:
        """Return the first file that is in the way of the masks; None if there is none."""
        paths = (self.folder / f"{name}{suffix}" for name in self.names for suffix in _SUFFIXES)
        return next((path for path in paths if path.exists()), None)

    def remove(self, keep: Collection[Path] = ()) -> None:
        """Delete all files of these names, with scores and soft masks, except those to keep.

        Raises
        ------
        OutputError
            If one of them cannot be deleted.
        """
        kept = {path.resolve() for path in keep}
        folders = [self.folder, self.folder / "scores", *self.folder.glob("probabilities/*/")]
        for folder in folders:
            for name in self.names:
                for path in (folder / f"{name}{suffix}" for suffix in _SUFFIXES):
                    if path.is_file() and path.resolve() not in kept:
                        with reporting(path):
                            path.unlink()

    def _is_current(self, store: Store, index: int) -> bool:
        """Whether all files of a frame are there, and its masks are those of the store."""
        wanted = [self._scores(index)] if self.outputs.scores and store.scores is not None else []
        if self.outputs.probabilities:
            wanted += [self._soft(i, index) for i in store.soft_masks(index)]
        return all(path.exists() for path in wanted) and _holds(
            self.mask(index), store.labels(index)
        )

    def _scores(self, index: int) -> Path:
        return self.folder / "scores" / f"{self.names[index]}.tif"

    def _soft(self, object_id: int, index: int) -> Path:
        return self.folder / "probabilities" / str(object_id) / f"{self.names[index]}.png"


def _numbers(count: int) -> list[str]:
    """Return the names of frames that have none of their own."""
    return [f"{index:05d}" for index in range(count)]


def _holds(path: Path, labels: Labels) -> bool:
    """Whether a file is there with these labels."""
    if not path.exists():
        return False
    try:
        if path.suffix == ".tif":
            return np.array_equal(tifffile.imread(path), labels)
        with Image.open(path) as image:
            return image.mode == "P" and np.array_equal(np.asarray(image), labels)
    except Exception:  # noqa: BLE001 - readers raise nearly anything for damaged files
        return False


@contextmanager
def _file(path: Path, top: Path) -> Iterator[Path]:
    """Give a temporary for `path`, whose folder in `top` is made if need be, but not `top`."""
    with reporting(path):
        for folder in reversed(path.relative_to(top).parents[:-1]):
            (top / folder).mkdir(exist_ok=True)
    with replacing(path) as temporary:
        yield temporary


def _write_scores(path: Path, scores: np.ndarray) -> None:
    tifffile.imwrite(
        path,
        scores,
        compression="zlib",
        photometric="minisblack",
        metadata=None,
        description=json.dumps({"scores": "the largest of all objects"}),
    )
