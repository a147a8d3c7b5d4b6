"""Distorted files: what is in them, the same bytes again, nothing half-written, nothing hostile opened."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

import media
from vadd.errors import MediaError, OutputError, UsageError
from vadd.media.limits import Limits
from vadd.protocol.distort import file as distorting
from vadd.protocol.distort.catalog import parse
from vadd.protocol.distort.chain import Chain
from vadd.protocol.distort.file import distort


def chain(*texts: str, seed: int = 1) -> Chain:
    return Chain(tuple(parse(text) for text in texts), seed)


def frames(path: Path) -> tuple[list[float], np.ndarray]:
    with av.open(str(path)) as container:
        shown = [(frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
    return [time for time, _ in shown], np.stack([image for _, image in shown])


def samples(path: Path) -> tuple[np.ndarray, int]:
    with av.open(str(path)) as container:
        blocks = [frame.to_ndarray() for frame in container.decode(audio=0)]
        stream = container.streams.audio[0]
        whole = np.concatenate(blocks, axis=1)
        if stream.format.is_packed:
            whole = whole.reshape(-1, stream.channels).T
        if whole.dtype == np.int32:
            whole = whole / 2**31
        return whole, stream.rate


@pytest.fixture
def clip(tmp_path):
    """Two seconds, a colour each, darker on the right; another tone on the right."""
    shots = []
    for at in range(20):
        image = np.full((48, 64, 3), media.COLOURS[at // 10], np.uint8)
        image[:, 32:] //= 4
        shots.append((Fraction(at, 10), image))
    tones = np.concatenate([media.tone(2, 16_000, 440), media.tone(2, 16_000, 900, 0.25)])
    return media.write(
        tmp_path / "clip.mkv", media.Picture(shots), [media.Sound(tones, 16_000, "stereo", "pcm_s16le")]
    )


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_picture_distorted_sound_kept(clip, tmp_path, suffix):
    out = tmp_path / f"out{suffix}"
    record = distort(clip, chain("mirror"), out)
    times, images = frames(out)
    before, originals = frames(clip)
    np.testing.assert_allclose(times, before, atol=1e-3)
    assert np.abs(images[:, :, 4:28].astype(int) - originals[:, :, ::-1][:, :, 4:28]).max() <= 6
    heard, rate = samples(out)
    told, _ = samples(clip)
    assert rate == 16_000
    np.testing.assert_allclose(heard[:, :32_000], told / 2**15, atol=2**-20)
    assert record["transforms"] == [{"name": "mirror"}]
    assert record["output"] == {"name": out.name, "sha256": hashlib.sha256(out.read_bytes()).hexdigest()}
    assert record["input"]["sha256"] == hashlib.sha256(clip.read_bytes()).hexdigest()


def test_sound_distorted_picture_kept(clip, tmp_path):
    out = tmp_path / "out.mkv"
    distort(clip, chain("gain:decibels=-20", "mono"), out)
    heard, _ = samples(out)
    told, _ = samples(clip)
    assert heard.shape == (1, 32_000)
    np.testing.assert_allclose(heard[0], told.mean(axis=0) / 2**15 / 10, atol=2**-20)
    _, images = frames(out)
    _, originals = frames(clip)
    assert np.abs(images.astype(int) - originals)[:, :, 4:28].max() <= 6


def test_the_same_bytes_from_the_record(clip, tmp_path):
    one, two, three = (tmp_path / f"{name}.mkv" for name in ("one", "two", "three"))
    record = distort(clip, chain("captions", "noise", "h264:crf=34", "opus:kilobits=32"), one)
    again = distort(clip, Chain.from_json(record), two)
    assert one.read_bytes() == two.read_bytes()
    assert again["output"]["sha256"] == record["output"]["sha256"]
    distort(clip, chain("captions", "noise", "h264:crf=34", "opus:kilobits=32", seed=2), three)
    assert three.read_bytes() != one.read_bytes()


@pytest.mark.parametrize(
    ("text", "codec", "rate"), [("aac:kilobits=24", "aac", 16_000), ("opus", "opus", 48_000)]
)
def test_codecs_and_rates(clip, tmp_path, text, codec, rate):
    distort(clip, chain("resample:rate=8000", "frame_rate:rate=5", text), tmp_path / "out.mkv")
    with av.open(str(tmp_path / "out.mkv")) as container:
        stream = container.streams.audio[0]
        assert stream.codec_context.name.removeprefix("lib") == codec
        assert stream.rate == (48_000 if codec == "opus" else 8_000)
    times, images = frames(tmp_path / "out.mkv")
    np.testing.assert_allclose(times, np.arange(10) / 5, atol=1e-3)
    assert np.abs(images[4, 24, 10].astype(int) - media.COLOURS[0]).max() < 12
    assert np.abs(images[5, 24, 10].astype(int) - media.COLOURS[1]).max() < 12


def test_coarser_is_smaller(tmp_path):
    moving = media.write(
        tmp_path / "clip.mp4",
        media.Picture(media.moving(2, 10, (128, 96)), size=(128, 96)),
        [media.Sound(np.random.default_rng(0).normal(0, 0.1, (1, 32_000)).astype(np.float32))],
    )
    sizes = []
    # The sound in few bits, so that the picture is what is weighed, and the other way round.
    for texts in (
        ("h264:crf=20", "aac:kilobits=16"), ("h264:crf=40", "aac:kilobits=16"),
        ("h264:crf=51", "aac:kilobits=96"), ("h264:crf=51", "aac:kilobits=16"),
    ):  # fmt: skip
        distort(moving, chain(*texts), tmp_path / "out.mkv")
        sizes.append((tmp_path / "out.mkv").stat().st_size)
    assert sizes[1] < sizes[0]
    assert sizes[3] < sizes[2]


def test_recordings_are_read_and_recorded(clip, tmp_path):
    voice = media.wav_float(tmp_path / "voice.wav", media.tone(3, 8000, 2000), 8000)
    out = tmp_path / "out.mkv"
    record = distort(clip, chain(f"speech:level=6,recording={voice}"), out)
    assert record["recordings"] == {str(voice): hashlib.sha256(voice.read_bytes()).hexdigest()}
    heard, _ = samples(out)
    told, _ = samples(clip)
    spectrum = np.abs(np.fft.rfft(heard[0])) ** 2
    hertz = np.fft.rfftfreq(heard.shape[1], 1 / 16_000)
    over, own = (spectrum[np.abs(hertz - tone) < 20].sum() for tone in (2000, 440))
    left = np.mean((told[0] / 2**15) ** 2)
    both = np.mean((told / 2**15) ** 2)
    assert 10 * np.log10(over / own) == pytest.approx(6 - 10 * np.log10(left / both), abs=0.1)


@pytest.mark.parametrize("side", ["picture", "sound"])
def test_one_stream_is_enough_for_its_own_distortions(tmp_path, side):
    whole = tmp_path / "one.mkv"
    if side == "picture":
        media.write(whole, media.Picture(media.seconds_of_colour(1)))
        distort(whole, chain("dark", "h264"), tmp_path / "out.mkv")
        wanting, told = "noise", "there is no sound in it for noise"
    else:
        media.write(whole, None, [media.Sound(media.tone(1))])
        distort(whole, chain("noise", "opus"), tmp_path / "out.mkv")
        wanting, told = "frame_rate", "there is no picture in it for frame_rate"
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert [stream.type for stream in container.streams] == [{"picture": "video", "sound": "audio"}[side]]
    with pytest.raises(MediaError, match=told):
        distort(whole, chain(wanting), tmp_path / "none.mkv")
    assert not (tmp_path / "none.mkv").exists()


def test_wrong_places(clip, tmp_path):
    before = clip.read_bytes()
    with pytest.raises(UsageError, match=r"ends neither with .mkv nor with .mp4"):
        distort(clip, chain("mirror"), tmp_path / "out.avi")
    with pytest.raises(UsageError, match="it cannot be written as well"):
        distort(clip, chain("mirror"), clip)
    with pytest.raises(UsageError, match="does not exist"):
        distort(tmp_path / "none.mp4", chain("mirror"), tmp_path / "out.mkv")
    with pytest.raises(UsageError, match="does not exist"):
        distort(clip, chain(f"speech:recording={tmp_path / 'none.wav'}"), tmp_path / "out.mkv")
    with pytest.raises(OutputError, match="there is no folder"):
        distort(clip, chain("mirror"), tmp_path / "none" / "out.mkv")
    (tmp_path / "folder.mkv").mkdir()
    with pytest.raises(OutputError, match="it is a folder"):
        distort(clip, chain("mirror"), tmp_path / "folder.mkv")
    assert clip.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mkv", "folder.mkv"]


def test_what_was_there_stays_when_it_fails(clip, tmp_path):
    out = tmp_path / "out.mkv"
    out.write_bytes(b"before")
    media.cut(clip, 0.4)
    with pytest.raises(MediaError) as caught:
        distort(clip, chain("mirror"), out)
    assert caught.value.reason == "damaged"
    assert out.read_bytes() == b"before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mkv", "out.mkv"]


def test_playlists_are_not_followed(tmp_path):
    media.clip(tmp_path / "real.mp4", 1)
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile real.mp4\n")
    (tmp_path / "list.wav").write_text("#EXTM3U\nreal.mp4\n")
    with pytest.raises(MediaError) as caught:
        distort(tmp_path / "list.mp4", chain("mirror"), tmp_path / "out.mkv")
    assert caught.value.reason == "not_media"
    texts = chain(f"music:recording={tmp_path / 'list.wav'}")
    with pytest.raises(MediaError) as caught:
        distort(tmp_path / "real.mp4", texts, tmp_path / "out.mkv")
    assert caught.value.reason == "not_media"


def test_limits_hold(clip, tmp_path):
    with pytest.raises(MediaError) as caught:
        distort(clip, chain("mirror"), tmp_path / "out.mkv", limits=Limits(seconds=1))
    assert caught.value.reason == "limit"
    with pytest.raises(MediaError) as caught:
        distort(clip, chain("mirror"), tmp_path / "out.mkv", limits=Limits(file_bytes=100))
    assert caught.value.reason == "limit"
    with pytest.raises(MediaError) as caught:
        distort(clip, chain("mirror"), tmp_path / "out.mkv", limits=Limits(pixels=100))
    assert caught.value.reason == "limit"


def test_the_file_has_a_bound(clip, tmp_path, monkeypatch):
    monkeypatch.setattr(distorting, "_MOST_GROWTH", 0)
    monkeypatch.setattr(distorting, "_MOST_BYTES", 1000)
    with pytest.raises(MediaError) as caught:
        distort(clip, chain("mirror"), tmp_path / "out.mkv")
    assert caught.value.reason == "crashed"
    assert not (tmp_path / "out.mkv").exists()


def test_a_file_that_changes_meanwhile_is_told(clip, tmp_path, monkeypatch):
    receive = distorting.write_received

    def slowly(*args, **more):
        clip.touch()
        return receive(*args, **more)

    monkeypatch.setattr(distorting, "write_received", slowly)
    with pytest.raises(MediaError) as caught:
        distort(clip, chain("mirror"), tmp_path / "out.mkv")
    assert caught.value.reason == "changed"
    assert not (tmp_path / "out.mkv").exists()
