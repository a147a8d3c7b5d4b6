"""The verdict: what vadd says of a file, frozen, with all that made it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadd.timeline import Span

__all__ = [
    "Concept", "Contribution", "Exhibit", "InputRecord", "Outcome", "Provenance", "Reason",
    "SecondFinding", "ShotFinding", "SpanFinding", "Verdict",
]  # fmt: skip


class Outcome(StrEnum):
    """The four things that vadd can say."""

    CONSISTENT = "consistent"
    DISCREPANT = "discrepant"
    INCONCLUSIVE = "inconclusive"
    FAILED = "failed"


class Reason(StrEnum):
    """Why a verdict is inconclusive or failed; :attr:`sentence` says it in words."""

    NO_AUDIO = "no_audio"
    NO_VIDEO = "no_video"
    SILENT = "silent"
    SOUND_SAYS_NOTHING = "sound_says_nothing"
    PICTURE_SAYS_NOTHING = "picture_says_nothing"
    UNKNOWN_SCENE = "unknown_scene"
    TOO_SHORT = "too_short"

    UNREADABLE = "unreadable"
    NOT_MEDIA = "not_media"
    DAMAGED = "damaged"
    CHANGED = "changed"
    LIMIT = "limit"
    TIMEOUT = "timeout"
    CRASHED = "crashed"

    @property
    def outcome(self) -> Outcome:
        """The outcome that this reason belongs to."""
        return Outcome.FAILED if self in _FAILED else Outcome.INCONCLUSIVE

    @property
    def sentence(self) -> str:
        """The reason as one sentence for a person."""
        return _SENTENCES[self]


_FAILED = frozenset({
    Reason.UNREADABLE, Reason.NOT_MEDIA, Reason.DAMAGED, Reason.CHANGED, Reason.LIMIT, Reason.TIMEOUT,
    Reason.CRASHED,
})  # fmt: skip

_SENTENCES = {
    Reason.NO_AUDIO: "The file has no sound, so there is nothing to compare the picture with.",
    Reason.NO_VIDEO: "The file has no picture, so there is nothing to compare the sound with.",
    Reason.SILENT: "The sound is silent, or below -70 dBFS, all or nearly all of the time.",
    Reason.SOUND_SAYS_NOTHING: (
        "The sound is speech, music or narration whose source need not be in the picture, so it says "
        "nothing about the scene."
    ),
    Reason.PICTURE_SAYS_NOTHING: (
        "The picture is black, blank, a still title, a slide or a face that fills the frame, so it shows no "
        "scene."
    ),
    Reason.UNKNOWN_SCENE: "The picture or the sound is of a kind that the model does not know well enough.",
    Reason.TOO_SHORT: "Picture and sound last too short a time together to be compared.",
    Reason.UNREADABLE: "The file cannot be read.",
    Reason.NOT_MEDIA: "The file is not a media file of a kind that vadd opens.",
    Reason.DAMAGED: "The file is damaged: much of what it declares could not be decoded.",
    Reason.CHANGED: "The file changed while it was being read.",
    Reason.LIMIT: "The file exceeds a limit that is set for untrusted files.",
    Reason.TIMEOUT: "Decoding took longer than an untrusted file is allowed.",
    Reason.CRASHED: (
        "The decoder crashed on this file; it ran in a process of its own and nothing else was harmed."
    ),
}


@dataclass(frozen=True, slots=True)
class Concept:
    """Something seen or heard, with the share of the posterior that it holds (0-1)."""

    name: str
    probability: float


@dataclass(frozen=True, slots=True)
class SecondFinding:
    """What was found in one second of presentation time.

    Attributes:
        span: The second; the last of a clip may be shorter or longer.
        score: 0-1, higher is more discrepant; ``None`` where one side has no embedding.
        weight: 0-1, how much this second has to say (0: nothing, see ``mute``).
        mute: Why the second says nothing, or ``None``.
        picture: Top picture concepts, most probable first.
        sound: Top sound concepts, most probable first.
        level: RMS of the sound in dBFS, at most 0 for samples in [-1, 1]; ``None`` without sound.
    """

    span: Span
    score: float | None
    weight: float
    mute: Reason | None
    picture: tuple[Concept, ...]
    sound: tuple[Concept, ...]
    level: float | None


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one concept does to the score of a stretch: by how much it changes when the concept is left out.

    Attributes:
        side: ``"picture"`` or ``"sound"``.
        name: The concept.
        probability: The share of its side's posterior that it holds (0-1).
        effect: Discrepancy (natural logarithm) with the concept less the discrepancy without it; above 0 it
            speaks against a common origin.
    """

    side: str
    name: str
    probability: float
    effect: float


@dataclass(frozen=True, slots=True)
class SpanFinding:
    """A stretch of time whose sound does not fit its picture, with what is seen and heard in it.

    Attributes:
        span: When; its ends need not fall on whole seconds.
        score: 0-1, higher is more discrepant.
        probability: Calibrated P(foreign sound | score) under the verdict's prior.
        picture: Top picture concepts, most probable first.
        sound: Top sound concepts, most probable first.
        expected: Sounds that the picture leads one to expect, most probable first.
        contributions: What the concepts of both sides add to the score, greatest first.
    """

    span: Span
    score: float
    probability: float
    picture: tuple[Concept, ...]
    sound: tuple[Concept, ...]
    expected: tuple[Concept, ...] = ()
    contributions: tuple[Contribution, ...] = ()


@dataclass(frozen=True, slots=True)
class ShotFinding:
    """A shot: what lies between two cuts of the picture.

    Attributes:
        span: When.
        score: 0-1, higher is more discrepant; the mean of the seconds that say something, ``None`` if none
            does.
        mute: The commonest reason for saying nothing if every second is mute, else ``None``.
        picture: Top picture concepts, most probable first.
        sound: Top sound concepts, most probable first.
    """

    span: Span
    score: float | None
    mute: Reason | None
    picture: tuple[Concept, ...]
    sound: tuple[Concept, ...]


@dataclass(frozen=True, slots=True)
class InputRecord:
    """A file that was judged.

    Attributes:
        role: ``"both"``, ``"picture"`` or ``"sound"``: what the file was used for.
        name: File name without its folder.
        sha256: Hex digest of the bytes; ``None`` if they could not be read.
        size: Bytes, or ``None``.
        media: Container, streams and declared durations, as JSON-ready values; empty if the file failed.
    """

    role: str
    name: str
    sha256: str | None
    size: int | None
    media: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Provenance:
    """What made a result: inputs, model, hashes, configuration, versions.

    Attributes:
        inputs: The files judged, one or two.
        version: Version of vadd.
        model: Name of the detector.
        hashes: Name → SHA-256 of every embedder's weights and every table of the detector.
        config: JSON-ready settings that could change the result.
        libraries: Name → version of what decoded and computed.
    """

    inputs: tuple[InputRecord, ...]
    version: str
    model: str
    hashes: Mapping[str, str]
    config: Mapping[str, Any]
    libraries: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Exhibit:
    """Pictures for a report; never part of the JSON document.

    Attributes:
        thumbnails: ``(time in seconds, JPEG bytes)`` in order of time.
        spectrogram: ``(columns, bands)`` float32 log-mel energies over the whole clip, or ``None``.
        columns_per_second: How many spectrogram columns a second has.
    """

    thumbnails: tuple[tuple[Fraction, bytes], ...]
    spectrogram: NDArray[np.float32] | None
    columns_per_second: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What vadd says of a file (or of one file's picture with another's sound).

    Attributes:
        verdict: Consistent, discrepant, inconclusive or failed.
        reason: Why it is inconclusive or failed; ``None`` otherwise.
        explanation: The verdict in plain words, one or two sentences.
        score: 0-1, higher is more discrepant; there whenever both streams gave any embedding.
        probability: Calibrated P(discrepant | score) under ``prior``; ``None`` without a score.
        prior: The prior probability of a discrepancy behind ``probability``.
        false_alarms: The false-alarm rate at which ``discrepant`` is called, on clips like those used
            for calibration.
        threshold: The score from which on a clip is called discrepant at that rate.
        duration: Seconds of presentation time that were judged.
        seconds: One finding per grid second.
        spans: Stretches that do not fit, in order; empty unless the clip is discrepant.
        picture: Top picture concepts of the clip.
        sound: Top sound concepts of the clip.
        notes: Facts that the reader should know (audio track used, tracks ignored, downmix, ...).
        provenance: What made this result.
        shots: The shots of the picture, in order; together they cover the whole clip.
        exhibit: Thumbnails and spectrogram for the report, when asked for.
    """

    verdict: Outcome
    reason: Reason | None
    explanation: str
    score: float | None
    probability: float | None
    prior: float
    false_alarms: float
    threshold: float | None
    duration: Fraction
    seconds: tuple[SecondFinding, ...]
    spans: tuple[SpanFinding, ...]
    picture: tuple[Concept, ...]
    sound: tuple[Concept, ...]
    notes: tuple[str, ...]
    provenance: Provenance
    shots: tuple[ShotFinding, ...] = ()
    exhibit: Exhibit | None = field(default=None, compare=False, repr=False)
