"""The everyday detector's own part: concepts of any ordinary video, and sounds that its picture explains."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vadd.classify import everyday
from vadd.detect import calibrate
from vadd.detect.engine import DetectorCard, Engine, Observation, Progress, mean_where_apart, observed
from vadd.detect.score import SecondScores, discrepancy, smooth
from vadd.embed import catalog
from vadd.embed.extract import Extraction
from vadd.embed.faces import FACES
from vadd.embed.weights import BLAZEFACE
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

    def seconds(self, picture: NDArray[np.float32], sound: NDArray[np.float32]) -> NDArray[np.float64]:
        """See :meth:`vadd.detect.engine.Engine.seconds`."""
        return _scored(picture, sound).discrepancy

    def unexplained(self, picture: NDArray[np.float32], sound: NDArray[np.float32]) -> NDArray[np.float64]:
        """See :meth:`vadd.detect.engine.Engine.unexplained`."""
        return _scored(picture, sound).unexplained

    def hashes(self) -> Mapping[str, str]:
        """See :meth:`vadd.detect.engine.Engine.hashes`."""
        weights = {name: catalog.card(name).weights.digest for name in self.card.embedders}
        return {FACES: BLAZEFACE.digest, **weights, **dict(self.card.hashes)}


def _scored(picture: NDArray[np.float32], sound: NDArray[np.float32]) -> SecondScores:
    model = everyday.load()
    return discrepancy(model.expectation(picture), sound, model.concepts.generic)


def observe(extraction: Extraction, model: everyday.Everyday | None = None) -> Observation:
    """What the everyday model makes of a clip's seconds.

    Args:
        extraction: What was measured of it.
        model: Another one than comes with vadd, for those who leave out some of what it learnt from.

    Raises:
        ModelError: If one of the model's tables is missing or damaged.
    """
    model = model or everyday.load()
    length = extraction.seconds
    picture, sound = extraction.picture, extraction.sound
    nothing = np.zeros(length, np.bool_)
    is_seen = picture.present if picture else nothing
    is_heard = sound.present if sound else nothing
    seen = seen_alone = np.zeros((length, len(model.concepts.seen)), np.float32)
    heard = heard_alone = np.zeros((length, len(model.concepts.heard)), np.float32)
    if picture is not None:
        seen_alone = model.picture(picture.vectors, picture.scores)
        seen = smooth(seen_alone, is_seen)
    if sound is not None:
        heard_alone = model.sound(sound.scores)
        heard = smooth(heard_alone, is_heard)
    scores: SecondScores | None = None
    sharp = None
    if is_seen.any() and is_heard.any():
        sharp = discrepancy(model.expectation(seen_alone), heard_alone, model.concepts.generic).discrepancy
        scored = mean_where_apart(seen, heard, is_seen, is_heard)
        scores = discrepancy(model.expectation(scored[0]), scored[1], model.concepts.generic)
    return Observation(
        picture=seen,
        sound=heard,
        picture_words=tuple(model.concepts.seen_words),
        sound_words=tuple(model.concepts.heard_words),
        evidence=observed(extraction, is_seen, is_heard, scores, sharp=sharp),
        comparison=EverydayComparison(model),
    )


class EverydayComparison:
    """How the everyday model compares; see :class:`vadd.detect.why.Comparison`.

    Args:
        model: Its tables.
    """

    def __init__(self, model: everyday.Everyday) -> None:
        self._model = model

    def score(self, seen: NDArray[np.float64], heard: NDArray[np.float64]) -> NDArray[np.float64]:
        """Discrepancies of ``(N, V)`` and ``(N, A)`` posteriors, ``(N,)``."""
        expectation = self._model.expectation(seen.astype(np.float32))
        return discrepancy(expectation, heard.astype(np.float32), self._model.concepts.generic).discrepancy

    def expected(self, seen: NDArray[np.float64]) -> NDArray[np.float64]:
        """The distribution over sounds, ``(A,)``, to expect of a picture ``(V,)``."""
        shares: NDArray[np.float64] = seen @ self._model.concepts.expected
        normed: NDArray[np.float64] = shares / shares.sum()
        return normed
