"""The JSON document of a verdict: the form in which results are stored and exchanged.

The same verdict always gives the same bytes: keys come in the order of the schema, numbers are rounded
to six places, maps are sorted by key. :mod:`vadd.report.schema` describes and validates it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from vadd.detect.verdict import (
    Concept,
    Contribution,
    InputRecord,
    Outcome,
    Provenance,
    SecondFinding,
    ShotFinding,
    SpanFinding,
    Verdict,
)
from vadd.media.levels import SILENCE
from vadd.report.minutes import Minute, minutes
from vadd.report.text import storable
from vadd.timeline import Span

__all__ = ["SCHEMA", "document", "line", "provenance_of"]

#: Name and version of the document; a field added, dropped or changed makes a new one.
SCHEMA = "vadd.result/2"

#: Six places are finer than any score means and coarse enough to be the same on every processor.
PLACES = 6


def document(verdict: Verdict) -> dict[str, Any]:
    """A verdict as a JSON-ready dictionary, without the pictures of its exhibit.

    Args:
        verdict: Any verdict.

    Returns:
        Only dictionaries, lists, strings, numbers, booleans and ``None``; times are float seconds.

    Raises:
        ValueError: If a number is not finite, which no verdict should hold.
        TypeError: If provenance holds a value that JSON has no form for.
    """
    return {name: list(value) if isinstance(value, Iterator) else value for name, value in _items(verdict)}


def line(verdict: Verdict) -> str:
    """The document as one line of JSON Lines: ASCII only, without the line end."""
    # Hours have thousands of seconds: each is written and forgotten; all of them as dictionaries are large.
    return "{" + ", ".join(f"{_text(name)}: {_written(value)}" for name, value in _items(verdict)) + "}"


def _written(value: Any) -> str:
    return f"[{', '.join(map(_text, value))}]" if isinstance(value, Iterator) else _text(value)


def _text(value: Any) -> str:
    return json.dumps(value, allow_nan=False, separators=(", ", ": "))


def _items(verdict: Verdict) -> Iterator[tuple[str, Any]]:
    """The document's entries in order; of what there may be thousands of an iterator."""
    yield "schema", SCHEMA
    yield "verdict", verdict.verdict.value
    yield "reason", None if verdict.reason is None else verdict.reason.value
    yield "explanation", storable(verdict.explanation)
    yield "score", _number(verdict.score)
    yield "probability", _number(verdict.probability)
    yield "prior", _number(verdict.prior)
    yield "threshold", _number(verdict.threshold)
    yield "false_alarms", _number(verdict.false_alarms)
    yield "duration", None if verdict.verdict is Outcome.FAILED else _number(verdict.duration)
    yield "spans", (_flagged(span) for span in verdict.spans)
    yield "picture", _concepts(verdict.picture)
    yield "sound", _concepts(verdict.sound)
    yield "minutes", (_minute(minute) for minute in minutes(verdict))
    yield "shots", (_shot(shot) for shot in verdict.shots)
    yield "seconds", (_second(second) for second in verdict.seconds)
    yield "notes", [storable(note) for note in verdict.notes]
    yield "provenance", provenance_of(verdict.provenance)


def _number(value: float | Fraction | None) -> float | None:
    if value is None:
        return None
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{number} has no place in a document")
    return round(number, PLACES) + 0.0  # + 0.0 turns -0.0 into 0.0


def _times(span: Span) -> dict[str, Any]:
    return {"start": _number(span.start), "end": _number(span.end)}


def _concepts(concepts: Sequence[Concept]) -> list[dict[str, Any]]:
    return [{"name": storable(c.name), "probability": _number(c.probability)} for c in concepts]


def _second(second: SecondFinding) -> dict[str, Any]:
    silent = second.level is None or second.level <= SILENCE
    return {
        **_times(second.span),
        "score": _number(second.score),
        "weight": _number(second.weight),
        "mute": None if second.mute is None else second.mute.value,
        "picture": _concepts(second.picture),
        "sound": _concepts(second.sound),
        "level": None if silent else _number(second.level),
    }


def _flagged(span: SpanFinding) -> dict[str, Any]:
    return {
        **_times(span.span),
        "score": _number(span.score),
        "probability": _number(span.probability),
        "picture": _concepts(span.picture),
        "sound": _concepts(span.sound),
        "expected": _concepts(span.expected),
        "contributions": [_contribution(each) for each in span.contributions],
    }


def _contribution(given: Contribution) -> dict[str, Any]:
    return {
        "side": given.side,
        "name": storable(given.name),
        "probability": _number(given.probability),
        "effect": _number(given.effect),
    }


def _shot(shot: ShotFinding) -> dict[str, Any]:
    return {
        **_times(shot.span),
        "score": _number(shot.score),
        "mute": None if shot.mute is None else shot.mute.value,
        "picture": _concepts(shot.picture),
        "sound": _concepts(shot.sound),
    }


def _minute(minute: Minute) -> dict[str, Any]:
    return {
        **_times(minute.column.span),
        "score": _number(minute.column.score),
        "peak": _number(minute.column.peak),
        "speaking": _number(minute.speaking),
        "flagged": _number(minute.flagged),
        "picture": _concepts(minute.column.picture),
        "sound": _concepts(minute.column.sound),
    }


def _input(record: InputRecord) -> dict[str, Any]:
    return {
        "role": record.role,
        "name": storable(record.name),
        "sha256": record.sha256,
        "size": record.size,
        "media": _json(record.media),
    }


def provenance_of(provenance: Provenance) -> dict[str, Any]:
    """The document's entry of this name, for those who need no more of it."""
    return {
        "inputs": [_input(record) for record in provenance.inputs],
        "version": provenance.version,
        "model": storable(provenance.model),
        "hashes": _json(provenance.hashes),
        "config": _json(provenance.config),
        "libraries": _json(provenance.libraries),
    }


def _json(value: object) -> Any:
    """Anything that provenance may hold, with sorted keys, clean text and finite numbers."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, float | Fraction):
        return _number(value)
    if isinstance(value, Mapping):
        return {storable(str(key)): _json(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_json(item) for item in value]
    raise TypeError(f"provenance holds a {type(value).__name__}, which JSON has no form for")
