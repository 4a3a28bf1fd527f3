"""Make docs/images/demo.gif: the bundled clip, and what `napari-frtm demo` found in it.

make demo && python scripts/demo_animation.py demo_output docs/images/demo.gif
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from napari_frtm.io.labels import read_labels
from napari_frtm.io.video.opening import open_video

_CLIP = Path(__file__).parent.parent / "sample_data" / "roto.mp4"
_WIDTH = 360  # pixels
_COLOUR = np.array([60, 90, 255])
_EVERY = 3  # frames


def main() -> None:
    """Write the animation: every third frame, the masks over it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("masks", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    video = open_video(_CLIP)
    pictures = []
    for index in range(0, len(video.names), _EVERY):
        frame = np.asarray(video.frames[index])
        mask = read_labels(options.masks / f"{video.names[index]}.png") > 0
        shown = np.where(mask[..., None], 0.45 * frame + 0.55 * _COLOUR, frame).astype(np.uint8)
        picture = Image.fromarray(shown)
        pictures.append(picture.resize((_WIDTH, round(_WIDTH * frame.shape[0] / frame.shape[1]))))
    colours = pictures[len(pictures) // 2].quantize(128)
    paletted = [picture.quantize(palette=colours, dither=Image.Dither.NONE) for picture in pictures]
    pause = round(1000 * _EVERY / (video.fps or 25))
    paletted[0].save(
        options.out,
        save_all=True,
        append_images=paletted[1:],
        duration=pause,
        loop=0,
        optimize=True,
    )
    print(f"{options.out}: {len(pictures)} frames, {options.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
