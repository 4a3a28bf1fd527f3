"""What is said of errors that were not foreseen."""

from __future__ import annotations

import pytest

from napari_frtm.errors import first_line


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RuntimeError("Too large.\nMore."), "Too large."),
        (RuntimeError("\n    Some tensors share memory.\n"), "Some tensors share memory."),
        (ValueError(), "ValueError"),
        (MemoryError(), "Out of memory"),
    ],
)
def test_the_first_line_that_says_something(error: Exception, said: str) -> None:
    """Libraries begin with an empty line, or say nothing."""
    assert first_line(error) == said
