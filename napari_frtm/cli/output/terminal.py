"""A terminal that may go away: what is only for the eye must not end a run."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TextIO, cast

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Lasting:
    """Error output that loses what nobody can read any more."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text, if that is possible."""
        with suppress(OSError, ValueError):  # a closed pipe, a closed file
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Write what waits, if that is possible."""
        with suppress(OSError, ValueError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def lasting_stderr() -> Iterator[None]:
    """Let messages and progress bars go on although stderr is closed, or closes meanwhile."""
    before = sys.stderr
    stream = before
    if stream is None:
        # no file that is opened later may get the number of stderr: libraries write there
        _occupy(2)
        stream = open(os.devnull, "w")  # noqa: PTH123, SIM115 - stays open, as stderr does
    sys.stderr = cast("TextIO", _Lasting(stream))
    try:
        yield
    finally:
        sys.stderr = before


def _occupy(number: int) -> None:
    """Let a file descriptor that is closed lead nowhere."""
    try:
        os.fstat(number)
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        if nowhere != number:
            os.dup2(nowhere, number)
            os.close(nowhere)
