"""The folder of a run: a mask per frame, soft outputs, and all that is needed to go on later."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import tifffile
from PIL import Image

from napari_frtm.errors import OutputError
from napari_frtm.io.atomic import replacing, reporting, write_json
from napari_frtm.io.labels import labels_suffix, write_labels

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from torch import Tensor

    from napari_frtm.types import Prediction

_HIDDEN = ".frtm"


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
        self._identity = json.loads(json.dumps(identity))
        self._suffix = labels_suffix(largest_id)

    def start(self, *, overwrite: bool = False) -> None:
        """Begin a new run.

        Raises
        ------
        OutputError
            If the folder holds results already and `overwrite` is false, or cannot be written.
        """
        if self._run_file.exists() and not overwrite:
            raise OutputError(
                f"{self.folder} holds the results of another run. Continue it with --resume, "
                "choose another folder, or replace it with --overwrite."
            )
        with reporting(self.folder):
            self._state_file.parent.mkdir(parents=True, exist_ok=True)
            self._state_file.unlink(missing_ok=True)
        write_json(self._run_file, self._identity)

    def resume(self) -> dict[str, Tensor] | None:
        """Return the saved state of the run in this folder; None if it had not begun.

        Raises
        ------
        OutputError
            If there is no run, one with other settings, or its state is damaged.
        """
        if not self._run_file.exists():
            raise OutputError(f"{self.folder} holds no run to continue. Leave out --resume.")
        try:
            saved = json.loads(self._run_file.read_text())
        except (OSError, ValueError) as error:
            raise OutputError(f"{self._run_file} cannot be read: {error}.") from error
        if different := [k for k in self._identity if saved.get(k) != self._identity[k]]:
            key = different[0]
            raise OutputError(
                f"The run in {self.folder} had another '{key}': {saved.get(key)}, "
                f"now {self._identity[key]}. Give the same options, or choose another folder."
            )
        from safetensors import SafetensorError
        from safetensors.torch import load_file  # here, because it loads torch

        if not self._state_file.exists():
            return None
        try:
            return load_file(self._state_file)
        except (SafetensorError, OSError) as error:
            raise OutputError(
                f"The saved state {self._state_file} is damaged ({error}). "
                "Start again with --overwrite."
            ) from error

    def write(self, prediction: Prediction) -> None:
        """Write what is wanted of one frame."""
        name = self._names[prediction.index]
        write_labels(self.mask_path(prediction.index), prediction.labels)
        if self.outputs.scores:
            with _file(self.folder / "scores" / f"{name}.tif") as path:
                tifffile.imwrite(path, prediction.scores, compression="zlib", metadata=None)
        if self.outputs.probabilities:
            height, width = prediction.labels.shape
            for i, soft in zip(prediction.object_ids, prediction.probabilities, strict=True):
                levels = (cv2.resize(soft, (width, height)) * 255).round().astype(np.uint8)
                with _file(self.folder / "probabilities" / str(i) / f"{name}.png") as path:
                    Image.fromarray(levels).save(path)

    def save_state(self, state: Mapping[str, Tensor]) -> None:
        """Save where the run stands; the masks of all frames before are written by now."""
        from safetensors import SafetensorError
        from safetensors.torch import save_file  # here, because it loads torch

        with replacing(self._state_file) as path, reporting(self._state_file):
            try:
                save_file({k: v.contiguous() for k, v in state.items()}, path)
            except SafetensorError as error:
                raise OutputError(
                    f"Cannot write {self._state_file}: {error}. Is the disk full?"
                ) from error

    def mask_path(self, index: int) -> Path:
        """Return where the mask of a frame is written."""
        return self.folder / f"{self._names[index]}{self._suffix}"

    @property
    def _run_file(self) -> Path:
        return self.folder / _HIDDEN / "run.json"

    @property
    def _state_file(self) -> Path:
        return self.folder / _HIDDEN / "state.safetensors"


@contextmanager
def _file(path: Path) -> Iterator[Path]:
    """Give a temporary for `path`, whose folder is made if need be."""
    with reporting(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        yield temporary
