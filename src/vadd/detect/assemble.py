"""From what was measured of a clip to its verdict, with the words for people."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from vadd.classify import everyday
from vadd.detect.blank import blank_seconds
from vadd.detect.calibrate import Calibration
from vadd.detect.decide import Decision, Evidence, decide
from vadd.detect.localise import runs, span_of
from vadd.detect.score import discrepancy, smooth, to_unit
from vadd.detect.verdict import (
    Concept,
    Exhibit,
    Outcome,
    Provenance,
    Reason,
    SecondFinding,
    SpanFinding,
    Verdict,
)
from vadd.embed.extract import Extraction
from vadd.timeline import grid

__all__ = ["assemble"]

#: How many concepts of each side are named, and how probable one must be to be named beside the first.
NAMED, NAMED_FROM = 3, 0.08


def assemble(
    extraction: Extraction,
    calibration: Calibration,
    false_alarms: float,
    prior: float,
    provenance: Provenance,
) -> Verdict:
    """Judge what was measured.

    Args:
        extraction: Vectors and measures per second.
        calibration: What scores mean.
        false_alarms: Rate at which authentic clips may be called discrepant.
        prior: Prior probability of a discrepancy that the calibration is stated for.
        provenance: What goes into the verdict as it is.

    Returns:
        The verdict.
    """
    spans = grid(extraction.duration)
    seen, heard, evidence = _evidence(extraction)
    decision = decide(evidence, calibration, false_alarms)
    model = everyday.load().concepts
    # The concepts of the clip are those of the seconds that its score is taken from.
    of_picture = _named(_mean(seen, evidence.counted & evidence.seen), model.seen_words)
    of_sound = _named(_mean(heard, evidence.counted & evidence.heard), model.heard_words)

    scores = evidence.scores
    seconds = []
    for at, span in enumerate(spans):
        mute = evidence.mute(at)
        seconds.append(
            SecondFinding(
                span=span,
                score=to_unit(scores.discrepancy[at]) if scores is not None and evidence.common[at] else None,
                weight=0.0 if mute or scores is None else float(1 - scores.unexplained[at]),
                mute=mute,
                # Smoothing lends a missing second the concepts of its neighbours: they are not its own.
                picture=_named(seen[at], model.seen_words) if evidence.seen[at] else (),
                sound=_named(heard[at], model.heard_words) if evidence.heard[at] else (),
                level=float(evidence.level[at]) if evidence.heard[at] else None,
            )
        )
    findings = []
    if decision.outcome is Outcome.DISCREPANT and scores is not None:
        for run in runs(scores.discrepancy, evidence.speaking, decision.threshold):
            # A gap that was joined over may say nothing; what is said of the stretch is without it.
            within = evidence.speaking & np.isin(np.arange(len(spans)), run)
            mean = float(scores.discrepancy[within].mean())
            findings.append(
                SpanFinding(
                    span=span_of(run, spans),
                    score=to_unit(mean),
                    probability=calibration.probability(mean),
                    picture=_named(_mean(seen, within), model.seen_words),
                    sound=_named(_mean(heard, within), model.heard_words),
                )
            )
    value = decision.discrepancy
    return Verdict(
        verdict=decision.outcome,
        reason=decision.reason,
        explanation=_explanation(decision, of_picture, of_sound),
        score=None if value is None else to_unit(value),
        probability=None if value is None else calibration.probability(value),
        prior=prior,
        false_alarms=false_alarms,
        threshold=to_unit(decision.threshold),
        duration=extraction.duration,
        seconds=tuple(seconds),
        spans=tuple(findings),
        picture=of_picture,
        sound=of_sound,
        notes=extraction.notes,
        provenance=provenance,
        exhibit=_exhibit(extraction),
    )


def _evidence(extraction: Extraction) -> tuple[NDArray[np.float32], NDArray[np.float32], Evidence]:
    """Posteriors of both sides, ``(T, V)`` and ``(T, A)``, and what the decision rests on."""
    model = everyday.load()
    length = extraction.seconds
    picture, sound = extraction.picture, extraction.sound
    nothing = np.zeros(length, np.bool_)
    is_seen = picture.present if picture else nothing
    is_heard = sound.present if sound else nothing
    level = sound.level.astype(np.float64) if sound else np.full(length, -np.inf)
    seen = np.zeros((length, len(model.concepts.seen)), np.float32)
    heard = np.zeros((length, len(model.concepts.heard)), np.float32)
    if picture is not None:
        seen = smooth(model.picture(picture.vectors, picture.scores), is_seen)
    if sound is not None:
        heard = smooth(model.sound(sound.scores), is_heard)
    scores = None
    if is_seen.any() and is_heard.any():
        of_second = (seen, heard)
        if not (is_seen & is_heard).any():
            # Streams that never meet are scored as wholes: a score is promised, though no claim rests on it.
            of_second = (
                np.tile(_mean(seen, is_seen), (length, 1)),
                np.tile(_mean(heard, is_heard), (length, 1)),
            )
        scores = discrepancy(model.expectation(of_second[0]), of_second[1], model.concepts.generic)
    evidence = Evidence(
        duration=extraction.duration,
        seen=is_seen,
        heard=is_heard,
        blank=blank_seconds(picture) if picture else nothing,
        level=level,
        scores=scores,
    )
    return seen, heard, evidence


def _mean(rows: NDArray[np.float32], counted: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The mean row of the seconds that count; zeros where none does."""
    # In double precision, or two hours of certainty would sum up to more than 1.
    total = rows[counted].sum(axis=0, dtype=np.float64)
    mean: NDArray[np.float32] = (total / max(1, counted.sum())).astype(np.float32)
    return mean


def _named(row: NDArray[np.float32], words: Sequence[str]) -> tuple[Concept, ...]:
    """The most probable concepts of a posterior; none where the row is empty."""
    order = np.argsort(-row, kind="stable")[:NAMED]
    return tuple(
        Concept(words[at], float(row[at]))
        for place, at in enumerate(order)
        if row[at] >= NAMED_FROM or (place == 0 and row[at] > 0)
    )


def _explanation(decision: Decision, picture: tuple[Concept, ...], sound: tuple[Concept, ...]) -> str:
    if decision.reason is Reason.UNKNOWN_SCENE:
        opening = "Nothing can be said: the sound neither clearly fits the picture nor clearly does not."
    elif decision.reason is not None:
        return decision.reason.sentence
    elif decision.outcome is Outcome.DISCREPANT:
        opening = "The sound does not fit the picture."
    else:
        opening = "The sound fits the picture."
    return f"{opening} Seen: {_listed(picture)}. Heard: {_listed(sound)}."


def _listed(named: tuple[Concept, ...]) -> str:
    return ", ".join(concept.name for concept in named) or "nothing that stands out"


def _exhibit(extraction: Extraction) -> Exhibit | None:
    if not extraction.thumbnails and extraction.spectrogram is None:
        return None
    return Exhibit(
        thumbnails=tuple((Fraction(second), data) for second, data in extraction.thumbnails),
        spectrogram=extraction.spectrogram,
        columns_per_second=extraction.columns_per_second,
    )
