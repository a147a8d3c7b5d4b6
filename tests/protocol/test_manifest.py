"""Manifests and the tables that people bring: read as they come, refused with their line."""

from __future__ import annotations

import gc
import json
import os
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vadd.errors import OutputError, ProtocolError, UsageError
from vadd.protocol.manifest import (
    COLUMNS,
    FORM,
    Party,
    entry,
    read_manifest,
    read_origin,
    read_spans,
    write_manifest,
)
from vadd.protocol.tables import rows
from vadd.timeline import Span

BUS = Party("bus-paris-1-1", "vehicle", "bus", "paris", "1")
PARK = Party("park-lyon-2-2", "outdoor", "park", "lyon", "2")
SPAN = Span(Fraction(1), Fraction(5, 2))


@pytest.fixture
def made(tmp_path):
    entries = [
        entry(BUS, BUS, 7, manipulated=False),
        entry(BUS, PARK, 7, manipulated=True),
        entry(PARK, BUS, 7, manipulated=True, spans=(SPAN, Span(Fraction(6), Fraction(8)))),
    ]
    path = tmp_path / "m.csv"
    write_manifest(path, entries, {"design": "paper", "seed": 7})
    return path, entries


def test_round_trip(made):
    path, entries = made
    found = read_manifest(path)
    assert set(found) == set(entries)
    assert [each.trial for each in found] == sorted(each.trial for each in entries)
    origin = read_origin(path)
    assert (origin["design"], origin["seed"], origin["manifest"]) == ("paper", 7, FORM)
    assert read_origin(path.with_name("other.csv")) == {}


def test_names_tell_nothing_and_repeat():
    first = entry(BUS, PARK, 7, manipulated=True)
    assert first == entry(BUS, PARK, 7, manipulated=True)
    assert first.trial == "t9ed792e0561abe3"  # on every machine
    assert not any(word in first.trial for word in ("bus", "park", "paris"))
    assert first.trial != entry(BUS, PARK, 8, manipulated=True).trial


@pytest.mark.parametrize("change", ["bom", "semicolons", "crlf", "columns", "blank lines"])
def test_tables_of_other_programs(made, change):
    path, entries = made
    text = path.read_text()
    if change == "bom":
        path.write_text(text, encoding="utf-8-sig")
    elif change == "semicolons":
        path.write_text(text.replace("1-2.5;6-8", '"1-2.5;6-8"').replace(",", ";"))
    elif change == "crlf":
        path.write_bytes(text.replace("\n", "\r\n").encode())
    elif change == "columns":
        lines = [line.split(",") for line in text.splitlines()]
        path.write_text("\n".join(",".join([*reversed(line), "x"]) for line in lines) + "\n")
    else:
        path.write_text(text.replace("\n", "\n\n"))
    assert set(read_manifest(path)) == set(entries)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (FORM, "vadd.manifest/9", "line 2: a manifest of the form 'vadd.manifest/9'"),
        ("picture_class", "klass", "line 1: there is no column 'picture_class'"),
        (",1,", ",yes,", "manipulated is 'yes'"),
        ("1-2.5", "2.5-1", "is no span"),
        ("1-2.5;6-8", "6-8;1-2.5", "not in order"),
        ("1-2.5", "1e9-2e9", "is no span"),
        ("vehicle,vehicle", "vehicle", "fields, not 14"),
    ],
)
def test_what_makes_no_sense_is_told_with_its_line(made, old, new, said):
    path, _ = made
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ProtocolError, match=r"m\.csv, line") as caught:
        read_manifest(path)
    assert said in str(caught.value)


def test_a_trial_twice_and_none(made):
    path, _ = made
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines, lines[1]]))
    with pytest.raises(ProtocolError, match=r"line 5: the trial t.* is in line 2 already"):
        read_manifest(path)
    path.write_text(lines[0])
    with pytest.raises(ProtocolError, match="no trials"):
        read_manifest(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ProtocolError, match="no table"):
        read_manifest(path)
    with pytest.raises(UsageError, match="cannot read"):
        read_manifest(path.with_name("none.csv"))


def test_nothing_is_left_half_written(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match=r"cannot write m.csv in"):
        write_manifest(tmp_path / "file" / "m.csv", [entry(BUS, PARK, 1, manipulated=True)], {})
    one = entry(BUS, PARK, 1, manipulated=True)
    with pytest.raises(ProtocolError, match="two trials"):
        write_manifest(tmp_path / "m.csv", [one, one], {})
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_link_keeps_pointing_and_a_device_stays(tmp_path):
    """A manifest once took the place of /dev/full."""
    one = entry(BUS, PARK, 1, manipulated=True)
    (tmp_path / "deep").mkdir()
    true, link, pipe = tmp_path / "deep" / "m.csv", tmp_path / "link.csv", tmp_path / "pipe"
    link.symlink_to(true)
    for _ in range(2):  # where nothing is yet, and where something is
        write_manifest(link, [one], {"seed": 1})
        assert link.is_symlink()
        assert read_manifest(link) == read_manifest(true) == (one,)
        assert read_origin(link)["seed"] == 1
    os.mkfifo(pipe)
    for place in (pipe, tmp_path / "deep"):
        with pytest.raises(OutputError, match=r"cannot write .*: it is (no file|a folder)"):
            write_manifest(place, [one], {})
    assert pipe.is_fifo()
    (tmp_path / "round").symlink_to(tmp_path / "round")
    with pytest.raises(OutputError, match=r"cannot write .*round"):
        write_manifest(tmp_path / "round", [one], {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep", "link.csv", "pipe", "round"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"trial,score\nt1,0\nt2,\xe9\n", 3),
        (b'trial,score\nt1,0\n"t2,0\n', 3),
        (b"trial,score\nt1,0\n" + b"t" * 200_000 + b",0\n", 3),
        (b"trial,score,score\nt1,0,1\n", 1),
        (b'"trial,score\n', 1),
    ],
)
def test_no_table_is_told_with_its_line(tmp_path, text, line):
    path = tmp_path / "p.csv"
    path.write_bytes(text)
    with pytest.raises(ProtocolError, match=rf"p\.csv, line {line}: "):
        list(rows(path, ["trial", "score"]))


def test_no_look_for_cycles_while_a_manifest_is_read(made):
    path, entries = made
    assert gc.isenabled()
    assert len(read_manifest(path)) == len(entries)
    assert gc.isenabled()
    path.write_text("trial\n")
    gc.disable()
    try:
        with pytest.raises(ProtocolError):
            read_manifest(path)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_equal_clips_and_words_are_kept_once(made):
    """What keeps a million trials small."""
    path, _ = made
    found = read_manifest(path)
    pristine = next(each for each in found if not each.manipulated)
    assert pristine.picture is pristine.sound
    cities = [party.city for each in found for party in (each.picture, each.sound)]
    assert len({id(city) for city in cities}) == len(set(cities)) == 2


def test_origin_that_is_no_object(made):
    path, _ = made
    path.with_name("m.csv.json").write_text(json.dumps([1]))
    with pytest.raises(ProtocolError, match="no JSON object"):
        read_origin(path)


def test_optional_columns(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text("trial\tscore\nt1\t 0.5 \n")
    assert list(rows(path, ["trial", "score"], optional=["spans"])) == [
        (2, {"trial": "t1", "score": "0.5", "spans": ""})
    ]
    assert "manifest" in COLUMNS


@given(st.lists(st.integers(1, 40), min_size=2, max_size=8))
def test_spans_read_as_they_are_written(steps):
    edges = [sum(steps[: at + 1]) for at in range(len(steps))]
    spans = tuple(Span(Fraction(a, 4), Fraction(b, 4)) for a, b in zip(edges[::2], edges[1::2], strict=False))
    written = ";".join(f"{float(span.start)}-{float(span.end)}" for span in spans)
    assert read_spans(written, "here") == spans
