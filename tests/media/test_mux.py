"""Written clips: the picture as it was, and nothing that tells whose sound it is."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clip_parts import heard, level, pictures, pitch, shown, strength, structure

import media
from vadd.errors import MediaError, OutputError
from vadd.media import clip_file
from vadd.media.clip_file import Recipe, Stopped, write_clip
from vadd.media.limits import Limits
from vadd.media.loudness import CEILING, LEVEL
from vadd.media.mux import dress, framed
from vadd.media.rehearse import played_peak
from vadd.timeline import Span

LIMITS = Limits()
B_FRAMES = {"preset": "medium", "bf": "3", "g": "20"}


def clip(path: Path, seconds: float = 4.0, hertz: float = 440.0, **options: object) -> Path:
    """Frames that all differ, and a tone."""
    frames = media.moving(seconds, 10, (64, 48))
    picture = media.Picture(frames, **options)
    return media.write(path, picture, [media.Sound(media.tone(seconds, 16_000, hertz))])


def written(place: Path, picture: Path, sound: Path, own: Path | None = None, *spans: tuple[float, float]):
    where = tuple(Span(Fraction(start), Fraction(end)) for start, end in spans)
    return write_clip(place, Recipe(picture, sound, own, where), limits=LIMITS)


def refused(place: Path, picture: Path, sound: Path) -> MediaError:
    with pytest.raises(MediaError) as caught:
        written(place, picture, sound)
    assert "\n" not in str(caught.value)
    assert list(place.parent.glob(f"*{place.name}*")) == []
    return caught.value


def same_picture(source: Path, clip: Path, *, packets: bool = True) -> None:
    before, after = pictures(source), pictures(clip)
    assert len(before[0]) == len(after[0])
    assert after[1] == pytest.approx(before[1], abs=1e-4)
    assert shown(clip) == shown(source)
    if packets:
        assert before[0] == after[0]


def alike(one: Path, other: Path) -> None:
    """Nothing but the bytes of the sound differs between two clips with one picture."""
    assert structure(one) == structure(other)
    facts = []
    for path in (one, other):
        with av.open(str(path)) as container:
            assert len(container.streams) == 2
            facts.append(
                [
                    (
                        s.type, s.codec_context.name, s.profile, s.codec_context.codec_tag, s.time_base,
                        s.start_time, s.duration, s.frames, dict(s.metadata), int(s.disposition),
                    )
                    for s in container.streams
                ]
                + [container.duration, dict(container.metadata), container.start_time]
            )  # fmt: skip
    assert facts[0] == facts[1]
    assert len(heard(one)) == len(heard(other))


@pytest.fixture(scope="module")
def other(tmp_path_factory) -> Path:
    """A donor, 1500 Hz, in another container and at another rate and level."""
    samples = media.tone(6, 44_100, 1500, amplitude=0.02).repeat(2, axis=0)
    sound = media.Sound(samples, 44_100, "stereo", title="the other one")
    return media.write(
        tmp_path_factory.mktemp("donor") / "other.mkv", media.Picture(media.seconds_of_colour(6)), [sound]
    )


PICTURES = [
    ("a.mp4", {}),
    ("a.mp4", {"rotation": 90}),
    ("a.mp4", {"pixel_aspect": Fraction(4, 3)}),
    ("b.mp4", {"options": B_FRAMES}),
    ("c.mov", {"options": B_FRAMES, "rotation": -90}),
    ("d.mkv", {"options": B_FRAMES}),
    ("d.mkv", {"codec": "libx265", "options": {"x265-params": "log-level=none"}}),
    ("e.webm", {"codec": "libvpx-vp9", "options": {"deadline": "realtime", "cpu-used": "8"}}),
    ("f.avi", {"codec": "mpeg4", "options": {}}),
]


@pytest.mark.parametrize(("name", "options"), PICTURES)
def test_picture_is_copied_and_the_sound_tells_nothing(tmp_path, other, name, options):
    frames = media.moving(4, 10, (64, 48))
    codec = "libopus" if name.endswith("webm") else "mp3" if name.endswith("avi") else "aac"
    rate = 48_000
    source = media.write(
        tmp_path / name,
        media.Picture(frames, **options),
        [media.Sound(media.tone(4, rate, 440), rate, codec=codec)],
    )
    own, foreign = tmp_path / "own.mp4", tmp_path / "foreign.mp4"
    first, second = written(own, source, source), written(foreign, source, other)
    # AVI's writer leaves a frame out after the first one, so there are 4.1 seconds of it.
    end = float(max(pictures(source)[1])) + 0.1
    for path in (own, foreign):
        same_picture(source, path)
    alike(own, foreign)
    assert pitch(heard(own)) == pytest.approx(440, abs=3)
    assert pitch(heard(foreign)) == pytest.approx(1500, abs=3)
    for path, told in ((own, first), (foreign, second)):
        assert level(heard(path)) == pytest.approx(LEVEL, abs=0.5)
        assert told.seconds == pytest.approx(end, abs=0.01)
        assert told.size == path.stat().st_size
        assert len(heard(path)) == pytest.approx(end * 48_000, abs=500)


def test_start_codes_become_lengths_and_the_frames_stay(tmp_path):
    """H.264 in AVI is written with start codes, in MP4 with lengths: the one change that a copy makes."""
    source = clip(tmp_path / "a.avi", options={"preset": "ultrafast", "bf": "0"})
    written(tmp_path / "o.mp4", source, source)
    same_picture(source, tmp_path / "o.mp4", packets=False)


def test_same_call_same_bytes(tmp_path, other):
    source = clip(tmp_path / "a.mp4", options=B_FRAMES)
    for own, spans in ((None, ()), (source, ((1, 2),))):
        one = written(tmp_path / "1.mp4", source, other, own, *spans)
        two = written(tmp_path / "2.mp4", source, other, own, *spans)
        assert one == two
        assert (tmp_path / "1.mp4").read_bytes() == (tmp_path / "2.mp4").read_bytes()


def test_no_metadata_comes_along(tmp_path, other):
    source = tmp_path / "a.mp4"
    tune = [media.Sound(media.tone(3), title="secret title"), media.Sound(media.tone(3), default=False)]
    media.write(source, media.Picture(media.seconds_of_colour(3)), tune, movflags="use_metadata_tags")
    with av.open(str(source)) as before, av.open(str(tmp_path / "m.mp4"), "w") as after:
        after.metadata.update(title="secret film", creation_time="2020-01-02T03:04:05Z", comment="secret")
        streams = {s.index: after.add_stream_from_template(s, opaque=True) for s in before.streams}
        after.set_chapters(
            [
                {
                    "id": 1,
                    "start": 0,
                    "end": 1000,
                    "time_base": Fraction(1, 1000),
                    "metadata": {"title": "secret"},
                }
            ]
        )
        for packet in before.demux():
            if packet.size:
                packet.stream = streams[packet.stream.index]
                after.mux(packet)
    assert b"secret" in (tmp_path / "m.mp4").read_bytes()
    written(tmp_path / "o.mp4", tmp_path / "m.mp4", tmp_path / "m.mp4")
    written(tmp_path / "p.mp4", tmp_path / "m.mp4", other)
    for name in ("o.mp4", "p.mp4"):
        data = (tmp_path / name).read_bytes()
        assert not any(word in data for word in (b"secret", b"Lavc", b"Lavf", b"chap", b"other one"))
        with av.open(str(tmp_path / name)) as container:
            assert [s.type for s in container.streams] == ["video", "audio"]
            assert container.chapters() == []
            assert dict(container.metadata).keys() == {"major_brand", "minor_version", "compatible_brands"}
    alike(tmp_path / "o.mp4", tmp_path / "p.mp4")


def test_cover_art_is_left_out(tmp_path):
    with_cover = media.write(
        tmp_path / "cover.mp4",
        media.Picture([(Fraction(0), media.COLOURS[0])], codec="mjpeg", options={}, cover=True),
        [media.Sound(media.tone(3))],
    )
    assert "no picture" in str(refused(tmp_path / "o.mp4", with_cover, with_cover))
    source = clip(tmp_path / "a.mp4", 3)
    written(tmp_path / "p.mp4", source, with_cover)
    with av.open(str(tmp_path / "p.mp4")) as container:
        assert len(container.streams) == 2


def test_variable_frame_rate_keeps_its_times(tmp_path, other):
    times = [Fraction(t, 1000) for t in (0, 40, 80, 1000, 1033, 1500, 2900, 3000)]
    frames = [(time, media.COLOURS[i]) for i, time in enumerate(times)]
    for name in ("a.mkv", "a.mp4"):
        source = media.write(tmp_path / name, media.Picture(frames), [media.Sound(media.tone(3))])
        written(tmp_path / "o.mp4", source, source)
        written(tmp_path / "p.mp4", source, other)
        same_picture(source, tmp_path / "o.mp4")
        alike(tmp_path / "o.mp4", tmp_path / "p.mp4")
        assert sorted(pictures(tmp_path / "o.mp4")[1]) == times


@pytest.mark.parametrize(
    ("rate", "layout"), [(48_000, "mono"), (44_100, "stereo"), (16_000, "stereo"), (48_000, "5.1")]
)
def test_any_sound_comes_out_alike(tmp_path, rate, layout):
    channels = {"mono": 1, "stereo": 2, "5.1": 6}[layout]
    source = clip(tmp_path / "a.mp4", 3)
    donor = tmp_path / "b.mkv"
    loud = media.tone(3, rate, 700, amplitude=0.9 / channels).repeat(channels, axis=0)
    media.write(donor, media.Picture(media.seconds_of_colour(3)), [media.Sound(loud, rate, layout)])
    written(tmp_path / "o.mp4", source, source)
    written(tmp_path / "p.mp4", source, donor)
    alike(tmp_path / "o.mp4", tmp_path / "p.mp4")
    samples = heard(tmp_path / "p.mp4")
    assert pitch(samples) == pytest.approx(700, abs=3)
    assert level(samples) == pytest.approx(LEVEL, abs=0.5)
    with av.open(str(tmp_path / "p.mp4")) as container:
        sound = container.streams.audio[0]
        assert (sound.codec_context.name, sound.rate, sound.layout.name) == ("aac", 48_000, "mono")


@pytest.mark.parametrize("crest", [3, 12, 20, 30])
def test_peaks_do_not_change_the_level(tmp_path, crest):
    """Noise with a click now and then, as doors and dishes make them."""
    rng = np.random.default_rng(crest)
    samples = 0.02 * rng.standard_normal((1, 3 * 48_000)).astype(np.float32)
    samples[0, 5_000::24_000] = min(0.99, 0.02 * 10 ** (crest / 20))
    donor = media.write(tmp_path / "b.wav", None, [media.Sound(samples, 48_000, codec="pcm_s16le")])
    told = written(tmp_path / "p.mp4", clip(tmp_path / "a.mp4", 3), donor)
    out = heard(tmp_path / "p.mp4")
    assert level(out) == pytest.approx(LEVEL, abs=0.5)
    assert told.level == pytest.approx(LEVEL, abs=0.01)
    assert np.abs(out).max() < 1


def test_one_peak_for_all_sounds(tmp_path):
    """Clicks, noise, clipped noise, and a splice of any two: a player gets the same height of each."""
    rng = np.random.default_rng(5)
    noise = 0.03 * rng.standard_normal((1, 6 * 48_000)).astype(np.float32)
    clicks = noise / 3
    clicks[0, 5_000::24_000] = 0.9
    sounds = {"noise": noise, "clicks": clicks, "clipped": noise.clip(-0.09, 0.09)}
    paths = {}
    for name, samples in sounds.items():
        sound = media.Sound(samples, 48_000, codec="flac")
        picture = media.Picture(media.seconds_of_colour(6))
        paths[name] = media.write(tmp_path / f"{name}.mkv", picture, [sound])
    for own in paths:
        for name in paths:
            spans = () if own == name else ((2, 4),)
            place = tmp_path / "o.mp4"
            written(place, paths[own], paths[name], paths[own] if spans else None, *spans)
            samples = heard(place)
            assert 20 * np.log10(np.abs(samples).max() / CEILING) == pytest.approx(0, abs=0.5), (own, name)
            assert level(samples) == pytest.approx(LEVEL, abs=0.5)


def test_what_is_rehearsed_is_what_is_played(tmp_path):
    rng = np.random.default_rng(6)
    noise = (0.05 * rng.standard_normal(3 * 48_000)).astype(np.float32)
    place = tmp_path / "o.mp4"
    with av.open(str(place), "w") as out:
        stream = out.add_stream("aac", rate=48_000, layout="mono")
        dress(stream.codec_context)
        for at in range(0, len(noise), 1024):
            out.mux(stream.encode(framed(noise[at : at + 1024], at)))
        out.mux(stream.encode(None))
    assert played_peak(np.array_split(noise, 7)) == pytest.approx(np.abs(heard(place)).max(), rel=1e-3)


def test_gain_has_a_bound_and_silence_stays_silent(tmp_path):
    source = clip(tmp_path / "a.mp4", 2)
    for name, amplitude, least, most in (("faint", 1e-4, -44, -38), ("none", 0.0, -200, -100)):
        samples = media.tone(2, 48_000, 440, amplitude=amplitude)
        donor = media.write(tmp_path / f"{name}.wav", None, [media.Sound(samples, 48_000, codec="pcm_f32le")])
        told = written(tmp_path / "p.mp4", source, donor)
        assert least < told.level < most
        assert least <= level(heard(tmp_path / "p.mp4")) < most


def test_late_sound_keeps_its_time(tmp_path):
    late = media.Sound(media.tone(3, 48_000, 440), 48_000, start=Fraction(1))
    source = media.write(tmp_path / "a.mp4", media.Picture(media.seconds_of_colour(4)), [late])
    written(tmp_path / "o.mp4", source, source)
    samples = heard(tmp_path / "o.mp4")
    assert level(samples[: int(0.95 * 48_000)]) < -60
    onset = int(np.argmax(np.abs(samples) > 0.02)) / 48_000
    assert onset == pytest.approx(1.0, abs=0.02)
    assert level(samples) == pytest.approx(LEVEL, abs=0.5)


def test_late_picture_begins_the_clip(tmp_path):
    frames = [(time + 1, colour) for time, colour in media.seconds_of_colour(3)]
    samples = np.concatenate([media.tone(1, hertz=300), media.tone(3, hertz=900)], axis=1)
    source = media.write(tmp_path / "a.mkv", media.Picture(frames), [media.Sound(samples)])
    donor = clip(tmp_path / "b.mp4", 3)
    written(tmp_path / "o.mp4", source, source)
    written(tmp_path / "p.mp4", source, donor)
    alike(tmp_path / "o.mp4", tmp_path / "p.mp4")
    same_picture(source, tmp_path / "o.mp4")
    out = heard(tmp_path / "o.mp4")
    assert pitch(out[4_800:]) == pytest.approx(900, abs=3)
    assert strength(out, 300) < 0.02


def test_short_sound_is_continued_and_long_sound_cut(tmp_path):
    source = clip(tmp_path / "a.mp4", 4)
    for seconds, filled in ((3, 1.0), (9, 0.0)):
        donor = clip(tmp_path / "b.mp4", seconds, 800)
        told = written(tmp_path / "p.mp4", source, donor)
        written(tmp_path / "o.mp4", source, source)
        alike(tmp_path / "o.mp4", tmp_path / "p.mp4")
        assert told.filled == pytest.approx(filled, abs=0.1)
        samples = heard(tmp_path / "p.mp4")
        for second in range(4):
            part = samples[second * 48_000 + 2_400 : (second + 1) * 48_000 - 2_400]
            assert level(part) == pytest.approx(LEVEL, abs=0.5)
            assert pitch(part) == pytest.approx(800, abs=3)
    short = clip(tmp_path / "c.mp4", 1, 800)
    assert "less than half" in str(refused(tmp_path / "q.mp4", source, short))


def test_foreign_sound_is_heard_in_the_spans_only(tmp_path, other):
    source = clip(tmp_path / "a.mp4", 6)
    told = written(tmp_path / "p.mp4", source, other, source, (1, 2.5), (4, 6))
    written(tmp_path / "o.mp4", source, source)
    alike(tmp_path / "o.mp4", tmp_path / "p.mp4")
    assert told.level == pytest.approx(LEVEL, abs=0.1)
    samples = heard(tmp_path / "p.mp4")
    assert level(samples) == pytest.approx(LEVEL, abs=0.5)
    for start, end, foreign in ((0, 1, 0), (1.03, 2.47, 1), (2.5, 4, 0), (4.03, 6, 1)):
        part = samples[int(start * 48_000) : int(end * 48_000)]
        # The curve that gives all sounds one peak gives a pure tone some overtones.
        assert strength(part, 1500) == pytest.approx(foreign, abs=0.05)
        assert strength(part, 440) == pytest.approx(1 - foreign, abs=0.05)


def test_a_splice_leaves_no_dip(tmp_path):
    """Two noises of one level: no twentieth of a second around a seam is off by more than chance."""
    rng = np.random.default_rng(1)
    paths = []
    for name in "ab":
        noise = 0.1 * rng.standard_normal((1, 4 * 48_000)).astype(np.float32)
        picture = media.Picture(media.seconds_of_colour(4))
        paths.append(
            media.write(tmp_path / f"{name}.mkv", picture, [media.Sound(noise, 48_000, codec="flac")])
        )
    written(tmp_path / "p.mp4", paths[0], paths[1], paths[0], (1, 2), (2, 3))
    samples = heard(tmp_path / "p.mp4")
    for seam in (1.0, 2.0, 3.0):
        around = samples[int((seam - 0.03) * 48_000) : int((seam + 0.03) * 48_000)]
        assert level(around) == pytest.approx(LEVEL, abs=0.6)


def test_sound_of_another_file_as_tau_has_them(tmp_path):
    silent = media.write(tmp_path / "v.mp4", media.Picture(media.seconds_of_colour(3)))
    samples = media.tone(3, 48_000, 620).repeat(2, axis=0)
    sound = media.write(tmp_path / "v.wav", None, [media.Sound(samples, 48_000, "stereo", codec="pcm_s24le")])
    written(tmp_path / "p.mp4", silent, sound)
    assert pitch(heard(tmp_path / "p.mp4")) == pytest.approx(620, abs=3)


def test_what_cannot_be_used_is_refused_in_one_line(tmp_path):
    source = clip(tmp_path / "a.mp4", 3)
    silent = media.write(tmp_path / "silent.mp4", media.Picture(media.seconds_of_colour(3)))
    blind = media.write(tmp_path / "blind.mp4", None, [media.Sound(media.tone(3))])
    vp8 = media.write(
        tmp_path / "v.webm", media.Picture(media.seconds_of_colour(3), codec="libvpx", options={})
    )
    cut = media.cut(clip(tmp_path / "cut.mkv", 3), 0.6)
    headless = media.cut(clip(tmp_path / "headless.mp4", 3), 0.6)
    short = tmp_path / "list.mp4"
    short.write_text(f"ffconcat version 1.0\nfile '{source}'\n")
    out = tmp_path / "o.mp4"
    assert "silent.mp4: there is no sound in it" in str(refused(out, source, silent))
    assert "blind.mp4: there is no picture in it" in str(refused(out, blind, source))
    assert "v.webm: MP4 cannot hold a picture in vp8" in str(refused(out, vp8, source))
    assert refused(out, cut, source).reason == "damaged"
    assert refused(out, headless, source).reason == "damaged"
    assert refused(out, source, cut).reason == "damaged"
    assert refused(out, short, source).reason == "not_media"
    assert refused(out, tmp_path / "gone.mp4", source).reason == "unreadable"
    assert "MP4 cannot" in str(refused(out, vp8, source))


def test_limits_hold(tmp_path):
    source = clip(tmp_path / "a.mp4", 3)
    for limits in (Limits(seconds=2), Limits(pixels=64), Limits(file_bytes=100)):
        with pytest.raises(MediaError) as caught:
            write_clip(tmp_path / "o.mp4", Recipe(source, source), limits=limits)
        assert caught.value.reason == "limit"


def test_full_disk_leaves_what_was_there(tmp_path):
    source = clip(tmp_path / "a.mp4", 3)
    place = tmp_path / "o.mp4"
    place.write_bytes(b"before")
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from vadd.errors import OutputError\n"
        "from vadd.media.clip_file import Recipe, write_clip; from vadd.media.limits import Limits\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)); a = Path(sys.argv[1])\n"
        "try: write_clip(Path(sys.argv[2]), Recipe(a, a), limits=Limits())\n"
        "except OutputError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, source, place], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(f"cannot write {place}: ")
    assert place.read_bytes() == b"before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "o.mp4"]


def test_no_folder_and_given_up(tmp_path):
    source = clip(tmp_path / "a.mp4", 3)
    with pytest.raises(OutputError, match="cannot write"):
        written(tmp_path / "none" / "o.mp4", source, source)
    with pytest.raises(Stopped):
        write_clip(tmp_path / "o.mp4", Recipe(source, source), limits=LIMITS, stopped=lambda: True)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


@pytest.mark.parametrize(
    ("header", "array"),
    [
        ({"at": -1}, np.zeros(3, np.uint8)),
        ({"at": 10}, np.zeros(3, np.uint8)),
        ({"at": "0"}, np.zeros(3, np.uint8)),
        ({"at": 0}, np.zeros(2_000, np.uint8)),
        ({"at": 0}, np.zeros(3, np.float32)),
        ({"at": 0}, None),
    ],
)
def test_what_a_child_taken_over_sends_is_not_believed(tmp_path, header, array):
    with (tmp_path / "f").open("wb+") as file:
        receiver = clip_file._Receiver(tmp_path / "f", file, 1_000, lambda: False)
        with pytest.raises(MediaError) as caught:
            receiver.take(header, {} if array is None else {"data": array})
    assert caught.value.reason == "crashed"


def test_a_recipe_has_spans_and_own_sound_or_neither():
    with pytest.raises(ValueError, match="neither"):
        Recipe(Path("a"), Path("b"), Path("a"))
    with pytest.raises(ValueError, match="neither"):
        Recipe(Path("a"), Path("b"), None, (Span(Fraction(0), Fraction(1)),))


def test_what_an_edit_list_hides_stays_hidden(tmp_path, other):
    """A cut in the middle of a group of frames: those before it are needed to decode, but not shown."""
    whole = clip(tmp_path / "a.mp4", 4, options={"preset": "medium", "bf": "2", "g": "40"})
    trimmed = tmp_path / "b.mp4"
    with av.open(str(whole)) as before, av.open(str(trimmed), "w") as after:
        streams = {s.index: after.add_stream_from_template(s, opaque=True) for s in before.streams}
        for packet in before.demux():
            if packet.size:
                ticks = round(Fraction(1) / packet.time_base)
                packet.pts, packet.dts, packet.stream = (
                    packet.pts - ticks, packet.dts - ticks, streams[packet.stream.index],
                )  # fmt: skip
                after.mux(packet)
    assert 25 < len(shown(trimmed)) < 35
    told = written(tmp_path / "o.mp4", trimmed, trimmed)
    written(tmp_path / "p.mp4", trimmed, other)
    assert shown(tmp_path / "o.mp4") == shown(trimmed)
    assert pictures(tmp_path / "o.mp4")[0] == pictures(trimmed)[0]
    assert told.seconds == pytest.approx(3, abs=0.05)
    alike(tmp_path / "o.mp4", tmp_path / "p.mp4")
