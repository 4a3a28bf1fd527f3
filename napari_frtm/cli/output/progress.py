"""The loop of a run: write the masks of each chunk, and show the progress."""

from __future__ import annotations

import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING

from tqdm import tqdm

from napari_frtm.errors import FrtmError, first_line
from napari_frtm.session.run.request import Advanced

if TYPE_CHECKING:
    from collections.abc import Generator

    from napari_frtm.session.mask_files import MaskFiles
    from napari_frtm.session.run.request import Started
    from napari_frtm.session.store.store import Store


class Interrupted(FrtmError):
    """The user stopped the run."""


def take(
    events: Generator[Started | Advanced, None, None],
    started: Started,
    store: Store,
    masks: MaskFiles | None,
) -> float:
    """Take the chunks of a run one by one and write their masks; return the seconds that it took.

    Parameters
    ----------
    events : generator
        What `carry_out` gives, after its first.
    started : Started
        Its first.
    store : Store
        Where the run writes; it has a folder.
    masks : MaskFiles or None
        Where label images are written as well.

    Raises
    ------
    FrtmError
        If the run fails or is interrupted; the message says what is kept and how to go on.
    """
    begin = time.perf_counter()
    done = started.done
    with tqdm(total=started.total, initial=done, unit="frame", file=sys.stderr) as bar:
        try:
            with closing(events):
                for event in events:
                    if not isinstance(event, Advanced):
                        continue
                    if masks is not None:
                        for frame in event.frames:
                            masks.write(store, frame.index)
                    bar.update(event.done - done)
                    done = event.done
        except KeyboardInterrupt:
            raise Interrupted(f"Stopped. {_kept(store, done)}") from None
        except FrtmError as error:
            raise FrtmError(f"{error} {_kept(store, done)}") from error
        except (RuntimeError, MemoryError) as error:
            raise FrtmError(
                f"{first_line(error)} - {_kept(store, done)} If memory ran out, add "
                "--device cpu, or start again with a smaller --short-side."
            ) from error
    return time.perf_counter() - begin


def _kept(store: Store, done: int) -> str:
    """Return what the user has if the run ends here, in words."""
    folder = store.folder
    assert folder is not None
    if folder.is_away:
        return (
            f"{folder.path} cannot be reached now. What was saved is there: bring its drive back, "
            "and continue with --resume."
        )
    if not folder.is_there:
        return f"{folder.path} is not there any more, so nothing of it is kept."
    if not done:
        return "No frame was finished."
    if not folder.has_run:
        return f"{done} finished frames are kept in {folder.path}."
    return f"{done} finished frames are kept in {folder.path}; continue with --resume."
