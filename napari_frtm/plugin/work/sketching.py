"""Masks of one frame, found in a thread while the user says more and more about it."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_frtm.config import preset
from napari_frtm.plugin.run.job import Job
from napari_frtm.plugin.run.preload import prepare_for_torch, without_collection
from napari_frtm.session.run.carry_out import NetworkCache
from napari_frtm.session.run.request import Settings

if TYPE_CHECKING:
    from collections.abc import Generator

    from napari_frtm.engine.sketch.prompts import Prompts
    from napari_frtm.engine.sketch.sketch import Sketch
    from napari_frtm.types import Contrast, Frames, Labels

_PRESET = "lite"  # its features are there in a fifth of a second, and S follows in another


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Question:
    """What is asked about a frame.

    Attributes
    ----------
    video : str
        Tells videos apart.
    frames : Frames
        The video.
    frame : int
        Which of them.
    contrast : Contrast
        How intensities are seen.
    prompts : Prompts or None
        What the user says; None if `before` is to be tidied.
    before : integer array of shape (H, W), or None
        Masks that are corrected or tidied; None if there are none.
    """

    video: str
    frames: Frames
    frame: int
    contrast: Contrast
    prompts: Prompts | None
    before: Labels | None

    def is_of_same_picture(self, other: Question | None) -> bool:
        """Whether another question was about the same picture."""
        return (
            other is not None
            and self.frames is other.frames  # others, if the video has other data
            and (self.frame, self.contrast) == (other.frame, other.contrast)
        )


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """The masks that were asked for.

    Attributes
    ----------
    question : Question
        What was asked.
    labels : int32 array of shape (H, W)
        Object ids; 0 is background.
    seconds : float
        How long it took, without the loading of a network and the features of the frame.
    """

    question: Question
    labels: Labels
    seconds: float


class Sketching(QObject):  # type: ignore[misc]
    """Answers questions in a thread, one at a time; of those that wait, the newest alone.

    Attributes
    ----------
    answered : Signal
        With an `Answer`.
    failed : Signal
        With what went wrong, for the user.
    changed : Signal
        It begins or ends to work.
    """

    answered = Signal(object)
    failed = Signal(str)
    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._next: Question | None = None
        self._job: Job | None = None
        self._kept = _FrameSketch()

    @property
    def is_working(self) -> bool:
        """Whether an answer is on its way."""
        return self._job is not None

    def ask(self, question: Question) -> None:
        """Ask; the answer comes as `answered`, unless a newer question takes its place."""
        self._next = question
        if self._job is None:
            self._start()

    def forget(self) -> None:
        """Want no answer any more."""
        self._next = None
        if self._job is not None:
            self._job.cancel()

    def _start(self) -> None:
        question, self._next = self._next, None
        if question is None:
            return
        self._job = Job("the sketch of a frame (FRTM)")
        self._job.yielded.connect(self._take)
        self._job.failed.connect(self.failed)
        self._job.ended.connect(self._end)
        self._job.start(self._kept.answer, question)
        self.changed.emit()

    def _take(self, answer: Answer) -> None:
        if self._job is not None and not self._job.stopping and self._next is None:
            self.answered.emit(answer)

    def _end(self) -> None:
        self._job = None
        self._start()
        if self._job is None:
            self.changed.emit()


class _FrameSketch:
    """Keeps the sketch of the frame that was asked about last; for one thread at a time."""

    def __init__(self) -> None:
        self._networks = NetworkCache()
        self._sketch: Sketch | None = None
        self._seen: Question | None = None

    def answer(self, question: Question) -> Generator[Answer, None, None]:
        """Yield the answer."""
        sketch = self._of(question)
        begun = perf_counter()
        if question.prompts is not None:
            labels = sketch.masks(question.prompts, question.before)
        else:
            assert question.before is not None
            labels = sketch.tidied(question.before)
        yield Answer(question, labels, perf_counter() - begun)

    def _of(self, question: Question) -> Sketch:
        """Return the sketch of the frame; loads torch and the network if need be."""
        if self._sketch is not None and question.is_of_same_picture(self._seen):
            return self._sketch
        with without_collection():
            prepare_for_torch()
        from napari_frtm.engine.sketch.sketch import Sketch

        config = preset(_PRESET)
        network = self._networks.load(config, Settings(config=config, preset=_PRESET))
        frame = question.frames[question.frame]
        self._sketch, self._seen = Sketch(network, config, frame, question.contrast), question
        return self._sketch
