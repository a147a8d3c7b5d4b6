"""The everyday detector's own part: concepts of any ordinary video, and sounds that its picture explains."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from vadd.classify import everyday
from vadd.detect import calibrate
from vadd.detect.engine import DetectorCard, Engine, Observation, Progress, mean_where_apart, observed
from vadd.detect.score import SecondScores, discrepancy, smooth
from vadd.embed import catalog
from vadd.embed.extract import Extraction
from vadd.media.limits import Limits

__all__ = ["EverydayEngine", "observe"]


class EverydayEngine(Engine):
    """The everyday tables and their calibration.

    Args:
        card: Of the everyday detector.

    Raises:
        ModelError: If a table is missing or damaged.
    """

    def __init__(self, card: DetectorCard) -> None:
        self.card = card
        self.calibration = calibrate.load()

    def observe(
        self,
        extraction: Extraction,
        picture: Path,
        sound: Path,
        *,
        limits: Limits,
        progress: Progress | None = None,
    ) -> Observation:
        """See :meth:`vadd.detect.engine.Engine.observe`; the files are not read once more."""
        return observe(extraction)

    def hashes(self) -> Mapping[str, str]:
        """See :meth:`vadd.detect.engine.Engine.hashes`."""
        weights = {name: catalog.card(name).weights.digest for name in self.card.embedders}
        return {**weights, **dict(self.card.hashes)}


def observe(extraction: Extraction) -> Observation:
    """What the everyday model makes of a clip's seconds.

    Args:
        extraction: What was measured of it.

    Raises:
        ModelError: If one of the model's tables is missing or damaged.
    """
    model = everyday.load()
    length = extraction.seconds
    picture, sound = extraction.picture, extraction.sound
    nothing = np.zeros(length, np.bool_)
    is_seen = picture.present if picture else nothing
    is_heard = sound.present if sound else nothing
    seen = np.zeros((length, len(model.concepts.seen)), np.float32)
    heard = np.zeros((length, len(model.concepts.heard)), np.float32)
    if picture is not None:
        seen = smooth(model.picture(picture.vectors, picture.scores), is_seen)
    if sound is not None:
        heard = smooth(model.sound(sound.scores), is_heard)
    scores: SecondScores | None = None
    if is_seen.any() and is_heard.any():
        scored = mean_where_apart(seen, heard, is_seen, is_heard)
        scores = discrepancy(model.expectation(scored[0]), scored[1], model.concepts.generic)
    return Observation(
        picture=seen,
        sound=heard,
        picture_words=tuple(model.concepts.seen_words),
        sound_words=tuple(model.concepts.heard_words),
        evidence=observed(extraction, is_seen, is_heard, scores),
    )
