"""Rendering a manifest: everything there in the end, nothing twice, nothing half, failures named."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

import media
from vadd.errors import OutputError, ProtocolError, UsageError
from vadd.protocol import render as rendering
from vadd.protocol.manifest import Entry, Party, entry, write_manifest
from vadd.protocol.media_files import find_clips
from vadd.protocol.render import render
from vadd.protocol.rendered import RECORDS, Records
from vadd.timeline import Span

NAMES = ("bus-paris-1-1", "park-lyon-2-2", "tram-wien-3-3", "mall-oslo-4-4")
PITCHES = (400, 700, 1000, 1300)


def party(name: str) -> Party:
    scene, city, location, _ = name.split("-")
    return Party(name, scene, scene, city, location)


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    for at, (name, hertz) in enumerate(zip(NAMES, PITCHES, strict=True)):
        inner = folder / ("deep/er" if at % 2 else "")
        inner.mkdir(parents=True, exist_ok=True)
        picture = media.Picture(media.seconds_of_colour(3, first=at))
        suffix = (".mp4", ".mkv", ".MOV", ".m4v")[at]
        media.write(inner / f"{name}{suffix}", picture, [media.Sound(media.tone(3, hertz=hertz))])
    return folder


@pytest.fixture(scope="module")
def trials() -> list[Entry]:
    parties = [party(name) for name in NAMES]
    found = [entry(each, each, 1, manipulated=False) for each in parties]
    found += [
        entry(each, parties[at - 1], 1, manipulated=True, spans=(SPAN,) if at == 1 else ())
        for at, each in enumerate(parties)
    ]
    return sorted(found, key=lambda each: each.trial)


SPAN = Span(Fraction(1), Fraction(2))


@pytest.fixture(scope="module")
def clean(tmp_path_factory, clips, trials) -> Path:
    """What comes of one run that nothing disturbs."""
    out = tmp_path_factory.mktemp("clean") / "out"
    done = render(trials, clips, out, workers=2)
    assert (done.rendered, done.skipped, done.failures) == (len(trials), 0, ())
    return out


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_clip_and_a_record_for_each_trial(clean, trials):
    assert {path.name for path in clean.iterdir()} == {RECORDS, *(f"{each.trial}.mp4" for each in trials)}
    records = [json.loads(line) for line in (clean / RECORDS).read_text().splitlines()]
    assert [record["trial"] for record in records] == [each.trial for each in trials]
    for record in records:
        assert record["size"] == (clean / f"{record['trial']}.mp4").stat().st_size
        assert record["level"] == -26.0
        # Nothing in it says which clips were manipulated.
        assert record.keys() == {"trial", "key", "sha256", "size", "seconds", "level", "filled"}
    assert not any(name in (clean / RECORDS).read_text() for name in NAMES)


def test_second_run_skips_all_and_changes_nothing(clean, clips, trials, monkeypatch):
    before = content(clean)
    monkeypatch.setattr(rendering, "write_clip", lambda *args, **options: pytest.fail("made again"))
    seen = []
    done = render(trials, clips, clean, workers=2, progress=lambda *at: seen.append(at))
    assert (done.rendered, done.skipped) == (0, len(trials))
    assert seen == [(at + 1, len(trials)) for at in range(len(trials))]
    assert content(clean) == before


def test_workers_do_not_matter(tmp_path, clean, clips, trials):
    render(trials, clips, tmp_path / "o", workers=1)
    assert content(tmp_path / "o") == content(clean)


def test_killed_run_resumed_ends_alike(tmp_path, clean, clips, trials):
    out, manifest = tmp_path / "out", tmp_path / "m.csv"
    write_manifest(manifest, trials, {})
    code = (
        "import sys; from pathlib import Path; from vadd.protocol.manifest import read_manifest\n"
        "from vadd.protocol.render import render\n"
        "render(read_manifest(Path(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[3]), workers=1)\n"
    )
    call = [sys.executable, "-c", code, str(manifest), str(clips), str(out)]
    process = subprocess.Popen(call)
    try:
        for _ in range(3_000):
            if (out / RECORDS).exists() and (out / RECORDS).read_bytes().count(b"\n") >= 2:
                break
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    held = (out / RECORDS).read_bytes()
    assert 2 <= held.count(b"\n") < len(trials)
    # As if the kill had come in the middle of a line and of a clip.
    (out / RECORDS).write_bytes(held + b'{"trial": "t')
    (out / ".t0.mp4.part").write_bytes(b"half")
    done = render(trials, clips, out, workers=2)
    assert done.skipped >= 2
    assert done.rendered == len(trials) - done.skipped
    assert content(out) == content(clean)


def test_other_bytes_are_made_again(tmp_path, clean, clips, trials):
    out = tmp_path / "out"
    subprocess.run(["cp", "-r", str(clean), str(out)], check=True)
    first = out / f"{trials[0].trial}.mp4"
    data = bytearray(first.read_bytes())
    data[-1] ^= 1
    first.write_bytes(data)
    (out / f"{trials[1].trial}.mp4").unlink()
    done = render(trials, clips, out)
    assert (done.rendered, done.skipped) == (2, len(trials) - 2)
    assert content(out) == content(clean)


def test_other_settings_and_other_inputs_are_other_clips(tmp_path, clips, trials, monkeypatch):
    out = tmp_path / "out"
    some = [each for each in trials if not each.manipulated][:2]
    render(some, clips, out)
    before = content(out)
    monkeypatch.setattr(rendering, "settings", lambda: {"level": -26.0, "code": "another"})
    assert render(some, clips, out).rendered == 2
    assert content(out)[RECORDS] != before[RECORDS]


def test_unreadable_clip_does_not_end_the_run(tmp_path, clips, trials):
    folder = tmp_path / "clips"
    subprocess.run(["cp", "-r", str(clips), str(folder)], check=True)
    bad = folder / f"{NAMES[0]}.mp4"
    whole = bad.read_bytes()
    bad.write_bytes(whole[: len(whole) // 2])
    told = []
    out = tmp_path / "out"
    done = render(trials, folder, out, workers=2, failed=told.append)
    hit = [each.trial for each in trials if NAMES[0] in (each.picture.name, each.sound.name)]
    assert [each.trial for each in done.failures] == hit
    assert {each.trial for each in told} == set(hit)
    assert done.rendered == len(trials) - len(hit)
    for failure in done.failures:
        assert failure.reason == "damaged"
        assert failure.message.startswith(f"{failure.trial}: {NAMES[0]}.mp4: ")
        assert "\n" not in failure.message
    assert not any((out / f"{trial}.mp4").exists() for trial in hit)
    assert done.to_json()["failed"] == len(hit)
    # Once the file is whole again the rest is made, and a clip whose file broke later goes.
    bad.write_bytes(whole)
    assert render(trials, folder, out, workers=2).rendered == len(hit)
    bad.write_bytes(whole[: len(whole) // 2])
    assert len(render(trials, folder, out, workers=2).failures) == len(hit)
    assert not any((out / f"{trial}.mp4").exists() for trial in hit)
    kept = [json.loads(line)["trial"] for line in (out / RECORDS).read_text().splitlines()]
    assert kept == [each.trial for each in trials if each.trial not in hit]


def test_input_that_changes_meanwhile_is_named(tmp_path, clips, trials, monkeypatch):
    folder = tmp_path / "clips"
    subprocess.run(["cp", "-r", str(clips), str(folder)], check=True)
    make = rendering.write_clip

    def touching(place, recipe, **options):
        os.utime(recipe.picture, (1, 1))
        return make(place, recipe, **options)

    monkeypatch.setattr(rendering, "write_clip", touching)
    done = render(trials[:1], folder, tmp_path / "out")
    assert [each.reason for each in done.failures] == ["changed"]
    assert list((tmp_path / "out").glob("*.mp4")) == []


def test_quiet_and_short_sounds_are_counted(tmp_path):
    folder = tmp_path / "clips"
    folder.mkdir()
    for name, samples in (("a-b-1-1", media.tone(3)), ("c-d-2-2", media.tone(2.5, amplitude=1e-4))):
        sound = media.Sound(samples, codec="flac")
        media.write(folder / f"{name}.mkv", media.Picture(media.seconds_of_colour(3)), [sound])
    trial = entry(party("a-b-1-1"), party("c-d-2-2"), 1, manipulated=True)
    done = render([trial], folder, tmp_path / "out")
    assert (done.rendered, done.quiet, done.filled) == (1, 1, 1)
    again = render([trial], folder, tmp_path / "out")
    assert (again.rendered, again.quiet, again.filled) == (0, 1, 1)


def test_clips_as_tau_keeps_them(tmp_path):
    for name, hertz in (("bus-paris-1-1", 500), ("park-lyon-2-2", 900)):
        (tmp_path / "video").mkdir(exist_ok=True)
        (tmp_path / "audio").mkdir(exist_ok=True)
        media.write(tmp_path / "video" / f"{name}.mp4", media.Picture(media.seconds_of_colour(2)))
        sound = media.Sound(media.tone(2, 48_000, hertz), 48_000, codec="pcm_s24le")
        media.write(tmp_path / "audio" / f"{name}.wav", None, [sound])
    found = find_clips(tmp_path, ["bus-paris-1-1", "park-lyon-2-2.mp4"])
    assert found["park-lyon-2-2.mp4"].sound == tmp_path / "audio" / "park-lyon-2-2.wav"
    bus, park = party("bus-paris-1-1"), party("park-lyon-2-2")
    trials = [
        entry(bus, bus, 1, manipulated=False),
        entry(bus, park, 1, manipulated=True),
        entry(park, bus, 1, manipulated=True, spans=(Span(Fraction(0), Fraction(1)),)),
    ]
    assert render(trials, tmp_path, tmp_path / "out").rendered == 3


def test_finding_clips(tmp_path):
    for place in ("a.mp4", "in/b.MKV", "in/c.mp4", "out/c.webm", "in/d.txt", "in/.e.mp4"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_bytes(b"x")
    found = find_clips(tmp_path, ["a", "b", "in/c", "a.mp4"])
    assert found["a"].picture == found["a"].sound == found["a.mp4"].sound == tmp_path / "a.mp4"
    assert found["in/c"].picture == tmp_path / "in/c.mp4"
    for names, told in (
        (["c"], "the clip c is there twice"),
        (["a", "d"], "a clip of the manifest cannot be found in .*, it is d"),
        (["e", "../a", "x\0y"], "3 clips of the manifest cannot be found in .*, the first is ../a"),
    ):
        with pytest.raises(UsageError, match=told):
            find_clips(tmp_path, names)
    with pytest.raises(UsageError, match="no folder"):
        find_clips(tmp_path / "none", ["a"])


def test_a_recording_lends_its_sound(tmp_path, clips):
    """In each container that recordings come in, for all of the time and for a part."""
    folder = tmp_path / "clips"
    subprocess.run(["cp", "-r", str(clips), str(folder)], check=True)
    (folder / "ambience").mkdir()
    recordings = {
        "wav": "pcm_s16le", "flac": "flac", "mp3": "mp3", "ogg": "libopus", "opus": "libopus", "m4a": "aac",
    }  # fmt: skip
    home, trials = party(NAMES[0]), []
    for at, (suffix, codec) in enumerate(recordings.items()):
        sound = media.Sound(media.tone(5, 48_000, 2_000 + 100 * at), 48_000, codec=codec)
        media.write(folder / "ambience" / f"rain-{suffix}.{suffix}", None, [sound])
        lender = Party(f"rain-{suffix}", "rain", "rain", "", f"r{at}")
        trials.append(entry(home, lender, 1, manipulated=True, spans=(SPAN,) if at % 2 else ()))
    done = render(trials, folder, tmp_path / "out", workers=2)
    assert (done.rendered, done.filled, done.failures) == (len(trials), 0, ())
    for at, trial in enumerate(trials):
        before, within = (pitch(tmp_path / "out" / f"{trial.trial}.mp4", second) for second in (0, 1))
        assert within == pytest.approx(2_000 + 100 * at, abs=5)
        assert before == pytest.approx(PITCHES[0] if at % 2 else 2_000 + 100 * at, abs=5)


def pitch(path: Path, second: int) -> float:
    """Hertz of the strongest partial in the middle of a second."""
    with av.open(str(path)) as container:
        samples = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    part = samples[second * 48_000 + 2_400 : (second + 1) * 48_000 - 2_400]
    spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part))))
    return float(spectrum.argmax()) * 48_000 / len(part)


def test_a_recording_has_no_picture(tmp_path, clips):
    folder = tmp_path / "clips"
    subprocess.run(["cp", "-r", str(clips), str(folder)], check=True)
    media.write(folder / "rain.wav", None, [media.Sound(media.tone(5), codec="pcm_s16le")])
    rain = Party("rain", "rain", "rain", "", "r")
    done = render([entry(rain, party(NAMES[0]), 1, manipulated=True)], folder, tmp_path / "out")
    assert [each.reason for each in done.failures] == ["unreadable"]
    assert done.failures[0].message.endswith("rain.wav: there is no picture in it")


def test_finding_recordings(tmp_path):
    for place in ("a.mp4", "a.wav", "in/rain.ogg", "wind.mp3", "in/wind.flac", "in/wind.mkv.mp3", "b.txt"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_bytes(b"x")
    found = find_clips(tmp_path, ["a", "rain", "in/rain", "rain.ogg", "in/wind"])
    # A clip comes before a recording of the same name, which may be its sound taken out.
    assert found["a"].sound == tmp_path / "a.mp4"
    assert {found[name].sound for name in ("rain", "in/rain", "rain.ogg")} == {tmp_path / "in/rain.ogg"}
    assert found["in/wind"].sound == tmp_path / "in/wind.flac"
    with pytest.raises(UsageError, match="the clip wind is there twice"):
        find_clips(tmp_path, ["wind"])
    with pytest.raises(UsageError, match="it is b"):
        find_clips(tmp_path, ["a", "b"])


def test_outputs_that_cannot_be(tmp_path, clips, trials):
    file = tmp_path / "file"
    file.write_bytes(b"x")
    for out in (file, file / "in"):
        with pytest.raises(OutputError) as caught:
            render(trials[:1], clips, out)
        assert str(caught.value).startswith("cannot write ")
        assert "\n" not in str(caught.value)
    one = trials[0]
    before = content(clips / "deep" / "er")
    for out in (clips, clips / "deep" / "er"):
        with pytest.raises(UsageError, match="render into another folder"):
            render(trials, clips, out)
    assert content(clips / "deep" / "er") == before
    for name in ("a\0b", "x" * 300):
        with pytest.raises(ProtocolError, match="no file can have"):
            render([Entry(name, one.picture, one.picture, manipulated=False)], clips, tmp_path / "o")


def test_full_disk_ends_the_run_and_loses_nothing(tmp_path, clean, clips, trials):
    manifest, out = tmp_path / "m.csv", tmp_path / "out"
    write_manifest(manifest, trials, {})
    code = (
        "import resource, sys; from pathlib import Path; from vadd.protocol.manifest import read_manifest\n"
        "from vadd.protocol.render import render; from vadd.errors import OutputError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (15_000, 15_000))\n"
        "try: render(read_manifest(Path(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[3]), workers=2)\n"
        "except OutputError as error: print(error)\n"
    )
    call = [sys.executable, "-c", code, str(manifest), str(clips), str(out)]
    done = subprocess.run(call, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"cannot write {out}")
    assert done.stdout.count("\n") == 1
    assert [path.name for path in out.iterdir()] == [RECORDS]
    render(trials, clips, out)
    assert content(out) == content(clean)


def test_one_process_at_a_time_and_records_that_make_sense(tmp_path):
    with Records(tmp_path / "out"), pytest.raises(OutputError, match="another process"):
        Records(tmp_path / "out")
    (tmp_path / "out" / RECORDS).write_text('{"trial": "t1"}\n')
    with pytest.raises(OutputError, match="line 1: it is no record"):
        Records(tmp_path / "out")
