"""What is known of a clip that is done: in a small file, with a picture of its worst frame."""

from __future__ import annotations

import hashlib
import json
import socket
from dataclasses import asdict, dataclass, replace
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

from napari_frtm.io.atomic import reporting, write_bytes, write_json
from napari_frtm.io.export.overlay import overlay, to_uint8
from napari_frtm.session.run.carry_out import description
from napari_frtm.structure import structured
from napari_frtm.timeline import DOUBTFUL
from napari_frtm.types import BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from napari_frtm.io.session.identity import VideoIdentity
    from napari_frtm.session.run.request import Request
    from napari_frtm.session.store.store import Store
    from napari_frtm.types import Contrast, Frame

_WIDE = 320
_NOT_THE_RESULT = ("device", "checkpoint", "backbone_weights")


class Effort(NamedTuple):
    """What a clip took.

    Attributes
    ----------
    seconds : float
        Of the last attempt, exports not included.
    computed : int
        Frames that it computed.
    device : str
        On what.
    """

    seconds: float
    computed: int
    device: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipResult:
    """What came of one clip.

    Attributes
    ----------
    name : str
        Of the clip.
    key : str
        SHA-256 of all that the masks depend on.
    session : str
        The session folder.
    frames : int
        Frames with masks.
    objects : tuple of int
        The objects that were followed.
    seconds : float
        What the frames took that the last attempt computed, exports not included.
    computed : int
        How many these were.
    confidence : float or None
        Mean over the frames of that of the worst object; None where nothing was predicted.
    lowest : float or None
        Its smallest value.
    worst_frame : int
        Where that is.
    doubtful : int
        Frames on which it is below `DOUBTFUL`.
    worker : str
        Name of the machine.
    device : str
        On what.
    """

    name: str
    key: str
    session: str
    frames: int = 0
    objects: tuple[int, ...] = ()
    seconds: float = 0.0
    computed: int = 0
    confidence: float | None = None
    lowest: float | None = None
    worst_frame: int = 0
    doubtful: int = 0
    worker: str = ""
    device: str = ""

    @classmethod
    def of(cls, store: Store, name: str, key: str, effort: Effort) -> ClipResult:
        """Return what the store of a finished clip says."""
        assert store.folder is not None
        line = store.timeline
        doubt = line.doubt
        known = np.flatnonzero(np.isfinite(doubt))
        filled = np.flatnonzero(line.filled)
        middle = int(filled[len(filled) // 2]) if filled.size else 0
        worst = int(known[np.argmin(doubt[known])]) if known.size else middle
        return cls(
            name=name,
            key=key,
            session=str(store.folder.path),
            frames=len(filled),
            objects=tuple(line.object_ids),
            confidence=float(doubt[known].mean()) if known.size else None,
            lowest=float(doubt[worst]) if known.size else None,
            worst_frame=worst,
            doubtful=int((doubt[known] < DOUBTFUL).sum()),
            worker=socket.gethostname(),
            **effort._asdict(),
        )

    def save(self, path: Path, thumbnail: bytes) -> None:
        """Write it, and the picture beside it.

        Raises
        ------
        OutputError
            If they cannot be written.
        """
        with reporting(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path.with_suffix(".jpg"), thumbnail)
        write_json(path, asdict(self))


def load_result(path: Path) -> ClipResult | None:
    """Return what `ClipResult.save` wrote; None if there is nothing that can be read."""
    try:
        return structured(ClipResult, json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def key_of(request: Request, identity: VideoIdentity, also: Iterable[object] = ()) -> str:
    """Return a digest of all that the masks of a run depend on, whatever machine it is on."""
    described = description(replace(request, contrast=None), request.contrast or BYTES)
    for name in _NOT_THE_RESULT:
        del described["settings"][name]
    text = json.dumps([described, identity.digest, *map(str, also)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def thumbnail(frame: Frame, contrast: Contrast, store: Store, index: int) -> bytes:
    """Return a small JPEG of a frame with its masks over it."""
    picture = Image.fromarray(overlay(to_uint8(frame, contrast), store.labels(index)))
    picture.thumbnail((_WIDE, _WIDE))
    file = BytesIO()
    picture.save(file, "JPEG", quality=85)
    return file.getvalue()
