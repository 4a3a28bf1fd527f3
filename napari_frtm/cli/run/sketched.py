"""Masks to follow that are found from strokes, or tidied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_frtm.errors import FrtmError
from napari_frtm.session.run.carry_out import NetworkCache

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_frtm.io.video.opening import Video
    from napari_frtm.session.run.request import Settings
    from napari_frtm.types import Labels


def sketched(
    strokes: Mapping[int, Labels],
    masks: Mapping[int, Labels],
    video: Video,
    settings: Settings,
    *,
    tidy: bool,
) -> dict[int, Labels]:
    """Return masks by frame: those given, and those that strokes ask for.

    Parameters
    ----------
    strokes : mapping of int to array of shape (H, W)
        Strokes by frame: object ids, `NOT_IT` (255) on what is no object, 0 where nothing is said.
    masks : mapping of int to array of shape (H, W)
        Masks that are known; strokes on the same frame correct them.
    video : Video
        The video.
    settings : Settings
        Of the run, whose network is used.
    tidy : bool
        Whether outlines of masks without strokes are found anew.

    Raises
    ------
    FrtmError
        If weights are missing, a frame cannot be read, or strokes are on no object.
    """
    found = dict(masks)
    asked = {*strokes, *(masks if tidy else ())}
    if not asked:
        return found
    from napari_frtm.engine.sketch.prompts import NOT_IT, Prompts
    from napari_frtm.engine.sketch.sketch import Sketch
    from napari_frtm.io.weights.checkpoint import available_variant

    config = available_variant(settings.config, settings.checkpoint)
    network = NetworkCache().load(config, settings)
    for index in sorted(asked):
        sketch = Sketch(network, config, video.frames[index], video.contrast)
        if index in strokes:
            prompts = Prompts(strokes=strokes[index])
            if not prompts.object_ids and index not in masks:
                raise FrtmError(
                    f"The strokes on frame {index} are on no object. Draw each object with its id, "
                    f"from 1 to {NOT_IT - 1}, and what is none with {NOT_IT}."
                )
            found[index] = sketch.masks(prompts, masks.get(index))
        else:
            found[index] = sketch.tidied(masks[index])
    return found
