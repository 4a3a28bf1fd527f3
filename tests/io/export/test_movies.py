"""Movies, decoded by FFmpeg and PyAV."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
import tifffile

from napari_frtm.errors import OutputError
from napari_frtm.io.export.export import export
from napari_frtm.io.export.formats import FORMATS
from napari_frtm.io.export.movies.encodings import VP9
from napari_frtm.io.export.movies.shown import cutout_movie
from napari_frtm.io.export.movies.sound import moved
from napari_frtm.io.export.settings import ExportSettings, OddSides
from napari_frtm.io.export.source import MaskSource
from napari_frtm.io.video.opening import open_video

from .conftest import discs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from .conftest import Work

    Exported = Callable[..., Path]

RATE = Fraction(24000, 1001)
LENGTH = 24


def picture(t: int) -> NDArray[np.uint8]:
    """Return a frame of colour ramps with a red disc, 1 in `masks`."""
    y, x = np.mgrid[:60, :80].astype(np.uint8)
    image = np.dstack([y * 2, x * 2, np.full_like(x, 60 + 4 * t)])
    image[masks(t) > 0] = (200, 50, 40)
    return image


def masks(t: int) -> NDArray[np.uint8]:
    """Return labels of a disc that moves."""
    y, x = np.ogrid[:60, :80]
    return ((y - 30) ** 2 + (x - 20 - t) ** 2 < 150).astype(np.uint8)


def write_movie(path: Path, *, full_range: bool = False, sound: str = "aac") -> Path:
    """Write the frames as H.264, a second of a tone, and a time code."""
    with av.open(str(path), "w") as container:
        if path.suffix == ".mov":
            container.metadata["timecode"] = "10:00:00:20"
        video = container.add_stream("libx264", rate=RATE, options={"crf": "4"})
        video.height, video.width, video.pix_fmt = 60, 80, "yuv420p"
        video.codec_context.color_range = 2 if full_range else 1
        if sound:
            audio = container.add_stream(sound, rate=48000)
            audio.layout = "mono"
        for t in range(LENGTH):
            frame = av.VideoFrame.from_ndarray(picture(t), format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_color_range=2 if full_range else 1)
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if sound:
            tone = np.sin(np.arange(48000) * 0.05).astype(np.float32)[None]
            samples = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
            samples.sample_rate = 48000
            container.mux(audio.encode(samples))
            container.mux(audio.encode())
    return path


@pytest.fixture
def shot(tmp_path: Path) -> MaskSource:
    """Return masks of a movie with sound."""
    labels = np.stack([masks(t) for t in range(LENGTH)])
    return MaskSource(masks=labels).of_video(write_movie(tmp_path / "shot.mov"))


def written(source: MaskSource, form: str, path: Path, **settings: object) -> Path:
    """Export a source."""
    for _ in export(source, ExportSettings(format=form, destination=path, **settings)):
        pass
    return path


def decoded(path: Path, pixels: str, decoder: str = "") -> list[NDArray[np.generic]]:
    """Return the frames of a movie."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        if not decoder:
            return [frame.to_ndarray(format=pixels) for frame in container.decode(stream)]
        context = av.CodecContext.create(decoder, "r")
        packets = [*container.demux(stream)]
        frames = [frame for packet in packets for frame in context.decode(packet)]
        return [frame.to_ndarray(format=pixels) for frame in frames]


def expected(work: Work, tmp_path: Path) -> list[NDArray[np.uint8]]:
    """Return the cut-outs that lossless movies must hold, as PNG has them."""
    folder = written(work.source(), "cutout-tiff", tmp_path / "expected")
    return [tifffile.imread(path) for path in sorted(folder.iterdir())]


@pytest.mark.parametrize(("form", "codec"), [("ffv1", "ffv1"), ("huffyuv", "huffyuv")])
def test_lossless_movies(
    exported: Exported, work: Work, tmp_path: Path, form: str, codec: str
) -> None:
    """Every pixel and its alpha as in the pictures; what colours are is said."""
    path = exported(form, f"cut{FORMATS[form].suffix}")

    frames = decoded(path, "rgba")
    np.testing.assert_array_equal(np.stack(frames), np.stack(expected(work, tmp_path)))
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.name == codec
        metadata = {key.lower(): value for key, value in container.metadata.items()}
        assert metadata["comment"] == "alpha: straight"


def test_prores(exported: Exported, work: Work, tmp_path: Path) -> None:
    """4444, alpha exact to 8 bits, colours up to the loss of the codec."""
    path = exported("prores", "cut.mov")

    frames = decoded(path, "rgba")
    wanted = expected(work, tmp_path)
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.codec_tag, context.profile) == ("prores", "ap4h", "4444")
        assert context.format.name.startswith("yuva444p")
        assert (context.color_range, context.colorspace) == (1, 1)
    for frame, cut in zip(frames, wanted, strict=True):
        assert np.abs(frame[..., 3].astype(int) - cut[..., 3]).max() <= 1
        inside = cut[..., 3] == 255
        assert np.abs(frame[inside].astype(int) - cut[inside]).mean() < 12


def test_webm_has_alpha(shot: MaskSource, tmp_path: Path) -> None:
    """As the decoder of libvpx gives it."""
    path = written(shot, "webm", tmp_path / "cut.webm", span=range(6))

    frames = decoded(path, "rgba", "libvpx-vp9")
    assert len(frames) == 6
    for t, frame in enumerate(frames):
        hard = masks(t) > 0
        assert ((frame[..., 3] > 127) == hard).mean() > 0.995
        solid = frame[..., 3] == 255
        assert np.abs(frame[solid][:, :3].astype(int) - [200, 50, 40]).mean() < 12


def test_premultiplied_movies(shot: MaskSource, tmp_path: Path) -> None:
    """Black where there is nothing, and the file says so."""
    path = written(shot, "ffv1", tmp_path / "a.mkv", premultiplied=True, span=range(2))

    frames = decoded(path, "rgba")
    assert not frames[0][frames[0][..., 3] == 0].any()
    with av.open(str(path)) as container:
        assert "premultiplied" in {**container.metadata}.get("COMMENT", "")


@pytest.mark.parametrize(
    ("form", "wide"), [("overlay", 1), ("side-by-side", 2), ("matte-movie", 1), ("checker", 1)]
)
def test_movies_to_look_at(shot: MaskSource, tmp_path: Path, form: str, wide: int) -> None:
    """H.264 of the size and rate of the source; what they show, by a few pixels."""
    path = written(shot, form, tmp_path / f"{form}.mp4", span=range(4))

    frames = decoded(path, "rgb24")
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == RATE
        assert stream.codec_context.name == "h264"
        assert not container.streams.audio
    assert [frame.shape for frame in frames] == [(60, 80 * wide, 3)] * 4
    for t, frame in enumerate(frames):
        inside, outside = frame[30, 20 + t].astype(int), frame[55, 75].astype(int)
        wants = {
            "overlay": ((164, 25, 20), picture(t)[55, 75]),
            "side-by-side": ((200, 50, 40), picture(t)[55, 75]),
            "matte-movie": ((255,) * 3, (0,) * 3),
            "checker": ((200, 50, 40), (160,) * 3),
        }[form]
        assert np.abs(inside - wants[0]).max() < 14
        assert np.abs(outside - wants[1]).max() < 14
    if wide == 2:
        assert np.abs(frames[0][30, 100].astype(int) - (164, 25, 20)).max() < 14


@pytest.mark.parametrize("full_range", [False, True])
def test_the_range_of_the_source_is_kept(tmp_path: Path, *, full_range: bool) -> None:
    """Colours stay, whatever 0 means in the file."""
    movie = write_movie(tmp_path / "s.mp4", full_range=full_range, sound="")
    labels = np.stack([masks(t) for t in range(LENGTH)])
    source = MaskSource(masks=labels).of_video(movie)

    path = written(source, "matte-movie", tmp_path / "m.mp4", span=range(2))

    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.color_range == (2 if full_range else 1)
    frame = decoded(path, "rgb24")[0]
    assert frame[30, 20].min() >= 250
    assert frame[5, 75].max() <= 3


def test_sound_is_copied(shot: MaskSource, tmp_path: Path) -> None:
    """The packets of the range, as they are, from its start."""
    path = written(shot, "prores", tmp_path / "a.mov", audio=True, span=range(6, 18))

    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        assert stream.codec_context.name == "aac"
        packets = [bytes(packet) for packet in container.demux(stream) if packet.size]
        length = float(stream.duration * stream.time_base)
    with av.open(str(tmp_path / "shot.mov")) as container:
        original = [bytes(packet) for packet in container.demux(container.streams.audio[0])]
    first = original.index(packets[0])
    assert packets == original[first : first + len(packets)]
    assert length == pytest.approx(12 / RATE, abs=0.03)
    assert first == pytest.approx(6 / RATE * 48000 / 1024, abs=2)


def test_the_time_code_goes_on(shot: MaskSource, tmp_path: Path) -> None:
    """Six frames into the source it is six frames later."""
    path = written(shot, "prores", tmp_path / "a.mov", span=range(6, 8))

    with av.open(str(path)) as container:
        codes = {stream.metadata.get("timecode") for stream in container.streams}
    assert codes - {None} == {"10:00:01:02"}


@pytest.mark.parametrize(
    ("code", "frames", "rate", "expected"),
    [
        ("01:00:00:00", 24, 24, "01:00:01:00"),
        ("23:59:59:23", 1, 24, "00:00:00:00"),
        ("00:00:59;29", 1, 30, "00:01:00;02"),
        ("00:09:59;29", 1, 30, "00:10:00;00"),
        ("00:00:00;00", 17982, 30, "00:10:00;00"),
        ("00:01:00;02", 1798, 30, "00:02:00;02"),
        ("00:00:59;59", 1, 60, "00:01:00;04"),
        ("noon", 1, 25, None),
    ],
)
def test_time_codes(code: str, frames: int, rate: int, expected: str | None) -> None:
    """Also those that leave out numbers, which a broadcast hour has 107892 of."""
    assert moved(code, frames, rate) == expected


def test_sound_that_there_is_not(shot: MaskSource, tmp_path: Path, work: Work) -> None:
    """Without a movie, without sound, or of a kind that the container has no room for."""
    silent = write_movie(tmp_path / "silent.mp4", sound="")
    cases = [
        (work.source(), "prores", "a.mov", "not of a movie"),
        (shot.of_video(silent), "prores", "b.mov", "no sound"),
        (shot, "webm", "c.webm", "aac, which webm"),
    ]
    for source, form, name, message in cases:
        with pytest.raises(OutputError, match=message):
            written(source, form, tmp_path / name, audio=True)
        assert not (tmp_path / name).exists()


def test_odd_sizes_are_refused(tmp_path: Path) -> None:
    """H.264 has even sides; the message says what to do, before frames are looked at."""
    settings = ExportSettings(format="matte-movie", destination=tmp_path / "a.mp4")
    steps = export(MaskSource(masks=discs()[:, :59, :79]), settings)

    with pytest.raises(OutputError) as refused:
        next(steps)

    assert str(refused.value) == (
        "a.mp4: Pictures are 79 x 59 pixels, and this format has even sides only. Repeat the last "
        "column and the last row (80 x 60) or leave out the last column and the last row (78 x "
        "58): Odd sides, or --odd pad and --odd crop on the command line. Or choose ProRes, FFV1 "
        "or HuffYUV, which keep the size."
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("odd", "shape"), [("pad", (60, 80)), ("crop", (58, 78))])
def test_odd_sizes_are_made_even(tmp_path: Path, odd: str, shape: tuple[int, int]) -> None:
    """As it is asked for: the last lines twice, or left out."""
    whole = np.zeros((2, 59, 79), np.uint8)
    whole[:, 40:, 50:] = 1
    source = MaskSource(masks=whole)

    path = written(source, "matte-movie", tmp_path / "a.mp4", odd=OddSides(odd))

    frame = decoded(path, "gray")[0]
    assert frame.shape == shape
    assert frame[-1, -1] > 200
    assert frame[20, 20] < 20


@pytest.mark.parametrize("form", ["prores", "ffv1", "huffyuv"])
def test_other_formats_keep_odd_sizes(work: Work, tmp_path: Path, form: str) -> None:
    """No option is needed."""
    source = work.source()
    frames = work.frames[:, :59, :79]
    tifffile.imwrite(tmp_path / "odd.tif", frames, photometric="rgb")
    source = MaskSource(masks=work.truth[:, :59, :79]).of_video(tmp_path / "odd.tif")

    path = written(source, form, tmp_path / f"a{FORMATS[form].suffix}", span=range(2))

    assert decoded(path, "gray")[0].shape == (59, 79)


@pytest.mark.parametrize(
    "name", [name for name, form in FORMATS.items() if form.encoding and form.encoding.even]
)
def test_odd_sizes_are_known_before(name: str) -> None:
    """Even ones need no word; where two frames are beside each other, widths are even."""
    form = FORMATS[name]

    assert form.odd((60, 80)) == ""
    assert "Repeat the last row" in form.odd((59, 80 // form.wide))
    assert ("last column" in form.odd((60, 79))) == (form.wide == 1)


@pytest.mark.parametrize("form", ["prores", "overlay", "side-by-side", "ffv1", "webm"])
def test_the_shape_of_pixels_is_kept(
    shot: MaskSource, tmp_path: Path, caplog: pytest.LogCaptureFixture, form: str
) -> None:
    """Anamorphic video is shown as wide as its source, or the user is told."""
    assert shot.video is not None
    wide = replace(shot, video=replace(shot.video, pixel_aspect=2.0))

    path = written(wide, form, tmp_path / f"a{FORMATS[form].suffix}", span=range(2))

    with av.open(str(path)) as container:
        told = container.streams.video[0].sample_aspect_ratio == 2
    assert (open_video(path).pixel_aspect == 2) == told
    assert told == (form not in ("ffv1", "webm"))
    warned = any("2 times as wide as high" in record.message for record in caplog.records)
    assert warned != told


def test_a_missing_codec(shot: MaskSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says which, and what to do; FFmpeg has a decoder "vc1", and no encoder."""
    absent = replace(VP9, codecs={"vc1": {}})
    form = replace(FORMATS["webm"], encoding=absent, writer=cutout_movie(absent))
    monkeypatch.setitem(FORMATS, "webm", form)
    steps = export(shot, ExportSettings(format="webm", destination=tmp_path / "a.webm"))

    with pytest.raises(OutputError, match="no encoder vc1 here"):
        next(steps)

    assert not list(tmp_path.glob("*a.webm"))


def test_a_stopped_movie_leaves_nothing(shot: MaskSource, tmp_path: Path) -> None:
    """Neither the movie nor its temporary."""
    (tmp_path / "out").mkdir()
    settings = ExportSettings(
        format="prores", destination=tmp_path / "out" / "a.mov", audio=True, span=range(3, 9)
    )
    steps = export(shot, settings)
    while next(steps)[:2] != ("Writing", 2):
        pass

    steps.close()

    assert not list((tmp_path / "out").iterdir())


def test_rates_of_scientific_files(tmp_path: Path) -> None:
    """A frame every ten minutes is shown as one a second, the slowest."""
    source = MaskSource(masks=discs())
    source = replace(source, pixel_size=replace(source.pixel_size, interval=600.0))

    path = written(source, "matte-movie", tmp_path / "a.mp4")

    with av.open(str(path)) as container:
        assert container.streams.video[0].average_rate == 1
