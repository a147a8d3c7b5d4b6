"""Which seconds make a span."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vadd.detect.localise import runs, span_of
from vadd.timeline import Span, grid


def found(pattern: str) -> list[tuple[int, int]]:
    """Runs of a clip: ``x`` does not fit, ``.`` fits, ``-`` says nothing (and would not fit)."""
    scores = np.array([0.0 if second == "." else 1.0 for second in pattern])
    counts = np.array([second != "-" for second in pattern], np.bool_)
    return [(run.start, run.stop) for run in runs(scores, counts, 0.5)]


@pytest.mark.parametrize(
    ("pattern", "want"),
    [
        ("....", []),
        ("----", []),
        ("xxxx", [(0, 4)]),
        ("x...", [(0, 1)]),
        ("...x", [(3, 4)]),
        ("xx.xx", [(0, 5)]),
        ("xx-xx", [(0, 5)]),
        ("xx..xx", [(0, 2), (4, 6)]),
        ("xx.-xx", [(0, 2), (4, 6)]),
        ("-x-x-", [(1, 4)]),
        (".x.x.x..x", [(1, 6), (8, 9)]),
    ],
)
def test_runs(pattern, want):
    assert found(pattern) == want


def test_a_second_on_the_threshold_fits():
    assert runs(np.array([0.5, 0.6]), np.array([True, True]), 0.5) == [range(1, 2)]


@given(st.text("x.-", max_size=30))
def test_runs_begin_and_end_where_something_does_not_fit(pattern):
    spans = found(pattern)
    inside = {second for start, stop in spans for second in range(start, stop)}
    assert {second for second, kind in enumerate(pattern) if kind == "x"} <= inside
    for start, stop in spans:
        assert pattern[start] == pattern[stop - 1] == "x"
        assert ".." not in pattern[start:stop].replace("-", ".")
    assert all(before[1] + 1 < after[0] for before, after in pairwise(spans))


def test_a_run_lasts_as_long_as_its_seconds():
    seconds = grid(Fraction(27, 10))
    assert span_of(range(0, 1), seconds) == Span(Fraction(0), Fraction(1))
    assert span_of(range(1, 3), seconds) == Span(Fraction(1), Fraction(27, 10))
