"""The wheel, built from a checkout in which git made text files of links, as on Windows."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[1]
LINKS = {"napari.yaml": "../napari.yaml", "sample_data": "../sample_data"}


def _left_out(folder: str, names: Iterable[str]) -> set[str]:
    return {name for name in names if name == "__pycache__"}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a checkout without symbolic links."""
    for name in ("napari_frtm", "sample_data"):
        shutil.copytree(ROOT / name, tmp_path / name, symlinks=True, ignore=_left_out)
    for name in ("pyproject.toml", "napari.yaml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path / name)
    for name, text in LINKS.items():
        link = tmp_path / "napari_frtm" / name
        assert link.is_symlink()
        link.unlink()
        link.write_text(text)
    return tmp_path


def test_manifest_and_samples_are_in_the_wheel(checkout: Path) -> None:
    """As files, once each."""
    wheel = pytest.importorskip("hatchling.builders.wheel")

    (path,) = wheel.WheelBuilder(str(checkout)).build(versions=["standard"])

    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        manifest = archive.read("napari_frtm/napari.yaml").decode()
    assert manifest == (ROOT / "napari.yaml").read_text()
    assert "napari_frtm/sample_data" not in names
    samples = {f"napari_frtm/sample_data/{f.name}" for f in (ROOT / "sample_data").iterdir()}
    assert samples <= set(names)
    assert len(names) == len(set(names))


def test_a_wheel_can_be_made_of_the_source_distribution(tmp_path: Path) -> None:
    """It has the manifest and the samples where the wheel takes them from."""
    sdist = pytest.importorskip("hatchling.builders.sdist")

    (path,) = sdist.SdistBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])

    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    samples = {f"sample_data/{f.name}" for f in (ROOT / "sample_data").iterdir()}
    assert {"napari.yaml", "README.md", "LICENSE", "napari_frtm/__init__.py"} | samples <= names
