"""A kept document as the verdict it was made of, so that pages and downloads say what the report says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from vadd.detect.verdict import (
    Concept,
    Contribution,
    Exhibit,
    InputRecord,
    Outcome,
    Provenance,
    Reason,
    SecondFinding,
    ShotFinding,
    SpanFinding,
    Verdict,
)
from vadd.errors import StoreError
from vadd.report.document import SCHEMA
from vadd.timeline import Span

__all__ = ["verdict_of"]


def verdict_of(document: Mapping[str, Any], exhibit: Exhibit | None = None) -> Verdict:
    """The verdict of a document (:func:`vadd.report.document.document`), to six decimals as it is written.

    Args:
        document: As read from JSON.
        exhibit: Pictures to go with it; a document holds none.

    Raises:
        StoreError: If it is not a document of this version.
    """
    try:
        if document["schema"] != SCHEMA:
            raise StoreError(f"a result of the form {document['schema']!r}, not {SCHEMA}")
        verdict = _verdict(document)
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise StoreError(f"no result: {error}") from error
    return replace(verdict, exhibit=exhibit)


def _verdict(told: Mapping[str, Any]) -> Verdict:
    return Verdict(
        verdict=Outcome(told["verdict"]),
        reason=_reason(told["reason"]),
        explanation=told["explanation"],
        score=told["score"],
        probability=told["probability"],
        prior=told["prior"],
        false_alarms=told["false_alarms"],
        threshold=told["threshold"],
        duration=Fraction(0) if told["duration"] is None else _time(told["duration"]),
        seconds=tuple(map(_second, told["seconds"])),
        spans=tuple(map(_flagged, told["spans"])),
        picture=_concepts(told["picture"]),
        sound=_concepts(told["sound"]),
        notes=tuple(told["notes"]),
        provenance=_provenance(told["provenance"]),
        shots=tuple(map(_shot, told["shots"])),
    )


def _time(seconds: float) -> Fraction:
    # The decimal that was written, not the binary fraction nearest to it.
    return Fraction(str(seconds))


def _span(told: Mapping[str, Any]) -> Span:
    return Span(_time(told["start"]), _time(told["end"]))


def _reason(name: str | None) -> Reason | None:
    return None if name is None else Reason(name)


def _concepts(told: Sequence[Mapping[str, Any]]) -> tuple[Concept, ...]:
    return tuple(Concept(each["name"], each["probability"]) for each in told)


def _second(told: Mapping[str, Any]) -> SecondFinding:
    return SecondFinding(
        span=_span(told),
        score=told["score"],
        weight=told["weight"],
        mute=_reason(told["mute"]),
        picture=_concepts(told["picture"]),
        sound=_concepts(told["sound"]),
        level=told["level"],
    )


def _flagged(told: Mapping[str, Any]) -> SpanFinding:
    return SpanFinding(
        span=_span(told),
        score=told["score"],
        probability=told["probability"],
        picture=_concepts(told["picture"]),
        sound=_concepts(told["sound"]),
        expected=_concepts(told["expected"]),
        contributions=tuple(
            Contribution(each["side"], each["name"], each["probability"], each["effect"])
            for each in told["contributions"]
        ),
    )


def _shot(told: Mapping[str, Any]) -> ShotFinding:
    return ShotFinding(
        span=_span(told),
        score=told["score"],
        mute=_reason(told["mute"]),
        picture=_concepts(told["picture"]),
        sound=_concepts(told["sound"]),
    )


def _provenance(told: Mapping[str, Any]) -> Provenance:
    return Provenance(
        inputs=tuple(
            InputRecord(each["role"], each["name"], each["sha256"], each["size"], each["media"])
            for each in told["inputs"]
        ),
        version=told["version"],
        model=told["model"],
        hashes=told["hashes"],
        config=told["config"],
        libraries=told["libraries"],
    )
