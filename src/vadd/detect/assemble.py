"""From what was measured of a clip to its verdict, with the words for people."""

from __future__ import annotations

from fractions import Fraction

from vadd.detect.calibrate import Calibration
from vadd.detect.decide import Decision, decide
from vadd.detect.engine import Observation, mean_row
from vadd.detect.findings import named, shot_findings, span_findings
from vadd.detect.score import to_unit
from vadd.detect.verdict import (
    Concept,
    Exhibit,
    Outcome,
    Provenance,
    Reason,
    SecondFinding,
    Verdict,
)
from vadd.embed.extract import Extraction
from vadd.timeline import grid

__all__ = ["assemble"]


def assemble(
    extraction: Extraction,
    observation: Observation,
    calibration: Calibration,
    false_alarms: float,
    prior: float,
    provenance: Provenance,
) -> Verdict:
    """Judge what was measured.

    Args:
        extraction: Measures per second, notes and pictures for a report.
        observation: What a detector makes of it, over the same seconds.
        calibration: What scores mean.
        false_alarms: Rate at which authentic clips may be called discrepant.
        prior: Prior probability of a discrepancy that the calibration is stated for.
        provenance: What goes into the verdict as it is.

    Returns:
        The verdict.
    """
    spans = grid(extraction.duration)
    seen, heard, evidence = observation.picture, observation.sound, observation.evidence
    seen_words, heard_words = observation.picture_words, observation.sound_words
    decision = decide(evidence, calibration, false_alarms)
    # The concepts of the clip are those of the seconds that its score is taken from.
    of_picture = named(mean_row(seen, evidence.counted & evidence.seen), seen_words)
    of_sound = named(mean_row(heard, evidence.counted & evidence.heard), heard_words)

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
                picture=named(seen[at], seen_words) if evidence.seen[at] else (),
                sound=named(heard[at], heard_words) if evidence.heard[at] else (),
                level=float(evidence.level[at]) if evidence.heard[at] else None,
            )
        )
    findings = span_findings(decision, observation, calibration, extraction.duration)
    value = decision.discrepancy
    return Verdict(
        verdict=decision.outcome,
        reason=decision.reason,
        explanation=_explanation(decision, evidence.strange, of_picture, of_sound),
        score=None if value is None else to_unit(value),
        probability=decision.probability,
        prior=prior,
        false_alarms=false_alarms,
        threshold=to_unit(decision.threshold),
        duration=extraction.duration,
        seconds=tuple(seconds),
        spans=findings,
        picture=of_picture,
        sound=of_sound,
        notes=(*extraction.notes, *observation.notes),
        provenance=provenance,
        shots=shot_findings(observation, spans),
        exhibit=_exhibit(extraction),
    )


def _explanation(
    decision: Decision, strange: frozenset[str], picture: tuple[Concept, ...], sound: tuple[Concept, ...]
) -> str:
    if decision.reason is Reason.UNKNOWN_SCENE and strange:
        # What the model would call it is a guess that helps nobody.
        what = " and the ".join(sorted(strange))
        return f"The {what} {'is' if len(strange) == 1 else 'are'} unlike all that the model has learnt from."
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
