"""vadd: does a video's sound belong to its picture?

>>> import vadd
>>> verdict = vadd.check("clip.mp4")  # doctest: +SKIP
>>> verdict.verdict, verdict.probability  # doctest: +SKIP
(<Outcome.DISCREPANT: 'discrepant'>, 0.93)

Names are imported when first used (PEP 562), so that ``import vadd`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from vadd._version import __version__

if TYPE_CHECKING:
    from pathlib import Path

    from vadd.detect.adapt import adapt as adapt
    from vadd.detect.detector import Detector as Detector
    from vadd.detect.verdict import Outcome as Outcome
    from vadd.detect.verdict import Reason as Reason
    from vadd.detect.verdict import Verdict as Verdict
    from vadd.errors import MediaError as MediaError
    from vadd.errors import ModelError as ModelError
    from vadd.errors import OutputError as OutputError
    from vadd.errors import UsageError as UsageError
    from vadd.errors import VaddError as VaddError
    from vadd.report.document import document as document
    from vadd.report.page import page as page
    from vadd.timeline import Span as Span

_HOMES = {
    "Detector": "vadd.detect.detector",
    "MediaError": "vadd.errors",
    "ModelError": "vadd.errors",
    "Outcome": "vadd.detect.verdict",
    "OutputError": "vadd.errors",
    "Reason": "vadd.detect.verdict",
    "Span": "vadd.timeline",
    "UsageError": "vadd.errors",
    "VaddError": "vadd.errors",
    "Verdict": "vadd.detect.verdict",
    "adapt": "vadd.detect.adapt",
    "document": "vadd.report.document",
    "page": "vadd.report.page",
}

__all__ = [
    "Detector", "MediaError", "ModelError", "Outcome", "OutputError", "Reason", "Span", "UsageError",
    "VaddError", "Verdict", "__version__", "adapt", "check", "document", "page",
]  # fmt: skip


def check(
    path: str | Path, *, model: str | Path = "everyday", false_alarms: float = 0.10, exhibit: bool = False
) -> Verdict:
    """Judge one file with a detector made for this call.

    For many files make a :class:`Detector` once and call its ``check``.

    Args:
        path: The media file.
        model: A detector's name, or the folder of one that ``vadd detector build`` made.
        false_alarms: Share of clips with their own sound that may be called discrepant, in (0, 1).
        exhibit: Also keep thumbnails and a spectrogram for :func:`page`.

    Returns:
        The verdict; a file that cannot be judged gets one with outcome ``failed``.

    Raises:
        UsageError: If the file does not exist or cannot be opened, or an argument is out of range.
        ModelError: If the detector is unknown or damaged.
    """
    from vadd.detect.detector import Detector

    return Detector(model, false_alarms=false_alarms).check(path, exhibit=exhibit)


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
