"""A run of *Propagate* under way: what it does, and how far it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_frtm.plugin.run.job import Job

if TYPE_CHECKING:
    from napari_frtm.plugin.run.progress import Progress
    from napari_frtm.plugin.work.session import Session
    from napari_frtm.session.coverage import Scope
    from napari_frtm.session.request import Settings, Started


@dataclass(slots=True, eq=False)
class Run:
    """A run under way, from the click on; what it does and how far it is come later.

    Attributes
    ----------
    session : Session
        Whose masks it writes.
    settings : Settings
        What was asked for.
    scope : Scope
        How much of the range to fill.
    here : int
        The frame that was displayed.
    continues : bool
        Whether it goes on with a run that was broken off.
    started : Started or None
        What it does, once the network is loaded.
    progress : Progress or None
        How far it is.
    newest : int or None
        The frame written last.
    """

    session: Session
    settings: Settings
    scope: Scope
    here: int
    continues: bool = False
    started: Started | None = None
    progress: Progress | None = None
    newest: int | None = None
    error: str = ""
    stopping: bool = False
    job: Job = field(default_factory=lambda: Job("the propagation of masks (FRTM)"))

    @property
    def outcome(self) -> str:
        """How it ended, for the user."""
        if self.progress is None:
            return self.error or "Cancelled."
        count = f"{self.progress.done} of {self.progress.total} frames"
        if self.error:
            return f"Failed after {count}: {self.error}"
        return f"Cancelled after {count}." if self.stopping else f"Finished: {count}."
