"""Look at results in napari: ``python -m napari_frtm.plugin.standalone VIDEO MASKS``."""

from __future__ import annotations

import sys
from pathlib import Path

import dask.array as da
import napari
import numpy as np

from napari_frtm.io.labels import read_labels
from napari_frtm.io.video.opening import open_video


def show(video_path: Path, masks: Path) -> napari.Viewer:
    """Open a viewer with a video and the label images that a run wrote to a folder.

    Frames without a label image have empty labels.
    """
    video = open_video(video_path)
    size = video.frames.shape[1:3]
    files = [next(masks.glob(f"{name}.*"), None) for name in video.names]

    def read(block_info: dict[None, dict[str, list[tuple[int, int]]]]) -> np.ndarray:
        file = files[block_info[None]["array-location"][0][0]]
        labels = np.zeros(size, np.int32) if file is None else read_labels(file)
        return labels[None]

    chunks = ((1,) * len(files), (size[0],), (size[1],))
    labels = da.map_blocks(read, chunks=chunks, dtype=np.int32, meta=np.zeros((0, 0, 0), np.int32))
    viewer = napari.Viewer(title=f"{video_path.name} - napari-frtm")
    viewer.add_image(
        video.frames,
        name=video_path.stem,
        rgb=len(video.axes) == 4,
        contrast_limits=video.contrast[:2],
        gamma=video.contrast.gamma,
        axis_labels=video.axes[:3],
    )
    viewer.add_labels(labels, name=f"{video_path.stem} masks", axis_labels=video.axes[:3])
    return viewer


def main() -> None:
    """Show what the command line names, until the window is closed."""
    video, masks = sys.argv[1:]
    show(Path(video), Path(masks))
    napari.run()


if __name__ == "__main__":
    main()
