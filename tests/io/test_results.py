"""The folder of a run: what is in it, and what is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from napari_frtm.errors import OutputError
from napari_frtm.io.labels import read_labels
from napari_frtm.io.results import Outputs, ResultsFolder, run_of
from napari_frtm.types import Prediction

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("a_1", "a_2", "b")
EVERYTHING = Outputs(scores=True, probabilities=True)


def folder(
    path: Path, *, seed: int = 0, outputs: Outputs = EVERYTHING, names: tuple[str, ...] = NAMES
) -> ResultsFolder:
    """Return the folder of a run with few settings."""
    return ResultsFolder(path, names, {"seed": seed, "config": {"rate": 0.5}}, 5, outputs)


def prediction(index: int) -> Prediction:
    """Return a prediction of two objects, each in its half."""
    labels = np.repeat([[2, 5]], 4, axis=1).repeat(6, axis=0).astype(np.uint8)
    probabilities = np.stack([labels[::2, ::2] == 2, labels[::2, ::2] == 5]).astype(np.float32)
    scores = np.array([[[0.5]], [[-1.25]]], np.float32)
    return Prediction(index, (2, 5), labels, probabilities * 0.8, scores)


def test_a_prediction_is_written_whole(tmp_path: Path) -> None:
    """Mask, scores and soft masks, in the sizes that the documentation says."""
    results = folder(tmp_path / "out")
    results.start()

    results.write(prediction(1))

    assert (read_labels(tmp_path / "out" / "a_2.png") == prediction(1).labels).all()
    scores = tifffile.imread(tmp_path / "out" / "scores" / "a_2.tif")
    assert scores.ravel().tolist() == [0.5, -1.25]
    soft = np.asarray(Image.open(tmp_path / "out" / "probabilities" / "5" / "a_2.png"))
    assert soft.shape == (6, 8)
    assert soft[0, [0, -1]].tolist() == [0, 204]


def test_scores_of_three_objects_are_no_colours(tmp_path: Path) -> None:
    """Three planes of floats stay three pages."""
    results = folder(tmp_path)
    results.start()
    scores = np.zeros((3, 4, 5), np.float32)
    soft = np.zeros((3, 8, 10), np.float32)

    results.write(Prediction(0, (1, 2, 9), np.zeros((8, 10), np.uint8), soft, scores))

    with tifffile.TiffFile(tmp_path / "scores" / "a_1.tif") as file:
        assert len(file.pages) == 3
        assert json.loads(file.pages[0].description) == {"object_ids": [1, 2, 9]}


def test_the_state_comes_back(tmp_path: Path) -> None:
    """Exactly, also what is no contiguous piece of memory; none before it is saved."""
    state = {"a": torch.arange(6.0).view(2, 3).T, "b": torch.tensor(3)}
    results = folder(tmp_path)
    results.start()

    before = results.resume()
    results.save_state(state)
    after = folder(tmp_path).resume()

    assert before is None
    assert after is not None
    assert {k: v.tolist() for k, v in after.items()} == {k: v.tolist() for k, v in state.items()}


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"seed": 4}, "'seed' was 0 and is 4 now"),
        ({"outputs": Outputs()}, None),
        ({"names": ("a_1", "a_2", "c")}, "'names' is not the same"),
    ],
)
def test_only_the_same_run_goes_on(
    tmp_path: Path, other: dict[str, object], message: str | None
) -> None:
    """Everything in the identity counts."""
    folder(tmp_path).start()

    if message is None:
        assert folder(tmp_path, **other).resume() is None  # type: ignore[arg-type]
        return
    with pytest.raises(OutputError, match=message):
        folder(tmp_path, **other).resume()  # type: ignore[arg-type]


@pytest.mark.parametrize("content", ["", "[]", "{", "\x00"])
def test_a_damaged_record_is_refused(tmp_path: Path, content: str) -> None:
    """When a run is to go on; a new run gets over it."""
    folder(tmp_path).start()
    (tmp_path / ".frtm" / "run.json").write_text(content)

    with pytest.raises(OutputError, match="--overwrite"):
        folder(tmp_path).resume()
    folder(tmp_path).start(overwrite=True)


def test_overwriting_removes_results_alone(tmp_path: Path) -> None:
    """Those of the run before, except what is to be kept."""
    results = folder(tmp_path)
    results.start()
    for index in range(3):
        results.write(prediction(index))
    (tmp_path / "c.png").write_text("mine")

    folder(tmp_path, names=("x", "y")).start(overwrite=True, keep=[tmp_path / "b.png"])

    left = sorted(p.name for p in tmp_path.rglob("*") if p.is_file())
    assert left == ["b.png", "c.png", "run.json"]
    assert run_of(tmp_path)


def test_missing_masks_are_noticed(tmp_path: Path) -> None:
    """The first one by its name."""
    results = folder(tmp_path)
    results.start()
    results.write(prediction(0))

    results.check_masks([0])
    with pytest.raises(OutputError, match=r"a_2\.png is missing"):
        results.check_masks([0, 1, 2])
