"""From the evidence of a clip's seconds to what may be said of the clip.

The order matters: what makes a comparison impossible comes first, then what makes it idle, and only
what is left is compared with thresholds. Between the two thresholds nothing is claimed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from vadd.detect.calibrate import Calibration
from vadd.detect.change import Marks, Stretch, foreign_stretches
from vadd.detect.score import SecondScores
from vadd.detect.verdict import Outcome, Reason

__all__ = ["Decision", "Evidence", "decide", "stretches", "too_little"]

#: RMS below which a second of sound is silence (design).
SILENCE_DBFS = -70.0

#: A shorter stretch of picture and sound together is less than one patch of the sound network.
MIN_DURATION = Fraction(24, 25)

#: At least this share of the seconds must have something to say, and of three seconds or more at least two:
#: a sound that lasts for a blink says nothing of the rest.
MIN_SPEAKING = 0.2

#: A second with a greater share than this of sound that is generic and without a source says nothing.
ALL_GENERIC = 0.95

#: From this length on, in seconds, a clip is also called discrepant for a stretch of it alone: a shorter one
#: has little beside the stretch that it could be told from.
CONTEXT = 20

#: What a unit of a stretch's score is worth in discrepancy, so that one number tells how near a clip is to
#: being called; at the threshold of stretches it is at that of clips.
WORTH = 0.2

#: Share of such sound from which on it is given as the reason for an open verdict.
MOSTLY_GENERIC = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What is known of a clip's seconds.

    Attributes:
        duration: Seconds judged.
        seen: ``(T,)`` bool, picture decoded in this second.
        heard: ``(T,)`` bool, sound decoded in this second.
        blank: ``(T,)`` bool, the picture shows nothing (black, blank, a still title).
        level: ``(T,)`` dBFS RMS, ``-inf`` for digital silence.
        scores: One score a second, meaningful where both were decoded; ``None`` where one stream has none.
        neutral: Discrepancy that speaks neither for nor against a common origin, where the score has such a
            point and nothing is to be claimed against it: a clip below it is not called discrepant, and
            none from it on consistent. ``None`` leaves that to the calibration alone.
        strange: ``picture``, ``sound`` or both: what is unlike all that the model knows.
        sharp: ``(T,)`` discrepancy of each second by itself, not averaged with its neighbours; ``None`` takes
            those of the scores.
        marks: What happens around the start of each second; ``None`` if that was not measured.
    """

    duration: Fraction
    seen: NDArray[np.bool_]
    heard: NDArray[np.bool_]
    blank: NDArray[np.bool_]
    level: NDArray[np.float64]
    scores: SecondScores | None
    neutral: float | None = None
    strange: frozenset[str] = frozenset()
    sharp: NDArray[np.float64] | None = None
    marks: Marks | None = None

    @property
    def silent(self) -> NDArray[np.bool_]:
        """``(T,)`` bool, sound decoded but below the silence level."""
        return self.heard & ~(self.level > SILENCE_DBFS)

    @property
    def common(self) -> NDArray[np.bool_]:
        """``(T,)`` bool, both streams decoded."""
        return self.seen & self.heard

    @property
    def generic(self) -> NDArray[np.bool_]:
        """``(T,)`` bool, nothing is heard but what is laid over any picture."""
        if self.scores is None:
            return np.zeros(len(self.seen), np.bool_)
        return self.common & (self.scores.unexplained > ALL_GENERIC)

    @property
    def speaking(self) -> NDArray[np.bool_]:
        """``(T,)`` bool, both streams decoded, neither of them empty, and the sound says something."""
        return self.common & ~self.silent & ~self.blank & ~self.generic

    @property
    def counted(self) -> NDArray[np.bool_]:
        """``(T,)`` bool, what the clip's score is taken from: the best seconds of which there are any.

        Those that speak, else those that both streams have, else all. Only the first may lead to a claim.
        """
        for seconds in (self.speaking, self.common):
            if seconds.any():
                return seconds
        return self.seen | self.heard

    def mute(self, second: int) -> Reason | None:
        """Why a second says nothing, or ``None`` when it speaks."""
        if not self.seen[second]:
            return Reason.NO_VIDEO
        if not self.heard[second]:
            return Reason.NO_AUDIO
        if self.silent[second]:
            return Reason.SILENT
        if self.blank[second]:
            return Reason.PICTURE_SAYS_NOTHING
        if self.generic[second]:
            return Reason.SOUND_SAYS_NOTHING
        return None


@dataclass(frozen=True, slots=True)
class Decision:
    """What may be said of a clip.

    Attributes:
        outcome: Consistent, discrepant or inconclusive.
        reason: Why it is inconclusive; ``None`` otherwise.
        discrepancy: The clip's score; ``None`` when one of the streams is missing.
        threshold: The discrepancy above which this clip is called discrepant.
        probability: P(discrepant) at prior 0.5; ``None`` without a score.
        stretches: Where the sound seems foreign, in a long discrepant clip, those that stand out.
    """

    outcome: Outcome
    reason: Reason | None
    discrepancy: float | None
    threshold: float
    probability: float | None = None
    stretches: tuple[Stretch, ...] = ()


def decide(evidence: Evidence, calibration: Calibration, false_alarms: float) -> Decision:
    """Decide on a clip.

    Args:
        evidence: What is known of its seconds.
        calibration: What scores mean.
        false_alarms: Rate at which authentic clips like those used for calibration may be called discrepant.

    Returns:
        The decision; never ``failed``, which is about files and not about evidence.

    Raises:
        UsageError: If the calibration cannot promise this false-alarm rate.
    """
    own = calibration.threshold(false_alarms)
    threshold = own if evidence.neutral is None else max(own, evidence.neutral)
    if evidence.scores is None:
        missing = Reason.NO_AUDIO if evidence.seen.any() else Reason.NO_VIDEO
        return Decision(Outcome.INCONCLUSIVE, missing, None, threshold)
    discrepancy = float(evidence.scores.discrepancy[evidence.counted].mean())
    unexplained = float(evidence.scores.unexplained[evidence.counted].mean())
    rule = calibration.abstention
    threshold += rule.margin * unexplained
    probability = calibration.probability(discrepancy)
    found = stretches(evidence, calibration)
    told: tuple[Stretch, ...] = ()
    if calibration.spans is not None and evidence.duration >= CONTEXT and found:
        least = calibration.spans.threshold(false_alarms, evidence.duration)
        told = tuple(each for each in found if each.score > least)
        if discrepancy <= threshold:
            best = max(each.score for each in found)
            # A stretch that all but counts keeps a clip from being called consistent.
            near = threshold + WORTH * (best - least)
            discrepancy = max(discrepancy, near if told else min(near, threshold))
            probability = max(probability, calibration.spans.probability(best))
    reason = too_little(evidence)
    if reason is None and evidence.strange:
        # What a model makes of things that it has never met is a guess, however sure it sounds.
        reason = Reason.UNKNOWN_SCENE
    if reason:
        return Decision(Outcome.INCONCLUSIVE, reason, discrepancy, threshold, probability)
    if discrepancy > threshold:
        return Decision(Outcome.DISCREPANT, None, discrepancy, threshold, probability, told)
    # The bound of the clip's own threshold, also where that lies below the neutral point.
    doubtful = discrepancy + rule.doubt * unexplained
    like_own = doubtful <= own + rule.margin * unexplained
    like_own &= evidence.neutral is None or discrepancy < evidence.neutral
    like_own &= rule.below is None or doubtful < rule.below
    if like_own and max(probability, calibration.probability(doubtful)) < rule.consistent:
        return Decision(Outcome.CONSISTENT, None, discrepancy, threshold, probability)
    reason = Reason.SOUND_SAYS_NOTHING if unexplained > MOSTLY_GENERIC else Reason.UNKNOWN_SCENE
    return Decision(Outcome.INCONCLUSIVE, reason, discrepancy, threshold, probability)


def stretches(evidence: Evidence, calibration: Calibration) -> tuple[Stretch, ...]:
    """The stretches that the change model finds, in order; none where no scores or no marks were measured."""
    scores = evidence.scores
    if scores is None or evidence.marks is None:
        return ()
    sharp = scores.discrepancy if evidence.sharp is None else evidence.sharp
    # The logistic curve, also where an isotonic one gives the probability: it makes log-odds of any score.
    log_odds = calibration.slope * sharp + calibration.intercept
    return foreign_stretches(
        log_odds, scores.unexplained, evidence.speaking, evidence.marks, evidence.duration
    )


def too_little(evidence: Evidence) -> Reason | None:
    """Why a clip has too little to compare, whatever its score; ``None`` if it has enough."""
    if evidence.duration < MIN_DURATION:
        return Reason.TOO_SHORT
    seconds = len(evidence.speaking)
    if evidence.speaking.sum() >= max(1.0 if seconds < 3 else 2.0, MIN_SPEAKING * seconds):
        return None
    mute = Counter(
        reason for second in range(len(evidence.seen)) if (reason := evidence.mute(second)) is not None
    )
    reason = mute.most_common(1)[0][0]
    # Both streams are there, so where one is missing most of the time they are too seldom together.
    return Reason.TOO_SHORT if reason in (Reason.NO_VIDEO, Reason.NO_AUDIO) else reason
