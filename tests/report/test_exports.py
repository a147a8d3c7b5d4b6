"""Subtitles, the table of spans and AV-Deepfake1M's JSON, on verdicts whose content is known."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest
from samples import AGAINST, SEA, SURF_EXPECTED, consistent, discrepant, failed, inconclusive
from subtitles import Cue, read

from vadd.detect.verdict import Concept, Contribution, SpanFinding
from vadd.protocol.predictions import read_avdeepfake1m
from vadd.protocol.truth import Labels, Truth
from vadd.report.avdf import avdf, proposals
from vadd.report.spans_table import COLUMNS, span_rows, spans_table
from vadd.report.srt import srt
from vadd.report.words import said, telling
from vadd.timeline import Span


def test_a_span_is_said_as_an_editor_reads_it():
    found = SpanFinding(
        span=Span(Fraction(0), Fraction(1)),
        score=0.9,
        probability=0.9,
        picture=(Concept("beach", 0.71),),
        sound=(Concept("motor traffic", 0.83),),
        expected=(Concept("surf", 0.4),),
    )
    assert said(found) == "seen: beach (0.71), surf expected; heard: motor traffic (0.83)"
    assert said(replace(found, expected=())) == "seen: beach (0.71); heard: motor traffic (0.83)"
    assert said(replace(found, picture=(), sound=())) == "seen: nothing known; heard: nothing known"
    assert "surf or wind expected" in said(
        replace(found, expected=(Concept("surf", 0.4), *SURF_EXPECTED[1:]))
    )
    assert telling(replace(found, contributions=AGAINST)) == (AGAINST[0], AGAINST[1], AGAINST[3])


def test_a_cue_stands_as_long_as_its_span():
    cues = read(srt(discrepant()))
    assert cues == [
        Cue(
            3000,
            7000,
            (
                "The sound does not fit (probability 95%)",
                "seen: sea and shore (0.71), sand (0.14), boat (0.05), waves or wind expected",
                "heard: road traffic (0.58), engine (0.21), horn (0.08)",
            ),
        ),
        Cue(
            9000,
            10200,
            (
                "The sound does not fit (probability 90%)",
                "seen: forest (0.52), path (0.20), birds (0.10)",
                "heard: road traffic (0.58), engine (0.21), horn (0.08)",
            ),
        ),
    ]


@pytest.mark.parametrize(
    ("verdict", "end", "lines"),
    [
        (
            consistent(),
            5000,
            ["vadd: The sound seems to fit this picture.", "probability of a discrepancy 11%"],
        ),
        (
            inconclusive(),
            5000,
            [
                "vadd: Whether the sound belongs to the picture cannot be told.",
                "inconclusive: sound says nothing",
            ],
        ),
        (failed(), 5000, ["vadd: This file could not be judged.", "failed: damaged"]),
        (
            replace(consistent(), duration=Fraction(7, 3)),
            2333,
            ["vadd: The sound seems to fit this picture.", "probability of a discrepancy 11%"],
        ),
        (
            replace(discrepant(), spans=()),
            5000,
            ["vadd: The sound probably does not belong to this picture.", "probability of a discrepancy 93%"],
        ),
    ],
)
def test_without_spans_one_short_cue_says_so(verdict, end, lines):
    assert read(srt(verdict)) == [Cue(0, end, tuple(lines))]


def test_a_player_reads_the_subtitles(tmp_path):
    """FFmpeg's own reader finds the same cues."""
    (tmp_path / "x.srt").write_text(srt(discrepant()), encoding="utf-8")
    with av.open(str(tmp_path / "x.srt")) as file:
        stream = file.streams.subtitles[0]
        found = [
            (
                round(p.pts * p.time_base * 1000),
                round((p.pts + p.duration) * p.time_base * 1000),
                bytes(p).decode(),
            )
            for p in file.demux(stream)
            if p.size
        ]
    assert found == [(cue.start, cue.end, "\n".join(cue.lines)) for cue in read(srt(discrepant()))]


def test_names_cannot_break_out_of_a_cue():
    evil = (Concept("1\n\n9\n00:00:00,000 --> 00:09:00,000\n<b>{\\an8}\\Nall is well", 0.5),)
    base = discrepant()
    text = srt(
        replace(base, spans=tuple(replace(s, picture=evil, sound=evil, expected=evil) for s in base.spans))
    )
    cues = read(text)
    assert len(cues) == 2
    assert [len(cue.lines) for cue in cues] == [3, 3]
    assert "all is well" in cues[0].lines[1]


def test_the_table_has_a_row_a_span():
    rows = [*span_rows(discrepant(), "a.mp4"), *span_rows(consistent(), "b.mp4")]
    found = list(csv.DictReader(io.StringIO(spans_table(rows))))
    assert [tuple(each) for each in found] == [COLUMNS] * 2
    assert found[0] == {
        "file": "a.mp4",
        "start": "3",
        "end": "7",
        "score": "0.89",
        "probability": "0.95",
        "seen": "sea and shore (0.71); sand (0.14); boat (0.05)",
        "expected": "waves (0.41); wind (0.12)",
        "heard": "road traffic (0.58); engine (0.21); horn (0.08)",
        "contribution": "road traffic heard",
        "effect": "1.3125",
    }
    assert (found[1]["end"], found[1]["expected"], found[1]["contribution"], found[1]["effect"]) == (
        "10.2",
        "",
        "",
        "",
    )
    assert spans_table([]) == ",".join(COLUMNS) + "\n"


def test_what_speaks_for_a_common_origin_is_no_reason_in_the_table():
    fits = (Contribution("sound", "waves", 0.5, -0.4),)
    base = discrepant()
    (cells, _) = span_rows(
        replace(base, spans=tuple(replace(s, contributions=fits) for s in base.spans)), "x"
    )
    assert cells["contribution"] == cells["effect"] == ""


def test_no_cell_of_the_table_is_a_formula():
    evil = (Concept("=HYPERLINK(1)", 0.5),)
    base = replace(
        discrepant(), spans=(replace(discrepant().spans[0], picture=evil, sound=evil, expected=evil),)
    )
    (cells,) = span_rows(base, "@x")
    assert all(cells[key].startswith("'") for key in ("file", "seen", "expected", "heard"))


def truth(*trials: str) -> Truth:
    n = len(trials)
    labels = Labels.of(["x"] * n)
    return Truth(trials, np.zeros(n, np.bool_), *[labels] * 9, spans=((),) * n)


def test_the_protocol_reads_the_proposals(tmp_path):
    files = [("some/where/a.mp4", proposals(discrepant())), ("b.mp4", proposals(consistent())), ("c", [])]
    (tmp_path / "p.json").write_text(avdf(files), encoding="utf-8")
    found = read_avdeepfake1m(tmp_path / "p.json", truth("a", "b", "c"))
    assert found.spans == (((0.91, 9.0, 10.2), (0.89, 3.0, 7.0)), (), ())
    assert found.scores[0] == 0.91


def test_no_file_is_lost_for_its_name():
    one, two = [(0.9, 0.0, 1.0)], [(0.8, 0.0, 1.0)]
    found = json.loads(avdf([("x/a.mp4", one), ("y/a.mp4", two), ("b.mp4", []), ("y/a.mp4", two)]))
    assert found == {
        "x/a.mp4": [[0.9, 0, 1]],
        "y/a.mp4": [[0.8, 0, 1]],
        "b.mp4": [],
        "y/a.mp4 (2)": [[0.8, 0, 1]],
    }
    strange = b"caf\xe9.mp4".decode("utf-8", "surrogateescape")
    found = json.loads(avdf([(strange, one), ("caf\\xe9.mp4", two), ("", one)]))
    assert sorted(len(each) for each in found.values()) == [1, 1, 1]


def test_seconds_below_one_are_kept():
    base = discrepant()
    span = replace(base.spans[0], span=Span(Fraction(10, 3), Fraction(101, 30)), picture=SEA)
    verdict = replace(base, spans=(span,))
    assert read(srt(verdict))[0].start == 3333
    assert proposals(verdict) == [(0.89, 3.333333, 3.366667)]
    assert span_rows(verdict, "x")[0]["start"] == "3.333333"
