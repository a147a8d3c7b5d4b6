"""What was found in the stretches and in the shots of a clip, in the words of its detector."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from vadd.detect.calibrate import Calibration
from vadd.detect.decide import Decision
from vadd.detect.engine import Observation, mean_row
from vadd.detect.localise import runs, span_of
from vadd.detect.score import to_unit
from vadd.detect.shots import shots
from vadd.detect.verdict import Concept, Contribution, Outcome, ShotFinding, SpanFinding
from vadd.detect.why import expected_sounds, why
from vadd.timeline import Span, grid

__all__ = ["named", "shot_findings", "span_findings"]

#: How many concepts of each side are named, and how probable one must be to be named beside the first.
NAMED, NAMED_FROM = 3, 0.08


def span_findings(
    decision: Decision, observation: Observation, calibration: Calibration, duration: Fraction
) -> tuple[SpanFinding, ...]:
    """The stretches of a discrepant clip, with what is seen, heard and expected in each, and why."""
    evidence = observation.evidence
    scores, seconds = evidence.scores, grid(duration)
    if decision.outcome is not Outcome.DISCREPANT or scores is None:
        return ()
    found: list[tuple[range, Span, float | None]] = [
        (each.seconds, Span(each.start, each.end), each.score) for each in decision.stretches
    ]
    if not found:
        # The clip is discrepant as a whole, and no stretch stands out from the rest.
        found = [
            (run, span_of(run, seconds), None)
            for run in runs(scores.discrepancy, evidence.speaking, decision.threshold)
        ]
    told = []
    for run, span, score in found:
        # A gap that was joined over may say nothing; what is said of the stretch is without it.
        within = evidence.speaking & np.isin(np.arange(len(seconds)), run)
        if not within.any():
            continue
        mean = float(scores.discrepancy[within].mean())
        sure = None if score is None or calibration.spans is None else calibration.spans.probability(score)
        seen, heard = mean_row(observation.picture, within), mean_row(observation.sound, within)
        words = observation.picture_words, observation.sound_words
        reasons: tuple[Contribution, ...] = ()
        expected: tuple[Concept, ...] = ()
        if observation.comparison is not None:
            reasons = why(observation.comparison, seen, heard, *words)
            expected = expected_sounds(observation.comparison, seen, *words)
        told.append(
            SpanFinding(
                span=span,
                score=to_unit(mean),
                probability=calibration.probability(mean) if sure is None else sure,
                picture=named(seen, words[0]),
                sound=named(heard, words[1]),
                expected=expected,
                contributions=reasons,
            )
        )
    return tuple(told)


def shot_findings(observation: Observation, seconds: tuple[Span, ...]) -> tuple[ShotFinding, ...]:
    """The shots of the picture; none where there is none."""
    evidence = observation.evidence
    if evidence.marks is None:
        return ()
    found = []
    for run in shots(evidence.marks.cut):
        within = np.zeros(len(seconds), np.bool_)
        within[run.start : run.stop] = True
        says = within & evidence.speaking
        mute = Counter(reason for at in run if (reason := evidence.mute(at)) is not None)
        score = None
        if evidence.scores is not None and says.any():
            score = to_unit(float(evidence.scores.discrepancy[says].mean()))
        found.append(
            ShotFinding(
                span=span_of(run, seconds),
                score=score,
                mute=None if says.any() or not mute else mute.most_common(1)[0][0],
                picture=named(
                    mean_row(observation.picture, within & evidence.seen), observation.picture_words
                ),
                sound=named(mean_row(observation.sound, within & evidence.heard), observation.sound_words),
            )
        )
    return tuple(found)


def named(row: NDArray[np.float32], words: Sequence[str]) -> tuple[Concept, ...]:
    """The most probable concepts of a posterior; none where the row is empty."""
    order = np.argsort(-row, kind="stable")[:NAMED]
    return tuple(
        Concept(words[at], float(row[at]))
        for place, at in enumerate(order)
        if row[at] >= NAMED_FROM or (place == 0 and row[at] > 0)
    )
