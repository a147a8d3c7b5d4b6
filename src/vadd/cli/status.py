"""Exit status and one-line summary of several verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from vadd.detect.verdict import Outcome

__all__ = ["exit_status", "summary"]

#: The exit status of each outcome, the gravest first: with several files the first one that occurs counts.
STATUS = {
    Outcome.DISCREPANT: 1,
    Outcome.FAILED: 4,
    Outcome.INCONCLUSIVE: 3,
    Outcome.CONSISTENT: 0,
}


def exit_status(outcomes: Sequence[Outcome]) -> int:
    """The status of a command that came to these outcomes (at least one)."""
    return next(status for outcome, status in STATUS.items() if outcome in outcomes)


def summary(outcomes: Sequence[Outcome]) -> str:
    """``3 files: 1 discrepant, 2 consistent``."""
    counts = Counter(outcomes)
    parts = ", ".join(f"{counts[outcome]} {outcome.value}" for outcome in STATUS if counts[outcome])
    return f"{len(outcomes)} files: {parts}"
