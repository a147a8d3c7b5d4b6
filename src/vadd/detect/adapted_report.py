"""What `vadd adapt` tells: how clips of one's own were judged before and after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from vadd.detect.abstention import Abstention
from vadd.detect.interval import clopper_pearson
from vadd.detect.score import to_unit

__all__ = ["Adapted", "Tally"]


@dataclass(frozen=True, slots=True)
class Tally:
    """How clips were judged.

    Attributes:
        consistent: How many so.
        discrepant: False alarms.
        inconclusive: Left open.
    """

    consistent: int
    discrepant: int
    inconclusive: int

    @classmethod
    def of(cls, outcomes: Iterable[str]) -> Tally:
        """The tally of outcomes."""
        told = list(outcomes)
        return cls(*(told.count(name) for name in ("consistent", "discrepant", "inconclusive")))

    @property
    def clips(self) -> int:
        """In all."""
        return self.consistent + self.discrepant + self.inconclusive

    def document(self) -> dict[str, Any]:
        """JSON-ready, with rates and their 95 % intervals."""
        found: dict[str, Any] = {
            "consistent": self.consistent, "discrepant": self.discrepant, "inconclusive": self.inconclusive,
        }  # fmt: skip
        for name, hits in (("false_alarm", self.discrepant), ("abstention", self.inconclusive)):
            found[f"{name}_rate"] = hits / self.clips
            found[f"{name}_interval"] = list(clopper_pearson(hits, self.clips))
        return found

    def of_swaps(self) -> dict[str, Any]:
        """JSON-ready, of foreign sounds; without intervals, as swaps that share a clip hang together."""
        return {
            "swaps": self.clips,
            "caught_rate": self.discrepant / self.clips,
            "missed_rate": self.consistent / self.clips,
            "abstention_rate": self.inconclusive / self.clips,
        }


@dataclass(frozen=True, slots=True)
class Adapted:
    """What became of an adaptation.

    Attributes:
        base: Name of the detector that was adapted.
        clips: Clips that were used.
        left_out: Reason → files that were not.
        false_alarms: Rate that both were tried at.
        lowest: Lowest rate that can be promised now.
        before: How the base judges the clips; ``None`` if it cannot promise the rate.
        after: How each clip is judged by what the others teach.
        swaps_before: How the base judges swaps; ``None`` likewise, or if they do not stand out.
        swaps_after: How they are judged by what the clips other than that of the picture teach.
        threshold_before: Discrepancy from which on the base calls; likewise.
        threshold: From which on the adapted detector does.
        curve: Which curve it has, of :data:`vadd.detect.own_curve.CURVES`.
        swaps: How many swaps were tried.
        area: Area under the curve, swaps against own sounds; ``None`` without swaps.
        abstention_before: When the base leaves a clip open.
        abstention: When the adapted detector does.
        long: Clips long enough to be called for a stretch.
        spans: ``none``, ``kept`` or ``raised``: what became of the base's knowledge of stretches.
        wider: Of ``picture`` and ``sound`` those whose bound of strangeness was raised.
    """

    base: str
    clips: int
    left_out: Mapping[str, int]
    false_alarms: float
    lowest: float
    before: Tally | None
    after: Tally
    swaps_before: Tally | None
    swaps_after: Tally | None
    threshold_before: float | None
    threshold: float
    curve: str
    swaps: int
    area: float | None
    abstention_before: Abstention
    abstention: Abstention
    long: int
    spans: str
    wider: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """JSON-ready; thresholds are scores from 0 to 1, as in results."""
        before = self.threshold_before
        return {
            "base": self.base,
            "clips": self.clips,
            "left_out": dict(self.left_out),
            "lowest_false_alarms": self.lowest,
            "false_alarms": self.false_alarms,
            "base_on_clips": self.before.document() if self.before else None,
            "leave_one_out": self.after.document(),
            "base_on_swaps": self.swaps_before.of_swaps() if self.swaps_before else None,
            "leave_one_out_on_swaps": self.swaps_after.of_swaps() if self.swaps_after else None,
            "threshold_before": None if before is None else to_unit(before),
            "threshold": to_unit(self.threshold),
            "curve": self.curve,
            "abstention_before": asdict(self.abstention_before),
            "abstention": asdict(self.abstention),
            "swaps": self.swaps,
            "area_under_curve": self.area,
            "long_clips": self.long,
            "spans": self.spans,
            "wider_bounds": list(self.wider),
        }
