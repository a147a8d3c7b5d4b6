"""A detector on disk: two classifiers, what their scores mean, and a card that holds them together.

The folder has ``visual/`` and ``audio/``, each a classifier as :mod:`vadd.classify.model` writes it,
``calibration.json`` and ``card.json``. The card names the SHA-256 of all the others, which are compared
whenever the detector is read. Reading one needs no torch.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vadd.classify.card import CARD, ONNX, read_card
from vadd.classify.spec import FusionSpec
from vadd.detect.calibrate import Calibration
from vadd.detect.documents import (
    CALIBRATION,
    SIDES,
    CalibrationDocument,
    DetectorDocument,
    FamiliarDocument,
    Side,
    compare,
    kind_of,
    parsed,
    read,
)
from vadd.detect.engine import DetectorCard
from vadd.detect.familiar import Familiar
from vadd.detect.scorers import Confusions, Graded, Scorer
from vadd.errors import ModelError
from vadd.scenes import SceneSet, scene_set

__all__ = ["SIDES", "DetectorFolder", "Side", "is_detector", "packed", "read_card_of", "read_detector"]


@dataclass(frozen=True, slots=True, eq=False)
class DetectorFolder:
    """A detector that was read and found whole.

    Attributes:
        path: Where it lies.
        card: For people and for provenance.
        document: Its card as it is written.
        scenes: The scenes of both classifiers.
        calibration: What its scores mean.
        stored: The same as it is written.
        temperature: Side → what its classifier's posteriors are flattened by.
        scorer: How seconds are scored.
        familiar: Side → what its classifier is used to.
    """

    path: Path
    card: DetectorCard
    document: DetectorDocument
    scenes: SceneSet
    calibration: Calibration
    stored: CalibrationDocument
    temperature: Mapping[Side, float]
    scorer: Scorer
    familiar: Mapping[Side, Familiar]

    def exported(self, side: Side) -> bool:
        """Whether the classifier of this side runs without torch."""
        return f"{side}/{ONNX}" in self.document.files


def packed(array: NDArray[np.float32]) -> str:
    """An array as a :class:`FamiliarDocument` holds it."""
    return base64.b64encode(array.astype("<f4").tobytes()).decode("ascii")


def is_detector(folder: Path) -> bool:
    """Whether a folder has the card of a detector, of either kind; whether it is whole is not looked at."""
    return kind_of(folder) in ("detector", "adapted")


def read_card_of(folder: Path) -> DetectorDocument:
    """The card of a detector; the other files are not looked at.

    Raises:
        ModelError: If the folder has none, or one that this version cannot read.
    """
    return _written(folder)[0]


def read_detector(folder: Path) -> DetectorFolder:
    """Read a detector and compare every file with its hash.

    Raises:
        ModelError: If the folder is no detector, or one of its files is missing, damaged or another.
    """
    document, digest = _written(folder)
    for name, recorded in document.files.items():
        compare(folder / name, recorded)
    # Read after it was compared, and compared once more: what counts are these very bytes.
    data = read(folder / CALIBRATION)
    if hashlib.sha256(data).hexdigest() != document.files["calibration.json"]:
        raise ModelError(f"{folder / CALIBRATION} changed while it was read")
    learnt = parsed(CalibrationDocument, data, folder / CALIBRATION)
    scenes = scene_set(document.scenes)
    scorer = _scorer(folder, document, learnt, scenes)
    return DetectorFolder(
        path=folder,
        card=_card(folder, document, scenes, scorer, digest),
        document=document,
        scenes=scenes,
        calibration=learnt.calibration(document.described),
        stored=learnt,
        temperature={side: learnt.temperature.get(side, 1.0) for side in SIDES},
        scorer=scorer,
        familiar={side: _familiar(folder, side, learnt.familiar[side], scenes) for side in SIDES},
    )


def _written(folder: Path) -> tuple[DetectorDocument, str]:
    """The card of a folder, and its SHA-256."""
    data = read(folder / CARD, f"{folder} is no detector: ")
    try:
        written = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"the card {folder / CARD} is damaged: {error}") from error
    if not isinstance(written, dict) or written.get("kind") != "detector":
        raise ModelError(
            f"{folder} is no detector; `vadd detector build` makes one of a visual and an audio classifier"
        )
    return parsed(DetectorDocument, data, folder / CARD), hashlib.sha256(data).hexdigest()


def _scorer(
    folder: Path, document: DetectorDocument, learnt: CalibrationDocument, scenes: SceneSet
) -> Scorer:
    if document.format != learnt.format:
        raise ModelError(f"the card of {folder} is of format {document.format}, its calibration is not")
    if learnt.scorer is None:
        return Graded(document.doubt or 0.0)
    if learnt.scorer.name != document.scorer:
        raise ModelError(
            f"the card of {folder} names the scorer {document.scorer}, its calibration {learnt.scorer.name}"
        )
    try:
        scorer = learnt.scorer.scorer()
    except ModelError as error:
        raise ModelError(f"{folder / CALIBRATION} cannot be used: {error}") from error
    known = None
    if isinstance(scorer, Confusions):
        known = scorer.picture.scenes
    elif isinstance(scorer, Graded) and scorer.prior is not None:
        known = len(scorer.prior)
    if known not in (None, len(scenes)):
        raise ModelError(
            f"{folder / CALIBRATION} cannot be used: its scorer knows {known} scenes, the classifiers give "
            f"{len(scenes)}"
        )
    return scorer


def _card(
    folder: Path, document: DetectorDocument, scenes: SceneSet, scorer: Scorer, digest: str
) -> DetectorCard:
    about = f"{len(scenes)} scenes ({scenes.name}), by a visual and an audio classifier"
    return DetectorCard(
        name=folder.resolve().name,
        summary=f"{about}; synthetic, judges no file" if document.synthetic else about,
        embedders=tuple(each.name for each in document.embedders),
        method=f"{scorer.about} (vadd.detect.scorers.{type(scorer).__name__})",
        calibrated_on=document.described,
        hashes=(*sorted(document.files.items()), (CARD, digest)),
    )


def _familiar(folder: Path, side: Side, stored: FamiliarDocument, scenes: SceneSet) -> Familiar:
    """What a side's classifier is used to, after making sure that it is the classifier of that side."""
    spec = read_card(folder / side).spec
    if not isinstance(spec, FusionSpec) or (spec.modality, spec.scenes) != (side, scenes.name):
        raise ModelError(f"{folder / side} is no {side} classifier of the scenes of {scenes.name}")
    mean, std = (_unpacked(text, spec.dim, folder) for text in (stored.mean, stored.std))
    if not (std > 0).all():
        raise ModelError(f"{folder / CALIBRATION} cannot be used: a deviation is not positive")
    return Familiar(mean, std, stored.bound)


def _unpacked(text: str, dim: int, folder: Path) -> NDArray[np.float32]:
    try:
        array = np.frombuffer(base64.b64decode(text, validate=True), "<f4").astype(np.float32)
    except (binascii.Error, ValueError) as error:
        raise ModelError(f"{folder / CALIBRATION} cannot be used: {error}") from error
    if array.shape != (dim,) or not np.isfinite(array).all():
        raise ModelError(f"{folder / CALIBRATION} cannot be used: it is not about {dim} features")
    return array
