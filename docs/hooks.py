"""What `mkdocs build` makes from the program itself: the reference of the command line."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

os.environ["COLUMNS"] = "96"  # of the help texts
_HERE = "<!-- the help texts of all commands -->"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the help texts of all commands in the place of a mark."""
    if _HERE not in markdown:
        return markdown
    from napari_frtm.cli import command_parser

    return markdown.replace(_HERE, "\n".join(_sections(command_parser(), "napari-frtm", 2)))


def _sections(parser: argparse.ArgumentParser, name: str, level: int) -> Iterator[str]:
    """Yield a heading and the help of a command, then those of the commands below it."""
    yield f"\n{'#' * level} {name}\n\n```text\n{parser.format_help().strip()}\n```\n"
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, below in action.choices.items():
                yield from _sections(below, f"{name} {word}", min(level + 1, 3))
