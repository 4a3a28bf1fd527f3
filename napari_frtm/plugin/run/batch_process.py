"""Sessions followed by ``napari-frtm batch`` in a process of its own, and what it says of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from threading import Thread
from typing import TYPE_CHECKING, Any

from napari_frtm.errors import FrtmError
from napari_frtm.io.atomic import reporting, write_bytes
from napari_frtm.io.data_folder import data_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from datetime import datetime
    from pathlib import Path
    from typing import TextIO

    from napari_frtm.session.run.request import Settings
    from napari_frtm.types import Contrast

GRACE = 30.0
"""Seconds that workers get to save where they stand."""

_LOOK = 0.1  # seconds between two looks at what it says
_INTERRUPT = signal.SIGINT if os.name == "posix" else getattr(signal, "CTRL_BREAK_EVENT", 0)
_APART: dict[str, Any] = (
    {"start_new_session": True}
    if os.name == "posix"
    else {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
)
"""A key that interrupts napari's terminal does not reach the batch; it is told when to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A session on its way.

    Attributes
    ----------
    session : Path
        Its folder.
    settings : Settings
        How to follow.
    span : range
        The frames to fill.
    contrast : Contrast or None
        How intensities are seen; measured if not said.
    state : str
        ``waiting``, ``running``, ``done``, ``failed`` or ``stopped``.
    done, total : int
        Frames; 0 if not known yet.
    confidence : float or None
        Mean of that of the worst object.
    reason : str
        Why it failed.
    """

    session: Path
    settings: Settings
    span: range
    contrast: Contrast | None = None
    state: str = "waiting"
    done: int = 0
    total: int = 0
    confidence: float | None = None
    reason: str = ""

    @property
    def name(self) -> str:
        """Of its video."""
        return self.session.stem

    @property
    def is_open(self) -> bool:
        """Whether it is still to be done."""
        return self.state in ("waiting", "running")


def clip_names(sessions: list[Path]) -> dict[Path, str]:
    """Return a name for each session that no other one has."""
    names: dict[Path, str] = {}
    for path in sessions:
        name, number = path.stem, 1
        while name.casefold() in {known.casefold() for known in names.values()}:
            number += 1
            name = f"{path.stem}-{number}"
        names[path] = name
    return names


def job_text(sent: list[Sent]) -> str:
    """Return the job file of some sessions; report and messages go beside it."""
    names = clip_names([each.session for each in sent])
    return "\n".join(['out = "."\n', *(_clip(each, names[each.session]) for each in sent)])


def batch_folder(now: datetime) -> Path:
    """Return where the job of a batch, its report and what its workers say are kept.

    Parameters
    ----------
    now : datetime
        When it begins, which is its name.
    """
    batches = data_folder() / "batches"
    name = f"{now:%Y-%m-%d %H.%M.%S}"
    folders = (batches / (f"{name} {n}" if n > 1 else name) for n in count(1))
    return next(folder for folder in folders if not folder.exists())


def _clip(sent: Sent, name: str) -> str:
    """Return the table of a clip; texts in JSON are texts in TOML."""
    settings, config = sent.settings, sent.settings.config
    chosen: dict[str, object] = {
        "preset": settings.preset or None,
        "variant": str(config.variant),
        "checkpoint": _text(settings.checkpoint),
        "backbone_weights": _text(settings.backbone_weights),
        "device": settings.device,
        "short_side": config.short_side,
        "local": config.locality is not None,
        "outlines": config.outlines,
        "seed": config.seed,
        "direction": str(settings.direction),
        "soft": settings.soft,
    }
    clip: dict[str, object] = {
        "name": name,
        "session": str(sent.session.absolute()),
        "frames": [sent.span.start, sent.span.stop],
        "contrast": None if sent.contrast is None else [*sent.contrast[:2]],
        "gamma": None if sent.contrast is None else sent.contrast.gamma,
    }
    lines = ["[[clips]]", *_lines(clip), "[clips.settings]", *_lines(chosen), ""]
    return "\n".join(lines)


def _lines(table: Mapping[str, object]) -> list[str]:
    return [f"{key} = {json.dumps(value)}" for key, value in table.items() if value is not None]


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def followed(
    text: str, folder: Path, where: list[str], grace: Callable[[], float]
) -> Generator[dict[str, Any] | None, None, None]:
    """Run a batch in a process of its own; yield what it says, and None while it says nothing.

    Parameters
    ----------
    text : str
        The job file.
    folder : Path
        For it, its report, and what the process says; it is made, and stays.
    where : list of str
        Options that say on which workers.
    grace : callable
        Says how long to wait for the process when the generator is closed; it is told to end in
        any case, and does so by itself.

    Raises
    ------
    FrtmError
        If it fails as a whole, or the folder cannot be made; clips that fail are told in its lines.
    """
    with reporting(folder):
        folder.mkdir(parents=True)
    job, said, errors = (folder / name for name in ("job.toml", "lines.jsonl", "messages.txt"))
    write_bytes(job, text.encode())
    command = [sys.executable, "-m", "napari_frtm", "batch", str(job), "--json"]
    with said.open("wb") as out, errors.open("wb") as err:
        process = subprocess.Popen([*command, *where], stdout=out, stderr=err, **_APART)
        try:
            with said.open(encoding="utf-8") as lines:
                yield from _lines_of(process, lines)
        finally:
            _stop(process, grace())
    if process.returncode not in (0, -signal.SIGINT) and not said.stat().st_size:
        last = errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        reason = last[-1].removeprefix("napari-frtm: ") if last else "it said nothing."
        raise FrtmError(f"The batch failed: {reason}")


def _lines_of(
    process: subprocess.Popen[bytes], lines: TextIO
) -> Generator[dict[str, Any] | None, None, None]:
    part = ""
    while True:
        ended = process.poll() is not None
        while read := lines.readline():
            part += read
            if part.endswith("\n"):
                yield json.loads(part)
                part = ""
        if ended:
            return
        yield None
        time.sleep(_LOOK)


def _stop(process: subprocess.Popen[bytes], grace: float) -> None:
    """Interrupt a batch, which lets its workers save where they stand; end it if it does not."""
    if process.poll() is not None:
        return
    with suppress(OSError):
        process.send_signal(_INTERRUPT)
    if not grace:
        Thread(target=process.wait, name="frtm-batch", daemon=True).start()
        return
    try:
        process.wait(grace)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
