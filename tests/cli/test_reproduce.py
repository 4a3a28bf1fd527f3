"""The command ``reproduce``."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from console import finish, process
from PIL import Image

from napari_frtm.config import FineTuningConfig, preset
from napari_frtm.io.labels import write_labels

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Clip
    from console import Outcome

SMALL = ("--short-side", "48")
KILLED = """
import os, signal
import napari_frtm.evaluation.reproduce.runs as runs
write, count = runs._write, []
def dying(*arguments):
    count.append(1)
    if len(count) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    write(*arguments)
runs._write = dying
"""


@pytest.fixture
def benchmark(tmp_path: Path, clip: Clip) -> Path:
    """Return a benchmark of two sequences of five frames."""
    for name, object_id in (("first", 1), ("second", 4)):
        for kind in ("JPEGImages", "Annotations"):
            (tmp_path / kind / "480p" / name).mkdir(parents=True)
        for t in range(5):
            image = Image.fromarray(clip.frames[t])
            image.save(tmp_path / f"JPEGImages/480p/{name}/{t:05d}.png")
            labels = (clip.truth[t] == object_id) * 1
            write_labels(tmp_path / f"Annotations/480p/{name}/{t:05d}.png", labels)
    return tmp_path


def test_table_1_is_one_command(
    benchmark: Path,
    tmp_path: Path,
    command: Callable[..., Outcome],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Five rows without weights of Base net, and a word about the sixth."""
    out = tmp_path / "out"
    quick = FineTuningConfig(samples=2, iterations=2, batch=1)
    config = replace(preset("lite"), fine_tuning=quick)
    monkeypatch.setattr("napari_frtm.session.run.method.preset", lambda name: config)

    outcome = command("reproduce", "table1", benchmark, "--out", out, "--short-side", "144")

    assert outcome.code == 0, outcome.err
    assert "Base net is left out: give its weights with --base-net" in outcome.err
    lines = (out / "table1/table1.md").read_text().splitlines()
    assert lines[2] == "| Base net |  | x |  | 49.8 | - | - | - | - |"
    assert [line.split(" | ")[0] for line in lines[3:]] == [
        *("| F.-T.", "| D-only - no update", "| D-only", "| Ours - no update", "| Ours"),
    ]
    assert all(float(line.split(" | ")[5]) > 50 for line in lines[6:])
    assert (out / "table1/ours/masks/second/00004.png").is_file()


def test_a_killed_run_does_only_what_is_missing(
    benchmark: Path, tmp_path: Path, command: Callable[..., Outcome]
) -> None:
    """Killed at the third of eight runs; the first two are not done again."""
    arguments = ("reproduce", "table6", benchmark, "--out", tmp_path / "out", *SMALL)

    killed = finish(process(arguments, KILLED))
    kept = sorted((tmp_path / "out/table6").glob("*/*.json"))
    before = {path: path.stat().st_mtime_ns for path in kept}
    outcome = command(*arguments)

    assert killed.code == -signal.SIGKILL
    assert len(before) == 2
    assert outcome.code == 0, outcome.err
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    assert len(list((tmp_path / "out/table6").glob("*/*.json"))) == 8
    assert "| 5 samples | 71.4 | 73.8 |" in outcome.out
    assert "polyline" in (tmp_path / "out/table6/table6.svg").read_text()


def test_other_settings_are_run_anew(
    benchmark: Path, tmp_path: Path, command: Callable[..., Outcome]
) -> None:
    """What is kept counts for the same settings alone."""
    arguments = ("reproduce", "table5", benchmark, "--out", tmp_path / "out")

    first = command(*arguments, *SMALL)
    kept = tmp_path / "out/table5/share_of_the_time/first.json"
    before = json.loads(kept.read_text())
    second = command(*arguments, "--short-side", "64")

    assert (first.code, second.code) == (0, 0)
    assert "| 9. Target model update | 65.5 |" in first.out
    assert before["identity"]["config"]["short_side"] == 48
    assert json.loads(kept.read_text())["identity"]["config"]["short_side"] == 64


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["table1", "--variant", "full"], "leave out --variant"),
        (["table4"], "give --recipe FILE and --data DIR"),
    ],
)
def test_what_does_not_fit_is_refused(
    benchmark: Path,
    tmp_path: Path,
    command: Callable[..., Outcome],
    more: list[str],
    message: str,
) -> None:
    """Before anything runs."""
    name, *options = more

    outcome = command("reproduce", name, benchmark, "--out", tmp_path / "out", *options)

    assert outcome.code == 1
    assert message in outcome.err
