"""The loop of a run: write each chunk, save where the run stands, show the progress."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from tqdm import tqdm

from napari_frtm.errors import FrtmError

if TYPE_CHECKING:
    from napari_frtm.engine.tracking.propagate import Propagation
    from napari_frtm.io.results import ResultsFolder

_SAVING = 0.05
"""Largest share of the time that saving the state may take."""


class Interrupted(FrtmError):
    """The user stopped the run."""


def take(run: Propagation, results: ResultsFolder, done: int) -> float:
    """Take the chunks of a run one by one and write them; return the seconds that it took.

    Parameters
    ----------
    run : Propagation
        At its start, or where it stood when its state was saved.
    results : ResultsFolder
        Where to write.
    done : int
        Frames finished before.

    Raises
    ------
    FrtmError
        If the run fails or is interrupted; the message says what is kept and how to go on.
    """
    start = time.perf_counter()
    saving = _Saving(run, results, done)
    with tqdm(total=len(run.order), initial=done, unit="frame", file=sys.stderr) as bar:
        try:
            for chunk in run.chunks():
                for prediction in chunk:
                    results.write(prediction)
                saving.after(len(chunk))
                bar.update(len(chunk))
            saving.now()
        except KeyboardInterrupt:
            raise Interrupted(f"Stopped. {saving.kept}") from None
        except FrtmError as error:
            raise FrtmError(f"{error} {saving.kept}") from error
        except (RuntimeError, MemoryError) as error:
            reason = (str(error) or "Out of memory").splitlines()[0]
            raise FrtmError(
                f"{reason} - {saving.kept} If memory ran out, add --device cpu, or start again "
                "with a smaller --short-side."
            ) from error
    return time.perf_counter() - start


class _Saving:
    """Saves where a run stands: after every chunk, or less often where that takes long."""

    def __init__(self, run: Propagation, results: ResultsFolder, done: int) -> None:
        self._run = run
        self._results = results
        self._frames = self._saved = done
        self._due = 0.0

    @property
    def kept(self) -> str:
        """What the user has if the run ends here, in words."""
        if not self._saved:
            return "No frame was finished."
        return (
            f"{self._saved} finished frames are kept in {self._results.folder}; continue with "
            "the same command and --resume."
        )

    def after(self, frames: int) -> None:
        """Count the frames of a chunk, and save if it is time."""
        self._frames += frames
        if time.perf_counter() >= self._due:
            self.now()

    def now(self) -> None:
        """Save; the next time is due when this one has cost its share."""
        start = time.perf_counter()
        self._results.save_state(self._run.state_dict())
        end = time.perf_counter()
        self._saved = self._frames
        self._due = end + (end - start) * (1 / _SAVING - 1)
