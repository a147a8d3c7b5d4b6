"""Terminal text, tables, safe names and atomic files."""

from __future__ import annotations

import csv
import io
import os
import unicodedata
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import (
    ALL,
    consistent,
    discrepant,
    failed,
    hour,
    inconclusive,
    pair,
    provenance,
    record,
    two_hours,
)

from vadd.detect.verdict import Concept, Reason
from vadd.errors import OutputError
from vadd.report.columns import MuteRun
from vadd.report.output import is_folder, page_names, prepare_folder, probe_file, write
from vadd.report.table import COLUMNS, row, table
from vadd.report.terminal import render
from vadd.report.text import printable, storable
from vadd.report.words import headline, mute_list, percent
from vadd.timeline import Span

ACTING = st.characters(categories=["Cs", "Cc", "Cf", "Zl", "Zp"])
ANY_TEXT = st.text(alphabet=st.one_of(st.characters(), ACTING), max_size=40)


@given(ANY_TEXT)
def test_printable_has_nothing_that_acts(text):
    shown = printable(text)
    assert not {unicodedata.category(c) for c in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    shown.encode("utf-8")


@given(ANY_TEXT)
def test_storable_is_utf8_and_leaves_the_rest(text):
    storable(text).encode("utf-8")
    if not any(unicodedata.category(c) == "Cs" for c in text):
        assert storable(text) == text


def test_escapes_say_what_they_stand_for():
    assert printable("a\x1b[31m\n\u202e\udcff") == "a\\x1b[31m\\x0a\\u202e\\xff"
    assert printable("Küste – 海.mp4") == "Küste – 海.mp4"


@pytest.mark.parametrize(
    ("share", "words"), [(0.999, "over 99%"), (1.0, "over 99%"), (0.0, "under 1%"), (0.5, "50%")]
)
def test_percent_is_never_certain(share, words):
    assert percent(share) == words


@pytest.mark.parametrize("name", ALL)
def test_plain_text_fits_80_columns_without_escapes(name):
    text = render(ALL[name]())
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 80
    assert text.endswith("\n")


def test_terminal_says_what_the_verdict_says():
    text = render(discrepant())
    for words in (
        "DISCREPANT",
        "93%",
        "0.62",
        "10% false alarms",
        "prior 50%",
        "0:03-0:07",
        "road traffic (0.58)",
        "sand (0.14), boat (0.05), waves or wind",
        "+1.31  road traffic heard",
        "-0.22  wind heard",
        "score 0.89, probability 95%",
    ):
        assert words in text
    assert "▂▃▄▇███·▅█" in text
    assert "     ^^^^  ^\n     |   |\n" in text
    assert "boat seen" not in text  # its contribution would be +0.00
    assert "0:07-0:08 sound says nothing" in text
    assert "INCONCLUSIVE (sound says nothing)" in render(inconclusive())
    assert "picture of A.mp4 with sound of B.wav" in render(pair())
    broken = render(failed())
    assert "FAILED (damaged)" in broken
    assert "Only 12 %" in broken


def test_terminal_says_things_once():
    opening = "The sound does not fit the picture."
    base = replace(discrepant(), explanation=f"{opening} Seen: sea. Heard: horn.")
    text = render(base)
    assert text.count("93%") == 1
    assert opening not in text
    assert "Whole clip" in text
    whole = replace(base.spans[0], span=Span(Fraction(0), base.duration))
    text = render(replace(base, spans=(whole,)))
    assert "Whole clip" not in text
    assert text.count("seen:") == text.count("heard:") == 1
    part = replace(base.spans[0], span=Span(Fraction(1), base.duration))
    assert "Whole clip" in render(replace(base, spans=(part,)))


def test_a_call_that_is_less_likely_than_not_says_so():
    told = headline(replace(discrepant(), probability=0.004, false_alarms=0.999))
    assert "over 99% false alarms" in told
    assert "less likely than not" in told
    assert "probably" not in told
    assert headline(replace(discrepant(), probability=0.5)) == headline(discrepant())


def test_many_muted_stretches_are_counted():
    runs = [MuteRun(Span(Fraction(i), Fraction(i + 1)), Reason.SILENT) for i in range(0, 16, 2)]
    assert mute_list(runs[:1]) == "0:00-0:01 silent"
    assert mute_list(runs).endswith("0:10-0:11 silent and 2 more")
    assert mute_list([]) == ""


def test_an_hour_fits_and_has_its_times():
    lines = render(hour()).splitlines()
    ticks = next(line for line in lines if "10:00" in line)
    track = lines[lines.index(ticks) + 1]
    assert ticks.split() == ["0:00", "10:00", "20:00", "30:00", "40:00", "50:00"]
    assert ticks.index("20:00") == 2 + 20
    assert len(track) == 2 + 60
    assert track[2 + 12 : 2 + 14] == "··"


def test_a_long_video_is_told_by_the_minute():
    assert "Minute by minute" not in render(replace(consistent(), duration=Fraction(180)))
    assert max(map(len, render(hour(), width=60).splitlines())) <= 60
    text = render(hour())
    lines = [line.split() for line in text[text.index("Minute by minute") :].splitlines()[2:62]]
    assert [line[0] for line in lines] == [f"{at}:00" for at in range(60)]
    assert lines[12][1:5] == ["-", "-", "0%", "-"]
    assert lines[25][3:5] == ["100%", "1:00"]
    assert "road" in lines[25]
    assert "Every 2 minutes" in render(two_hours())
    assert len(render(two_hours()).splitlines()) < 130


def test_cuts_are_marked_unless_they_are_everywhere():
    assert "| cut" in render(discrepant())
    assert "| cut" not in render(hour())  # one in each cell of a minute
    assert "| cut" not in render(consistent())


def test_many_spans_are_counted():
    text = render(two_hours())
    assert text.count("does not fit, score") == 6
    assert "and 234 more spans" in text


def test_colour_only_on_request_and_ascii_on_request(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b[1;31m" in render(discrepant(), colour=True)
    assert render(discrepant(), unicode=False).isascii()
    assert render(hour(), unicode=False, width=40).isascii()


def test_terminal_is_not_steered_by_names():
    bad = "x\x1b]0;owned\x07[red]\n.mp4"
    text = render(
        replace(consistent(), provenance=provenance(record(bad)), notes=(bad,), sound=(Concept(bad, 1.0),))
    )
    assert "\x1b" not in text
    assert text.count("x\\x1b]0;owned\\x07[red]\\x0a.mp4") == 3


def test_table_reads_back():
    files = list(ALL)
    read = list(csv.DictReader(io.StringIO(table(row(ALL[f](), f) for f in files))))
    assert [tuple(r) for r in read] == [COLUMNS] * len(files)
    cells = dict(zip(files, read, strict=True))
    assert cells["discrepant"]["spans"] == "3-7;9-10.2"
    assert float(cells["discrepant"]["score"]) == 0.8132
    assert cells["failed"]["score"] == cells["failed"]["sha256"] == ""
    assert cells["failed"]["reason"] == "damaged"
    assert cells["consistent"]["sha256"] == consistent().provenance.inputs[0].sha256
    assert cells["pair"]["sha256"].split() == [i.sha256 for i in pair().provenance.inputs]


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1", "-1", "@x", "\t=1", " =1", "|x", "\r=1"])
def test_no_cell_is_a_formula(name):
    cell = row(consistent(), name)["file"]
    assert not cell.lstrip().startswith(("=", "+", "-", "@", "\t", "\r", "|"))


def test_numbers_in_the_table_are_plain():
    cells = row(replace(consistent(), score=1e-6, duration=Fraction(10)), "x")
    assert cells["score"] == "0.000001"
    assert cells["duration"] == "10"


def test_write_replaces_whole_files_and_leaves_nothing_beside(tmp_path):
    target = tmp_path / "a.html"
    write(target, "one")
    write(target, "zwei – 二")
    assert target.read_text("utf-8") == "zwei – 二"
    assert list(tmp_path.iterdir()) == [target]


def test_write_keeps_a_link_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link.html").symlink_to(tmp_path / "real" / "page.html")
    write(tmp_path / "link.html", "x")
    assert (tmp_path / "link.html").is_symlink()
    assert (tmp_path / "real" / "page.html").read_text() == "x"


def test_write_leaves_the_old_file_if_it_fails(tmp_path, monkeypatch):
    target = tmp_path / "a.html"
    write(target, "old")

    def full(fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="no space left"):
        write(target, "new")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_write_to_a_device_does_not_replace_it(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        probe_file(pipe)
        write(pipe, "through")
        assert os.read(reader, 100) == b"through"
    finally:
        os.close(reader)
    assert pipe.is_fifo()


def test_what_cannot_be_written_is_told_before(tmp_path):
    with pytest.raises(OutputError, match="it is a folder"):
        probe_file(tmp_path)
    with pytest.raises(OutputError, match=r"there is no folder .*none$"):
        probe_file(tmp_path / "none" / "a.html")
    with pytest.raises(OutputError, match="file name too long"):
        probe_file(tmp_path / (256 * "a"))
    probe_file(tmp_path / (255 * "a"))
    (tmp_path / "loop").symlink_to("loop")
    for path in (tmp_path / "loop", tmp_path / "loop" / "a.html"):
        for use in (probe_file, is_folder, lambda path: write(path, "x")):
            with pytest.raises(OutputError, match="too many levels"):
                use(path)
    (tmp_path / "loop").unlink()
    (tmp_path / "away").symlink_to("none/a.html")
    with pytest.raises(OutputError, match=r"there is no folder .*none$"):
        probe_file(tmp_path / "away")
    (tmp_path / "away").unlink()
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        prepare_folder(tmp_path / "file")
    with pytest.raises(OutputError, match="cannot write"):
        prepare_folder(tmp_path / "file" / "deeper")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_prepare_folder_makes_it_and_leaves_it_empty(tmp_path):
    prepare_folder(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_page_names_do_not_collide():
    assert page_names(["a.mp4", "a.mp4", "A.MP4", "a.mp4-2"]) == [
        "a.mp4.html", "a.mp4-2.html", "A.MP4-3.html", "a.mp4-2-2.html",
    ]  # fmt: skip
    assert page_names(["../../x", ".hidden", "-rf", "***"]) == [
        "_.._x.html",
        "hidden.html",
        "rf.html",
        "___.html",
    ]


@given(st.lists(ANY_TEXT, max_size=8))
def test_page_names_are_safe_and_distinct(names):
    found = page_names(names)
    assert len({n.casefold() for n in found}) == len(names)
    for name in found:
        assert name == os.path.basename(name)  # noqa: PTH119 - the string itself is meant
        assert len(name.encode("utf-8")) < 255
        assert not name.startswith((".", "-"))
        assert name.endswith(".html")


def test_other_names_than_of_pages():
    assert page_names(["a", "A", "../b"], ".srt") == ["a.srt", "A-2.srt", "_b.srt"]


def test_page_names_are_short_enough_for_long_names():
    (name,) = page_names(["海" * 85])
    assert len(name.encode()) <= 210
