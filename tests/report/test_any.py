"""Any verdict in every form: nothing breaks a form, and each form says what the verdict says."""

from __future__ import annotations

import csv
import io
import json
from fractions import Fraction

import jsonschema
import pytest
from anything import verdicts
from hypothesis import HealthCheck, given, settings
from subtitles import read
from test_page import Reader

from vadd.detect.verdict import Verdict
from vadd.report.avdf import avdf, proposals
from vadd.report.document import PLACES, line
from vadd.report.minutes import minutes
from vadd.report.page import page
from vadd.report.schema import json_schema, validate
from vadd.report.spans_table import COLUMNS, span_rows, spans_table
from vadd.report.srt import srt
from vadd.report.table import row, table
from vadd.report.terminal import render

VALIDATOR = jsonschema.Draft202012Validator(json_schema())

#: Whole verdicts are large to draw, and what they are rendered to takes long on a busy machine.
ANY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def milliseconds(time: Fraction) -> int:
    return round(time * 1000)


@ANY
@given(verdicts())
def test_json(verdict: Verdict):
    text = line(verdict)
    assert text.isascii()
    assert "\n" not in text
    found = json.loads(text)
    VALIDATOR.validate(found)
    assert validate(found).model_dump(mode="json") == found
    assert sum(m["flagged"] for m in found["minutes"]) == pytest.approx(
        sum(s["end"] - s["start"] for s in found["spans"]), abs=1e-4
    )


@ANY
@given(verdicts())
def test_subtitles(verdict: Verdict):
    text = srt(verdict)
    text.encode("utf-8")
    cues = read(text)
    if verdict.spans:
        assert [(c.start, c.end) for c in cues] == [
            (milliseconds(s.span.start), max(milliseconds(s.span.end), milliseconds(s.span.start) + 1))
            for s in verdict.spans
        ]
        assert all([line.split(":")[0] for line in cue.lines[1:]] == ["seen", "heard"] for cue in cues)
    else:
        (cue,) = cues
        assert cue.start == 0
        assert cue.end <= 5000


@ANY
@given(verdicts())
def test_tables(verdict: Verdict):
    name = verdict.provenance.inputs[0].name
    found = list(csv.DictReader(io.StringIO(spans_table(span_rows(verdict, name)))))
    assert len(found) == len(verdict.spans)
    for cells, span in zip(found, verdict.spans, strict=True):
        assert tuple(cells) == COLUMNS
        assert float(cells["start"]) == pytest.approx(float(span.span.start), abs=1e-6)
        assert float(cells["end"]) == pytest.approx(float(span.span.end), abs=1e-6)
        for key in ("file", "seen", "expected", "heard", "contribution"):
            assert not cells[key].lstrip().startswith(("=", "+", "-", "@", "\t", "\r", "|", "%"))
            assert len(cells[key].splitlines()) <= 1
    (cells,) = csv.DictReader(io.StringIO(table([row(verdict, name)])))
    assert cells["verdict"] == verdict.verdict.value


@ANY
@given(verdicts())
def test_proposals(verdict: Verdict):
    text = avdf([(verdict.provenance.inputs[0].name, proposals(verdict))])
    (found,) = json.loads(text.encode("ascii")).values()
    assert sorted(start for _, start, _ in found) == [
        round(float(s.span.start), PLACES) for s in verdict.spans
    ]
    assert [score for score, _, _ in found] == sorted((score for score, _, _ in found), reverse=True)
    assert all(0 <= start < end for _, start, end in found)


@ANY
@given(verdicts())
def test_page(verdict: Verdict):
    html = page(verdict)
    html.encode("utf-8")
    reader = Reader(html)
    assert reader.all("script") == []
    assert len(reader.all("article")) == len(verdict.spans)
    assert ("Minute by minute" in reader.text) == (verdict.duration > 180)


@ANY
@given(verdicts())
def test_terminal(verdict: Verdict):
    for width in (40, 120):
        text = render(verdict, width=width)
        text.encode("utf-8")
        assert "\x1b" not in text
        assert text.endswith("\n")
    assert text.count(" does not fit, score") >= min(len(verdict.spans), 6)


@ANY
@given(verdicts())
def test_minutes_are_sums_over_their_seconds(verdict: Verdict):
    found = minutes(verdict)
    assert sum(m.flagged for m in found) == sum(s.span.duration for s in verdict.spans)
    at = 0
    for number, minute in enumerate(found):
        inside = [s for s in verdict.seconds if number * 60 <= s.span.start < number * 60 + 60]
        told = [s for s in inside if s.mute is None and s.score is not None and s.weight > 0]
        assert minute.column.span.start == inside[0].span.start
        assert minute.column.span.end == inside[-1].span.end
        assert minute.speaking == len(told) / len(inside)
        assert minute.column.peak == max((s.score for s in told), default=None)
        at += len(inside)
    assert at == len(verdict.seconds)
