"""A match as a JSON document and as rows of a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from vadd.detect.detector import PRIOR
from vadd.detect.verdict import Concept
from vadd.media.align import Occurrence
from vadd.report.cells import as_csv, number_cell, text_cell
from vadd.report.text import storable
from vadd.run.match import Fit, Match, Ranking, Unfit
from vadd.run.occurrences import Found

__all__ = ["COLUMNS", "SCHEMA", "document", "table"]

SCHEMA = "vadd.match/1"

COLUMNS = (
    "kind", "rank", "file", "score", "probability", "reason", "start", "other_start", "length", "similarity",
    "spreads", "chance", "inverted", "repeats", "sha256", "concepts",
)  # fmt: skip

_DIGITS = 6


def document(match: Match, top: int | None = None) -> dict[str, Any]:
    """A match as JSON-ready values, of the form of :class:`vadd.run.match_schema.MatchDocument`.

    Args:
        match: What was found.
        top: Files of each ranking that are listed; all if ``None``.
    """
    return {
        "schema": SCHEMA,
        "file": storable(match.file),
        "sha256": match.sha256,
        "sound_seconds": _number(match.seconds),
        "compared": match.compared,
        "rankings": [_ranking(each, top) for each in match.rankings],
        "same_sound": {
            "reason": None if match.unheard is None else storable(match.unheard),
            "searched": match.searched,
            "places": match.places,
            "found": [_found(each) for each in match.found],
            "unsearched": [_unfit(each) for each in match.unsearched],
        },
        "prior": PRIOR,
        "model": storable(match.model),
        "calibrated_on": storable(match.calibrated_on),
        "hashes": dict(match.hashes),
        "version": match.version,
    }


def table(match: Match) -> str:
    """A match as CSV: each file of each ranking, each stretch of the same sound, and what was left out."""
    return as_csv(COLUMNS, ({**dict.fromkeys(COLUMNS, ""), **row} for row in _rows(match)))


def _rows(match: Match) -> Iterator[dict[str, str]]:
    for found in match.found:
        same = {"kind": "same_bytes" if found.same_bytes else "same_sound", **_name(found.file, found.sha256)}
        if not found.stretches:
            yield same
        for stretch, luck in zip(found.stretches, found.chances, strict=True):
            numbers = {
                "start": stretch.start, "other_start": stretch.other, "length": stretch.length,
                "similarity": stretch.similarity, "spreads": stretch.spreads, "chance": luck,
            }  # fmt: skip
            flags = {"inverted": str(stretch.inverted).lower(), "repeats": str(stretch.repeats).lower()}
            yield {**same, **{name: number_cell(value) for name, value in numbers.items()}, **flags}
    for ranking in match.rankings:
        kind = f"fits_{ranking.by}"
        for rank, fit in enumerate(ranking.ranked, 1):
            yield {
                "kind": kind,
                "rank": str(rank),
                **_name(fit.file, fit.sha256),
                "score": number_cell(fit.score),
                "probability": number_cell(fit.probability),
                "concepts": text_cell("; ".join(each.name for each in fit.concepts)),
            }
        for left in ranking.unranked:
            yield {"kind": kind, **_name(left.file, None), "reason": left.reason.value}
    for left in match.unsearched:
        yield {"kind": "same_sound", **_name(left.file, None), "reason": left.reason.value}


def _name(file: str, sha256: str | None) -> dict[str, str]:
    return {"file": text_cell(file), "sha256": sha256 or ""}


def _ranking(ranking: Ranking, top: int | None) -> dict[str, Any]:
    return {
        "by": ranking.by,
        "concepts": _concepts(ranking.concepts),
        "reason": ranking.reason,
        "message": storable(ranking.message),
        "own": None if ranking.own is None else _fit(ranking.own),
        "own_rank": ranking.own_rank,
        "judged": len(ranking.ranked),
        "ranked": [{"rank": rank, **_fit(each)} for rank, each in enumerate(ranking.ranked[:top], 1)],
        "unranked": [_unfit(each) for each in ranking.unranked],
    }


def _fit(fit: Fit) -> dict[str, Any]:
    return {
        "file": storable(fit.file),
        "sha256": fit.sha256,
        "score": _number(fit.score),
        "probability": _number(fit.probability),
        "concepts": _concepts(fit.concepts),
    }


def _unfit(unfit: Unfit) -> dict[str, Any]:
    return {"file": storable(unfit.file), "reason": unfit.reason, "message": storable(unfit.message)}


def _found(found: Found) -> dict[str, Any]:
    return {
        "file": storable(found.file),
        "sha256": found.sha256,
        "sound_seconds": _number(found.seconds),
        "same_bytes": found.same_bytes,
        "stretches": [
            _stretch(each, luck) for each, luck in zip(found.stretches, found.chances, strict=True)
        ],
    }


def _stretch(stretch: Occurrence, luck: float) -> dict[str, Any]:
    return {
        "start": _number(stretch.start),
        "other_start": _number(stretch.other),
        "length": _number(stretch.length),
        "similarity": _number(stretch.similarity),
        "spreads": _number(stretch.spreads),
        "chance": luck,
        "inverted": stretch.inverted,
        "repeats": stretch.repeats,
    }


def _concepts(concepts: Sequence[Concept]) -> list[dict[str, Any]]:
    return [{"name": each.name, "probability": _number(each.probability)} for each in concepts]


def _number(value: float) -> float:
    return round(value, _DIGITS) + 0.0
