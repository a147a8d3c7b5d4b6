"""Rows counted and chosen: how many there are of each kind, and which of them somebody wants to see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from vadd.detect.verdict import Outcome
from vadd.run.card import Card
from vadd.run.rows import Row
from vadd.run.spool import Spool

__all__ = ["SCHEMA", "VERDICTS", "Choice", "Summary"]

#: Name and version of what ``vadd results --json`` writes.
SCHEMA = "vadd.results/1"
#: In the order in which they are told, the gravest first.
VERDICTS = (Outcome.DISCREPANT, Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.CONSISTENT)


@dataclass(slots=True)
class Summary:
    """How many rows there are of each kind.

    Attributes:
        card: Of their folder.
        files: Rows in all.
        verdicts: Verdict → rows.
        reasons: (verdict, reason) → rows.
        models: (detector, version) → rows with a record.
        others: Rows whose record is of another model, version or configuration than the card's.
        recordless: Rows without a record.
    """

    card: Card
    files: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    models: Counter[tuple[str, str]] = field(default_factory=Counter)
    others: int = 0
    recordless: int = 0

    def add(self, row: Row) -> None:
        """Count a row."""
        self.files += 1
        self.verdicts[row.verdict] += 1
        if row.reason is not None:
            self.reasons[row.verdict, row.reason] += 1
        if row.key is None:
            self.recordless += 1
            return
        self.models[row.model or "", row.version or ""] += 1
        self.others += not self.card.made(row.key, row.sha256 or "")

    @classmethod
    def of(cls, card: Card, rows: Iterable[Row]) -> Summary:
        """The summary of rows."""
        summary = cls(card)
        for row in rows:
            summary.add(row)
        return summary

    def to_json(self) -> dict[str, Any]:
        """JSON-ready; each verdict is there, reasons and models only where there are any."""
        return {
            "files": self.files,
            "model": self.card.detector,
            "version": self.card.version,
            "false_alarms": self.card.false_alarms,
            "verdicts": {each.value: self.verdicts[each] for each in VERDICTS},
            "reasons": [
                {"verdict": verdict, "reason": reason, "files": self.reasons[verdict, reason]}
                for verdict, reason in sorted(self.reasons)
            ],
            "models": [
                {"model": model, "version": version, "files": self.models[model, version]}
                for model, version in sorted(self.models)
            ],
            "of_other_settings": self.others,
            "without_record": self.recordless,
        }


@dataclass(frozen=True, slots=True)
class Choice:
    """Which rows are wanted.

    Attributes:
        verdicts: Of these verdicts; empty for any.
        reasons: For these reasons; empty for any, and for none.
        least: Scored at least so high; ``None`` for any, also unscored.
        order: One of :data:`vadd.run.spool.ORDERS`.
        limit: At most so many, ``None`` for all.
    """

    verdicts: frozenset[str] = frozenset()
    reasons: frozenset[str] = frozenset()
    least: float | None = None
    order: str = "score"
    limit: int | None = None

    def takes(self, row: Row) -> bool:
        """Whether a row is one of those wanted, had it a place among them."""
        return (
            (not self.verdicts or row.verdict in self.verdicts)
            and (not self.reasons or row.reason in self.reasons)
            and (self.least is None or (row.score is not None and row.score >= self.least))
        )

    def of(self, spool: Spool) -> Iterator[Row]:
        """The rows that are wanted, in order."""
        return islice(filter(self.takes, spool.rows(self.order)), self.limit)
