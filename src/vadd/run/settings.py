"""What all files of a run have in common, and the keys that their results are found by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vadd._version import __version__
from vadd.errors import UsageError
from vadd.media.limits import Limits

__all__ = ["REPORTS", "Keys", "Settings", "canonical", "digest"]

#: Of which files a run keeps a page: of every one, of the discrepant ones, of none.
REPORTS = ("all", "discrepant", "none")


def canonical(value: Any) -> bytes:
    """JSON in the one form that is hashed: sorted keys, no spaces, ASCII.

    Args:
        value: JSON-ready.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def digest(value: Any) -> str:
    """SHA-256 of the canonical form."""
    return hashlib.sha256(canonical(value)).hexdigest()


@dataclass(frozen=True, slots=True)
class Settings:
    """How the files of a run are judged.

    Attributes:
        model: Name or folder of the detector.
        false_alarms: Rate at which authentic clips may be called discrepant.
        limits: What a file may cost.
        reports: One of :data:`REPORTS`.
        threads: Compute threads of a worker's child; 0 leaves that to it. Never changes a result.
    """

    model: str = "everyday"
    false_alarms: float = 0.10
    limits: Limits = field(default_factory=Limits)
    reports: str = "all"
    threads: int = 0

    def __post_init__(self) -> None:
        if self.reports not in REPORTS:
            raise UsageError(f"reports are kept of {', '.join(REPORTS)}, not {self.reports!r}")

    def to_json(self) -> dict[str, Any]:
        """JSON-ready, for an engine on another machine."""
        return {
            "model": self.model,
            "false_alarms": self.false_alarms,
            "limits": self.limits.to_json(),
            "reports": self.reports,
            "threads": self.threads,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Settings:
        """The settings that :meth:`to_json` gave."""
        return cls(**{**values, "limits": Limits.from_json(values["limits"])})


@dataclass(frozen=True, slots=True)
class Keys:
    """Makes the content keys of a run: equal bytes judged equally have the same key under any name.

    Attributes:
        measured: What a measurement depends on besides the file.
        judged: What a verdict depends on besides the file.
    """

    measured: Mapping[str, Any]
    judged: Mapping[str, Any]

    @classmethod
    def of(cls, settings: Settings) -> Keys:
        """The keys of a run with these settings.

        Raises:
            ModelError: If the detector is unknown or damaged.
            UsageError: If the rate is out of range or cannot be promised.
        """
        from vadd.detect.detector import Detector
        from vadd.embed import catalog
        from vadd.embed.extract import DEFAULT_EMBEDDERS
        from vadd.embed.extraction_file import FORM
        from vadd.embed.faces import FACES
        from vadd.embed.weights import BLAZEFACE
        from vadd.report.document import SCHEMA

        detector = Detector(settings.model, false_alarms=settings.false_alarms, limits=settings.limits)
        weights = {name: catalog.card(name).weights.digest for name in DEFAULT_EMBEDDERS}
        # What it finds is measured with the rest, so another one must not meet what this one left.
        weights[FACES] = BLAZEFACE.digest
        measured = {
            "form": FORM,
            "version": __version__,
            "embedders": weights,
            "limits": settings.limits.to_json(),
        }
        # A copy as JSON has it: a key must not hang on whether a list was a tuple.
        judged = json.loads(
            canonical(
                {
                    "schema": SCHEMA,
                    "version": __version__,
                    "model": detector.card.name,
                    **detector.made_of(),
                }
            )
        )
        return cls(measured, judged)

    def measurement(self, *sha256: str) -> str:
        """Key of what was measured of the file with this digest, or of the picture's and the sound's."""
        return digest({"sha256": sha256, **self.measured})

    def record(self, *sha256: str) -> str:
        """Key of the verdict on the file with this digest, or on the picture's and the sound's."""
        return digest({"sha256": sha256, **self.judged})
