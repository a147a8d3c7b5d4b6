"""The detectors: those that come with vadd, by name, and those that a user made, by folder."""

from __future__ import annotations

import os.path
from pathlib import Path
from typing import TYPE_CHECKING

from vadd.detect.engine import DetectorCard, Engine
from vadd.errors import ModelError

if TYPE_CHECKING:
    from vadd.detect.folder import DetectorFolder

__all__ = ["DetectorCard", "detectors", "find", "load", "verify"]


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


def find(model: str) -> DetectorCard:
    """The card of one detector.

    Args:
        model: Its name, or its folder.

    Raises:
        ModelError: If there is none of this name (the message lists the names), or the folder is no
            detector or damaged.
    """
    if model in _BUILT_IN:
        return _BUILT_IN[model]()
    return _folder(model).card


def load(model: str) -> Engine:
    """A detector ready to judge.

    Args:
        model: Its name, or its folder.

    Raises:
        ModelError: As :func:`find`; also if its networks cannot run here, or it may judge no file.
    """
    if model in _BUILT_IN:
        from vadd.detect.everyday_engine import EverydayEngine

        return EverydayEngine(find(model))
    from vadd.detect.scene_engine import SceneEngine

    return SceneEngine(_folder(model))


def verify(model: str) -> None:
    """Read all tables of a detector and check them against their hashes.

    Raises:
        ModelError: If the detector is unknown or one of its files is missing or damaged.
    """
    from vadd.classify import everyday
    from vadd.detect import calibrate

    find(model)  # checks the files of a folder
    # Detectors in folders ask the everyday tables too, for sounds that are laid over any picture.
    everyday.load()
    calibrate.load()


def _folder(model: str) -> DetectorFolder:
    # Names come first, so that a folder that happens to be called like a detector hides none.
    if not os.path.isdir(model):  # noqa: PTH112 - Path raises for a name too long
        raise ModelError(
            f"there is no detector {model!r}; the detectors are {', '.join(_BUILT_IN)} and the folders that "
            "`vadd detector build` makes"
        )
    from vadd.detect.folder import read_detector

    return read_detector(Path(model))
