"""What an untrusted file may cost: every bound in one frozen record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

__all__ = ["Limits"]

#: Larger ones bound nothing, and no float holds all of them.
_MOST = 2**63


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what one media file may declare, hold and cost; all must be positive.

    Attributes:
        file_bytes: Size of a file.
        seconds: Declared or decoded duration.
        pixels: Width times height of a video frame.
        side: Pixels of the longer side of a video frame.
        streams: Streams in one container.
        channels: Audio channels.
        min_rate: Lowest audio sample rate, Hz.
        max_rate: Highest audio sample rate, Hz.
        frame_rate: Average video frames a second.
        memory_bytes: Private memory of the child that decodes (``RLIMIT_DATA``).
        wall_seconds: Wall clock of the child before, and beside, what the duration adds.
        wall_per_second: Wall-clock seconds more for each declared second of media.
        decode_errors: Packets of a stream that may fail before the rest of it is given up.
        coverage: Share of the declared duration that must decode (0-1), or the file is damaged.
        message_bytes: What the child may send back in one message.
    """

    file_bytes: int = 4 * 2**30
    seconds: int = 2 * 3600
    pixels: int = 4096 * 4096
    side: int = 8192
    streams: int = 16
    channels: int = 8
    min_rate: int = 4_000
    max_rate: int = 192_000
    frame_rate: int = 240
    memory_bytes: int = 2 * 2**30
    wall_seconds: float = 60.0
    wall_per_second: float = 4.0
    decode_errors: int = 1_000
    coverage: float = 0.9
    message_bytes: int = 512 * 2**20

    def __post_init__(self) -> None:
        for field in fields(self):
            if not getattr(self, field.name) > 0:  # nor is what is no number
                raise ValueError(f"limit {field.name} must be positive, not {getattr(self, field.name)}")
        if self.coverage > 1:
            raise ValueError(f"limit coverage is a share (0-1), not {self.coverage}")

    def wall_clock(self, duration: float | None) -> float:
        """Wall-clock seconds granted to the child for ``duration`` seconds of media (None: not known)."""
        return self.wall_seconds + self.wall_per_second * min(duration or 0.0, float(self.seconds))

    def to_json(self) -> dict[str, Any]:
        """All bounds as a JSON-ready mapping; :meth:`from_json` takes it back."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Limits:
        """The limits that :meth:`to_json` gave; missing ones keep their default.

        Raises:
            ValueError: If a name is not a limit, or a value is no number or not positive.
        """
        names = [field.name for field in fields(cls)]
        unknown = sorted(set(values) - set(names))
        if unknown:
            raise ValueError(f"unknown limit {unknown[0]!r}; the limits are {', '.join(names)}")
        for name, value in values.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or value > _MOST:
                raise ValueError(f"limit {name} must be a number of at most {_MOST}, not {value!r:.60}")
        return cls(**values)
