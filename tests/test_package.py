"""The package as it is imported, and its entry points."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from console import write_movie

import napari_frtm
from napari_frtm.io.labels import read_labels, write_labels

if TYPE_CHECKING:
    from conftest import Clip

WITHOUT_TORCH = """
import sys
{code}
loaded = {{"torch", "torchvision", "napari", "qtpy"}} & set(sys.modules)
sys.exit(f"loaded: {{loaded}}" if loaded else 0)
"""
HELP = """
from napari_frtm.cli import main
try:
    main(["--help"])
except SystemExit:
    pass
"""


ROOM = 12
"""Modules that one folder holds at most, so that it can be seen what is in it."""


def test_no_folder_is_a_heap() -> None:
    """Each shows by its names how data flows."""
    root = Path(napari_frtm.__file__).parent
    modules = Counter(path.parent for path in root.rglob("*.py") if path.name != "__init__.py")

    assert max(modules.values()) <= ROOM, modules.most_common(3)


@pytest.mark.parametrize("code", ["import napari_frtm", "import napari_frtm.cli", HELP])
def test_nothing_heavy_is_imported_before_it_is_used(code: str) -> None:
    """Neither by the package nor for help."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH.format(code=code)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", napari_frtm.__all__)
def test_every_public_name_is_there(name: str) -> None:
    """And is found by completion."""
    assert getattr(napari_frtm, name) is not None
    assert name in dir(napari_frtm)


def test_no_public_name_is_forgotten() -> None:
    """What resolves lazily is what is announced."""
    assert {*napari_frtm._PUBLIC, "__version__"} == set(napari_frtm.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = napari_frtm.nothing


def test_it_runs_as_a_module() -> None:
    """``python -m napari_frtm``."""
    command = [sys.executable, "-m", "napari_frtm", "--version"]

    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert done.stdout == f"napari-frtm {napari_frtm.__version__}\n"


def test_the_example_of_the_docstring_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clip: Clip
) -> None:
    """As it stands there, on a small movie."""
    example = (napari_frtm.__doc__ or "").split("::\n", 1)[1].split("\n\nNothing", 1)[0]
    write_movie(tmp_path / "clip.mp4", clip.frames[:4])
    write_labels(tmp_path / "mask.png", clip.truth[0])
    monkeypatch.chdir(tmp_path)

    exec(textwrap.dedent(example), {})

    masks = [read_labels(tmp_path / f"0000{t}.png") for t in range(4)]
    assert (masks[0] == clip.truth[0]).all()
    assert all(set(mask.flat) <= {0, 1, 4} for mask in masks)
