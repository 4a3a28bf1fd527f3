"""The generator that carries out a run: the same for the command line, batch and napari."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_frtm.errors import CheckpointError, FrtmError
from napari_frtm.session.run.coverage import Scope, coverage
from napari_frtm.session.run.request import Advanced, Settings, Started
from napari_frtm.session.run.run_state import end_run, save_run
from napari_frtm.types import Contrast

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping
    from pathlib import Path

    from torch import Tensor

    from napari_frtm.config import FrtmConfig
    from napari_frtm.engine.networks.network import FrtmNetwork
    from napari_frtm.engine.tracking.propagate import Propagation
    from napari_frtm.session.run.request import Request
    from napari_frtm.types import Labels

_SHARE = 0.05  # of the time, for saving where a run stands


class NetworkCache:
    """The network of the last run, so that the next one need not load it."""

    def __init__(self) -> None:
        self._kept: tuple[object, FrtmNetwork] | None = None

    def load(self, config: FrtmConfig, settings: Settings) -> FrtmNetwork:
        """Return the network for a setting; loads torch and weights if need be."""
        from napari_frtm.io.weights.checkpoint import load_network

        files = settings.checkpoint, settings.backbone_weights
        key = (config.backbone, config.variant, settings.device, *map(_stamp, files))
        if self._kept is None or self._kept[0] != key:
            self._kept = None  # not two of them in memory
            network = load_network(
                config,
                device=settings.device,
                checkpoint=settings.checkpoint,
                backbone_weights=settings.backbone_weights,
            )
            self._kept = key, network
        return self._kept[1]


def carry_out(
    request: Request, networks: NetworkCache, *, continues: bool = False
) -> Generator[Started | Advanced, None, None]:
    """Yield what a run is going to do, then what it has written, chunk by chunk.

    The store may get its folder after the first of them. The second comes once the folder knows
    that there is a run, before anything is computed.

    Where it stands is saved to the session folder now and then, and when the generator is closed
    early; a run that comes to its end is forgotten there.

    Parameters
    ----------
    request : Request
        What to do.
    networks : NetworkCache
        Where the network comes from.
    continues : bool
        Whether to go on with the run in the session folder that was broken off: with its settings,
        range and contrast instead of the request's; on the request's device.

    Raises
    ------
    FrtmError
        If nothing is painted, weights are missing, a frame cannot be read or written, or there is
        no run to go on with.
    """
    state = None
    if continues:
        request, state = _unfinished(request)
    run, started = _begin(request, networks, state)
    yield started
    store, settings = request.store, request.settings
    only = None if settings.objects is None else frozenset(settings.objects)
    with _kept(run, request, description(request, started.contrast)) as save:
        yield Advanced([], run.finished)  # from now on, the run can go on after a kill
        for chunk in run.chunks():
            written = [
                store.write(p, drawn=request.keyframes, soft=settings.soft, only=only)
                for p in chunk
            ]
            save()
            yield Advanced([frame for frame in written if frame is not None], run.finished)


def _begin(
    request: Request, networks: NetworkCache, state: Mapping[str, Tensor] | None
) -> tuple[Propagation, Started]:
    """Return a run, put where it was broken off if there is a state, and what it is to do."""
    from napari_frtm.engine.tracking.propagate import Propagation
    from napari_frtm.io.video.contrast import robust_contrast
    from napari_frtm.io.weights.checkpoint import available_variant

    settings, drawn = request.settings, _followed(request)
    covered = coverage(request.scope, settings.direction, request.span, drawn, request.here)
    contrast = request.contrast or robust_contrast(request.frames)
    config = settings.config
    if not settings.exact_variant:
        config = available_variant(config, settings.checkpoint)
    run = Propagation(
        networks.load(config, settings),
        config,
        request.frames,
        {t: drawn[t] for t in covered.annotated},
        references={t: drawn[t] for t in covered.references},
        complete=request.complete,
        contrast=contrast,
        span=covered.frames,
        direction=covered.direction,
    )
    if state is not None:
        _go_on(run, state)
    return run, Started(
        total=len(run.order),
        done=run.finished,
        coverage=covered,
        objects=tuple(sorted({int(i) for v in drawn.values() for i in np.unique(v) if i})),
        config=config,
        settings=settings,
        device=run.network.place,
        contrast=contrast,
        scope=request.scope,
    )


def description(request: Request, contrast: Contrast) -> dict[str, Any]:
    """Return all that a run depends on, as it comes back from JSON."""
    settings = request.settings
    described = {
        "settings": settings.plain(),
        "scope": str(request.scope),
        "here": request.here,
        "span": [request.span.start, request.span.stop],
        "contrast": contrast.plain(),
        "keyframes": _digest(_followed(request), request.complete),
        "checkpoint": _file_digest(settings.checkpoint),
        "backbone_weights": _file_digest(settings.backbone_weights),
    }
    plain: dict[str, Any] = json.loads(json.dumps(described))
    return plain


def difference(saved: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Say in words where two descriptions of runs differ first; empty if they do not."""
    for key, new in now.items():
        old = saved.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            if inner := difference(old, new):
                return inner
        elif old != new:
            plain = (
                all(isinstance(value, str | int | float) for value in (old, new))
                and len(str(new)) < 64
            )
            return f"'{key}' was {old} and is {new} now" if plain else f"'{key}' is not the same"
    return ""


def _followed(request: Request) -> dict[int, Labels]:
    """Return the keyframes with the objects to follow only."""
    objects = request.settings.objects
    if objects is None:
        return dict(request.keyframes)
    kept = {t: np.where(np.isin(v, objects), v, 0) for t, v in request.keyframes.items()}
    if not any(labels.any() for labels in kept.values()):
        raise FrtmError(f"None of the objects {', '.join(map(str, objects))} is painted.")
    return {t: v for t, v in kept.items() if v.any() or t in request.complete}


def _unfinished(request: Request) -> tuple[Request, dict[str, Tensor]]:
    """Return the run that was broken off, as it was asked for, and where it stands."""
    folder = request.store.folder
    saved = folder.load_run() if folder is not None else None
    if saved is None:
        raise FrtmError("There is no unfinished run here. Start a new one.")
    before, state = saved
    try:
        contrast = Contrast.of(before["contrast"])
        request = replace(
            request,
            settings=_restored(before["settings"], request.settings),
            scope=Scope(before["scope"]),
            here=int(before["here"]),
            span=range(*before["span"]),
            contrast=contrast,
        )
    except (KeyError, ValueError, TypeError) as error:
        raise FrtmError(
            f"The unfinished run cannot go on: it is of another version of napari-frtm ({error}). "
            "Its finished frames are here; start a new run."
        ) from error
    now = description(request, contrast)
    del now["settings"]  # those of before, but for the device
    if different := difference(before, now):
        raise FrtmError(
            f"The unfinished run cannot go on: {different}. Bring back what was, or start a new "
            "run."
        )
    return request, state


def _restored(saved: dict[str, Any], now: Settings) -> Settings:
    """Return the settings of the run before, where it is to run now.

    Files of weights that are not where they were may be given anew; what is in them is checked.
    """
    before = Settings.from_plain(saved)
    return replace(
        before,
        device=now.device,
        checkpoint=_there(before.checkpoint, now.checkpoint),
        backbone_weights=_there(before.backbone_weights, now.backbone_weights),
    )


def _there(kept: Path | None, given: Path | None) -> Path | None:
    return given if kept is not None and given is not None and not kept.is_file() else kept


def _go_on(run: Propagation, state: Mapping[str, Tensor]) -> None:
    """Put a run where it was broken off."""
    try:
        run.load_state_dict(state)
    except (KeyError, ValueError, IndexError, RuntimeError) as error:
        raise FrtmError(
            f"The saved state of the unfinished run is damaged ({error}). Start a new run; "
            "finished frames stay."
        ) from error


@contextmanager
def _kept(
    run: Propagation, request: Request, described: dict[str, Any]
) -> Iterator[Callable[[], None]]:
    """Give a function that saves now and then where the run stands, as begin and end do."""
    store = request.store
    if store.folder is None:
        yield lambda: None
        return
    last = cost = 0.0

    def keep() -> None:
        nonlocal last, cost
        started = monotonic()
        save_run(store, described, run.state_dict())
        last = monotonic()
        cost = last - started

    def save() -> None:
        if monotonic() - last > cost / _SHARE:
            keep()

    keep()
    cost = 0.0  # the first chunk is worth saving: its keyframe takes long
    try:
        yield save
    except GeneratorExit:
        keep()
        raise
    end_run(store)


def _digest(drawn: Mapping[int, Labels], complete: frozenset[int]) -> str:
    digest = hashlib.sha256()
    for index in sorted(drawn):
        digest.update(f"{index} {index in complete}".encode())
        digest.update(np.ascontiguousarray(drawn[index], np.int32).tobytes())
    return digest.hexdigest()


def _file_digest(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        reason = error.strerror or error
        raise CheckpointError(f"Cannot read the weights {path}: {reason}.") from error


def _stamp(path: Path | None) -> object:
    """Return what changes when a file is replaced."""
    if path is None or not path.is_file():
        return path
    return path, path.stat().st_mtime_ns
