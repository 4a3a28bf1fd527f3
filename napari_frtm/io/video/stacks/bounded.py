"""A bound for what the chunks of a zarr folder may become in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zarr.storage import LocalStore, WrapperStore

from napari_frtm.errors import VideoError
from napari_frtm.io.compressed import grows_beyond
from napari_frtm.io.video.reading import LARGEST

if TYPE_CHECKING:
    from pathlib import Path

    from zarr.abc.store import ByteRequest
    from zarr.core.buffer import Buffer, BufferPrototype


class Bounded(WrapperStore[LocalStore]):  # type: ignore[misc]
    """A zarr folder, of whose chunks none is read that would take more than `LARGEST` bytes."""

    def __init__(self, path: Path) -> None:
        super().__init__(LocalStore(path, read_only=True))
        self._name = path.name

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Read a file, or a part of it."""
        found = await super().get(key, prototype, byte_range)
        if found is not None and grows_beyond(found.to_bytes(), LARGEST):
            raise VideoError(
                f"{self._name} is damaged: {key} would take more than {LARGEST / 2**30:g} GiB. "
                "Write it again."
            )
        return found

    def with_read_only(self, read_only: bool = False) -> Bounded:
        """Return the store, which is never written to."""
        return self
