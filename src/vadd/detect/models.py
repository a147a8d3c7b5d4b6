"""The detectors: those that come with vadd, by name, and those that a user made, by folder."""

from __future__ import annotations

import os.path
from pathlib import Path

from vadd.detect.built_in import BUILT_IN, built_in
from vadd.detect.engine import DetectorCard, Engine
from vadd.errors import ModelError

__all__ = ["BUILT_IN", "DetectorCard", "detectors", "find", "load", "verify"]


def detectors() -> tuple[DetectorCard, ...]:
    """The cards of all detectors that come with vadd."""
    return tuple(make() for make in BUILT_IN.values())


def find(model: str) -> DetectorCard:
    """The card of one detector.

    Args:
        model: Its name, or its folder.

    Raises:
        ModelError: If there is none of this name (the message lists the names), or the folder is no
            detector or damaged.
    """
    if model in BUILT_IN:
        return BUILT_IN[model]()
    folder = _folder(model)
    from vadd.detect.adapted import is_adapted, read_adapted
    from vadd.detect.folder import read_detector

    return read_adapted(folder).card if is_adapted(folder) else read_detector(folder).card


def load(model: str) -> Engine:
    """A detector ready to judge.

    Args:
        model: Its name, or its folder.

    Raises:
        ModelError: As :func:`find`; also if its networks cannot run here, or it may judge no file.
    """
    if model in BUILT_IN:
        return built_in(model)
    folder = _folder(model)
    from vadd.detect.adapted import is_adapted, load_adapted

    if is_adapted(folder):
        return load_adapted(folder)
    from vadd.detect.folder import read_detector
    from vadd.detect.scene_engine import SceneEngine

    return SceneEngine(read_detector(folder))


def verify(model: str) -> None:
    """Read all tables of a detector, and the network that finds faces, and check them against their hashes.

    Raises:
        ModelError: If the detector is unknown or one of its files is missing or damaged.
    """
    from vadd.classify import everyday
    from vadd.detect import calibrate
    from vadd.embed.weights import BLAZEFACE, read_weights

    find(model)  # checks the files of a folder
    # Detectors in folders ask the everyday tables too, for sounds that are laid over any picture.
    everyday.load()
    calibrate.load()
    read_weights(BLAZEFACE)


def _folder(model: str) -> Path:
    # Names come first, so that a folder that happens to be called like a detector hides none.
    if not os.path.isdir(model):  # noqa: PTH112 - Path raises for a name too long
        raise ModelError(
            f"there is no detector {model!r}; the detectors are {', '.join(BUILT_IN)} and the folders that "
            "`vadd detector build` makes"
        )
    return Path(model)
