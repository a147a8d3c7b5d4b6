"""What authentic clips of one's own teach: threshold, curve, stretches and what an unknown scene is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from vadd.detect.calibrate import Calibration
from vadd.detect.curve import Curve, fit_curve
from vadd.detect.decide import CONTEXT, decide, stretches
from vadd.detect.engine import Engine
from vadd.detect.familiar import bound_of
from vadd.detect.own_clips import OwnClip
from vadd.detect.span_calibration import SpanCalibration
from vadd.detect.validation import DONORS
from vadd.errors import ModelError

__all__ = ["CLEAR", "Learnt", "Swap", "judged", "learn", "swaps_of"]

#: Area under the curve, swaps against own sounds, from which on swaps are taken for foreign sounds. Where
#: they score lower many are of the same scene as their picture, and a curve fitted to them would say little.
CLEAR = 0.75


@dataclass(frozen=True, slots=True)
class Swap:
    """The sound of one clip at the picture of another.

    Attributes:
        picture: Number of the clip that the picture is from.
        sound: Of the one that the sound is from.
        discrepancy: What it scores.
    """

    picture: int
    sound: int
    discrepancy: float


@dataclass(frozen=True, slots=True)
class Learnt:
    """What clips teach.

    Attributes:
        calibration: Of the adapted detector.
        fitted: Whether the curve was fitted to swaps, and not only moved.
        swaps: How many there were.
        area: Area under the curve, swaps against own sounds; ``None`` without swaps.
        long: Clips long enough to be called for a stretch.
        spans: ``none`` if the base knows nothing of stretches, ``kept`` or ``raised``.
        bounds: ``picture`` and ``sound`` → bound of strangeness, where it is wider than the base's.
    """

    calibration: Calibration
    fitted: bool
    swaps: int
    area: float | None
    long: int
    spans: str
    bounds: Mapping[str, float]


def swaps_of(
    clips: tuple[OwnClip, ...], engine: Engine, *, seed: int = 0, donors: int = DONORS
) -> tuple[Swap, ...]:
    """Each picture with sounds of others, as long as the shorter lasts; those that say nothing are left out.

    Args:
        clips: The clips.
        engine: That observed them.
        seed: Of the draw of the sounds.
        donors: Sounds that a picture is given at most, at least 1.
    """
    rng = np.random.default_rng(seed)
    found = []
    for at, clip in enumerate(clips):
        others = np.delete(np.arange(len(clips)), at)
        if len(others) > donors:
            others = np.sort(rng.choice(others, donors, replace=False))
        for donor in others.tolist():
            length = min(len(clip.picture), len(clips[donor].sound))
            seen, heard = clip.evidence, clips[donor].evidence
            counted = (seen.seen & ~seen.blank)[:length] & (heard.heard & ~heard.silent)[:length]
            if counted.any():
                rows = clip.picture[:length][counted], clips[donor].sound[:length][counted]
                found.append(Swap(at, donor, float(engine.seconds(*rows).mean())))
    return tuple(found)


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
        false_alarms: Rate at which a curve that is only moved says what the base's says.
        described: What the clips are, for people.

    Raises:
        UsageError: If there are too few clips to promise this rate.
    """
    own = Calibration(tuple(sorted(clip.demand for clip in clips)), base.slope, base.intercept, described)
    foreign = np.array([each.discrepancy for each in swaps], np.float64)
    scores = np.array([clip.discrepancy for clip in clips], np.float64)
    area = _area(scores, foreign) if len(foreign) else None
    curve = None
    if area is not None and area >= CLEAR:
        curve = _fitted(scores, foreign)
    fitted = curve is not None
    if curve is None:
        # The base may promise no rate as low as this; then the two are compared at its lowest.
        rate = max(false_alarms, 1 / (len(base.own) + 1))
        curve = _moved(base.curve, own.threshold(rate) - base.threshold(rate))
    calibration = replace(
        own, slope=curve.slope, intercept=curve.intercept, steps=curve.steps, spans=base.spans
    )
    long = [clip for clip in clips if clip.evidence.duration >= CONTEXT]
    spans = base.spans
    if spans is not None and long:
        spans = _raised(spans, long, calibration)
        calibration = replace(calibration, spans=spans)
    return Learnt(
        calibration=calibration,
        fitted=fitted,
        swaps=len(swaps),
        area=area,
        long=len(long),
        spans="none" if spans is None else "kept" if spans == base.spans else "raised",
        bounds=_wider(clips, usual),
    )


def judged(clip: OwnClip, calibration: Calibration, bounds: Mapping[str, float], false_alarms: float) -> str:
    """The outcome for a clip under a calibration and bounds of strangeness."""
    strange = frozenset(side for side, found in clip.strangeness.items() if not found <= bounds[side])
    return decide(replace(clip.evidence, strange=strange), calibration, false_alarms).outcome.value


def _area(own: NDArray[np.float64], foreign: NDArray[np.float64]) -> float:
    """Share of pairs in which the foreign sound scores higher; ties count half."""
    ranked = np.sort(own)
    below, upto = (np.searchsorted(ranked, foreign, side) for side in ("left", "right"))
    return float((below + upto).mean() / (2 * len(own)))


def _fitted(own: NDArray[np.float64], foreign: NDArray[np.float64]) -> Curve | None:
    """The logistic curve of own and foreign sounds; ``None`` if it does not rise."""
    try:
        return Curve(*fit_curve(own.tolist(), foreign.tolist()))
    except ModelError:
        return None


def _moved(curve: Curve, by: float) -> Curve:
    """A curve along the scores: what it said of a score, it says of one that is higher by so much."""
    steps = tuple((score + by, share) for score, share in curve.steps)
    return Curve(curve.slope, curve.intercept - curve.slope * by, steps)


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
