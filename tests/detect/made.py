"""Evidence and extractions made by hand, second by second."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from vadd.detect.calibrate import Calibration
from vadd.detect.decide import Evidence
from vadd.detect.score import SecondScores
from vadd.embed import catalog
from vadd.embed.extract import Extraction, PictureTrack, SoundTrack
from vadd.media.info import AudioStream, MediaInfo, VideoStream
from vadd.media.measures import FrameMeasures, Measurer
from vadd.timeline import grid_length

IMAGES = catalog.card("efficientnet_lite0").scores
SOUNDS = catalog.card("yamnet").scores
DOG, PIANO = "golden retriever", "grand piano, grand"

#: Threshold -0.5 at 10 %; the probability crosses 0.25 at about -0.47 and 0.5 at -0.25.
CALIBRATION = Calibration(
    own=tuple(np.linspace(-1.5, -0.4, 99).tolist()), slope=5.0, intercept=1.25, described="made by hand"
)


def calibration(*, threshold: float, even: float) -> Calibration:
    """One that calls from ``threshold`` on (at any rate from 0.1 up) and has odds of 1 at ``even``."""
    return Calibration(own=(threshold,) * 9, slope=4.0, intercept=-4.0 * even, described="made by hand")


def evidence(
    discrepancy: Sequence[float] | float | None = -2.0,
    *,
    seconds: int = 10,
    unexplained: Sequence[float] | float = 0.0,
    seen: Sequence[bool] | bool = True,
    heard: Sequence[bool] | bool = True,
    blank: Sequence[bool] | bool = False,
    level: Sequence[float] | float = -20.0,
    duration: Fraction | None = None,
    neutral: float | None = None,
    strange: Sequence[str] = (),
) -> Evidence:
    """A clip that speaks in all its seconds, but for what is said otherwise; ``None``: without scores."""

    def column(value: object, kind: type) -> np.ndarray:
        return np.broadcast_to(np.array(value, kind), (seconds,)).copy()

    return Evidence(
        duration=Fraction(seconds) if duration is None else duration,
        seen=column(seen, np.bool_),
        heard=column(heard, np.bool_),
        blank=column(blank, np.bool_),
        level=column(level, np.float64),
        scores=None
        if discrepancy is None
        else SecondScores(column(discrepancy, np.float64), column(unexplained, np.float64)),
        neutral=neutral,
        strange=frozenset(strange),
    )


def frames(*images: np.ndarray, face: Sequence[float] | float = 0.0) -> PictureTrack:
    """The measures of frames, one a second, without what a network would say of them but for a face."""
    measure = Measurer()
    rows = [measure(image) for image in images]
    columns = {
        name: np.array([getattr(row, name) for row in rows], np.float32) for name in FrameMeasures.names()
    }
    return PictureTrack(
        embedder="efficientnet_lite0",
        present=np.ones(len(rows), np.bool_),
        vectors=np.zeros((len(rows), 1280), np.float32),
        scores=np.zeros((len(rows), 1000), np.float32),
        **columns,
        face=np.broadcast_to(np.array(face, np.float32), len(rows)),
        coverage=1.0,
        rotation=0,
    )


def picture(labels: Sequence[str | None], *, contrast: float = 50.0, face: float = 0.0) -> PictureTrack:
    """Seconds in which one ImageNet class is seen; ``None``: no frame."""
    present = np.array([label is not None for label in labels])
    scores = np.zeros((len(labels), len(IMAGES)), np.float32)
    for at, label in enumerate(labels):
        if label is not None:
            scores[at, IMAGES.index(label)] = 1
    measured = {"luma": 90.0, "contrast": contrast, "detail": 8.0, "colour": 40.0, "change": 9.0, "flat": 0.2}
    measured |= {"drawn": 0.2, "face": face}
    return PictureTrack(
        embedder="efficientnet_lite0",
        present=present,
        vectors=np.zeros((len(labels), 1280), np.float32),
        scores=scores,
        **{name: np.where(present, value, 0).astype(np.float32) for name, value in measured.items()},
        coverage=1.0,
        rotation=0,
    )


def sound(labels: Sequence[str | None], *, level: Sequence[float] | float = -20.0) -> SoundTrack:
    """Seconds in which one AudioSet class is heard; ``None``: no sound decoded."""
    present = np.array([label is not None for label in labels])
    scores = np.zeros((len(labels), len(SOUNDS)), np.float32)
    for at, label in enumerate(labels):
        if label is not None:
            scores[at, SOUNDS.index(label)] = 0.9
    return SoundTrack(
        embedder="yamnet",
        present=present,
        vectors=np.zeros((len(labels), 1024), np.float32),
        scores=scores,
        level=np.where(present, level, -160).astype(np.float32),
        peak=np.where(present, 0.3, 0).astype(np.float32),
        turn=np.zeros(len(labels), np.float32),
        turn_at=np.zeros(len(labels), np.float32),
        coverage=1.0,
    )


def info(name: str = "clip.mp4") -> MediaInfo:
    return MediaInfo(
        name=name,
        size=12_345,
        sha256=hashlib.sha256(name.encode()).hexdigest(),
        container="mov,mp4,m4a,3gp,3g2,mj2",
        duration=Fraction(10),
        video=VideoStream(0, "h264", 640, 360, Fraction(1), Fraction(25), Fraction(0), Fraction(10)),
        audio=AudioStream(1, "aac", 44_100, 2, "stereo", None, Fraction(0), Fraction(10)),
        notes=(),
    )


def extraction(
    seen: PictureTrack | None,
    heard: SoundTrack | None,
    *,
    duration: Fraction | None = None,
    notes: tuple[str, ...] = (),
    inputs: tuple[tuple[str, MediaInfo], ...] | None = None,
) -> Extraction:
    length = max(len(track.present) for track in (seen, heard) if track is not None)
    made = Extraction(
        inputs=inputs or (("both", info()),),
        duration=Fraction(length) if duration is None else duration,
        picture=seen,
        sound=heard,
        notes=notes,
        thumbnails=(),
        spectrogram=None,
        columns_per_second=0.0,
    )
    assert grid_length(made.duration) == length
    return made
