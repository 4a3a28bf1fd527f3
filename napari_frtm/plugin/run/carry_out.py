"""The generator that carries out a run, in a thread beside the viewer."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from dataclasses import asdict, replace
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from napari_frtm.errors import FrtmError
from napari_frtm.plugin.run.plan import Reach, plan_course
from napari_frtm.plugin.run.preload import prepare_for_torch
from napari_frtm.plugin.run.request import Plan, Written
from napari_frtm.plugin.source.layers import painted_frames

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from napari_frtm.config import FrtmConfig
    from napari_frtm.engine.networks.network import FrtmNetwork
    from napari_frtm.engine.tracking.propagate import Propagation
    from napari_frtm.plugin.run.plan import Course
    from napari_frtm.plugin.run.request import Request
    from napari_frtm.plugin.work.session import Session
    from napari_frtm.types import Labels

    Unfinished: TypeAlias = tuple[dict[str, Any], Mapping[str, Any]]

_SAVE_EVERY = 10.0  # seconds between two saved states of a run


class Networks:
    """The network of the last run, so that the next one need not load it."""

    def __init__(self) -> None:
        self._kept: tuple[tuple[str, bool, str], FrtmNetwork] | None = None

    def load(self, config: FrtmConfig, device: str) -> FrtmNetwork:
        """Return the network for a setting; loads torch and weights if need be."""
        from napari_frtm.io.weights.checkpoint import load_network

        key = (config.backbone, config.variant.refines, device)
        if self._kept is None or self._kept[0] != key:
            self._kept = None  # not two of them in memory
            self._kept = key, load_network(config, device=device)
        return self._kept[1]


def carry_out(request: Request, networks: Networks) -> Generator[Plan | Written, None, None]:
    """Yield the plan of a run, then what it has written, chunk by chunk.

    Raises
    ------
    FrtmError
        If nothing is painted, weights are missing, or a frame cannot be read or written.
    """
    prepare_for_torch()
    from napari_frtm.engine.tracking.propagate import Propagation
    from napari_frtm.io.video.contrast import robust_contrast
    from napari_frtm.io.weights.checkpoint import available_variant

    session, settings = request.session, request.settings
    unfinished = _unfinished(session) if request.continues else None
    if unfinished is not None:
        before, _ = unfinished
        request = replace(request, reach=Reach(before["reach"]), here=before["here"])
    painted = _painted(request)
    drawn = _wanted(painted | {t: session.keyframes[t] for t in session.complete}, request)
    course = plan_course(request.reach, settings.direction, settings.span, drawn, request.here)
    contrast = request.contrast or robust_contrast(session.frames)
    config = available_variant(settings.config, None)
    run = Propagation(
        networks.load(config, settings.device),
        config,
        session.frames,
        {t: drawn[t] for t in course.annotated},
        references={t: drawn[t] for t in course.references},
        complete=frozenset(session.complete),
        contrast=contrast,
        span=course.frames,
        direction=course.direction,
    )
    described = _description(request, course, config, contrast, drawn)
    if unfinished is not None:
        _go_on(run, unfinished, described)
    ids = {int(i) for labels in drawn.values() for i in np.unique(labels) if i}
    yield Plan(
        total=len(run.order),
        done=run.finished,
        course=course,
        painted=painted,
        largest_id=max(ids),
        objects=len(ids),
        config=config,
        device=str(run.network.device),
        contrast=contrast,
    )
    with _kept(run, session, described) as save:
        for chunk in run.chunks():
            free = [p for p in chunk if not session.protects(p.index, drawn)]
            only = settings.objects
            written = [session.results.write(p, soft=settings.soft, only=only) for p in free]
            save()
            yield Written(written, run.finished)


def _painted(request: Request) -> dict[int, Labels]:
    """Return the frames painted on the user's layer, or those saved of it."""
    session = request.session
    if request.labels is None:
        return {t: v for t, v in session.keyframes.items() if t not in session.complete}
    if request.labels.ndim == 2:
        image = np.asarray(request.labels)[None]
        return {request.here: painted_frames(image, range(1), request.labels_name)[0]}
    try:
        everywhere = range(session.frames.shape[0])
        axes = session.frames.axes
        return dict(painted_frames(request.labels, everywhere, request.labels_name, axes))
    except FrtmError:
        if session.complete:
            return {}
        raise


def _wanted(drawn: Mapping[int, Labels], request: Request) -> dict[int, Labels]:
    """Return the keyframes with the objects to follow only."""
    objects = request.settings.objects
    if objects is None:
        return dict(drawn)
    ids = sorted(objects)
    kept = {t: np.where(np.isin(v, ids), v, 0) for t, v in drawn.items()}
    if not any(labels.any() for labels in kept.values()):
        raise FrtmError(f"None of the objects {', '.join(map(str, ids))} is painted.")
    return {t: v for t, v in kept.items() if v.any() or t in request.session.complete}


def _description(
    request: Request,
    course: Course,
    config: FrtmConfig,
    contrast: tuple[float, float],
    drawn: Mapping[int, Labels],
) -> dict[str, Any]:
    """Return all that a run depends on, as it comes back from JSON."""
    digest = hashlib.sha256()
    for index in sorted(drawn):
        digest.update(f"{index}".encode() + np.ascontiguousarray(drawn[index], np.int32).tobytes())
    description = {
        "reach": str(request.reach),
        "here": request.here,
        "direction": str(course.direction),
        "frames": [course.frames.start, course.frames.stop],
        "config": asdict(config),
        "contrast": list(contrast),
        "keyframes": digest.hexdigest(),
    }
    plain: dict[str, Any] = json.loads(json.dumps(description))
    return plain


def _unfinished(session: Session) -> Unfinished:
    """Return the run in the session folder that was broken off."""
    folder = session.results.folder
    saved = folder.load_run() if folder is not None else None
    if saved is None:
        raise FrtmError("There is no unfinished run here. Start a new one.")
    return saved


def _go_on(run: Propagation, unfinished: Unfinished, described: dict[str, Any]) -> None:
    """Put a run where one with the same settings was broken off."""
    before, state = unfinished
    if before != described:
        different = next(key for key in described if before.get(key) != described[key])
        raise FrtmError(
            f"The unfinished run cannot go on: its {different} is another one now. Start a new "
            "run instead."
        )
    run.load_state_dict(state)


@contextmanager
def _kept(run: Propagation, session: Session, described: dict[str, Any]) -> Iterator[Any]:
    """Give a function that saves now and then where the run stands, as the end does."""
    last = monotonic()
    folder = session.results.folder

    def save() -> None:
        nonlocal last
        if folder is not None and monotonic() - last > _SAVE_EVERY:
            folder.save_run(described, run.state_dict())
            last = monotonic()

    try:
        yield save
    except GeneratorExit:
        if folder is not None:
            folder.save_run(described, run.state_dict())
        raise
    if folder is not None:
        folder.end_run()
