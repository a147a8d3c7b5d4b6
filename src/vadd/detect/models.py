"""The detectors that come with vadd, as their cards."""

from __future__ import annotations

import os.path
from dataclasses import dataclass

from vadd.errors import ModelError

__all__ = ["DetectorCard", "detectors", "find", "verify"]


@dataclass(frozen=True, slots=True)
class DetectorCard:
    """What a detector is made of.

    Attributes:
        name: What ``--model`` calls it.
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


def _everyday() -> DetectorCard:
    from vadd.classify.everyday import PICTURE_EMBEDDER, SOUND_EMBEDDER
    from vadd.classify.tables import HASHES
    from vadd.detect.calibrate import CALIBRATION, CALIBRATION_SHA256, load

    return DetectorCard(
        name="everyday",
        summary="any ordinary video, by what is seen and heard in it; no download",
        embedders=(PICTURE_EMBEDDER, SOUND_EMBEDDER),
        method="likelihood ratio of the sounds heard, given what is seen, to any picture (docs/method.md)",
        calibrated_on=load().described,
        hashes=(*HASHES.items(), (CALIBRATION, CALIBRATION_SHA256)),
    )


#: Name → how its card is made. A detector folder made by the user is no entry here.
_BUILT_IN = {"everyday": _everyday}


def detectors() -> tuple[DetectorCard, ...]:
    """The cards of all detectors that come with vadd."""
    return tuple(make() for make in _BUILT_IN.values())


def find(name: str) -> DetectorCard:
    """The card of one detector.

    Raises:
        ModelError: If there is none of this name; the message lists the names.
    """
    # Names come first, so that a folder that happens to be called like a detector hides none.
    if name not in _BUILT_IN and os.path.isdir(name):  # noqa: PTH112 - Path raises for a name too long
        raise ModelError(f"{name}: detector folders are not supported by this version; try `everyday`")
    if name not in _BUILT_IN:
        raise ModelError(f"there is no detector {name!r}; the detectors are {', '.join(_BUILT_IN)}")
    return _BUILT_IN[name]()


def verify(name: str) -> None:
    """Read all tables of a detector and check them against their hashes.

    Raises:
        ModelError: If the detector is unknown or one of its files is missing or damaged.
    """
    from vadd.classify import everyday
    from vadd.detect import calibrate

    find(name)
    everyday.load()
    calibrate.load()
