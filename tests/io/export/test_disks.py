"""Places that cannot be written to: every format says so, and leaves nothing half written."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Work

pytestmark = pytest.mark.skipif(os.name == "nt", reason="limits and rights are those of Unix")

_PROGRAM = """
import os, resource, sys
from pathlib import Path
from napari_frtm.errors import OutputError
from napari_frtm.io.export.export import export
from napari_frtm.io.export.formats import FORMATS
from napari_frtm.io.export.opening import open_masks
from napari_frtm.io.export.settings import ExportSettings

place, how = Path(sys.argv[1]), sys.argv[2]
source = open_masks(place / "shot.frtm")

def write(name, folder):
    path = place / folder / name / ("it" + FORMATS[name].suffix)
    for _ in export(source, ExportSettings(format=name, destination=path)):
        pass
    return path

def files(path):
    return [each for each in path.parent.rglob("*") if each.is_file()]

sizes = {name: max(each.stat().st_size for each in files(write(name, "whole"))) for name in FORMATS}
if how == "read-only":
    for name in FORMATS:
        (place / "out" / name).mkdir(parents=True)
        (place / "out" / name).chmod(0o555)
    if os.geteuid() == 0:
        os.seteuid(65534)  # the rights of folders do not count for root
for name, size in sizes.items():
    limit = {"at once": 20, "halfway": size // 2, "read-only": resource.RLIM_INFINITY}[how]
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        path = write(name, "out")
    except OutputError as error:
        said = "permission denied" if how == "read-only" else "larger than"
        if said not in str(error) and "Cannot write" not in str(error):
            print("message", name, error)
        left = [each for each in files(place / "out" / name / "it") if each.stat().st_size > limit]
        left += (place / "out" / name).rglob(".*")
    else:
        left = ["all of it"]
    if left:
        print("left", name, left)
"""


@pytest.fixture
def place(work: Work) -> Iterator[Path]:
    """Return a folder with a session that others may read as well, which those of tests are not."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copytree(work.folder, folder / work.folder.name)
        for movie in work.folder.parent.glob("shot.tif"):
            shutil.copy(movie, folder)
        yield folder


@pytest.mark.parametrize("how", ["at once", "halfway", "read-only"])
def test_every_format_says_that_it_cannot_be_written(place: Path, how: str) -> None:
    """With the system's own limits; parts of files are gone, files that are whole stay."""
    result = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(place), how],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert (result.stdout, result.returncode) == ("", 0), result.stderr[-2000:]
