"""Chunks of zarr that would fill memory."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from typing import TYPE_CHECKING

import imagecodecs
import numpy as np
import pytest
import zarr
from zarr.codecs import GzipCodec

from napari_frtm.errors import VideoError
from napari_frtm.io import compressed
from napari_frtm.io.compressed import grows_beyond
from napari_frtm.io.video.opening import open_video
from napari_frtm.io.video.stacks import bounded

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SIZE = 3_000_000


@pytest.mark.parametrize("content", [bytes(SIZE), np.random.default_rng(0).bytes(SIZE)])
@pytest.mark.parametrize(
    "compress",
    [
        pytest.param(zlib.compress, id="zlib"),
        pytest.param(gzip.compress, id="gzip"),
        pytest.param(bz2.compress, id="bzip2"),
        pytest.param(lzma.compress, id="xz"),
        pytest.param(imagecodecs.zstd_encode, id="zstd"),
        pytest.param(imagecodecs.blosc_encode, id="blosc"),
    ],
)
def test_what_data_become_is_known_before_they_are_decoded(
    compress: Callable[[bytes], bytes], content: bytes
) -> None:
    """Of zeros, and of noise, which does not grow."""
    data = bytes(compress(content))

    assert grows_beyond(data, SIZE - 1)
    assert not grows_beyond(data, SIZE + compressed._BLOCK)
    assert not grows_beyond(data[:50], SIZE)


def test_a_frame_of_zstd_that_says_nothing_of_its_size_is_counted() -> None:
    """Forty blocks of 128 KiB, each a byte that repeats."""
    block = ((2**17 << 3) | 2).to_bytes(3, "little") + b"\0"
    last = ((2**17 << 3) | 3).to_bytes(3, "little") + b"\0"
    data = b"\x28\xb5\x2f\xfd\x00\x58" + 39 * block + last

    assert grows_beyond(data, 40 * 2**17 - 1)
    assert not grows_beyond(data, 40 * 2**17)


def test_a_chunk_that_would_fill_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other frames are read."""
    pixels = np.random.default_rng(0).integers(0, 255, (4, 20, 30)).astype(np.uint8)
    path = tmp_path / "a.zarr"
    zarr.create_array(path, data=pixels, chunks=(1, 20, 30), compressors=GzipCodec())
    (path / "c" / "2" / "0" / "0").write_bytes(gzip.compress(bytes(SIZE)))
    monkeypatch.setattr(bounded, "LARGEST", SIZE - 1)

    frames = open_video(path).frames

    assert np.array_equal(frames[1].compute(), pixels[1])
    with pytest.raises(VideoError, match=r"Frame 2: a\.zarr is damaged: c/2/0/0 would take more"):
        frames[2].compute()
