"""``napari-frtm segment`` with input that cannot work: plain messages, exit codes, no traceback."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError

import numpy as np
import pytest
import torch
import torch.hub
from console import Outcome, Shot, write_movie
from PIL import Image
from safetensors.torch import save_file

if TYPE_CHECKING:
    from collections.abc import Callable

    Command = Callable[..., Outcome]


class Malicious:
    """Makes a file when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.target,)


@pytest.fixture(scope="module")
def bad(shot: Shot, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of files that are no good."""
    folder = tmp_path_factory.mktemp("bad")
    (folder / "text.mp4").write_text("no movie")
    (folder / "notes.doc").write_text("no movie")
    movie = Path(shot.movie).read_bytes()
    (folder / "cut.mp4").write_bytes(movie[: len(movie) // 2])
    write_movie(folder / "single.mp4", shot.frames[:1])
    np.save(folder / "nan.npy", np.full((4, 96, 128), np.nan, np.float32))
    Image.new("L", (64, 48), 255).save(folder / "small.png")
    Image.new("L", (128, 96)).save(folder / "empty.png")
    ramp = np.tile(np.arange(128, dtype=np.uint8), (96, 1))
    Image.fromarray(ramp).save(folder / "soft.png")
    large = np.zeros((96, 128), np.int32)
    large[:9, :9] = 70000
    np.save(folder / "large.npy", large)
    noise = np.random.default_rng(0).bytes(3000)
    (folder / "noise.pth").write_bytes(noise)
    (folder / "noise.safetensors").write_bytes(noise)
    save_file({"a": torch.zeros(2)}, folder / "foreign.safetensors")
    torch.save({"model": {"refiner.x": Malicious(folder / "harm")}}, folder / "bomb.pth")
    with (folder / "bare_bomb.pth").open("wb") as file:
        pickle.dump(Malicious(folder / "harm"), file)
    torch.save({"weight": torch.zeros(2)}, folder / "other.pth")
    first = "refiner.TSE.layer{}.reduce.0.weight"
    small = {first.format(n): torch.zeros(8, c, 1, 1) for n, c in enumerate((64, 128, 256, 512), 2)}
    torch.save({"model": small}, folder / "rn18.pth")
    (folder / "file").write_text("a file")
    return folder


CASES = [
    pytest.param(["{bad}/none.mp4"], 1, "There is no file or folder {bad}/none.mp4", id="no-video"),
    pytest.param(["{bad}/text.mp4"], 1, "text.mp4", id="not-a-movie"),
    pytest.param(["{bad}/notes.doc"], 1, "not a video that can be opened", id="other-file"),
    pytest.param(["{bad}/cut.mp4"], 1, "cut.mp4", id="truncated-movie"),
    pytest.param(["{bad}/single.mp4"], 1, "has one frame; nothing to follow", id="one-frame"),
    pytest.param(["{bad}/nan.npy"], 1, "has no finite values", id="all-nan"),
    pytest.param(["--mask", "{bad}/none.png"], 1, "none.png", id="no-mask"),
    pytest.param(
        ["--mask", "{bad}/small.png"], 1, "of size (48, 64), the video of (96, 128)", id="mask-size"
    ),
    pytest.param(
        ["--mask", "{bad}/empty.png"], 1, "empty.png is empty: no object", id="empty-mask"
    ),
    pytest.param(["--mask", "{bad}/soft.png"], 1, "soft.png has soft values", id="soft-mask"),
    pytest.param(["--mask", "{bad}/large.npy"], 1, "room for ids up to 65534", id="large-id"),
    pytest.param(["--mask", "0:{mask}"], 1, "Two masks are given for frame 0", id="two-masks"),
    pytest.param(
        ["--mask", "15:{mask}", "--range", ":9"],
        1,
        "mask0.png is of frame 15, which is outside of the frames 0 to 8",
        id="mask-outside",
    ),
    pytest.param(
        ["--range", "5:99"], 1, "range 5:99 is not within the video's 20 frames", id="range-end"
    ),
    pytest.param(
        ["--range", "30:"], 1, "range 30: is not within the video's 20 frames", id="range-start"
    ),
    pytest.param(["--range", "9:9"], 2, "A must be below B, got '9:9'", id="range-empty"),
    pytest.param(["--range", "9"], 2, "'9' is not of the form A:B", id="range-form"),
    pytest.param(["--contrast", "9:2"], 2, "LOW must be below HIGH", id="contrast"),
    pytest.param(["--contrast=-inf:inf"], 2, "both finite", id="contrast-infinite"),
    pytest.param(["--gamma", "0"], 2, "'0' is no number above 0", id="gamma"),
    pytest.param(["--gamma", "nan"], 2, "'nan' is no number above 0", id="gamma-nan"),
    pytest.param(
        ["--short-side", "5"], 1, "--short-side: short_side must be at least 32", id="short-side"
    ),
    pytest.param(["--seed", "-1"], 2, "'-1' is not a number in [0, 2^63)", id="seed"),
    pytest.param(["--direction", "up"], 2, "invalid choice: 'up' (choose from", id="direction"),
    pytest.param(
        ["--resume", "--overwrite"], 2, "not allowed with argument", id="resume-overwrite"
    ),
    pytest.param(["--device", "cuda"], 1, "There is no 'cuda' device here", id="no-gpu"),
    pytest.param(
        ["--checkpoint", "{bad}/none.pth"], 1, "There is no file {bad}/none.pth", id="no-checkpoint"
    ),
    pytest.param(["--checkpoint", "{bad}/noise.pth"], 1, "is no checkpoint at all", id="noise"),
    pytest.param(
        ["--checkpoint", "{bad}/noise.safetensors"], 1, "cannot be read", id="noise-safetensors"
    ),
    pytest.param(
        ["--checkpoint", "{bad}/foreign.safetensors"], 1, "is not a checkpoint that", id="foreign"
    ),
    pytest.param(
        ["--checkpoint", "{bad}/bomb.pth"], 1, "can run any program when loaded", id="bomb"
    ),
    pytest.param(
        ["--checkpoint", "{bad}/bare_bomb.pth"],
        1,
        "can run any program when loaded",
        id="bare-bomb",
    ),
    pytest.param(
        ["--backbone-weights", "{bad}/bomb.pth"], 1, "can run any program", id="bomb-backbone"
    ),
    pytest.param(["--checkpoint", "{bad}/other.pth"], 1, "(no entry 'refiner...')", id="other-pth"),
    pytest.param(
        ["--checkpoint", "{bad}/rn18.pth"],
        1,
        "made for resnet18, not for mobilenet_v2",
        id="wrong-backbone",
    ),
    pytest.param(
        ["--backbone-weights", "{bad}/other.pth"],
        1,
        "These are not weights of mobilenet_v2",
        id="backbone",
    ),
    pytest.param(["--out", "{bad}/file"], 1, "folder is a file", id="out-is-a-file"),
    pytest.param(["--out", "/proc/none"], 1, "Cannot write /proc/none", id="out-not-writable"),
    pytest.param(["--out", ""], 2, "the name of a file or folder is empty", id="out-empty"),
    pytest.param(["--overlay", " "], 2, "file or folder is empty", id="overlay-empty"),
    pytest.param(["--overlay", "a.gif"], 1, "choose another name, ending in .mp4", id="gif"),
    pytest.param(["--overlay", "a.webm"], 1, "choose another name, ending in .mp4", id="webm"),
    pytest.param(
        ["--mask", "19:{mask}"], 1, "nothing comes after frame 19. Add --direction", id="last-frame"
    ),
    pytest.param(
        ["--direction", "backward", "--mask", "0:{mask}"],
        1,
        "going backward, nothing comes after frame 0",
        id="first-frame-backward",
    ),
    pytest.param(["--from-here", "3"], 1, "goes on from a session", id="from-here-of-a-video"),
    pytest.param(["--from-here", "x"], 2, "'x' is no number of a frame", id="from-here-form"),
    pytest.param(
        ["--overlay", "{bad}/look.txt"], 1, "choose another name, ending in .mp4", id="overlay-kind"
    ),
    pytest.param(
        ["--overlay", "{bad}/file/look.mp4"],
        1,
        "Cannot write {bad}/file/look.mp4",
        id="overlay-in-a-file",
    ),
]


@pytest.mark.parametrize(("options", "code", "message"), CASES)
def test_refused(
    shot: Shot,
    bad: Path,
    command: Command,
    tmp_path: Path,
    options: list[str],
    code: int,
    message: str,
) -> None:
    """One line on stderr, nothing written, nothing run."""
    options = [option.format(bad=bad, mask=shot.mask(0)) for option in options]
    video = options.pop(0) if not options[0].startswith("--") else shot.movie
    alone = "--mask" in options and "0:" not in options[1]
    mask = [] if alone or "--direction" in options[:1] else ["--mask", shot.mask(0)]

    outcome = command("segment", video, *mask, "--out", tmp_path / "masks", *options)

    assert outcome.code == code
    assert message.format(bad=bad) in outcome.err
    assert "Traceback" not in outcome.err
    assert not list(tmp_path.rglob("*.*"))
    assert not (bad / "harm").exists()


def test_offline(
    shot: Shot, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ImageNet weights of the paper's presets cannot be had; the message says how else."""

    def unreachable(*_: object, **__: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr(torch.hub, "urlopen", unreachable)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    start = ("segment", shot.movie, "--mask", shot.mask(0), "--out", tmp_path / "masks")

    outcome = command(*start, "--preset", "accurate")

    assert outcome.code == 1
    assert "resnet101 could not be downloaded from https://" in outcome.err
    assert "no route to host" in outcome.err
    assert "--backbone-weights FILE" in outcome.err


def test_a_damaged_download_is_named(
    shot: Shot, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that stayed incomplete in the cache."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    cached = tmp_path / "hub" / "checkpoints" / "resnet18-f37072fd.pth"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"half")

    outcome = command(
        *("segment", shot.movie, "--mask", shot.mask(0), "--out", tmp_path / "masks"),
        *("--preset", "fast"),
    )

    assert outcome.code == 1
    assert f"are damaged. Delete {cached}" in outcome.err
