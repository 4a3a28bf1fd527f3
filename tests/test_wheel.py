"""The wheel, built from a checkout in which git made text files of links, as on Windows."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from napari_frtm import __version__ as VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[1]
METADATA = "scripts/package_metadata.py"
LINKS = {"napari.yaml": "../napari.yaml", "sample_data": "../sample_data"}


def _left_out(folder: str, names: Iterable[str]) -> set[str]:
    return {name for name in names if name == "__pycache__"}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a checkout without symbolic links."""
    for name in ("napari_frtm", "sample_data"):
        shutil.copytree(ROOT / name, tmp_path / name, symlinks=True, ignore=_left_out)
    (tmp_path / "scripts").mkdir()
    for name in ("pyproject.toml", "napari.yaml", "README.md", "LICENSE", METADATA):
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

    assert Path(path).stat().st_size < 15e6
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


@pytest.mark.parametrize(
    "origin", ["https://example.org/us/frtm.git", "git@example.org:us/frtm.git", "", "/some/disk"]
)
def test_links_lead_to_the_repository_where_it_is_known(
    checkout: Path, origin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In what the package index shows; a wheel of the source distribution says the same."""
    wheel = pytest.importorskip("hatchling.builders.wheel")
    sdist = pytest.importorskip("hatchling.builders.sdist")
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    subprocess.run(["git", "init", "--quiet", str(checkout)], check=True)
    if origin:
        add = ["git", "-C", str(checkout), "remote", "add", "origin", origin]
        subprocess.run(add, check=True)

    (source,) = sdist.SdistBuilder(str(checkout)).build(versions=["standard"])
    with tarfile.open(source) as archive:
        archive.extractall(checkout / "apart", filter="data")
    (root,) = (checkout / "apart").iterdir()
    said = []
    for folder in (checkout, root):
        (path,) = wheel.WheelBuilder(str(folder)).build(versions=["standard"])
        with zipfile.ZipFile(path) as archive:
            name = next(each for each in archive.namelist() if each.endswith("/METADATA"))
            said.append(archive.read(name).decode())

    assert said[0] == said[1]
    tag = f"https://example.org/us/frtm/%s/v{VERSION}/docs/"
    known = origin.endswith(".git")
    assert ("Project-URL: Repository, https://example.org/us/frtm\n" in said[0]) == known
    assert (f"]({tag % 'raw'}images/demo.gif)" in said[0]) == known
    assert (f"]({tag % 'blob'}questions.md)" in said[0]) == known
    assert ("](docs/" in said[0]) != known


def test_a_workflow_says_where_the_repository_is(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before any checkout does."""
    metadata = pytest.importorskip("hatchling.metadata.core")
    plugins = pytest.importorskip("hatchling.plugin.manager")
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://example.org")
    monkeypatch.setenv("GITHUB_REPOSITORY", "us/frtm")
    project = metadata.ProjectMetadata(str(checkout), plugins.PluginManager())
    assert project.core.urls["Issues"] == "https://example.org/us/frtm/issues"
