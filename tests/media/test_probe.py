"""Opening and probing: what is declared, what is passed over, what is refused."""

from __future__ import annotations

import hashlib
import json
import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

import media
from vadd.errors import MediaError, UsageError
from vadd.media.identity import Identity, check_input, digest_of
from vadd.media.info import MediaInfo, fraction
from vadd.media.limits import Limits
from vadd.media.probe import open_container, probe

LIMITS = Limits()


def reason_of(path: Path, limits: Limits = LIMITS) -> str:
    with pytest.raises(MediaError) as caught:
        probe(path, limits)
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value.reason


def test_ordinary_clip(tmp_path):
    path = media.clip(tmp_path / "a.mp4", 3.0)
    info = probe(path, LIMITS)
    assert (info.name, info.size, info.sha256) == ("a.mp4", path.stat().st_size, None)
    assert info.video is not None
    assert info.audio is not None
    assert (info.video.codec, info.video.width, info.video.height) == ("h264", 64, 48)
    assert (info.video.rate, info.video.duration) == (10, 3)
    assert (info.audio.codec, info.audio.rate, info.audio.channels, info.audio.layout) == (
        "aac",
        16000,
        1,
        "mono",
    )
    assert info.audio.duration == 3
    assert info.notes == ()
    assert MediaInfo.from_json(info.to_json()) == info


def test_only_sound_or_only_picture(tmp_path):
    sound = probe(media.write(tmp_path / "a.mkv", None, [media.Sound(media.tone(1))]), LIMITS)
    picture = probe(media.write(tmp_path / "b.mkv", media.Picture(media.seconds_of_colour(1))), LIMITS)
    assert sound.video is None
    assert sound.audio is not None
    assert picture.audio is None
    assert picture.video is not None


def test_default_track_is_used_and_named(tmp_path):
    sounds = [
        media.Sound(media.tone(1), default=False, title="commentary"),
        media.Sound(media.tone(1), title="main"),
    ]
    info = probe(media.write(tmp_path / "a.mkv", None, sounds), LIMITS)
    assert info.audio is not None
    assert info.audio.index == 1
    assert info.notes == (
        "audio track used: stream 1 (aac, main), the default of 2; ignored: stream 0 (aac, commentary)",
    )


def test_cover_art_is_no_video(tmp_path):
    cover = media.Picture([(Fraction(0), (255, 0, 0))], codec="mjpeg", cover=True, options={})
    info = probe(media.write(tmp_path / "a.mp4", cover, [media.Sound(media.tone(1))]), LIMITS)
    assert info.video is None
    assert info.audio is not None
    assert any("cover art" in note for note in info.notes)


def test_late_matroska_stream_declares_what_it_holds(tmp_path):
    late = media.Sound(media.tone(2), codec="pcm_s16le", start=Fraction(2))
    info = probe(media.write(tmp_path / "a.mkv", media.Picture(media.seconds_of_colour(4)), [late]), LIMITS)
    assert info.audio is not None
    assert (info.audio.start, info.audio.duration) == (2, 2)


@pytest.mark.parametrize(
    "name", ["http:clip.mp4", "concat:a|b.mp4", "a%d.mp4", "-i.mp4", "cli p'\n.mp4", "b\udcff.mp4"]
)
def test_strange_names_are_names(tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    media.clip(tmp_path / "plain.mp4", 1.0).rename(tmp_path / name)
    info = probe(Path(name), LIMITS)
    assert info.video is not None


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"just some text\n" * 50, id="text"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(500), id="png signature"),
        pytest.param(b"", id="empty"),
        pytest.param(bytes(5000), id="zeros"),
        pytest.param(np.random.default_rng(0).bytes(5000), id="noise"),
        pytest.param(b"%PDF-1.7\n" + bytes(500), id="pdf"),
    ],
)
def test_not_media(tmp_path, content):
    path = tmp_path / "x.mp4"
    path.write_bytes(content)
    assert reason_of(path) == "not_media"


def test_real_picture_named_mp4_is_not_media(tmp_path):
    picture = tmp_path / "x.png"
    with av.open(str(picture), "w", format="image2", options={"update": "1"}) as container:
        stream = container.add_stream("png", rate=1)
        stream.width = stream.height = 16
        stream.pix_fmt = "rgb24"
        frame = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")
        for packet in [*stream.encode(frame), *stream.encode()]:
            container.mux(packet)
    assert reason_of(picture.rename(tmp_path / "x.mp4")) == "not_media"


@pytest.mark.parametrize("suffix", ["m3u8", "mp4", "ffconcat", "mkv"])
@pytest.mark.parametrize("kind", ["hls", "concat", "sdp", "mpd"])
def test_text_that_names_other_files_reads_none(tmp_path, suffix, kind):
    target = media.clip(tmp_path / "target.ts", 1.0)
    text = {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\n{target}\n#EXT-X-ENDLIST\n",
        "concat": f"ffconcat version 1.0\nfile '{target}'\n",
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
        "mpd": f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011">{target}</MPD>',
    }[kind]
    path = tmp_path / f"x.{suffix}"
    path.write_text(text)
    os.utime(target, ns=(1, 1))
    assert reason_of(path) == "not_media"
    assert target.stat().st_atime_ns == 1, "the file that the text names was read"


def test_header_cut_off_is_damaged(tmp_path):
    path = media.cut(media.clip(tmp_path / "a.mp4"), 0.5)  # the index of an MP4 is at its end
    assert reason_of(path) == "damaged"


@pytest.mark.parametrize(
    ("limits", "word"),
    [
        (Limits(file_bytes=100), "size"),
        (Limits(seconds=1), "duration"),
        (Limits(pixels=64 * 48 - 1), "frame size"),
        (Limits(side=63), "side"),
        (Limits(streams=1), "streams"),
        (Limits(frame_rate=9), "frame rate"),
        (Limits(max_rate=8000), "sample rate"),
        (Limits(min_rate=22050), "sample rate"),
    ],
)
def test_limits(tmp_path, limits, word):
    path = media.clip(tmp_path / "a.mp4", 3.0)
    with pytest.raises(MediaError, match=word) as caught:
        probe(path, limits)
    assert caught.value.reason == "limit"


def test_too_many_channels(tmp_path):
    six = media.Sound(np.repeat(media.tone(1), 6, axis=0), layout="5.1")
    assert reason_of(media.write(tmp_path / "a.mkv", None, [six]), Limits(channels=2)) == "limit"


def test_unreadable(tmp_path):
    assert reason_of(tmp_path / "gone.mp4") == "unreadable"
    with pytest.raises(MediaError) as caught:
        open_container(tmp_path / "gone.mp4")
    assert caught.value.reason == "unreadable"


def test_limits_travel_and_are_checked():
    limits = Limits(seconds=7, coverage=0.5)
    assert Limits.from_json(limits.to_json()) == limits
    with pytest.raises(ValueError, match="no_such"):
        Limits.from_json({"no_such": 1})
    with pytest.raises(ValueError, match="positive"):
        Limits(pixels=0)
    with pytest.raises(ValueError, match="share"):
        Limits(coverage=1.5)
    assert limits.wall_clock(None) == 60
    assert limits.wall_clock(5) == 60 + 4 * 5
    assert limits.wall_clock(1e9) == 60 + 4 * 7


@pytest.mark.parametrize(
    "text", ["1e999999999/1", "1/0", "", "1", "nan/1", 1.5, None, "1/1\n", "9" * 30 + "/1"]
)
def test_only_plain_fractions_are_times(text):
    with pytest.raises(ValueError, match="fraction"):
        fraction(text)


def test_declared_duration_of_a_hostile_tag_is_not_computed(tmp_path):
    path = media.write(tmp_path / "a.mkv", None, [media.Sound(media.tone(1), codec="pcm_s16le")])
    data = path.read_bytes()
    assert data.count(b"00:00:01.000000000") == 1
    path.write_bytes(data.replace(b"00:00:01.000000000", b"00:00:1e9999999999"))
    info = probe(path, LIMITS)
    assert info.audio is not None
    assert info.audio.duration is None


def test_facts_from_a_child_are_checked(tmp_path):
    facts = probe(media.clip(tmp_path / "a.mp4"), LIMITS).to_json()
    for change in (
        {"size": "3"},
        {"duration": "1e9"},
        {"extra": 1},
        {"notes": None},
        {"video": {"index": 0}},
    ):
        with pytest.raises(ValueError, match=r"."):
            MediaInfo.from_json({**facts, **change})


def test_identity(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"x" * 3_000_000)
    identity = Identity.of(path)
    assert identity.sha256() == hashlib.sha256(b"x" * 3_000_000).hexdigest()
    identity.verify()
    with path.open("ab") as file:
        file.write(b"y")
    for look in (identity.verify, identity.sha256):
        with pytest.raises(MediaError) as caught:
            look()
        assert caught.value.reason == "changed"
    path.unlink()
    with pytest.raises(MediaError) as caught:
        identity.verify()
    assert caught.value.reason == "unreadable"


def test_pass_over_a_file_can_be_given_up(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"x" * 3_000_000)
    asked = []
    with pytest.raises(MediaError):
        Identity.of(path).sha256(lambda: len(asked) == 1 or asked.append(None))
    assert len(asked) == 1


def test_digest_of_a_file_that_could_not_be_judged(tmp_path, monkeypatch):
    path = tmp_path / "damaged.mp4"
    path.write_bytes(b"no media" * 300_000)
    size = path.stat().st_size
    assert digest_of(path) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert digest_of(path, Limits(file_bytes=size)) == digest_of(path)
    assert digest_of(path, Limits(file_bytes=size - 1)) is None
    os.mkfifo(tmp_path / "pipe")
    for absent in (tmp_path, tmp_path / "pipe", tmp_path / "missing", Path("a\0b"), Path("/dev/null")):
        assert digest_of(absent) is None
    real = Identity.sha256

    def meanwhile(identity: Identity) -> str:
        digest = real(identity)
        os.utime(path, ns=(1, 1))
        return digest

    monkeypatch.setattr(Identity, "sha256", meanwhile)
    assert digest_of(path) is None


@pytest.mark.parametrize(
    ("form", "reason"), [(b"AVI ", "damaged"), (b"WAVE", "damaged"), (b"WEBP", "not_media")]
)
def test_riff_without_readable_content(tmp_path, form, reason, monkeypatch):
    """What FFmpeg refuses is damaged only if it was to be a video or a sound."""

    def refuse(*_args: object, **_options: object) -> None:
        raise av.error.InvalidDataError(1, "Invalid data")

    monkeypatch.setattr(av, "open", refuse)
    path = tmp_path / "a.avi"
    path.write_bytes(b"RIFF" + (500).to_bytes(4, "little") + form + bytes(500))
    assert reason_of(path) == reason


def test_facts_for_a_reader_are_numbers_of_seconds(tmp_path):
    picture = media.Picture(media.seconds_of_colour(2.5))
    info = probe(media.write(tmp_path / "a.mp4", picture, [media.Sound(media.tone(1.5))]), LIMITS)
    facts = info.to_facts()
    assert json.loads(json.dumps(facts)) == facts
    assert (facts["duration"], facts["video"]["duration"], facts["video"]["rate"]) == (2.5, 2.5, 10.0)
    assert facts["video"]["start"] == facts["audio"]["start"] == 0.0
    assert facts["audio"]["duration"] == pytest.approx(1.5)
    assert facts.keys() == info.to_json().keys()


def test_arguments_that_are_no_files(tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("missing", "folder", "pipe"):
        with pytest.raises(UsageError, match=name):
            check_input(tmp_path / name)
    with pytest.raises(UsageError):
        check_input(Path("/dev/null"))
    with pytest.raises(UsageError, match="not a file name"):
        check_input(Path("a\0b"))


def test_argument_without_permission(tmp_path, monkeypatch):
    path = tmp_path / "secret"
    path.write_bytes(b"x")

    def refuse(*_args: object) -> int:  # tests may run as root, whom no mode stops
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(UsageError, match="can't be opened: Permission denied"):
        check_input(path)
