"""The folder of a run: a mask per frame, soft outputs, and all that is needed to go on later."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import tifffile
from PIL import Image

from napari_frtm.errors import OutputError
from napari_frtm.io.atomic import replacing, reporting, write_json
from napari_frtm.io.labels import labels_suffix, write_labels
from napari_frtm.io.weights.tensors import save_tensors

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from torch import Tensor

    from napari_frtm.types import Prediction

_HIDDEN = ".frtm"
_TEMPORARY = re.compile(r"\.[0-9a-f]{32}")
"""Stem of what `replacing` writes; a killed run leaves one behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """What is written besides the masks.

    Attributes
    ----------
    scores : bool
        Coarse scores: ``scores/NAME.tif``, float32 of shape (N, h, w), 16 pixels a score.
    probabilities : bool
        Soft masks: ``probabilities/ID/NAME.png``, 8 bits, at the video's resolution.
    """

    scores: bool = False
    probabilities: bool = False


class ResultsFolder:
    """Where a run writes; every file is complete or absent at any moment.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    names : sequence of str
        Stem of the output files of each frame.
    identity : mapping
        Everything that the results depend on, as JSON values: a run goes on only with the same.
    largest_id : int
        Largest object id; above 255 masks are TIFF, otherwise indexed PNG.
    outputs : Outputs
        What to write besides the masks.
    """

    def __init__(
        self,
        folder: Path,
        names: Sequence[str],
        identity: Mapping[str, object],
        largest_id: int,
        outputs: Outputs,
    ) -> None:
        self.folder = folder
        self.outputs = outputs
        self._names = names
        self._identity = json.loads(json.dumps({**identity, "names": list(names)}))
        self._suffix = labels_suffix(largest_id)

    def start(self, *, overwrite: bool = False, keep: Collection[Path] = ()) -> None:
        """Begin a new run.

        With `overwrite`, the results of the run before are removed, except the files to `keep`.

        Raises
        ------
        OutputError
            If the folder holds results already and `overwrite` is false, or cannot be written.
        """
        with reporting(self.folder):
            if not overwrite:
                self._refuse_to_replace()
            self._state_file.parent.mkdir(parents=True, exist_ok=True)
            self._state_file.unlink(missing_ok=True)
            self._remove(self._old_names(), {path.resolve() for path in keep})
        write_json(self._run_file, self._identity)

    def resume(self) -> dict[str, Tensor] | None:
        """Return the saved state of the run in this folder; None if it had not begun.

        Raises
        ------
        OutputError
            If there is no run, one with other settings, or its state is damaged.
        """
        saved = self._saved_identity()
        if saved is None:
            raise OutputError(f"{self.folder} holds no run to continue. Leave out --resume.")
        if different := _difference(saved, self._identity):
            raise OutputError(
                f"The run in {self.folder} cannot be continued: {different}. Give the options "
                "and files of before, choose another folder, or start again with --overwrite."
            )
        self._remove(())
        from safetensors import SafetensorError
        from safetensors.torch import load_file  # here, because it loads torch

        if not self._state_file.exists():
            return None
        try:
            return load_file(self._state_file)
        except (SafetensorError, OSError) as error:
            raise self.damaged(error) from error

    def damaged(self, reason: object) -> OutputError:
        """Return the error for a saved state that cannot be used."""
        return OutputError(
            f"The saved state {self._state_file} is damaged ({reason}). Start again with "
            "--overwrite."
        )

    def check_masks(self, indices: Iterable[int]) -> None:
        """Raise an `OutputError` if the mask of one of these frames is missing."""
        missing = [path for path in map(self.mask_path, indices) if not path.exists()]
        if missing:
            raise OutputError(
                f"{missing[0]} is missing, although its frame was finished ({len(missing)} such "
                "masks). Put them back, or start again with --overwrite."
            )

    def write(self, prediction: Prediction) -> None:
        """Write what is wanted of one frame."""
        name = self._names[prediction.index]
        write_labels(self.mask_path(prediction.index), prediction.labels)
        if self.outputs.scores:
            with _file(self.folder / "scores" / f"{name}.tif") as path:
                _write_scores(path, prediction)
        if self.outputs.probabilities:
            height, width = prediction.labels.shape
            for i, soft in zip(prediction.object_ids, prediction.probabilities, strict=True):
                levels = (cv2.resize(soft, (width, height)) * 255).round().astype(np.uint8)
                with _file(self.folder / "probabilities" / str(i) / f"{name}.png") as path:
                    Image.fromarray(levels).save(path)

    def save_state(self, state: Mapping[str, Tensor]) -> None:
        """Save where the run stands; the masks of all frames before are written by now."""
        save_tensors(self._state_file, state)

    def mask_path(self, index: int) -> Path:
        """Return where the mask of a frame is written."""
        return self.folder / f"{self._names[index]}{self._suffix}"

    @property
    def _run_file(self) -> Path:
        return self.folder / _HIDDEN / "run.json"

    @property
    def _state_file(self) -> Path:
        return self.folder / _HIDDEN / "state.safetensors"

    def _saved_identity(self) -> dict[str, Any] | None:
        """Return what the run in the folder depends on; None if there is no run."""
        try:
            saved = json.loads(self._run_file.read_text())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            raise OutputError(
                f"{self._run_file} cannot be read ({error}). Start again with --overwrite."
            ) from error
        return saved if isinstance(saved, dict) else {"names": ()}

    def _refuse_to_replace(self) -> None:
        """Refuse a folder with a run, or with files that the masks would replace."""
        if self._run_file.exists():
            raise OutputError(
                f"{self.folder} holds the results of another run. Continue it with --resume, "
                "choose another folder, or replace it with --overwrite."
            )
        for path in map(self.mask_path, range(len(self._names))):
            if path.exists():
                raise OutputError(
                    f"{self.folder} holds {path.name} already, which is not of a run. Choose "
                    "another folder, or replace such files with --overwrite."
                )

    def _old_names(self) -> set[str]:
        """Return the frames of the run that was here; none if its record is damaged."""
        with suppress(OutputError):
            return set((self._saved_identity() or {}).get("names", ()))
        return set()

    def _remove(self, names: Collection[str], keep: Collection[Path] = ()) -> None:
        """Remove results of these frames, and the temporary files of a killed run."""
        folders = [self.folder, self._run_file.parent, self.folder / "scores"]
        for folder in [*folders, *self.folder.glob("probabilities/*/")]:
            for path in folder.glob("*"):
                result = path.stem in names and path.suffix in (".png", ".tif")
                if (result or _TEMPORARY.fullmatch(path.stem)) and path.resolve() not in keep:
                    path.unlink()


def run_of(folder: Path) -> str | None:
    """Return the name of the video that the run in a folder is of; None if there is no run."""
    try:
        saved = json.loads((folder / _HIDDEN / "run.json").read_text())
    except (OSError, ValueError):
        return None
    return str(saved.get("video")) if isinstance(saved, dict) else None


@contextmanager
def _file(path: Path) -> Iterator[Path]:
    """Give a temporary for `path`, whose folder is made if need be."""
    with reporting(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        yield temporary


def _write_scores(path: Path, prediction: Prediction) -> None:
    """Write the scores, one page per object; the description says which."""
    tifffile.imwrite(
        path,
        prediction.scores,
        compression="zlib",
        photometric="minisblack",
        metadata=None,
        description=json.dumps({"object_ids": prediction.object_ids}),
    )


def _difference(saved: Mapping[str, object], now: Mapping[str, object]) -> str:
    """Say in words where two identities differ first; empty if they do not."""
    for key, new in now.items():
        old = saved.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            if inner := _difference(old, new):
                return inner
        elif old != new:
            plain = all(isinstance(value, str | int | float) for value in (old, new))
            return f"'{key}' was {old} and is {new} now" if plain else f"'{key}' is not the same"
    return ""
