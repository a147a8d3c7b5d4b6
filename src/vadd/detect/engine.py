"""What differs from detector to detector: how seconds become concepts and scores. All else is shared.

An engine turns what was measured of a file into an :class:`Observation`; deciding, finding spans and
wording are the same for all (:mod:`vadd.detect.assemble`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vadd.detect.blank import blank_seconds
from vadd.detect.calibrate import Calibration
from vadd.detect.change import Marks
from vadd.detect.decide import Evidence
from vadd.detect.score import SecondScores
from vadd.detect.shots import cuts

if TYPE_CHECKING:
    from vadd.detect.why import Comparison
    from vadd.embed.extract import Extraction
    from vadd.media.limits import Limits

__all__ = [
    "LIBRARIES", "DetectorCard", "Engine", "Observation", "Progress", "mean_row", "mean_where_apart",
    "observed",
]  # fmt: skip

Progress = Callable[[float, float], None]

#: What every detector decodes and computes with.
LIBRARIES = ("av", "numpy", "onnxruntime", "pillow")


@dataclass(frozen=True, slots=True)
class DetectorCard:
    """What a detector is made of, for people and for provenance.

    Attributes:
        name: What ``--model`` calls it; of a folder the name of the folder.
        summary: One line.
        embedders: Catalog names of the embedders it stands on.
        method: How it scores.
        calibrated_on: What clips its probability and false-alarm rates refer to.
        hashes: (table, SHA-256) of everything it was built with.
    """

    name: str
    summary: str
    embedders: tuple[str, ...]
    method: str
    calibrated_on: str
    hashes: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """What a detector makes of a clip's seconds.

    Attributes:
        picture: ``(T, V)`` float32 posterior over what can be seen; a row of zeros where nothing is known.
        sound: ``(T, A)`` float32 posterior over what can be heard; likewise.
        picture_words: The ``V`` names of what can be seen, for people.
        sound_words: The ``A`` names of what can be heard.
        evidence: What the decision rests on.
        notes: What the reader of a result should know of how it came about.
        comparison: How seen and heard are compared, for those who ask why; ``None`` tells nobody.
        strangeness: ``picture`` and ``sound`` → how unlike what the model knows they are, where it measures
            that and has a bound for it (:meth:`Engine.bounds`).
    """

    picture: NDArray[np.float32]
    sound: NDArray[np.float32]
    picture_words: tuple[str, ...]
    sound_words: tuple[str, ...]
    evidence: Evidence
    notes: tuple[str, ...] = ()
    comparison: Comparison | None = None
    strangeness: Mapping[str, float] = field(default_factory=dict)


class Engine(ABC):
    """The part of a detector that is its own.

    Attributes:
        card: What it is made of.
        calibration: What its scores mean.
    """

    card: DetectorCard
    calibration: Calibration

    @abstractmethod
    def observe(
        self,
        extraction: Extraction,
        picture: Path,
        sound: Path,
        *,
        limits: Limits,
        progress: Progress | None = None,
    ) -> Observation:
        """Find concepts and scores of each second.

        Args:
            extraction: What was measured of the files, with the default embedders.
            picture: The file whose picture was measured, should more be needed of it.
            sound: The same of the sound; the same path for one file.
            limits: What the files may cost.
            progress: Called with (seconds done, seconds in all) if the files are read once more.

        Raises:
            MediaError: If a file cannot be read once more, or changed meanwhile.
            ModelError: If an embedder cannot be used.
        """

    @abstractmethod
    def seconds(self, picture: NDArray[np.float32], sound: NDArray[np.float32]) -> NDArray[np.float64]:
        """Discrepancies of posteriors as :meth:`observe` gives them, also of two clips.

        Args:
            picture: ``(T, V)``.
            sound: ``(T, A)``.

        Returns:
            ``(T,)``.
        """

    def unexplained(
        self, picture: NDArray[np.float32], sound: NDArray[np.float32]
    ) -> NDArray[np.float64] | None:
        """``(T,)`` share of generic sound without a source in the picture, arguments as of :meth:`seconds`.

        ``None`` where posteriors do not say it: then only :meth:`observe` tells it of a clip.
        """
        return None

    def bounds(self) -> Mapping[str, float]:
        """``picture`` and ``sound`` → strangeness from which on a scene is unknown, if it is measured."""
        return {}

    @abstractmethod
    def hashes(self) -> Mapping[str, str]:
        """Name → SHA-256 of every weight and table that a verdict rests on."""

    def config(self) -> Mapping[str, Any]:
        """JSON-ready settings of its own that could change a result."""
        return {"abstention": asdict(self.calibration.abstention)}

    def libraries(self) -> tuple[str, ...]:
        """Distributions that decode and compute for it."""
        return LIBRARIES


def observed(
    extraction: Extraction,
    is_seen: NDArray[np.bool_],
    is_heard: NDArray[np.bool_],
    scores: SecondScores | None,
    *,
    neutral: float | None = None,
    strange: frozenset[str] = frozenset(),
    sharp: NDArray[np.float64] | None = None,
) -> Evidence:
    """The evidence of a clip, its measures taken from the extraction.

    Args:
        extraction: What was measured.
        is_seen: ``(T,)`` seconds with a picture.
        is_heard: ``(T,)`` seconds with sound.
        scores: See :class:`~vadd.detect.decide.Evidence`; likewise the rest.
        neutral: Likewise.
        strange: Likewise.
        sharp: Likewise.
    """
    picture, sound = extraction.picture, extraction.sound
    nothing = np.zeros(extraction.seconds, np.bool_)
    marks = None
    if picture is not None and sound is not None:
        marks = Marks(sound.turn, sound.turn_at, cuts(picture))
    return Evidence(
        duration=extraction.duration,
        seen=is_seen,
        heard=is_heard,
        blank=blank_seconds(picture) if picture else nothing,
        level=sound.level.astype(np.float64) if sound else np.full(extraction.seconds, -np.inf),
        scores=scores,
        neutral=neutral,
        strange=strange,
        sharp=sharp,
        marks=marks,
    )


def mean_row(rows: NDArray[np.float32], counted: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The mean row of the seconds that count; zeros where none does."""
    # In double precision, or two hours of certainty would sum up to more than 1.
    total = rows[counted].sum(axis=0, dtype=np.float64)
    mean: NDArray[np.float32] = (total / max(1, counted.sum())).astype(np.float32)
    return mean


def mean_where_apart(
    seen: NDArray[np.float32],
    heard: NDArray[np.float32],
    is_seen: NDArray[np.bool_],
    is_heard: NDArray[np.bool_],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The posteriors to be scored: as they are, or as wholes where the streams never meet.

    A score is promised wherever both streams gave something, though no claim rests on it then.

    Args:
        seen: ``(T, V)``.
        heard: ``(T, A)``.
        is_seen: ``(T,)``, true somewhere.
        is_heard: ``(T,)``, true somewhere.
    """
    if (is_seen & is_heard).any():
        return seen, heard
    length = len(is_seen)
    return np.tile(mean_row(seen, is_seen), (length, 1)), np.tile(mean_row(heard, is_heard), (length, 1))
