"""Any verdict that a detector could come to, as hypothesis strategies."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

from hypothesis import strategies as st
from samples import provenance, record

from vadd.detect.verdict import (
    Concept,
    Contribution,
    Outcome,
    Reason,
    SecondFinding,
    ShotFinding,
    SpanFinding,
    Verdict,
)
from vadd.timeline import Span, grid

#: Characters that a form could stumble over, and all others.
NASTY = [
    "\n",
    "\r",
    "\0",
    "\x1b",
    "\x85",
    "\u2028",
    "\u202e",
    "\udc80",
    "<",
    ">",
    "&",
    "{",
    "}",
    "\\",
    '"',
    "-",
    ";",
]
TEXT = st.one_of(
    st.sampled_from([
        "a dog", "1\n\n2\n00:00:00,000 --> 00:00:01,000\nx", "-->", "<b>x</b>", "{\\an8}x", "=1+1", "a,b;c",
        "\n\n", "</title><script>alert(1)</script>", "]]>", "%s{0}", "[red]x",
    ]),
    st.text(st.one_of(st.sampled_from(NASTY), st.characters()), min_size=1, max_size=12),
)  # fmt: skip
SHARE = st.one_of(st.sampled_from([0.0, 1.0, 0.5, 1e-9, 1 - 1e-9]), st.floats(0, 1))
EFFECT = st.one_of(st.sampled_from([0.0, -0.0, 1e-7, -87.3, 87.3]), st.floats(-100, 100))
CONCEPTS = st.lists(st.builds(Concept, TEXT, SHARE), max_size=4, unique_by=lambda c: c.name).map(tuple)
LEVEL = st.one_of(st.none(), st.just(-math.inf), st.floats(-120, 0))
MUTE = st.one_of(st.none(), st.sampled_from([r for r in Reason if r.outcome is Outcome.INCONCLUSIVE]))
CONTRIBUTION = st.builds(Contribution, st.sampled_from(["picture", "sound"]), TEXT, SHARE, EFFECT)


def durations():
    """From under a second to a few minutes, by any fraction."""
    short = st.fractions(Fraction(1, 10), 12, max_denominator=1001)
    return st.one_of(
        short, st.fractions(170, 400, max_denominator=1001), st.sampled_from([Fraction(180), Fraction(60)])
    )


@st.composite
def edges(draw, duration, most):
    """Rising times from 0 to the end, at least a millisecond apart."""
    steps = draw(st.lists(st.integers(1, int(duration * 1000)), max_size=most, unique=True))
    inside = sorted(Fraction(step, 1000) for step in steps if step < duration * 1000)
    return [Fraction(0), *inside, duration]


@st.composite
def seconds(draw, duration):
    """One finding a second; long clips repeat a few of them."""
    spans = grid(duration)
    finding = st.tuples(st.one_of(st.none(), SHARE), SHARE, MUTE, CONCEPTS, CONCEPTS, LEVEL)
    drawn = draw(st.lists(finding, min_size=1, max_size=6))
    return tuple(SecondFinding(span, *drawn[at % len(drawn)]) for at, span in enumerate(spans))


@st.composite
def verdicts(draw):
    """Any verdict; never with an exhibit, which is about pictures and not about what a form can hold."""
    outcome = draw(st.sampled_from(list(Outcome)))
    failed = outcome is Outcome.FAILED
    reasons = [reason for reason in Reason if reason.outcome is outcome]
    duration = Fraction(0) if failed else draw(durations())
    spans, shots = [], []
    if outcome is Outcome.DISCREPANT:
        times = draw(edges(duration, 7))
        spans = [
            SpanFinding(
                Span(start, end), draw(SHARE), draw(SHARE), draw(CONCEPTS), draw(CONCEPTS), draw(CONCEPTS),
                tuple(draw(st.lists(CONTRIBUTION, max_size=4))),
            )
            for start, end in list(pairwise(times))[:: draw(st.sampled_from([1, 2]))]
        ]  # fmt: skip
    if not failed and draw(st.booleans()):
        times = draw(edges(duration, 5))
        shots = [
            ShotFinding(Span(start, end), draw(st.none() | SHARE), draw(MUTE), draw(CONCEPTS), draw(CONCEPTS))
            for start, end in pairwise(times)
        ]
    return Verdict(
        verdict=outcome,
        reason=draw(st.sampled_from(reasons)) if reasons else None,
        explanation=draw(TEXT),
        score=None if failed else draw(SHARE),
        probability=None if failed else draw(SHARE),
        prior=0.5,
        false_alarms=draw(st.floats(1e-6, 0.999)),
        threshold=draw(st.one_of(st.none(), SHARE)),
        duration=duration,
        seconds=() if failed else draw(seconds(duration)),
        spans=tuple(spans),
        picture=draw(CONCEPTS),
        sound=draw(CONCEPTS),
        notes=tuple(draw(st.lists(TEXT, max_size=2))),
        provenance=provenance(record(draw(TEXT))),
        shots=tuple(shots),
    )
