"""Make docs/images/matting.jpg: hair over a checkerboard, before and after matting.

The picture is that of an astronaut that comes with scikit-image (NASA, public domain). Its mask is
what GrabCut makes of a few strokes, the soft mask a smooth one around it, as the network's are.

    python scripts/matte_picture.py docs/images/matting.jpg
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import dask.array as da
import numpy as np
from PIL import Image
from skimage.data import astronaut

from napari_frtm.io.export.job import Job
from napari_frtm.io.export.mattes.alpha import Mattes
from napari_frtm.io.export.movies.shown import checker, composed
from napari_frtm.io.export.overlay import contact_sheet
from napari_frtm.io.export.settings import EdgeSettings, ExportSettings
from napari_frtm.io.export.source import MaskSource
from napari_frtm.io.video.opening import Video

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FRAME = np.s_[0:260, 90:350]
_SHOWN = {"hard mask": None, "soft mask": EdgeSettings(), "matting": EdgeSettings(matting=True)}


def main(out: Path) -> None:
    """Write the picture and print what each cut-out took."""
    image = astronaut()
    source = _source(image)
    images, captions = [image], ["picture"]
    for caption, edges in _SHOWN.items():
        images.append(_over_checker(source, edges))
        captions.append(caption)
    large = [cv2.resize(i[_FRAME], (480, 480), interpolation=cv2.INTER_CUBIC) for i in images]
    Image.fromarray(contact_sheet(large, captions, columns=2, width=480)).save(out, quality=88)


def _source(image: NDArray[np.uint8]) -> MaskSource:
    mask = _mask(image)
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 2)
    frames = da.from_array(image[None], chunks=(1, *image.shape))
    video = Video(frames, None, ("0",), (0.0, 255.0), ("t", "y", "x", "c"))
    levels = np.rint(soft * 255).astype(np.uint8)[None]
    return MaskSource(masks=mask[None], probabilities={1: levels}, video=video)


def _mask(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    known = np.full(image.shape[:2], cv2.GC_BGD, np.uint8)
    known[0:512, 60:420] = cv2.GC_PR_BGD
    cv2.ellipse(known, (222, 120), (75, 110), 0, 0, 360, cv2.GC_PR_FGD, -1)
    cv2.ellipse(known, (222, 120), (45, 85), 0, 0, 360, cv2.GC_FGD, -1)
    cv2.ellipse(known, (230, 420), (190, 200), 0, 0, 360, cv2.GC_FGD, -1)
    cv2.grabCut(image, known, None, np.zeros((1, 65)), np.zeros((1, 65)), 6, cv2.GC_INIT_WITH_MASK)
    hard = np.isin(known, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
    return cv2.morphologyEx(cv2.morphologyEx(hard, cv2.MORPH_OPEN, disc), cv2.MORPH_CLOSE, disc)


def _over_checker(source: MaskSource, edges: EdgeSettings | None) -> NDArray[np.uint8]:
    settings = ExportSettings(
        format="checker", destination=Path("none.mp4"), edges=edges or EdgeSettings()
    )
    mattes = Mattes(Job(source=source, settings=settings, span=range(1), object_ids=(1,)))
    start = time.perf_counter()
    hard = (source.labels(0) == 1).astype(np.float32)
    alpha = hard if edges is None else mattes.together(0)
    colours = mattes.colours(0, alpha)
    print(f"{edges}: {time.perf_counter() - start:.2f} s")
    return composed(colours, alpha, checker(source.size))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
