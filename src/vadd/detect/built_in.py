"""The detectors that come with vadd, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from vadd.detect.engine import DetectorCard, Engine

__all__ = ["BUILT_IN", "built_in"]


def _everyday() -> DetectorCard:
    from vadd.classify.everyday import PICTURE_EMBEDDER, SOUND_EMBEDDER
    from vadd.classify.tables import HASHES
    from vadd.detect.calibrate import CALIBRATION, CALIBRATION_SHA256, load
    from vadd.detect.rules import RULES, rules_sha256

    return DetectorCard(
        name="everyday",
        summary="any ordinary video, by what is seen and heard in it; no download",
        embedders=(PICTURE_EMBEDDER, SOUND_EMBEDDER),
        method="likelihood ratio of the sounds heard, given what is seen, to any picture (docs/method.md)",
        calibrated_on=load().described,
        hashes=(*HASHES.items(), (CALIBRATION, CALIBRATION_SHA256), (RULES, rules_sha256())),
    )


#: Name → how its card is made. A detector folder made by the user is no entry here.
BUILT_IN: Mapping[str, Callable[[], DetectorCard]] = MappingProxyType({"everyday": _everyday})


def built_in(name: str) -> Engine:
    """A detector of :data:`BUILT_IN`, ready to judge.

    Raises:
        ModelError: If one of its tables is missing or damaged, or a network cannot run here.
    """
    from vadd.detect.everyday_engine import EverydayEngine

    return EverydayEngine(BUILT_IN[name]())
