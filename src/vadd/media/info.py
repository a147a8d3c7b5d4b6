"""What is known of a media file: container, streams in use, durations, digest; to and from JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from typing import Any

__all__ = ["AudioStream", "MediaInfo", "VideoStream", "fraction"]

#: Bounded, as reading a number with an enormous exponent or length takes for ever.
_FRACTION = re.compile(r"-?[0-9]{1,20}/(?=0*[1-9])[0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class VideoStream:
    """The video stream in use.

    Attributes:
        index: Index in the container.
        codec: FFmpeg's name of the codec.
        width: Coded pixels, before rotation and pixel aspect.
        height: Coded pixels.
        pixel_aspect: Width of a pixel over its height.
        rate: Average frames a second, or ``None`` when not declared.
        start: Seconds of presentation time at which it starts.
        duration: Declared seconds, or ``None``.
    """

    index: int
    codec: str
    width: int
    height: int
    pixel_aspect: Fraction
    rate: Fraction | None
    start: Fraction
    duration: Fraction | None


@dataclass(frozen=True, slots=True)
class AudioStream:
    """The audio stream in use.

    Attributes:
        index: Index in the container.
        codec: FFmpeg's name of the codec.
        rate: Samples a second.
        channels: How many channels.
        layout: FFmpeg's name of the channel layout.
        language: Declared language tag, or ``None``.
        start: Seconds of presentation time at which it starts.
        duration: Declared seconds, or ``None``.
    """

    index: int
    codec: str
    rate: int
    channels: int
    layout: str
    language: str | None
    start: Fraction
    duration: Fraction | None


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What a file declares, and what it is.

    Attributes:
        name: File name without its folder.
        size: Bytes.
        sha256: Hex digest of the bytes, or ``None`` before they were all read.
        container: FFmpeg's name of the demuxer.
        duration: Seconds declared by the container, or ``None`` where it is absent or a guess.
        video: The video stream in use, or ``None``.
        audio: The audio stream in use, or ``None``.
        notes: Facts for the reader: which track is used, which are ignored.
    """

    name: str
    size: int
    sha256: str | None
    container: str
    duration: Fraction | None
    video: VideoStream | None
    audio: AudioStream | None
    notes: tuple[str, ...]

    @property
    def declared(self) -> Fraction | None:
        """The longest declared end of a stream in use, or the container's duration, in seconds."""
        ends = [stream.duration for stream in (self.video, self.audio) if stream and stream.duration]
        return max(ends) if ends else self.duration

    def to_json(self) -> dict[str, Any]:
        """All facts as JSON-ready values, times as ``"numerator/denominator"``."""
        facts = asdict(self)
        for part in (facts, facts["video"], facts["audio"]):
            for name, value in (part or {}).items():
                if isinstance(value, Fraction):
                    part[name] = f"{value.numerator}/{value.denominator}"
        return {**facts, "notes": list(self.notes)}

    def to_facts(self) -> dict[str, Any]:
        """All facts for a reader of a result, JSON-ready: times in seconds, the rate in frames a second."""
        facts = asdict(self)
        for part in (facts, facts["video"], facts["audio"]):
            for name, value in (part or {}).items():
                if isinstance(value, Fraction):
                    part[name] = float(value)
        return {**facts, "notes": list(self.notes)}

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> MediaInfo:
        """What :meth:`to_json` gave.

        Raises:
            ValueError: If the facts are not of that form (they may come from a child that is not trusted).
        """
        video, audio = facts.get("video"), facts.get("audio")
        rest = _typed(cls, {**facts, "video": None, "audio": None, "notes": None})
        notes = facts.get("notes")
        if not isinstance(notes, list):
            raise ValueError("notes are not a list")
        rest["notes"] = tuple(str(note) for note in notes)
        rest["video"] = None if video is None else VideoStream(**_typed(VideoStream, video))
        rest["audio"] = None if audio is None else AudioStream(**_typed(AudioStream, audio))
        return cls(**rest)


def fraction(text: Any) -> Fraction:
    """A time written as ``"numerator/denominator"``.

    Raises:
        ValueError: If it is not of that form.
    """
    if not isinstance(text, str) or not _FRACTION.fullmatch(text):
        raise ValueError(f"not a fraction: {text!r}")
    return Fraction(text)


def _typed(kind: type[Any], facts: Any) -> dict[str, Any]:
    """The values of a dataclass's fields, each of the type that its annotation names."""
    if not isinstance(facts, Mapping) or set(facts) != {field.name for field in fields(kind)}:
        raise ValueError(f"not the facts of a {kind.__name__}")
    values: dict[str, Any] = {}
    for field in fields(kind):
        value, wanted = facts[field.name], str(field.type)
        if wanted.startswith("Fraction"):
            value = None if value is None and "None" in wanted else fraction(value)
        elif wanted.startswith("int"):
            if type(value) is not int or value < 0:
                raise ValueError(f"{field.name} is not a number of things")
        elif wanted.startswith("str") and not (value is None and "None" in wanted):
            value = str(value)
        values[field.name] = value
    return values
