"""When the sound is foreign: overlaps by plain loops, trial by trial and span by span."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vadd.protocol.spans_score import COUNTS, SPAN_FIGURES, THRESHOLDS, SpanRanking
from vadd.timeline import Span


def overlap(span, proposal):
    _, start, end = proposal
    shared = max(0.0, min(float(span.end), end) - max(float(span.start), start))
    return shared / (float(span.end - span.start) + end - start - shared)


def by_loops(spans, proposals):
    """AP and AR as the conventions say them."""
    total = sum(len(each) for each in spans)
    figures = []
    for least in THRESHOLDS:
        pool = []
        for true, said in zip(spans, proposals, strict=True):
            taken = set()
            for span in true:
                for at, proposal in enumerate(said):
                    if at not in taken and overlap(span, proposal) > least:
                        taken.add(at)
                        break
            pool += [(proposal[0], at in taken) for at, proposal in enumerate(said)]
        pool.sort(key=lambda each: -each[0])
        hits, points = 0, []
        for seen, (_, right) in enumerate(pool, 1):
            hits += right
            points.append((hits / total, hits / seen))
        area, before = 0.0, 0.0
        for at, (recall, _) in enumerate(points):
            area += (recall - before) * max(precision for _, precision in points[at:])
            before = recall
        figures.append(area)
    for most in COUNTS:
        recalls = []
        for least in (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95):
            found = sum(
                any(overlap(span, proposal) > least for proposal in said[:most])
                for true, said in zip(spans, proposals, strict=True)
                for span in true
            )
            recalls.append(found / total)
        figures.append(sum(recalls) / len(recalls))
    return figures


def drawn(seed, trials, most):
    rng = np.random.default_rng(seed)
    spans, proposals = [], []
    for _ in range(trials):
        edges = np.sort(rng.choice(60, size=2 * rng.integers(0, 4), replace=False))
        true = [
            Span(Fraction(int(a)), Fraction(int(b))) for a, b in zip(edges[::2], edges[1::2], strict=True)
        ]
        said = []
        for _ in range(rng.integers(0, most)):
            near = true[rng.integers(len(true))] if true and rng.random() < 0.7 else None
            start = float(near.start) if near else float(rng.integers(50))
            end = float(near.end) if near else start + 5
            start = max(0.0, start + rng.normal(0, 0.3))
            said.append((float(rng.random()), start, max(start + 0.1, end + rng.normal(0, 0.3))))
        spans.append(tuple(true))
        proposals.append(tuple(sorted(said, key=lambda each: -each[0])))
    return spans, proposals


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.sampled_from([3, 8, 130]))
def test_equal_to_plain_loops(seed, trials, most):
    spans, proposals = drawn(seed, trials, most)
    found = SpanRanking(spans, proposals, np.zeros(trials, np.int64)).figures()
    if not any(spans):
        assert np.isnan(found).all()
        return
    np.testing.assert_allclose(found, by_loops(spans, proposals), atol=1e-12)


@given(st.integers(0, 2**32 - 1))
def test_a_weight_is_a_repetition(seed):
    spans, proposals = drawn(seed, 6, 5)
    groups = np.array([0, 0, 1, 1, 2, 2])
    weights = np.array([2.0, 0.0, 1.0])
    ranking = SpanRanking(spans, proposals, groups)
    repeated = [at for at in range(6) for _ in range(int(weights[groups[at]]))]
    many = [spans[at] for at in repeated], [proposals[at] for at in repeated]
    if not any(many[0]):
        return
    np.testing.assert_allclose(ranking.figures(weights), by_loops(*many), atol=1e-12)


def test_what_counts_as_found():
    one = Span(Fraction(2), Fraction(4))
    named = dict(
        zip(
            SPAN_FIGURES, SpanRanking([(one,)], [((0.9, 2.0, 4.0),)], np.zeros(1, int)).figures(), strict=True
        )
    )
    assert set(named.values()) == {1.0}
    # Exactly half is not more than half.
    half = SpanRanking([(one,)], [((0.9, 2.0, 3.0),)], np.zeros(1, int)).figures()
    assert half.tolist() == [0.0] * len(SPAN_FIGURES)
    # A trial in which nothing was found is missed, not left out.
    silent = SpanRanking([(one,), (one,)], [((0.9, 2.0, 4.0),), ()], np.zeros(2, int)).figures()
    assert silent.tolist() == [0.5] * len(SPAN_FIGURES)
    # The second best of two that fit is a false alarm, and costs nothing behind the best.
    double = SpanRanking([(one,)], [((0.9, 2.0, 4.0), (0.8, 2.0, 4.0))], np.zeros(1, int)).figures()
    assert double[0] == 1.0
