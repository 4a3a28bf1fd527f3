"""Which images of a folder are one sequence; names alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from napari_frtm.errors import VideoError
from napari_frtm.io.video.images.numbering import find_sequence, is_pattern

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def touch(folder: Path, names: Iterable[str]) -> Path:
    """Write empty files."""
    for name in names:
        (folder / name).touch()
    return folder


def found(path: Path) -> str:
    """Return the names of the images of a sequence."""
    return " ".join(image.stem for image in find_sequence(path).paths)


TWO = [
    pytest.param(["a_1.png", "a_2.png", "b_1.png", "b_2.png"], "a_#.png, b_#.png", id="names"),
    pytest.param(
        ["shot1_0001.png", "shot1_0002.png", "shot2_0001.png", "shot2_0002.png"],
        r"shot1_####.png \(2 images\), shot2_####.png \(2 images\)",
        id="numbers",
    ),
    pytest.param(["t1_c1.tif", "t1_c2.tif", "t2_c1.tif", "t2_c2.tif"], "t1_c#.tif", id="channels"),
    pytest.param(["f1.png", "f01.png", "f2.png"], "several", id="one-number-twice"),
]


@pytest.mark.parametrize(("names", "message"), TWO)
def test_two_sequences_in_a_folder_are_refused(
    tmp_path: Path, names: list[str], message: str
) -> None:
    """They are named, as patterns."""
    message = message.replace("a_#.png,", r"a_#.png \(2 images\),")
    with pytest.raises(VideoError, match=f"several.*{message}|{message}"):
        find_sequence(touch(tmp_path, names))


def test_a_pattern_or_an_asterisk_says_which(tmp_path: Path) -> None:
    """One of two sequences, or all of it."""
    touch(tmp_path, ["a_1.png", "a_2.png", "b_1.png", "b_2.png"])

    assert found(tmp_path / "b_%d.png") == "b_1 b_2"
    assert found(tmp_path / "*.png") == "a_1 a_2 b_1 b_2"


def test_a_stray_image_is_left_out_and_said(tmp_path: Path) -> None:
    """Whether it has a number or none."""
    touch(tmp_path, ["shot.0001.png", "shot.0002.png", "reference.png", "old.0001.png"])

    sequence = find_sequence(tmp_path)

    assert [path.name for path in sequence.paths] == ["shot.0001.png", "shot.0002.png"]
    assert sequence.remarks == (
        "Not named like shot.####.png, and left out: old.0001.png, reference.png.",
    )


def test_missing_numbers_are_said(tmp_path: Path) -> None:
    """Single ones and spans; every second number is no gap."""
    touch(tmp_path, [f"f{n:03d}.png" for n in (1, 2, 4, 5, 9, 10)])
    touch(tmp_path, [f"f{n:03d}.jpg" for n in ()])
    even = tmp_path / "even"
    even.mkdir()
    touch(even, [f"{n}.png" for n in (0, 2, 4, 6)])

    (remark,) = find_sequence(tmp_path).remarks

    assert remark.startswith("f###.png lacks the numbers 3, 6 to 8:")
    assert not find_sequence(even).remarks


def test_negative_numbers_come_first(tmp_path: Path) -> None:
    """Handles of a shot; a hyphen after a letter is none."""
    touch(tmp_path, ["f_-0005.png", "f_-0004.png", "f_00006.png"])
    hyphens = tmp_path / "hyphens"
    hyphens.mkdir()
    touch(hyphens, ["take-2.png", "take-10.png", "take-1.png"])

    assert found(tmp_path) == "f_-0005 f_-0004 f_00006"
    assert found(tmp_path / "f_%04d.png") == "f_-0005 f_-0004 f_00006"
    assert found(hyphens) == "take-1 take-2 take-10"


@pytest.mark.parametrize(
    "names",
    [
        ["2024-01-01T10-59-59", "2024-01-01T11-00-00", "2024-01-01T11-00-01"],
        ["img_20240101_105959", "img_20240101_110000", "img_20240102_000000"],
        ["f0001_0.04s", "f0002_0.08s", "f0003_0.12s"],
        ["frame1", "frame2", "frame10"],
        ["B2", "B3", "B4"],
    ],
)
def test_one_sequence_whatever_counts(tmp_path: Path, names: list[str]) -> None:
    """Times, several numbers that go together."""
    sequence = find_sequence(touch(tmp_path, [f"{name}.png" for name in reversed(names)]))

    assert [path.stem for path in sequence.paths] == names


def test_images_without_numbers_are_said(tmp_path: Path) -> None:
    """Their order is that of the alphabet."""
    sequence = find_sequence(touch(tmp_path, ["b.png", "a.png"]))

    assert [path.stem for path in sequence.paths] == ["a", "b"]
    assert "no numbers" in sequence.remarks[0]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("shot.%04d.png", "shot.0001 shot.0002 shot.10000"),
        ("shot.####.png", "shot.0001 shot.0002 shot.10000"),
        ("shot.@@@@.png", "shot.0001 shot.0002 shot.10000"),
        ("shot.#.png", "shot.0001 shot.0002 shot.7 shot.10000"),
        ("shot.*.png", "shot.0001 shot.0002 shot.7 shot.10000"),
        ("shot.000?.png", "shot.0001 shot.0002"),
        ("[x].##.png", "[x].01 [x].02"),
        ("shot.*", "shot.0001 shot.0002 shot.7 shot.10000"),
        ("*", "[x].01 [x].02 shot.0001 shot.0002 shot.7 shot.10000 x.01"),
    ],
)
def test_patterns(tmp_path: Path, pattern: str, expected: str) -> None:
    """Of ffmpeg, Nuke and the shell; all else in a name means itself."""
    names = ["shot.0001", "shot.0002", "shot.7", "shot.10000", "[x].01", "[x].02", "x.01"]
    touch(tmp_path, [*(f"{name}.png" for name in names), "notes.txt"])

    assert is_pattern(tmp_path / pattern)
    assert found(tmp_path / pattern) == expected


def test_a_file_is_no_pattern(tmp_path: Path) -> None:
    """Nor are movies."""
    assert not is_pattern(tmp_path / "shot.0001.png")
    assert not is_pattern(tmp_path / "take#1.mp4")
    assert not is_pattern(tmp_path / "take_1")
