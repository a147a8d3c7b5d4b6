"""Joined clips as files: what is seen and heard when, at which level, and when there is none."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

import media
from vadd.errors import MediaError, OutputError
from vadd.media.join import Cut, Frame
from vadd.media.join_file import write_joined, write_repeated
from vadd.media.limits import Limits
from vadd.media.repeat import repeated

LIMITS = Limits()
FRAME = Frame(64, 48, 10)
RATE = 48_000


def seen(path: Path) -> tuple[list[Fraction], np.ndarray]:
    """Times and frames, ``(n, height, width, 3)``."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    times = [frame.pts * Fraction(frame.time_base) for frame in frames]
    return times, np.stack([frame.to_ndarray(format="rgb24") for frame in frames])


def heard(path: Path) -> np.ndarray:
    """``(n,)`` samples."""
    with av.open(str(path)) as container:
        assert container.streams.audio[0].rate == RATE
        blocks = [frame.to_ndarray() for frame in container.decode(audio=0)]
    samples = np.concatenate(blocks, axis=1)[0]
    return samples / 2.0**31 if samples.dtype == np.int32 else samples


def pitch(samples: np.ndarray) -> float:
    """The strongest frequency, hertz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * RATE / len(samples))


def decibels(samples: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(samples))))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Two clips of 6 s, a loud one of 25 frames a second and a quiet upright one, with other colours."""
    folder = tmp_path_factory.mktemp("clips")
    loud = media.Picture(media.seconds_of_colour(6, 25), 25, (128, 96))
    media.write(folder / "one.mp4", loud, [media.Sound(media.tone(6, hertz=440))])
    upright = media.Picture(media.seconds_of_colour(6, 10, first=3), 10, (48, 96))
    quiet = media.Sound(media.tone(6, 44_100, hertz=1000, amplitude=0.01), 44_100)
    media.write(folder / "two.mkv", upright, [quiet])
    return folder


def cuts(folder: Path) -> list[Cut]:
    one, two = folder / "one.mp4", folder / "two.mkv"
    return [
        Cut(one, one, Fraction(1), Fraction(3)),
        Cut(two, two, Fraction(1, 2), Fraction(4)),
        Cut(one, one, Fraction(0), Fraction(5, 2)),
    ]


@pytest.fixture(scope="module")
def joined(folder, tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("joined") / "j.mp4"
    written = write_joined(place, cuts(folder), FRAME, limits=LIMITS)
    assert (written.seconds, written.size) == (9.5, place.stat().st_size)
    assert written.level == pytest.approx(decibels(heard(place)), abs=0.02)
    return place


def test_every_tick_shows_what_its_piece_shows_then(joined):
    times, frames = seen(joined)
    assert times == [Fraction(tick, 10) for tick in range(95)]
    # Source second at each tick: 1 s on of the one, half a second on of the other, the start of the one.
    expected = [media.COLOURS[1 + tick // 10] for tick in range(30)]
    expected += [media.COLOURS[(3 + (5 + tick) // 10) % 8] for tick in range(40)]
    expected += [media.COLOURS[tick // 10] for tick in range(25)]
    middle = frames[:, 24, 32].astype(int)
    assert np.abs(middle - np.array(expected)).max() < 12


def test_nothing_of_a_picture_is_lost_and_the_rest_is_black(joined):
    _, frames = seen(joined)
    assert frames.shape[1:] == (48, 64, 3)
    upright = frames[35].astype(int)  # 48 x 96 becomes 24 x 48, in the middle
    assert upright[:, :18].max() < 25
    assert upright[:, 46:].max() < 25
    assert np.abs(upright[:, 22:42] - upright[24, 32]).max() < 25
    assert np.abs(frames[5].astype(int) - frames[5, 24, 32]).max() < 12


def test_both_streams_change_at_the_join(joined):
    samples = heard(joined)
    assert len(samples) == 9.5 * RATE
    for start, end, hertz in ((0, 3, 440), (3, 7, 1000), (7, 9.5, 440)):
        inside = samples[round((start + 0.05) * RATE) : round((end - 0.05) * RATE)]
        assert pitch(inside) == pytest.approx(hertz, abs=2)
        # 34 dB apart in their files; a tone's peak is 3 dB above its level, so the curve bends both alike.
        assert decibels(inside) == pytest.approx(-26, abs=0.3)
    for at in (3, 7):  # the last frame before and the first behind
        around = round(at * RATE)
        assert pitch(samples[around - 4800 : around]) == pytest.approx(
            pitch(samples[around - 9600 : around]), abs=20
        )
        step = np.abs(np.diff(samples[around - 960 : around + 1920])).max()
        assert step < 2.2 * np.abs(np.diff(samples[round(3.5 * RATE) : round(4 * RATE)])).max()


def test_the_same_bytes_again_and_other_settings_others(folder, joined, tmp_path):
    again, other = tmp_path / "again.mp4", tmp_path / "other.mp4"
    write_joined(again, cuts(folder), FRAME, limits=LIMITS)
    assert again.read_bytes() == joined.read_bytes()
    write_joined(other, cuts(folder), Frame(64, 48, 20), limits=LIMITS)
    assert len(seen(other)[0]) == 190


def test_a_picture_and_a_sound_of_two_files(folder, tmp_path):
    wave = media.wav_float(tmp_path / "sound.wav", media.tone(6, hertz=700))
    place = tmp_path / "j.mp4"
    write_joined(place, [Cut(folder / "one.mp4", wave, Fraction(1), Fraction(4))], FRAME, limits=LIMITS)
    assert pitch(heard(place)) == pytest.approx(700, abs=1)


@pytest.mark.parametrize(("start", "seconds", "message"), [
    (4, 3, "its sound ends before 7.00 s"),
    (9, 3, "its sound ends before 12.00 s"),
])  # fmt: skip
def test_a_cut_beyond_the_end(folder, tmp_path, start, seconds, message):
    place = tmp_path / "j.mp4"
    place.write_bytes(b"what was there")
    one = folder / "one.mp4"
    with pytest.raises(MediaError, match=message):
        write_joined(place, [Cut(one, one, Fraction(start), Fraction(seconds))], FRAME, limits=LIMITS)
    assert [path.name for path in tmp_path.iterdir()] == ["j.mp4"]
    assert place.read_bytes() == b"what was there"


def test_files_that_lack_a_stream_or_are_none(folder, tmp_path):
    whole = folder / "one.mp4"
    mute = media.write(tmp_path / "mute.mp4", media.Picture(media.seconds_of_colour(6)))
    sound = media.wav_float(tmp_path / "sound.wav", media.tone(6))
    short = media.write(
        tmp_path / "short.mp4", media.Picture(media.seconds_of_colour(3)), [media.Sound(media.tone(6))]
    )
    text = tmp_path / "text.mp4"
    text.write_text("no film")
    for picture, voice, message in (
        (mute, mute, r"mute\.mp4: there is no sound in it"),
        (sound, sound, r"sound\.wav: there is no picture in it"),
        (short, short, r"short\.mp4: its picture ends before 5\.00 s"),
        (text, whole, r"text\.mp4"),
    ):
        place = tmp_path / "out" / "j.mp4"
        place.parent.mkdir(exist_ok=True)
        with pytest.raises(MediaError, match=message):
            write_joined(place, [Cut(picture, voice, Fraction(1), Fraction(4))], FRAME, limits=LIMITS)
        assert not list(place.parent.iterdir())
    with pytest.raises(OutputError, match="cannot write"):
        write_joined(tmp_path / "none" / "j.mp4", cuts(folder), FRAME, limits=LIMITS)


def test_a_sound_is_repeated_forwards(tmp_path):
    chirp = np.sin(np.cumsum(np.linspace(200, 4000, 2 * RATE)) * 2 * np.pi / RATE).astype(np.float32)[None]
    source = media.wav_float(tmp_path / "chirp.wav", 0.05 * chirp, RATE)
    place = tmp_path / "lent.mp4"
    written = write_repeated(place, source, Fraction(7), limits=LIMITS)
    assert written.seconds == 7
    samples = heard(place)
    assert len(samples) == 7 * RATE
    # A pass is 2 s, of which the last half is shared with the next: each rises again, none falls.
    for start in (0.6, 2.1, 3.6, 5.1):
        pitches = [pitch(samples[round((start + at) * RATE) :][:4800]) for at in (0, 0.3, 0.6)]
        assert pitches == sorted(pitches)
        assert pitches[0] == pytest.approx(200 + 1900 * (0.6 + 0.05), rel=0.1)
    assert decibels(samples[: round(1.4 * RATE)]) == pytest.approx(-26, abs=0.5)


def test_seams_keep_the_power_of_noise():
    once = np.random.default_rng(0).normal(scale=0.05, size=20_000).astype(np.float32)
    whole = repeated(once, 100_000, 4_000)
    assert len(whole) == 100_000
    assert np.array_equal(whole[:16_000], once[:16_000])
    for at in range(0, 96_000, 4_000):
        assert np.std(whole[at : at + 4_000]) == pytest.approx(0.05, rel=0.1)
    assert np.array_equal(repeated(once, 500, 4_000), once[:500])
    assert len(repeated(once[:1], 7, 4_000)) == 7


def test_sounds_that_cannot_be_repeated(tmp_path):
    mute = media.write(tmp_path / "mute.mp4", media.Picture(media.seconds_of_colour(2)))
    brief = media.wav_float(tmp_path / "brief.wav", media.tone(0.5))
    place = tmp_path / "lent.mp4"
    with pytest.raises(MediaError, match="there is no sound in it"):
        write_repeated(place, mute, Fraction(7), limits=LIMITS)
    with pytest.raises(MediaError, match="its sound lasts less than 1 s"):
        write_repeated(place, brief, Fraction(7), limits=LIMITS)
    assert not place.exists()
