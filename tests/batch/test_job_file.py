"""Job files: what they say, and what is told when it is wrong."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from clips import clip_table, write_clip, write_job
from PIL import Image

from napari_frtm.batch.job import BatchJob, Clip, ClipSettings, Export, Task
from napari_frtm.batch.job_file import JobError, davis_job, read_job
from napari_frtm.config import Direction
from napari_frtm.io.export.settings import EdgeSettings
from napari_frtm.io.labels import write_labels


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the clips ``a`` and ``b``."""
    folder = tmp_path_factory.mktemp("clips")
    write_clip(folder, "a", 4)
    write_clip(folder, "b", 4)
    return folder


GOOD = """retries = 1

[settings]
short_side = 48
direction = "both"

[[exports]]
format = "png"
to = "{name}/masks"
edges = { grow = 0.0 }
odd = "pad"

[[clips]]
video = "a.npy"
masks = ["0:a-0.png"]

[[clips]]
name = "second"
video = "b.npy"
masks = ["b-0.png"]
frames = [0, 3]
settings = { direction = "forward", soft = true }
"""


def test_a_job_is_read(folder: Path) -> None:
    """Paths are from the file's folder on; a clip's settings come before those of all."""
    path = folder / "good.toml"
    path.write_text(GOOD)

    job = read_job(path)

    first, second = job.clips
    assert job.out == folder / "results"
    assert job.retries == 1
    assert (first.name, first.video) == ("a", folder / "a.npy")
    assert first.masks == (f"0:{folder / 'a-0.png'}",)
    assert first.settings.direction is Direction.BOTH
    assert second.name == "second"
    assert second.settings.direction is Direction.FORWARD
    assert second.settings.short_side == 48
    assert second.settings.soft
    export = job.exports[0].settings(job.out, "a")
    assert (export.destination, export.odd) == (folder / "results/a/masks", "pad")


def test_weights_are_found_from_the_folder_of_the_job(folder: Path) -> None:
    """Workers run elsewhere; the name of embedded or imported weights is no file."""
    (folder / "mine.pt").touch()
    chosen = "settings = { checkpoint = 'mine.pt', backbone_weights = 'sub/backbone.pth' }"
    named = "settings = { checkpoint = 'some-name' }"
    clips = clip_table("a", more=chosen) + clip_table("b", more=named)

    first, second = read_job(write_job(folder, clips, settings="")).clips

    assert first.settings.checkpoint == str(folder / "mine.pt")
    assert first.settings.backbone_weights == folder / "sub/backbone.pth"
    assert second.settings.checkpoint == "some-name"


def test_a_task_survives_the_way_to_a_worker(folder: Path) -> None:
    """As text, and back."""
    path = folder / "good.toml"
    path.write_text(GOOD)
    job = read_job(path)
    task = Task(clip=job.clips[1], out=job.out, exports=job.exports, part=(0, 2), object_id=7)

    assert Task.of_text(task.to_text()) == task


CLIP = '[[clips]]\nvideo = "a.npy"\nmasks = ["a-0.png"]\n'
WRONG = [
    pytest.param("a = [", "no TOML file: ", id="no-toml"),
    pytest.param("", "'clips' must have one clip at least", id="empty"),
    pytest.param("color = 1\n" + CLIP, "line 1: there is no setting 'color'", id="unknown"),
    pytest.param("retries = -1\n" + CLIP, "line 1: retries must not be negative", id="retries"),
    pytest.param(
        "[settings]\npreset = 'huge'\n" + CLIP,
        "line 2: 'preset' must be 'lite' or 'cells' or 'fast' or 'accurate', got 'huge'",
        id="preset",
    ),
    pytest.param(
        "[settings]\nshort_side = 5\n" + CLIP, "line 2: short_side must be at least", id="side"
    ),
    pytest.param(
        "[settings]\nvariant = 'x'\n" + CLIP, "line 2: 'variant' must be one of .*'full'", id="enum"
    ),
    pytest.param(CLIP + "frames = [3, 1]\n", r"line 4: frames must be \[A, B\]", id="frames"),
    pytest.param(CLIP + "\nfps = 25\n", "line 5: there is no setting 'fps'", id="clip-key"),
    pytest.param(CLIP + CLIP, "line 4: 'name' must differ .* line 1", id="names"),
    pytest.param(
        CLIP + CLIP.replace("a.npy", "c.npy"), "line 5: 'video' must be there", id="no-video"
    ),
    pytest.param(CLIP.replace("a-0", "a-9"), "line 3: 'masks' must be files", id="no-mask"),
    pytest.param("[[clips]]\nvideo = 'a.npy'\n", "line 1: 'masks' must be given", id="masks"),
    pytest.param("[[clips]]\nname = 'a'\n", "line 1: 'video' must be given", id="nothing"),
    pytest.param("[[clips]]\nsession = '.'\n", "line 2: 'session' must be a session", id="session"),
    pytest.param(
        CLIP + "[clips.settings]\nseed = -1\n", r"line 5: seed must be in", id="clip-settings"
    ),
    pytest.param(
        "[[exports]]\nformat = 'gif'\nto = '{name}'\n" + CLIP, "line 2: 'format' must", id="format"
    ),
    pytest.param(
        "[[exports]]\nformat = 'png'\nto = 'x'\n" + CLIP, r"line 3: to must have \{name\}", id="to"
    ),
    pytest.param(
        "[[exports]]\nformat = 'png'\nto = '../{name}'\n" + CLIP,
        "line 3: to must lie below",
        id="outside",
    ),
    pytest.param(CLIP + "name = '../x'\n", "line 4: name must be the name of a file", id="name"),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_a_mistake_is_told_with_line_and_field(folder: Path, text: str, message: str) -> None:
    """So that it is found in a long file."""
    path = folder / "wrong.toml"
    path.write_text(text)

    with pytest.raises(JobError, match=message):
        read_job(path)


def test_a_job_that_is_not_there_is_told(tmp_path: Path) -> None:
    """With what the system says."""
    with pytest.raises(JobError, match=r"Cannot read the job .*none.toml: No such file"):
        read_job(tmp_path / "none.toml")


def test_a_job_in_another_encoding_is_told(tmp_path: Path) -> None:
    """TOML is UTF-8."""
    (tmp_path / "job.toml").write_bytes("# Größe".encode("latin-1"))

    with pytest.raises(JobError, match="not in UTF-8"):
        read_job(tmp_path / "job.toml")


@pytest.mark.parametrize("local", ["local = true", "preset = 'cells'"])
def test_objects_that_see_each_other_are_not_split(folder: Path, local: str) -> None:
    """The search near objects looks at all of them."""
    path = write_job(folder, clip_table("a"), f"{local}\nsplit_objects = true")

    with pytest.raises(JobError, match="'split_objects' must not stand beside local"):
        read_job(path)


def test_a_folder_in_davis_layout_is_a_job(tmp_path: Path) -> None:
    """The first label image of each sequence is followed, on the frame of its name."""
    for name in ("bear", "cow"):
        images, masks = (tmp_path / kind / "480p" / name for kind in ("JPEGImages", "Annotations"))
        images.mkdir(parents=True)
        masks.mkdir(parents=True)
        for t in range(3):
            Image.new("RGB", (32, 24)).save(images / f"{t:05d}.jpg")
        write_labels(masks / "00001.png", np.ones((24, 32), np.uint8))

    job = davis_job(tmp_path, tmp_path / "out")

    assert [clip.name for clip in job.clips] == ["bear", "cow"]
    assert job.clips[0].masks == (f"1:{tmp_path / 'Annotations/480p/bear/00001.png'}",)


def test_every_field_is_documented() -> None:
    """As words of docs/batch.md; and its example is one."""
    text = (Path(__file__).parents[2] / "docs/batch.md").read_text(encoding="utf-8")
    sections = BatchJob, Clip, ClipSettings, Export, EdgeSettings

    names = {field.name for section in sections for field in fields(section)}
    example = tomllib.loads(text.split("```toml\n")[1].split("```")[0])

    assert {name for name in names if f"`{name}`" not in text} == set()
    assert set(example) == {"out", "settings", "exports", "clips"}
