"""Long clips in parts: stretches between masks, objects apart, and how they become one again.

A part is a run of its own that knows nothing of the others, only all masks: what ``segment SESSION
--range A:B`` gives. That is not what one run through the whole clip gives, which learns from its
own masks of earlier stretches, too, and lets objects compete for pixels while it follows them.
"""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_frtm.batch.clip import ClipProgress, begin, concluded, exported
from napari_frtm.batch.opening import KEY, is_done, opened
from napari_frtm.batch.result import Effort, load_result
from napari_frtm.config import Direction
from napari_frtm.io.session.array_reading import read_frame
from napari_frtm.io.session.folder import SessionFolder
from napari_frtm.session.run.provenance import last_run, with_run
from napari_frtm.session.run.recording import releasing
from napari_frtm.session.run.run_state import end_run
from napari_frtm.session.store.store import Store
from napari_frtm.types import Prediction

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_frtm.batch.job import Task
    from napari_frtm.batch.opening import Work
    from napari_frtm.batch.result import ClipResult
    from napari_frtm.types import Labels


def parts_of(task: Task) -> list[Task]:
    """Return the parts of a clip, as its settings want it; none if it is done or not to be split.

    Raises
    ------
    FrtmError
        If video or masks cannot be read.
    """
    chosen = task.clip.settings
    if not (chosen.split_at_keyframes or chosen.split_objects):
        return []
    with opened(task) as work:
        request = work.request
        if is_done(task, work):
            return []
        drawn = _drawn(request.keyframes)
        whole = [(request.span.start, request.span.stop)]
        direction = request.settings.direction
        spans = stretches([*drawn], request.span, direction) if chosen.split_at_keyframes else whole
        plain = replace(task, exports=())
        if not chosen.split_objects:
            return [replace(plain, part=span) for span in spans]
        return [
            replace(plain, part=span, object_id=object_id)
            for span in spans
            for object_id in sorted(set().union(*drawn.values()))
            if _is_known(object_id, span, drawn, direction)
        ]


def stretches(keyframes: Sequence[int], span: range, direction: Direction) -> list[tuple[int, int]]:
    """Return the stretches between keyframes, which need no other frames.

    Parameters
    ----------
    keyframes : sequence of int
        In the order of time.
    span : range
        The frames to fill.
    direction : Direction
        Which way to go: forward, a stretch is a keyframe and what comes up to the next; backward,
        the other way; in both directions, both keyframes belong to it.

    Returns
    -------
    list of tuple of int
        First frame and the one after the last.
    """
    if direction is Direction.BACKWARD:
        ends = [k + 1 for k in keyframes[:-1]]
        return list(zip([span.start, *ends], [*ends, keyframes[-1] + 1], strict=True))
    ends = [*keyframes[1:], span.stop]
    if direction is Direction.FORWARD:
        return list(zip(keyframes, ends, strict=True))
    first = [(span.start, keyframes[0] + 1)] if keyframes[0] > span.start else []
    return first + [(k, min(end + 1, span.stop)) for k, end in zip(keyframes, ends, strict=True)]


def join(task: Task, parts: Sequence[Task]) -> Generator[ClipProgress, None, ClipResult | None]:
    """Yield how far a clip is whose parts are done, and return what came of it.

    On a frame that two stretches share, a mask, the later one counts. Where objects that were
    followed apart claim the same pixel, the one that is surer of it has it.

    Raises
    ------
    FrtmError
        If a part is missing, or results cannot be written.
    """
    with opened(task) as work:
        done = is_done(task, work)
        result = load_result(task.result) if done else (yield from _joined(task, work, parts))
    for wanted in task.exports:
        yield from exported(task, wanted, remade=not done)
    shutil.rmtree(task.parts, ignore_errors=True)
    return result


def _joined(
    task: Task, work: Work, parts: Sequence[Task]
) -> Generator[ClipProgress, None, ClipResult]:
    """Write the frames of all parts to the session of the clip."""
    kept: dict[str, Any] = {KEY: {"key": work.key}}
    begin(task, work, kept)
    store = work.store
    with ExitStack() as stack:
        stores = [
            stack.enter_context(
                releasing(Store.of_folder(SessionFolder.open(part.session), in_memory=False))
            )
            for part in parts
        ]
        frames = _sources(parts, stores)
        soft = task.clip.settings.soft
        for n, (index, sources) in enumerate(sorted(frames.items()), 1):
            prediction = _prediction(index, sources)
            store.write(prediction, drawn=work.request.keyframes, soft=soft)
            yield ClipProgress(n, len(frames), step="joining")
        settings = [each.folder.settings for each in stores if each.folder is not None]
        run = {
            **(last_run(settings[0]) or {}),
            "range": [min(frames), max(frames)],
            "keyframes": sorted(work.request.keyframes),
            "objects": None,
            "soft": soft,
        }
        efforts = [each[KEY] for each in settings]
    end_run(store)
    assert store.folder is not None
    store.folder.save_settings(with_run({**store.folder.settings, **kept}, run))
    seconds = sum(float(each["seconds"]) for each in efforts)
    computed = sum(int(each["computed"]) for each in efforts)
    return concluded(task, work, Effort(seconds, computed, str(efforts[0]["device"])))


def _sources(parts: Sequence[Task], stores: Sequence[Store]) -> dict[int, list[Store]]:
    """Return the parts that have a say on each frame: of the stretch that begins last."""
    frames: dict[int, tuple[int, list[Store]]] = {}
    for part, store in sorted(zip(parts, stores, strict=True), key=lambda pair: _order(pair[0])):
        start = _order(part)[0]
        for index in np.flatnonzero(store.timeline.filled).tolist():
            known = frames.get(index)
            if known is None or known[0] < start:
                frames[index] = start, [store]
            else:
                known[1].append(store)
    return {index: stores for index, (_, stores) in frames.items()}


def _order(part: Task) -> tuple[int, int]:
    return (part.part or (0, 0))[0], part.object_id or 0


def _prediction(index: int, sources: Sequence[Store]) -> Prediction:
    """Return what parts say of a frame, as if one run had said it."""
    soft: dict[int, NDArray[np.uint8]] = {}
    confidence: dict[int, float] = {}
    for store in sources:
        soft |= store.soft_masks(index)
        confidence |= {
            i: float(values[index])
            for i, values in store.timeline.confidence.items()
            if np.isfinite(store.timeline.area[i][index])
        }
    ids = tuple(sorted(confidence))
    scores = [
        read_frame(s.scores, index).astype(np.float32) for s in sources if s.scores is not None
    ]
    labels = [store.labels(index) for store in sources]
    empty = np.zeros((1, 1), np.uint8)
    return Prediction(
        index=index,
        object_ids=ids,
        labels=labels[0] if len(labels) == 1 else _surest(labels, soft),
        probabilities=np.divide([soft.get(i, empty) for i in ids], 255, dtype=np.float32),
        scores=np.stack(scores),
        confidence=np.array([confidence[i] for i in ids], np.float32),
    )


def _surest(labels: Sequence[Labels], soft: Mapping[int, NDArray[np.uint8]]) -> NDArray[np.uint16]:
    """Return one label image of those of several objects; the surest has what several claim."""
    joined = np.zeros(labels[0].shape, np.uint16)
    best = np.full(joined.shape, -1.0, np.float32)
    for each in labels:
        for object_id in np.unique(each[each > 0]).tolist():
            sure = cv2.resize(soft[object_id].astype(np.float32), joined.shape[::-1])
            wins = (each == object_id) & (sure > best)
            joined[wins], best[wins] = object_id, sure[wins]
    return joined


def _drawn(keyframes: Mapping[int, Labels]) -> dict[int, set[int]]:
    """Return the objects of those keyframes that show any, in the order of time."""
    drawn = {t: set(np.unique(v).tolist()) - {0} for t, v in sorted(keyframes.items())}
    return {t: ids for t, ids in drawn.items() if ids}


def _is_known(
    object_id: int, span: tuple[int, int], drawn: Mapping[int, set[int]], direction: Direction
) -> bool:
    """Whether a run over a stretch would know an object: not before it is first drawn."""
    frames = [t for t, ids in drawn.items() if object_id in ids]
    if direction is Direction.FORWARD:
        return frames[0] < span[1]
    return direction is Direction.BOTH or frames[-1] >= span[0]
