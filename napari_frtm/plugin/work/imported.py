"""Keyframes that come from a Labels layer of the user's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from napari_frtm.session.store import Store
    from napari_frtm.types import Labels


class ImportedKeyframes:
    """Which keyframes of a session are imported, and which no layer is asked about again."""

    def __init__(self) -> None:
        self._imported: set[int] = set()
        self._own: set[int] = set()

    def give_up(self, frame: int) -> None:
        """Let what is drawn on a frame be the session's own, whatever a layer says later on."""
        self._own.add(frame)

    def take(
        self,
        store: Store,
        painted: Mapping[int, Labels],
        looked_at: Iterable[int],
        drawn_here: Collection[int],
    ) -> None:
        """Take keyframes; frames looked at and not painted have none.

        Keyframes that were drawn on the masks themselves stay.

        Parameters
        ----------
        store : Store
            Of the session.
        painted : mapping of int to array of shape (H, W)
            Frames that are painted on the layer.
        looked_at : iterable of int
            Frames of the layer that were read.
        drawn_here : collection of int
            Frames that were painted on the masks.
        """
        on_masks = store.complete | set(drawn_here) | self._own
        seen = set(looked_at)
        for frame in self._imported & seen - set(painted) - on_masks:
            store.drop_keyframe(frame)
        self._imported -= seen
        for frame in set(painted) - on_masks:
            self._imported.add(frame)
            if not np.array_equal(store.keyframes.get(frame, ()), painted[frame]):
                store.set_keyframe(frame, painted[frame], complete=False, shown=False)
