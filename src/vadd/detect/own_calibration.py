"""What authentic clips of one's own teach: threshold, curve, abstention, stretches, what is unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from vadd.detect.calibrate import Calibration
from vadd.detect.decide import CONTEXT, decide, stretches
from vadd.detect.documents import CurveName
from vadd.detect.familiar import bound_of
from vadd.detect.own_abstention import learn_abstention
from vadd.detect.own_clips import OwnClip
from vadd.detect.own_curve import choose_own_curve, moved
from vadd.detect.own_swaps import Swap, area
from vadd.detect.span_calibration import SpanCalibration

__all__ = ["CLEAR", "Learnt", "judged", "learn"]

#: Area under the curve, swaps against own sounds, from which on swaps are taken for foreign sounds. Where
#: they score lower many are of the same scene as their picture, and what is learnt of them would say little:
#: swaps of the shared clips reach 0.96, those among sixteen of them that all show streets 0.77.
CLEAR = 0.85


@dataclass(frozen=True, slots=True)
class Learnt:
    """What clips teach.

    Attributes:
        calibration: Of the adapted detector.
        curve: Which one it has, of :data:`vadd.detect.own_curve.CURVES`.
        clear: Whether swaps stood out, and curve and abstention were chosen by them.
        swaps: How many there were.
        area: Area under the curve, swaps against own sounds; ``None`` without swaps.
        long: Clips long enough to be called for a stretch.
        spans: ``none`` if the base knows nothing of stretches, ``kept`` or ``raised``.
        bounds: ``picture`` and ``sound`` → bound of strangeness, where it is wider than the base's.
    """

    calibration: Calibration
    curve: CurveName
    clear: bool
    swaps: int
    area: float | None
    long: int
    spans: str
    bounds: Mapping[str, float]


def learn(
    clips: tuple[OwnClip, ...],
    swaps: tuple[Swap, ...],
    base: Calibration,
    usual: Mapping[str, float],
    false_alarms: float,
    described: str,
) -> Learnt:
    """Learn from clips.

    Args:
        clips: Taken as authentic.
        swaps: Of these.
        base: Of the detector that is adapted.
        usual: Its bounds of strangeness.
        false_alarms: Rate at which a curve that is moved says what the base's says, and of foreign sounds
            that may be called consistent.
        described: What the clips are, for people.

    Raises:
        UsageError: If there are too few clips to promise this rate.
    """
    scores, demands = [clip.discrepancy for clip in clips], [clip.demand(base.abstention) for clip in clips]
    own = Calibration(tuple(sorted(demands)), base.slope, base.intercept, described)
    stands_out = area(scores, swaps)
    clear = stands_out is not None and stands_out >= CLEAR
    name: CurveName = "moved"
    curve = moved(base, own, false_alarms)
    if clear:
        name, curve = choose_own_curve(scores, demands, swaps, base, false_alarms)
    calibration = replace(
        own,
        slope=curve.slope,
        intercept=curve.intercept,
        steps=curve.steps,
        spans=base.spans,
        abstention=base.abstention,
    )
    abstention = learn_abstention(
        swaps if clear else (), calibration, base, false_alarms, clips[0].evidence.neutral
    )
    calibration = replace(calibration, abstention=abstention)
    long = [clip for clip in clips if clip.evidence.duration >= CONTEXT]
    spans = base.spans
    if spans is not None and long:
        spans = _raised(spans, long, calibration)
        calibration = replace(calibration, spans=spans)
    return Learnt(
        calibration=calibration,
        curve=name,
        clear=clear,
        swaps=len(swaps),
        area=stands_out,
        long=len(long),
        spans="none" if spans is None else "kept" if spans == base.spans else "raised",
        bounds=_wider(clips, usual),
    )


def judged(clip: OwnClip, calibration: Calibration, bounds: Mapping[str, float], false_alarms: float) -> str:
    """The outcome for a clip under a calibration and bounds of strangeness."""
    strange = frozenset(side for side, found in clip.strangeness.items() if not found <= bounds[side])
    return decide(replace(clip.evidence, strange=strange), calibration, false_alarms).outcome.value


def _raised(spans: SpanCalibration, long: list[OwnClip], calibration: Calibration) -> SpanCalibration:
    """What stretches mean, no rate's threshold lower than the base's nor than what these clips ask for."""
    best = [max((each.score for each in stretches(clip.evidence, calibration)), default=0.0) for clip in long]
    seconds = float(sum(clip.evidence.duration for clip in long) / len(long))
    asked = replace(spans, own=tuple(sorted(max(0.0, score) for score in best)), seconds=seconds)
    number, length = len(spans.own), Fraction(spans.seconds)
    own = tuple(
        max(score, asked.threshold(1 - rank / (number + 1), length))
        for rank, score in enumerate(spans.own, start=1)
    )
    return replace(spans, own=own)


def _wider(clips: tuple[OwnClip, ...], usual: Mapping[str, float]) -> dict[str, float]:
    """Bounds that clips like these keep to, where the base's are narrower."""
    found = {}
    for side, bound in usual.items():
        known = [clip.strangeness[side] for clip in clips if side in clip.strangeness]
        if known and (asked := bound_of(known)) > bound:
            found[side] = asked
    return found
