"""``vadd protocol join`` and ``splice`` from their arguments to clips that can be rendered."""

from __future__ import annotations

import csv
import json
from fractions import Fraction
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import media
from vadd.cli.protocol_join import join_, splice_
from vadd.errors import MediaError, OutputError, ProtocolError, UsageError
from vadd.protocol.joined import read_joins
from vadd.protocol.manifest import read_manifest
from vadd.protocol.render import render

SMALL = ["--seconds", "4-6", "--pieces", "1-2", "--size", "64x64", "--frame-rate", "5"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Six clips of three classes, and a recording of a fourth."""
    folder = tmp_path_factory.mktemp("list")
    (folder / "clips").mkdir()
    rows = []
    for at in range(6):
        hertz = 300 + 200 * at
        media.clip(folder / "clips" / f"c{at}.mp4", 3, sound=media.tone(3, hertz=hertz))
        rows.append((f"c{at}", "abc"[at % 3], "x", at))
    media.wav_float(folder / "clips" / "rain.wav", media.tone(2, hertz=2000))
    rows.append(("rain", "rain", "y", "1"))
    with (folder / "list.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("clip", "scene", "city", "location"), *rows])
    return folder


def call(command: click.Command, *arguments: object):
    done = CliRunner().invoke(command, [str(each) for each in arguments], standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return done


def join(folder: Path, out: Path, *more: object):
    return call(join_, "--clips", folder / "list.csv", "--media", folder / "clips", "--out", out,
                *SMALL, "--count", 3, "--seed", 7, *more)  # fmt: skip


@pytest.fixture(scope="module")
def joined(folder, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("out") / "joined"
    done = join(folder, out)
    assert done.return_value == 0
    assert "10 files made, 0 were there already, 0 could not be made; 3 clips joined of" in done.stdout
    return out


def content(folder: Path) -> dict[str, bytes]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_what_is_joined_is_told(joined):
    clips = read_joins(joined / "joins.csv")
    assert len(clips) == 3
    for clip in clips:
        assert (joined / f"{clip.name}.mp4").is_file()
        assert 4 <= clip.seconds <= 6
        assert clip.seed == 7
    assert {path.name for path in (joined / "lent").glob("*.mp4")} == {
        *(f"c{at}.mp4" for at in range(6)), "rain.mp4",
    }  # fmt: skip
    origin = json.loads((joined / "joins.csv.json").read_text())
    assert origin["frame"] == {"width": 64, "height": 64, "rate": 5}
    assert origin["clips"] == 3


def test_a_run_that_was_ended_goes_on_to_the_same_bytes(folder, joined, tmp_path):
    out = tmp_path / "joined"
    join(folder, out)
    before = content(joined)
    assert content(out) == before
    name = read_joins(out / "joins.csv")[0].name
    (out / f"{name}.mp4").unlink()
    (out / "lent" / "rain.mp4").write_bytes(b"cut off")
    (out / "lent" / ".c1.mp4.0123.part").write_bytes(b"killed")
    told = json.loads(join(folder, out, "--json", "--workers", 1).stdout)
    assert (told["made"], told["skipped"], told["failures"]) == (2, 8, [])
    assert content(out) == before


def test_splices_are_drawn_and_rendered(folder, joined, tmp_path):
    manifest, near = tmp_path / "m.csv", tmp_path / "near.txt"
    near.write_text("a b\n")
    order = (joined / "joins.csv", "--clips", folder / "list.csv", "--near", near, "--seconds", "1-2",
             "--spans", "1", "--keep-off", 0.25, "--seed", 3, "--out", manifest)  # fmt: skip
    done = call(splice_, *order)
    assert done.return_value == 0
    assert "3 joined clips, each as it is and spliced with" in done.stdout
    entries = read_manifest(manifest)
    clips = {clip.name: clip for clip in read_joins(joined / "joins.csv")}
    assert sorted(each.picture.name for each in entries) == sorted([*clips, *clips])
    for each in entries:
        if each.manipulated:
            clip = clips[each.picture.name]
            for edge in (each.spans[0].start, each.spans[0].end):
                assert all(abs(edge - join) >= Fraction(1, 4) for join in (0, *clip.joins, clip.seconds))
            assert each.sound.label not in {piece.source.label for piece in clip.pieces}
    first = manifest.read_bytes()
    call(splice_, *order)
    assert manifest.read_bytes() == first
    rendered = render(entries, joined, tmp_path / "rendered", workers=1)
    assert (rendered.rendered, rendered.failures) == (6, ())


def test_a_clip_that_breaks_after_it_was_listed_is_status_4(folder, tmp_path):
    listed = tmp_path / "list"
    (listed / "clips").mkdir(parents=True)
    for path in (folder / "clips").iterdir():
        (listed / "clips" / path.name).write_bytes(path.read_bytes())
    (listed / "list.csv").write_text((folder / "list.csv").read_text())
    media.damage(listed / "clips" / "c2.mp4", start=0.2, end=0.6)
    done = join(listed, tmp_path / "out", "--json")
    told = json.loads(done.stdout)
    assert done.return_value == MediaError.exit_status
    failed = {each["name"] for each in told["failures"]}
    assert failed
    for clip in read_joins(tmp_path / "out" / "joins.csv"):
        assert clip.name not in failed
        assert (tmp_path / "out" / f"{clip.name}.mp4").is_file()
    assert all(f"vadd: {name}: " in done.stderr for name in failed)


def test_wrong_calls_write_nothing(folder, joined, tmp_path):
    out = tmp_path / "out"
    for more, error, message in (
        (("--seconds", "6-4"), click.UsageError, "ends before it begins"),
        (("--seconds", "soon"), click.UsageError, "no range"),
        (("--size", "65x64"), click.UsageError, "no size"),
        (("--pieces", "3-4"), UsageError, "no room for two pieces"),
        (("--count", "0"), click.UsageError, "0"),
        (("--media", tmp_path / "none"), UsageError, "there is no folder"),
    ):
        with pytest.raises(error, match=message):
            join(folder, out, *more)
    alike = tmp_path / "alike.csv"
    alike.write_text("clip,scene,city,location\nc0,a,x,0\nc1,a,x,1\n")
    with pytest.raises(ProtocolError, match="too few or too much alike"):
        join(folder, out, "--clips", alike)
    with pytest.raises(UsageError, match="join into another folder"):
        join(folder, folder / "clips")
    mute = tmp_path / "mute"
    mute.mkdir()
    media.write(mute / "c0.mp4", media.Picture(media.seconds_of_colour(3)))
    media.clip(mute / "c1.mp4", 3)
    with pytest.raises(ProtocolError, match="the clip c0 cannot be used: there is no sound in it"):
        join(folder, out, "--clips", alike, "--media", mute)
    (mute / "c0.mp4").write_text("no film")
    with pytest.raises(ProtocolError, match="the clip c0 cannot be used"):
        join(folder, out, "--clips", alike, "--media", mute)
    assert not out.exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        join(folder, tmp_path / "file" / "out")


def test_wrong_splices(folder, joined, tmp_path):
    manifest = tmp_path / "m.csv"
    order = (joined / "joins.csv", "--clips", folder / "list.csv", "--out", manifest)
    for more, error, message in (
        (("--spans", "1.5"), click.UsageError, "a whole one"),
        (("--spans", "2-1"), click.UsageError, "ends before"),
        (("--keep-off", "0"), click.UsageError, "0"),
        (("--seconds", "0.5-2"), UsageError, "lasts 1 s at least"),
        ((), ProtocolError, "none of the 3 joined clips has room for a span"),
    ):
        with pytest.raises(error, match=message):
            call(splice_, *order, *more)
    with pytest.raises(ProtocolError, match="there is no column 'joins'"):
        call(splice_, folder / "list.csv", *order[1:])
    assert not manifest.exists()
