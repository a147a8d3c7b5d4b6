"""Mid-second frames: the right ones, the right way up, at the right time."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

import media
from vadd.errors import MediaError
from vadd.media import plan as planning
from vadd.media.frames import FrameReader
from vadd.media.info import VideoStream
from vadd.media.limits import Limits
from vadd.media.probe import probe

LIMITS = Limits()


def reader(
    path: Path, *, zero: Fraction | None = None, side: int = 256, until: int | None = None, **limits: int
):
    stream = probe(path, LIMITS).video
    assert isinstance(stream, VideoStream)
    start = stream.start if zero is None else zero
    return FrameReader(path, stream, Limits(**limits), zero=start, side=side, until=until)


def colour(image: np.ndarray) -> tuple[int, int, int]:
    """The nearest of the test colours; fails if none is near."""
    mean = image.reshape(-1, 3).mean(axis=0)
    distances = [np.abs(mean - np.array(known)).max() for known in media.COLOURS]
    assert min(distances) < 12
    return media.COLOURS[int(np.argmin(distances))]


def expected(path: Path, zero: Fraction) -> dict[int, np.ndarray]:
    """Independently: decode everything, sort by time, take the last frame up to each mid-second."""
    decoded = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        decoded.extend(
            (frame.pts * stream.time_base - zero, frame.to_ndarray(format="rgb24"))
            for frame in container.decode(stream)
        )
    decoded.sort(key=lambda pair: pair[0])
    result = {}
    for second in range(int(decoded[-1][0]) + 1):
        before = [image for time, image in decoded if time <= second + Fraction(1, 2)]
        if before and second + Fraction(1, 2) <= decoded[-1][0]:
            result[second] = before[-1]
    return result


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "libx264", {"preset": "fast", "bf": "3", "g": "250"}),
        ("a.mkv", "libx264", {"preset": "fast", "bf": "3", "g": "7"}),
        ("a.ts", "libx264", {"preset": "fast", "bf": "3", "g": "12", "x264-params": "open-gop=1"}),
        ("a.avi", "mpeg4", {"bf": "2", "g": "12"}),
        ("b.avi", "libx264", {"preset": "fast", "bf": "2", "g": "20"}),
        ("a.mov", "mjpeg", {}),
        ("a.mpg", "mpeg2video", {"bf": "2", "g": "10"}),
    ],
)
def test_colour_of_each_second(tmp_path, name, codec, options):
    rate = 25
    picture = media.Picture(media.seconds_of_colour(5, rate), rate, codec=codec, options=options)
    frames = reader(media.write(tmp_path / name, picture))
    given = list(frames)
    assert [frame.second for frame in given] == [0, 1, 2, 3, 4]
    assert [colour(frame.image) for frame in given] == list(media.COLOURS[:5])
    assert frames.coverage == 1
    assert frames.errors == 0
    assert abs(frames.extent - 5) <= Fraction(2, rate)


@pytest.mark.parametrize("seed", range(10))
def test_variable_rate_gives_the_frames_that_decoding_everything_gives(tmp_path, seed):
    random = np.random.default_rng(seed)
    steps = random.choice([20, 50, 100, 700, 1500, 3000], 30, p=[0.4, 0.2, 0.2, 0.1, 0.05, 0.05])
    times = [Fraction(0), *(Fraction(int(step), 1000) for step in np.cumsum(steps))]
    frames = [(time, tuple(random.integers(0, 255, 3).tolist())) for time in times]
    codec, options, suffix = [
        ("libx264", {"g": str(random.integers(2, 40)), "bf": "3", "preset": "fast"}, "mp4"),
        ("mpeg4", {"bf": "2", "g": "12"}, "mkv"),
        ("mjpeg", {}, "mkv"),
        ("libx264", {"g": "10", "bf": "3", "preset": "fast", "x264-params": "open-gop=1"}, "mkv"),
        ("libx264", {"g": "15", "bf": "2", "preset": "fast"}, "ts"),
    ][seed % 5]
    path = media.write(tmp_path / f"a.{suffix}", media.Picture(frames, codec=codec, options=options))
    given = reader(path)
    got = {frame.second: frame.image for frame in given}
    for second, image in expected(path, given._zero).items():
        assert np.abs(got[second].astype(int) - image.astype(int)).max() <= 6, second
    assert given.coverage == 1


def test_frames_are_exact_although_most_are_not_decoded(tmp_path):
    frames = media.moving(4, 25, (320, 240))
    options = {"preset": "medium", "bf": "3", "g": "250", "b": "1M"}
    path = media.write(tmp_path / "a.mp4", media.Picture(frames, 25, (320, 240), options=options))
    got = {frame.second: frame.image for frame in reader(path, side=240)}
    want = expected(path, Fraction(0))
    assert sorted(got) == [0, 1, 2, 3]
    for second, image in got.items():
        # Only the scaler's rounding may differ: the size is the same, but not its algorithm.
        assert np.abs(image.astype(int) - want[second].astype(int)).max() <= 6


def test_plan_leaves_out_what_no_frame_needs(tmp_path):
    frames = media.moving(4, 25, (160, 96))
    path = media.write(
        tmp_path / "a.mp4", media.Picture(frames, 25, (160, 96), options={"g": "25", "preset": "fast"})
    )
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        steps = list(
            planning.Plan(
                container.demux(stream),
                time_base=stream.time_base,
                zero=Fraction(0),
                frame=Fraction(1, 25),
                limit=10,
            )
        )
    assert [step.second for step in steps if step.second is not None] == [0, 1, 2, 3]
    assert len(steps) < 70  # of 100: the second half of every group of pictures is left out
    assert sum(step.restart for step in steps) == 3


def test_slide_show_shows_the_slide(tmp_path):
    slides = [
        (Fraction(0), media.COLOURS[0]),
        (Fraction(3), media.COLOURS[1]),
        (Fraction(67, 10), media.COLOURS[2]),
    ]
    slides += [(Fraction(79, 10), media.COLOURS[3])]
    given = list(reader(media.write(tmp_path / "a.mkv", media.Picture(slides))))
    names = [media.COLOURS.index(colour(frame.image)) for frame in given]
    assert [frame.second for frame in given] == list(range(8))
    assert names == [0, 0, 0, 1, 1, 1, 1, 2]


def test_last_frame_up_to_the_middle_not_the_nearest(tmp_path):
    just_after = [
        (Fraction(0), media.COLOURS[0]),
        (Fraction(51, 100), media.COLOURS[1]),
        (Fraction(9, 10), media.COLOURS[1]),
    ]
    exactly = [
        (Fraction(0), media.COLOURS[0]),
        (Fraction(1, 2), media.COLOURS[1]),
        (Fraction(9, 10), media.COLOURS[2]),
    ]
    first = list(reader(media.write(tmp_path / "a.mkv", media.Picture(just_after))))
    second = list(reader(media.write(tmp_path / "b.mkv", media.Picture(exactly))))
    assert colour(first[0].image) == media.COLOURS[0]
    assert colour(second[0].image) == media.COLOURS[1]


@pytest.mark.parametrize(("seconds", "count"), [(0.1, 1), (0.3, 1), (1.4, 1), (1.6, 2), (2.0, 2)])
def test_tail_from_half_a_second_on(tmp_path, seconds, count):
    path = media.write(tmp_path / "a.mp4", media.Picture(media.seconds_of_colour(seconds)))
    frames = reader(path)
    assert [frame.second for frame in frames] == list(range(count))
    assert frames.coverage == 1
    assert frames.extent == Fraction(seconds).limit_denominator(100)


def test_late_picture_keeps_its_time(tmp_path):
    late = [(time + 2, content) for time, content in media.seconds_of_colour(3)]
    path = media.write(tmp_path / "a.mkv", media.Picture(late), [media.Sound(media.tone(5))])
    frames = reader(path, zero=Fraction(0))
    assert [frame.second for frame in frames] == [2, 3, 4]
    assert frames.coverage == 1


@pytest.mark.parametrize(("degrees", "corner"), [(0, 0), (90, 2), (180, 3), (-90, 1), (270, 1)])
def test_rotation(tmp_path, degrees, corner):
    image = np.zeros((48, 64, 3), np.uint8)
    image[:24, :32] = 255  # white top left corner; counterclockwise by 90 degrees it is at the bottom left
    frames = [(Fraction(i, 10), image) for i in range(10)]
    path = media.write(tmp_path / "a.mp4", media.Picture(frames, rotation=degrees))
    given = next(iter(reader(path))).image
    assert given.shape[:2] == ((64, 48) if degrees % 180 else (48, 64))
    h, w = given.shape[0] // 2, given.shape[1] // 2
    corners = [given[:h, :w], given[:h, w:], given[h:, :w], given[h:, w:]]
    assert int(np.argmax([part.mean() for part in corners])) == corner


def test_rotation_as_a_phone_writes_it(tmp_path):
    """The matrix of a phone held upright: a point (x, y) is shown at (-y, x), a quarter turn clockwise."""
    image = np.zeros((48, 64, 3), np.uint8)
    image[:24, :32] = 255
    path = media.write(tmp_path / "a.mp4", media.Picture([(Fraction(i, 10), image) for i in range(10)]))
    one, zero, w = (1 << 16).to_bytes(4, "big"), bytes(4), (1 << 30).to_bytes(4, "big")
    upright = one + zero * 3 + one + zero * 3 + w
    turned = zero + one + zero + (-(1 << 16)).to_bytes(4, "big", signed=True) + zero * 4 + w
    data = path.read_bytes()
    at = data.index(upright, data.index(b"tkhd"))
    path.write_bytes(data[:at] + turned + data[at + len(upright) :])
    frames = reader(path)
    given = next(iter(frames)).image
    assert given.shape[:2] == (64, 48)
    assert given[:32, 24:].mean() > 200 > 50 > given[:32, :24].mean()


def test_size_and_pixel_aspect(tmp_path):
    small = media.write(
        tmp_path / "a.mkv", media.Picture(media.seconds_of_colour(1), pixel_aspect=Fraction(2))
    )
    large = media.write(tmp_path / "b.mkv", media.Picture(media.moving(1, 10, (640, 480)), size=(640, 480)))
    assert next(iter(reader(small))).image.shape == (48, 128, 3)
    assert next(iter(reader(large, side=240))).image.shape == (240, 320, 3)


def test_scaling_averages_instead_of_picking(tmp_path):
    stripes = np.zeros((480, 640, 3), np.uint8)
    stripes[:, ::2] = 255
    path = media.write(
        tmp_path / "a.mkv", media.Picture([(Fraction(i, 10), stripes) for i in range(10)], size=(640, 480))
    )
    image = next(iter(reader(path, side=120))).image
    assert abs(float(image.mean()) - 127) < 12
    assert image.std() < 12


def test_until_stops_early(tmp_path):
    path = media.write(tmp_path / "a.mp4", media.Picture(media.seconds_of_colour(6)))
    frames = reader(path, until=3)
    assert [frame.second for frame in frames] == [0, 1, 2]
    assert frames.extent == 3
    assert frames.coverage == 1


def test_cut_off_file_covers_less(tmp_path):
    picture = media.Picture(
        media.moving(8, 10, (160, 96)), 10, (160, 96), options={"g": "10", "preset": "fast"}
    )
    path = media.write(tmp_path / "a.mp4", picture, movflags="faststart")
    frames = reader(media.cut(path, 0.5))
    got = [frame.second for frame in frames]
    assert 2 <= len(got) <= 5
    assert frames.coverage == len(got) / 8


def test_damaged_bytes_cover_less_and_do_not_raise(tmp_path):
    picture = media.Picture(media.moving(8, 10, (160, 96)), 10, (160, 96), codec="mjpeg", options={})
    path = media.damage(media.write(tmp_path / "a.mov", picture, movflags="faststart"))
    frames = reader(path)
    got = list(frames)
    assert frames.coverage == len(got) / 8 < 0.9


def test_error_limit_ends_the_stream(tmp_path):
    picture = media.Picture(media.moving(8, 10, (160, 96)), 10, (160, 96), codec="mjpeg", options={})
    path = media.damage(media.write(tmp_path / "a.mov", picture, movflags="faststart"), end=0.6)
    whole, given_up = reader(path), reader(path, decode_errors=1)
    assert len(list(given_up)) < len(list(whole))


def test_timestamps_beyond_the_limit(tmp_path):
    frames = [
        (Fraction(0), media.COLOURS[0]),
        (Fraction(1), media.COLOURS[1]),
        (Fraction(500), media.COLOURS[2]),
    ]
    path = media.write(tmp_path / "a.mkv", media.Picture(frames))
    with pytest.raises(MediaError) as caught:
        list(reader(path, seconds=100))
    assert caught.value.reason == "limit"


def test_side_must_be_positive(tmp_path):
    with pytest.raises(ValueError, match="side"):
        reader(media.write(tmp_path / "a.mp4", media.Picture(media.seconds_of_colour(1))), side=0)
