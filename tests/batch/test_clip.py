"""One clip of a batch, in this process: a session, exports, and what is kept of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from clips import FAST, clip_table, masks_of, write_clip, write_job

from napari_frtm.batch.clip import follow_clip
from napari_frtm.batch.job import Task
from napari_frtm.batch.job_file import read_job
from napari_frtm.batch.parts import join, parts_of, stretches
from napari_frtm.batch.result import load_result
from napari_frtm.cli import main
from napari_frtm.config import Direction
from napari_frtm.errors import FrtmError
from napari_frtm.io.labels import read_labels
from napari_frtm.io.session.folder import SessionFolder
from napari_frtm.session.run.carry_out import NetworkCache
from napari_frtm.session.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from napari_frtm.batch.clip import ClipProgress
    from napari_frtm.batch.result import ClipResult

EXPORT = '[[exports]]\nformat = "png"\nto = "{name}/masks"\n'
SEGMENT = ("--variant", "d-only-no-update", "--short-side", "48", "--device", "cpu")


@pytest.fixture(scope="module")
def networks() -> NetworkCache:
    """Return a cache, so that the network is loaded once."""
    return NetworkCache()


@pytest.fixture
def task(tmp_path: Path) -> Task:
    """Return the clip ``a`` of ten frames, with an export."""
    write_clip(tmp_path, "a", 10, (0, 6))
    return task_of(tmp_path, EXPORT + clip_table("a"))


def task_of(folder: Path, clips: str, settings: str = FAST) -> Task:
    """Return the first clip of a job."""
    job = read_job(write_job(folder, clips, settings))
    return Task(clip=job.clips[0], out=job.out, exports=job.exports)


def finish(
    steps: Generator[ClipProgress, None, ClipResult | None],
) -> tuple[list[ClipProgress], ClipResult | None]:
    """Return all steps of a clip, and what came of it."""
    taken = []
    while True:
        try:
            taken.append(next(steps))
        except StopIteration as end:
            return taken, end.value


def test_a_clip_is_what_a_single_run_gives(
    task: Task, tmp_path: Path, networks: NetworkCache
) -> None:
    """Byte by byte, with what is known of it and its exports besides."""
    steps, result = finish(follow_clip(task, networks))
    single = ["--mask", str(tmp_path / "a-0.png"), "--out", str(tmp_path / "single"), *SEGMENT]
    main(["segment", str(tmp_path / "a.npy"), *single])

    assert masks_of(task.session) == masks_of(tmp_path / "single/a.frtm")
    assert result is not None
    assert (result.frames, result.computed, result.objects) == (10, 10, (1, 2))
    assert result.confidence is not None
    assert result.lowest == pytest.approx(min(s.confidence or 1 for s in steps), abs=0.5)
    assert load_result(task.result) == result
    assert task.result.with_suffix(".jpg").read_bytes()[:2] == b"\xff\xd8"
    assert steps[-1].step == "png: writing"
    exported = sorted((task.out / "a/masks").glob("*.png"))
    assert len(exported) == 10
    np.testing.assert_array_equal(
        read_labels(exported[5]), read_labels(tmp_path / "single/00005.png")
    )


def test_a_clip_that_is_done_is_left_alone(task: Task, networks: NetworkCache) -> None:
    """Also if someone has it open; a missing export is written again, and no other."""
    finish(follow_clip(task, networks))
    stamp = (task.session / "timeline.npz").stat().st_mtime_ns
    folder = SessionFolder.open(task.session)

    again, result = finish(follow_clip(task, networks))
    (task.out / "a/masks").rename(task.out / "elsewhere")
    third, _ = finish(follow_clip(task, networks))

    folder.release()
    assert again == []
    assert result == load_result(task.result)
    assert {step.step for step in third} == {"png: looking for the objects", "png: writing"}
    assert (task.session / "timeline.npz").stat().st_mtime_ns == stamp


def test_a_clip_goes_on_where_it_was_stopped(
    task: Task, tmp_path: Path, networks: NetworkCache
) -> None:
    """The end is as if nothing had happened, the provenance included."""
    steps = follow_clip(task, networks)
    taken = [next(steps), next(steps)]
    steps.close()
    before = json.loads((task.session / "session.json").read_text())["settings"]

    rest, result = finish(follow_clip(task, networks))
    finish(follow_clip(replace(task, out=tmp_path / "whole"), networks))

    assert 0 < taken[-1].done < 10
    assert rest[0].done == taken[-1].done
    assert result is not None
    assert result.computed == 10 - taken[-1].done
    assert masks_of(task.session) == masks_of(tmp_path / "whole/a.frtm")
    assert len(before["runs"]) == 1
    assert json.loads((task.session / "session.json").read_text())["settings"] == before


def test_a_clip_goes_on_that_was_killed_at_its_first_file(
    task: Task, tmp_path: Path, networks: NetworkCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its session knows at once which task it is of."""

    def killed(store: Store, folder: SessionFolder) -> None:
        folder.release()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Store, "keep_in", killed)
        with pytest.raises(KeyboardInterrupt):
            finish(follow_clip(task, networks))
    alone = replace(task, out=tmp_path / "alone")

    finish(follow_clip(task, networks))

    finish(follow_clip(alone, networks))
    assert masks_of(task.session) == masks_of(alone.session)


def test_other_settings_do_not_replace_a_result_unasked(task: Task, networks: NetworkCache) -> None:
    """It takes --overwrite."""
    finish(follow_clip(task, networks))
    other = replace(task, clip=replace(task.clip, frames=(0, 8)))

    with pytest.raises(FrtmError, match=r"a\.frtm holds the results of other masks.*--overwrite"):
        finish(follow_clip(other, networks))
    _, result = finish(follow_clip(replace(other, overwrite=True), networks))

    assert result is not None
    assert result.frames == 8
    assert len(list((task.out / "a/masks").glob("*.png"))) >= 8


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_was_corrected_in_napari_is_not_replaced(
    task: Task, networks: NetworkCache, overwrite: bool
) -> None:
    """Not even if what is known of the clip is lost, or it has other settings now."""
    finish(follow_clip(task, networks))
    folder = SessionFolder.open(task.session)
    folder.save_keyframe(3, np.ones((64, 96), np.uint8), complete=True)
    folder.release()
    task.result.unlink()
    task = replace(task, overwrite=overwrite)
    other = replace(task, clip=replace(task.clip, frames=(0, 8)))

    for each in (task, other):
        with pytest.raises(FrtmError, match="has been worked on in napari"):
            finish(follow_clip(each, networks))


def test_a_session_is_gone_on_with_in_place(
    task: Task, tmp_path: Path, networks: NetworkCache
) -> None:
    """From its keyframes, with its settings; and again when it was corrected since."""
    finish(follow_clip(task, networks))
    session = tmp_path / "mine.frtm"
    task.session.rename(session)
    again = task_of(tmp_path, '[[clips]]\nsession = "mine.frtm"\n', "")

    first, result = finish(follow_clip(again, networks))
    second, _ = finish(follow_clip(again, networks))
    folder = SessionFolder.open(session)
    folder.save_keyframe(6, read_labels(tmp_path / "a-6.png"), complete=True)
    folder.release()
    third, corrected = finish(follow_clip(again, networks))

    assert again.clip.name == "mine"
    assert result is not None
    assert (len(first) > 2, second, len(third) > 2) == (True, [], True)
    assert corrected is not None
    assert corrected.key != result.key


STRETCHES = [
    pytest.param(Direction.FORWARD, [(2, 5), (5, 9)], id="forward"),
    pytest.param(Direction.BACKWARD, [(0, 3), (3, 6)], id="backward"),
    pytest.param(Direction.BOTH, [(0, 3), (2, 6), (5, 9)], id="both"),
]


@pytest.mark.parametrize(("direction", "expected"), STRETCHES)
def test_stretches(direction: Direction, expected: list[tuple[int, int]]) -> None:
    """Between keyframes 2 and 5 of nine frames, worked out by hand."""
    assert stretches([2, 5], range(9), direction) == expected


@pytest.mark.parametrize("direction", ["forward", "both"])
def test_a_clip_in_parts_is_what_runs_over_them_give(
    tmp_path: Path, networks: NetworkCache, direction: str
) -> None:
    """Whatever the order; as `segment` gives it stretch by stretch, from all masks."""
    write_clip(tmp_path, "a", 10, (0, 6))
    settings = f'{FAST}direction = "{direction}"\nsplit_at_keyframes = true'
    task = task_of(tmp_path, EXPORT + clip_table("a", (0, 6)), settings)
    session = tmp_path / "single/a.frtm"

    parts = parts_of(task)
    for part in reversed(parts):
        finish(follow_clip(part, networks))
    _, result = finish(join(task, parts))
    first = [f"{t}:{tmp_path / f'a-{t}.png'}" for t in (0, 6)]
    masks = [word for mask in first for word in ("--mask", mask)]
    single = [*masks, "--session", str(session), *SEGMENT, "--direction", direction]
    main(["segment", str(tmp_path / "a.npy"), *single])
    for part in parts:
        assert part.part is not None
        span = f"{part.part[0]}:{part.part[1]}"
        main(["segment", str(session), "--range", span, "--overwrite"])

    assert [part.part for part in parts] == (
        [(0, 6), (6, 10)] if direction == "forward" else [(0, 7), (6, 10)]
    )
    assert masks_of(task.session) == masks_of(session)
    assert result is not None
    assert (result.frames, result.computed) == (10, sum(b - a for a, b in _spans(parts)))
    assert not task.parts.exists()
    assert parts_of(task) == []
    assert len(list((task.out / "a/masks").glob("*.png"))) == 10


def _spans(parts: list[Task]) -> list[tuple[int, int]]:
    return [part.part for part in parts if part.part is not None]


def test_objects_apart_become_one_label_image(tmp_path: Path, networks: NetworkCache) -> None:
    """Each is where a run of it alone has it, unless another is surer of the pixel."""
    write_clip(tmp_path, "a", 8)
    task = task_of(tmp_path, clip_table("a"), f"{FAST}split_objects = true")
    parts = parts_of(task)
    alone = []
    for part in parts:
        finish(follow_clip(part, networks))
        folder = SessionFolder.open(part.session)
        alone.append(np.asarray(folder.masks()[:]) == part.object_id)
        folder.release()

    finish(join(task, parts))

    folder = SessionFolder.open(task.session)
    joined = np.asarray(folder.masks()[:])
    folder.release()
    assert [part.object_id for part in parts] == [1, 2]
    np.testing.assert_array_equal(joined > 0, alone[0] | alone[1])
    for object_id, mask in enumerate(alone, 1):
        np.testing.assert_array_equal((joined == object_id) | ~mask | alone[2 - object_id], True)
