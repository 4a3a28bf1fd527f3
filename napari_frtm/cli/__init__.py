"""The command line: the only place that prints and sets the exit code."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from typing import TYPE_CHECKING

from tqdm import tqdm

from napari_frtm import __version__
from napari_frtm.cli import (
    batch,
    demo,
    evaluate,
    export,
    info,
    reproduce,
    segment,
    train,
    weights,
)
from napari_frtm.cli.output.progress import Interrupted
from napari_frtm.cli.output.terminal import lasting_stderr
from napari_frtm.errors import FrtmError
from napari_frtm.io.atomic import reason_of

if TYPE_CHECKING:
    from collections.abc import Sequence

logger = logging.getLogger("napari_frtm")

FAILED, INTERRUPTED = 1, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return 0, or 1 (failed), 2 (wrong usage), 130 (interrupted)."""
    with lasting_stderr():
        return _run(command_parser().parse_args(arguments))


def _run(options: argparse.Namespace) -> int:
    # before torch is loaded: threads that spin while they wait slow a busy machine down manifold
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    messages = _Messages(logging.WARNING)
    logger.addHandler(messages)
    try:
        options.run(options)
    except Interrupted as error:
        return _failure(error, INTERRUPTED)
    except KeyboardInterrupt:
        return _failure("interrupted", INTERRUPTED)
    except BrokenPipeError:  # nobody reads on, as in "| head"
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except FrtmError as error:
        return _failure(error, FAILED)
    except OSError as error:
        where = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
        return _failure(f"{where}{reason_of(error)}", FAILED)
    finally:
        logger.removeHandler(messages)
    return 0


class _Messages(logging.Handler):
    """Shows warnings above the progress bar, each kind of them once."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self._seen: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Show a message."""
        if record.msg not in self._seen:
            self._seen.add(record.msg)
            tqdm.write(f"napari-frtm: {record.getMessage()}", file=sys.stderr)


def _failure(reason: object, code: int) -> int:
    print(f"napari-frtm: {reason}", file=sys.stderr)
    return code


def command_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="napari-frtm",
        description="Follow painted objects through a video (FRTM, CVPR 2020).",
        epilog="'napari-frtm COMMAND --help' explains a command, with examples. The exit code is "
        "0, or 1 if a command failed, 2 if its options are wrong, 130 if it was interrupted.",
    )
    parser.add_argument("--version", action="version", version=f"napari-frtm {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (segment, batch, export, demo, evaluate, reproduce, train, weights, info):
        name = command.__name__.rpartition(".")[2]
        summary, _, details = (command.__doc__ or "").partition("\n")
        sub = commands.add_parser(
            name,
            help=summary,
            description=summary,
            epilog=details,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(sub)
        sub.set_defaults(run=command.run)
    return parser
