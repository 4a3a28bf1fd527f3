"""Errors that a user can meet; their text is shown to the user as it stands."""


class FrtmError(Exception):
    """Base of all errors with a message for the user.

    Not a `RuntimeError` on purpose: napari's generator workers drop those silently.
    """


class VideoError(FrtmError):
    """A video, image or stack cannot be opened or read."""


class LabelsError(FrtmError):
    """A label image cannot be read, written or used with this video."""


class CheckpointError(FrtmError):
    """Weights are missing, damaged, or do not fit the network."""


class OutputError(FrtmError):
    """A result cannot be written."""


def first_line(error: BaseException) -> str:
    """Return what an error that was not foreseen says, in one line; its name if it says nothing."""
    lines = str(error).strip().splitlines()
    silent = "Out of memory" if isinstance(error, MemoryError) else type(error).__name__
    return lines[0] if lines else silent
