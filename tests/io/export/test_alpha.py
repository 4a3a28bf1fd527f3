"""Mattes as numbers: soft masks, edges, and what was painted since."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from PIL import Image

from napari_frtm.io.export.export import export
from napari_frtm.io.export.job import Job
from napari_frtm.io.export.mattes.alpha import Mattes, agreeing, antialiased, upsampled
from napari_frtm.io.export.mattes.edges import calmed, feathered, grown
from napari_frtm.io.export.settings import ExportSettings

from .conftest import CORRECTED, FROZEN, LENGTH

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from .conftest import Work

    Exported = Callable[..., Path]


def disc(radius: float, size: int = 64, scale: int = 8) -> NDArray[np.float32]:
    """Return an antialiased disc in the middle."""
    y, x = np.ogrid[: size * scale, : size * scale]
    middle = (size * scale - 1) / 2
    fine = (y - middle) ** 2 + (x - middle) ** 2 <= (radius * scale) ** 2
    return fine.reshape(size, scale, size, scale).mean((1, 3)).astype(np.float32)


def ramp(shift: float = 0) -> NDArray[np.float32]:
    """Return a straight edge at column 20, four pixels wide."""
    return np.tile(np.clip((22 + shift - np.arange(40)) / 4, 0, 1), (20, 1)).astype(np.float32)


@pytest.mark.parametrize("by", [1, 2.5, 0.25, -1, -2.5, 19])
def test_edges_move_by_parts_of_a_pixel(by: float) -> None:
    """A straight ramp is the same ramp elsewhere."""
    expected = ramp(by)[:, 4:-4]

    # between whole pixels, the mean of two ramps: their ends are rounded
    np.testing.assert_allclose(grown(ramp(), by)[:, 4:-4], expected, atol=0.07)


@pytest.mark.parametrize("by", [1.5, -1.5, 12])
def test_discs_grow_to_discs(by: float) -> None:
    """Of the larger radius, by area."""
    area = grown(disc(15), by).sum()

    assert area == pytest.approx(np.pi * (15 + by) ** 2, rel=0.03)


def test_a_feather_is_as_wide_as_it_says() -> None:
    """From 10 to 90 %."""
    edge = feathered(np.tile(np.arange(80) < 40, (9, 1)).astype(np.float32), 10)[4]

    assert np.count_nonzero((edge > 0.1) & (edge < 0.9)) == 10


def test_chatter_is_calmed_and_motion_stays() -> None:
    """A bump of one frame on an object that moves goes; the object stays where it is."""
    clean = [np.roll(disc(15), 3 * t, axis=1) for t in (-1, 0, 1)]
    bumped = clean[1].copy()
    bumped[15:18, 31:34] = 1

    result = calmed([clean[0], bumped, clean[2]])

    assert np.abs(bumped - clean[1]).sum() > 5
    np.testing.assert_allclose(result, clean[1], atol=0.02)


def test_an_object_that_comes_is_not_calmed_away() -> None:
    """Where it was not before there is nothing to compare."""
    middle = disc(10)

    assert calmed([np.zeros_like(middle), middle, middle]) is middle


def test_soft_masks_are_upsampled_as_log_odds() -> None:
    """Halfway between 10 % and 90 % is 50 %, and a quarter of the way 25 % in odds; ends stay."""
    levels = np.zeros((1, 6), np.uint8)
    levels[0, 2:] = round(0.9 * 255)
    levels[0, 1], levels[0, 5] = round(0.1 * 255), 255

    alpha = upsampled(levels, (1, 12), np.s_[0:1, 0:12])[0]

    odds = np.log(9) / 2
    assert alpha[3] == pytest.approx(1 / (1 + np.exp(odds)), abs=0.01)
    assert alpha[4] == pytest.approx(1 / (1 + np.exp(-odds)), abs=0.01)
    assert (alpha[0], alpha[11]) == (0, 1)
    assert upsampled(np.array([[3, 77, 255]], np.uint8), (1, 3), np.s_[0:1, 0:3])[
        0
    ] == pytest.approx(np.array([3, 77, 255]) / 255, abs=0.002)


def test_thin_masks_keep_their_pixels() -> None:
    """A line of one pixel, a dot and a gap are in the matte of a hard mask, at a half."""
    mask = np.zeros((12, 20), bool)
    mask[2, 2:18] = mask[5, 5] = mask[8:11, 2:8] = mask[8:11, 9:18] = True

    alpha = antialiased(mask)

    np.testing.assert_array_equal(alpha >= 0.5, mask)
    np.testing.assert_array_equal(np.rint(alpha * 255) >= 128, mask)
    assert ((alpha > 0) & (alpha < 1)).any()


@pytest.mark.parametrize("added", [True, False], ids=["line", "gap"])
def test_thin_corrections_of_an_object_are_in_its_matte(*, added: bool) -> None:
    """A string that was painted to it, a slit that was erased; far edges stay as soft as before."""
    mask = np.zeros((60, 90), bool)
    mask[10:50, 10:40] = True
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 2)
    if added:
        mask[30, 40:80] = True
    else:
        mask[30, 15:40] = False

    alpha = agreeing(soft, mask, 2)

    changed = np.s_[30, 42:80] if added else np.s_[30, 15:38]
    assert ((alpha[changed] >= 0.5) == added).all()
    far = np.s_[8:20]
    rounded = (soft[far] >= 0.5) != mask[far]  # the corners, which the soft mask rounds
    assert rounded.sum() < 12
    np.testing.assert_array_equal(alpha[far][~rounded], soft[far][~rounded])
    np.testing.assert_array_equal(alpha >= 0.5, mask)


def test_parts_of_soft_masks_are_those_of_the_whole() -> None:
    """Rows and columns are where OpenCV puts them."""
    levels = np.random.default_rng(0).integers(100, 156, (9, 14), np.uint8)
    odds = np.log(levels / (255 - levels.astype(float)))

    part = upsampled(levels, (31, 37), np.s_[5:20, 11:37])

    expected = 1 / (1 + np.exp(-cv2.resize(odds, (37, 31))))
    np.testing.assert_allclose(part, expected[5:20, 11:], atol=0.003)


def test_masks_win_where_they_were_painted_since() -> None:
    """A corrected place is as it is now, with a soft edge; elsewhere the soft mask stays."""
    soft = cv2.GaussianBlur(disc(20, 96), (0, 0), 2)
    mask = soft >= 0.5
    painted = mask.copy()
    painted[40:60, 60:80] = False
    painted[5:8, 5:8] = True

    alpha = agreeing(soft, painted, 1)

    np.testing.assert_array_equal(alpha >= 0.5, painted)
    assert alpha[45:55, 65:75].max() < 0.02
    assert alpha[6, 6] > 0.9
    np.testing.assert_allclose(alpha[:, :35][20:], soft[:, :35][20:], atol=3e-4)
    np.testing.assert_allclose(agreeing(soft, mask, 1), soft, atol=3e-4)


def test_corrections_are_in_the_mattes(work: Work) -> None:
    """On every frame, the painted and the frozen one too, a matte is its mask at one half."""
    source = work.source()
    settings = ExportSettings(format="exr", destination=work.folder)
    mattes = Mattes(Job(source=source, settings=settings, span=range(LENGTH), object_ids=(1, 3)))

    for t in range(LENGTH):
        for object_id in (1, 3):
            alpha = mattes.alpha(t, object_id)
            for white in (255, 65535):
                hard = np.rint(alpha * white) > white / 2
                np.testing.assert_array_equal(hard, work.truth[t] == object_id)
            np.testing.assert_array_equal(alpha.astype(np.float16) >= 0.5, hard)
    assert mattes.alpha(CORRECTED, 3)[7, 68] > 0.95
    assert mattes.alpha(FROZEN, 1)[20, 40] < 0.2


def test_without_soft_masks_it_is_said(
    work: Work, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Once; and edges are antialiased."""
    source = replace(work.source(), probabilities={})
    settings = ExportSettings(format="matte-png", destination=tmp_path / "a", depth=8)

    with caplog.at_level(logging.WARNING):
        for _ in export(source, settings):
            pass

    assert [record.message[:24] for record in caplog.records] == ["There are no soft masks "]
    with Image.open(tmp_path / "a" / "ball" / "00001.png") as picture:
        expected = np.rint(antialiased(work.truth[1] == 3) * 255)
        np.testing.assert_array_equal(np.asarray(picture), expected)
