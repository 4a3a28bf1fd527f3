"""The command line: the only place that prints and sets the exit code."""

from __future__ import annotations

import argparse
import logging
import sys
from typing import TYPE_CHECKING

from napari_frtm import __version__
from napari_frtm.cli import demo, info, segment
from napari_frtm.errors import FrtmError

if TYPE_CHECKING:
    from collections.abc import Sequence

FAILED, MISUSED, INTERRUPTED = 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return 0, or 1 (failed), 2 (wrong usage), 130 (interrupted)."""
    parser = _parser()
    options = parser.parse_args(arguments)
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    try:
        options.run(options)
    except FrtmError as error:
        print(f"napari-frtm: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("napari-frtm: interrupted", file=sys.stderr)
        return INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="napari-frtm",
        description="Follow painted objects through a video (FRTM, CVPR 2020).",
        epilog="'napari-frtm COMMAND --help' explains a command, with examples.",
    )
    parser.add_argument("--version", action="version", version=f"napari-frtm {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (segment, demo, info):
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
