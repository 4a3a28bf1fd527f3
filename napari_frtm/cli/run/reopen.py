"""A run on a session that is there already: what of it stays, and what the options change."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_frtm.cli.method import method_settings
from napari_frtm.cli.source import chosen_contrast
from napari_frtm.config import Direction
from napari_frtm.errors import OutputError
from napari_frtm.session.mask_files import MaskFiles, Outputs
from napari_frtm.session.run.carry_out import difference
from napari_frtm.session.run.coverage import Scope
from napari_frtm.session.run.method import suited_preset
from napari_frtm.session.run.request import Request, Settings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping
    from pathlib import Path

    from napari_frtm.io.video.opening import Video
    from napari_frtm.session.earlier import Earlier
    from napari_frtm.session.store.store import Store
    from napari_frtm.types import Contrast, Labels


def check_same(
    options: argparse.Namespace,
    earlier: Earlier,
    store: Store,
    masks: Mapping[int, Labels],
    span: range | None,
) -> None:
    """Refuse to continue a run with options that differ from those that it had.

    Raises
    ------
    FrtmError
        Naming the first difference.
    """
    before = earlier.settings
    now = method_settings(options, before)
    soft = before.soft or options.probabilities
    direction = Direction(options.direction or before.direction)
    contrast = chosen_contrast(options, earlier.contrast)
    given = _described(replace(now, soft=soft, direction=direction), span or earlier.span, contrast)
    known = _described(before, earlier.span, earlier.contrast)
    different = difference(known, given)
    if options.from_here is not None and options.from_here != earlier.here:
        different = different or f"'from-here' was {earlier.here} and is {options.from_here} now"
    for name in ("checkpoint", "backbone_weights"):
        if _digest(getattr(before, name)) != _digest(getattr(now, name)):
            different = different or f"'{name}' is not the same"
    for index, labels in masks.items():
        drawn = store.keyframes.get(index)
        if drawn is None or not np.array_equal(drawn, labels):
            different = different or "'masks' is not the same"
    if different:
        assert store.folder is not None
        raise OutputError(
            f"The run in {store.folder.path} cannot be continued: {different}. Give the options "
            "and files of before or none, choose another folder, or start again with --overwrite."
        )


def request_on(
    store: Store,
    video: Video,
    earlier: Earlier | None,
    options: argparse.Namespace,
    masks: Mapping[int, Labels],
) -> Request:
    """Return a new run on a session: from its keyframes and more masks, with its settings."""
    before = earlier.settings if earlier else None
    settings = method_settings(options, before, suited_preset(video.frames))
    contrast = chosen_contrast(options, (earlier or video).contrast)
    return Request(
        frames=video.frames,
        keyframes={**store.keyframes, **masks},
        complete=frozenset(store.complete - set(masks)),
        store=store,
        settings=replace(
            settings,
            soft=settings.soft or options.probabilities,
            direction=Direction(options.direction or settings.direction),
            objects=None,
        ),
        span=options.span,
        scope=Scope.RANGE if options.from_here is None else Scope.FROM_HERE,
        here=options.from_here or 0,
        contrast=contrast,
    )


def mask_files(
    session: Path, store: Store, video: Video, options: argparse.Namespace, largest_id: int
) -> MaskFiles | None:
    """Return where the masks of a session are written: where the options say, or as before.

    Only the folder that holds the session is taken from it without being asked for.
    """
    assert store.folder is not None
    before = MaskFiles.of_settings(session, store.folder.settings, store.size[0])
    folder = options.out
    if folder is None and before is not None:
        if before.folder.resolve() != session.parent.resolve():
            return None
        folder = session.parent
    if folder is None:
        return None
    known = before.outputs if before is not None else Outputs()
    outputs = Outputs(
        scores=known.scores or options.scores,
        probabilities=known.probabilities or options.probabilities,
    )
    ids = [largest_id, *store.timeline.object_ids]
    ids += [int(labels.max(initial=0)) for labels in store.keyframes.values()]
    return MaskFiles.of(folder, video.names, outputs, max(ids))


def _described(settings: Settings, span: range, contrast: Contrast) -> dict[str, Any]:
    return {
        "preset": settings.preset,
        "config": {key: _plain(value) for key, value in asdict(settings.config).items()},
        "direction": str(settings.direction),
        "probabilities": settings.soft,
        "range": f"{span.start}:{span.stop}",
        "contrast": f"{contrast.low:g}:{contrast.high:g}",
        "gamma": round(contrast.gamma, 3),
    }


def _plain(value: object) -> object:
    return str(value) if isinstance(value, str) else value


def _digest(path: Path | None) -> str | None:
    if path is None or not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
