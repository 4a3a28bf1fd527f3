"""``napari-frtm info``, ``--help`` and ``--version``."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from napari_frtm import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    from console import Outcome


def test_info_names_versions_devices_and_weights(command: Callable[..., Outcome]) -> None:
    """What one needs to report a problem."""
    outcome = command("info")

    assert outcome.code == 0
    for part in (f"napari-frtm {__version__}", "torch ", "cpu: ", "embedded lite.safetensors"):
        assert part in outcome.out


@pytest.mark.parametrize("name", ["segment", "demo", "info"])
def test_every_command_explains_itself(command: Callable[..., Outcome], name: str) -> None:
    """Each option has a sentence; examples come last."""
    outcome = command(name, "--help")

    options = [line for line in outcome.out.splitlines() if line.startswith("  --")]
    assert outcome.code == 0
    assert f"for example:\n  napari-frtm {name}" in outcome.out
    assert len(options) >= (14 if name == "segment" else 0)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param([], id="none"),
        pytest.param(["follow"], id="unknown-command"),
        pytest.param(["segment"], id="nothing-to-do"),
    ],
)
def test_wrong_usage(command: Callable[..., Outcome], arguments: list[str]) -> None:
    """Exit code 2, as everywhere."""
    outcome = command(*arguments)

    assert outcome.code == 2
    assert outcome.err.startswith("usage: napari-frtm")


def test_a_closed_pipe_is_no_traceback() -> None:
    """As in ``napari-frtm info | head -1``."""
    code = "import sys; from napari_frtm.cli import main; sys.exit(main(['info']))"
    started = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert started.stdout is not None
    assert started.stderr is not None
    started.stdout.close()

    errors = started.stderr.read()
    started.stderr.close()

    assert started.wait() == 1
    assert errors == b""
