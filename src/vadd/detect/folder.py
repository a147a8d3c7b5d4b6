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
from typing import Annotated, Final, Literal, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vadd.classify.card import CARD, ONNX, WEIGHTS, read_card
from vadd.classify.spec import FusionSpec
from vadd.detect.calibrate import Calibration
from vadd.detect.engine import DetectorCard
from vadd.detect.familiar import Familiar
from vadd.detect.score import REACH
from vadd.embed.base import Modality
from vadd.errors import ModelError
from vadd.scenes import SceneSet, scene_set

__all__ = [
    "CALIBRATION", "SIDES", "CalibrationDocument", "Counts", "DetectorDocument", "DetectorFolder",
    "EmbedderDocument", "FamiliarDocument", "Side", "is_detector", "packed", "read_card_of",
    "read_detector",
]  # fmt: skip

Side = Literal["visual", "audio"]
SIDES: Final[tuple[Side, Side]] = ("visual", "audio")
CALIBRATION: Final = "calibration.json"

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
FileName = Literal[
    "visual/card.json", "visual/weights.safetensors", "visual/model.onnx",
    "audio/card.json", "audio/weights.safetensors", "audio/model.onnx", "calibration.json",
]  # fmt: skip
_NEEDED = {CALIBRATION, *(f"{side}/{name}" for side in SIDES for name in (CARD, WEIGHTS))}


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def to_bytes(self) -> bytes:
        """The document as it is written."""
        return json.dumps(self.model_dump(mode="json"), indent=1, ensure_ascii=False).encode() + b"\n"


class EmbedderDocument(_Document):
    """An embedder: catalog name, length, modality, hash of its weights, and of weights and preprocessing."""

    name: str
    dim: Annotated[int, Field(ge=1)]
    modality: Modality
    sha256: str | None
    identity: str


class Counts(_Document):
    """What it was calibrated on, in numbers."""

    clips: Annotated[int, Field(ge=1)]
    locations: Annotated[int, Field(ge=1)]
    swaps: Annotated[int, Field(ge=1)]
    donors: Annotated[int, Field(ge=1)] = Field(description="The most sounds that one picture was given.")


class DetectorDocument(_Document):
    """What ``card.json`` holds.

    Attributes:
        kind: Tells it from the card of a classifier.
        format: Version of this layout.
        scenes: Name of the scene set of both classifiers.
        scorer: How seconds are scored; ``doubt`` is its setting (:class:`vadd.detect.scorers.Graded`) and
            ``reach`` how far posteriors are averaged (:func:`vadd.detect.score.smooth`).
        embedders: Of both classifiers.
        frame_side: Shorter side of the frames that the vectors were made from, pixels, where known.
        files: Path → SHA-256 of all other files of the folder.
        stores: The clips that it was calibrated on, and those that the classifiers learnt from, as digests
            (:func:`vadd.classify.dataset.store_identity`).
        synthetic: Whether no clip was ever seen.
        seed: Of the draw of foreign sounds.
        counts: What it was calibrated on.
        described: The same for people.
        vadd: Version of vadd that made it.
    """

    kind: Literal["detector"] = "detector"
    format: Literal[1] = 1
    scenes: str
    scorer: Literal["graded"] = "graded"
    doubt: Annotated[float, Field(gt=0, lt=1)]
    reach: int
    embedders: tuple[EmbedderDocument, ...]
    frame_side: int | None
    files: dict[FileName, Sha256]
    stores: dict[Literal["calibration", "visual", "audio"], str | None]
    synthetic: bool
    seed: int
    counts: Counts
    described: str
    vadd: str

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if missing := sorted(_NEEDED - set(self.files)):
            raise ValueError(f"it names no {missing[0]}")
        if self.reach != REACH:
            raise ValueError(f"its seconds are averaged over {self.reach} neighbours, here over {REACH}")
        return self


class FamiliarDocument(_Document):
    """A :class:`~vadd.detect.familiar.Familiar`; arrays are little-endian float32 in base64."""

    mean: str
    std: str
    bound: Annotated[float, Field(gt=0)]


class CalibrationDocument(_Document):
    """What ``calibration.json`` holds; see :class:`vadd.detect.calibrate.Calibration`."""

    format: Literal[1] = 1
    own: Annotated[tuple[float, ...], Field(min_length=1)]
    slope: Annotated[float, Field(gt=0)]
    intercept: float
    familiar: dict[Side, FamiliarDocument]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if list(self.own) != sorted(self.own):
            raise ValueError("its scores are not sorted")
        if set(self.familiar) != set(SIDES):
            raise ValueError("it does not say what both sides are used to")
        return self


@dataclass(frozen=True, slots=True, eq=False)
class DetectorFolder:
    """A detector that was read and found whole.

    Attributes:
        path: Where it lies.
        card: For people and for provenance.
        document: Its card as it is written.
        scenes: The scenes of both classifiers.
        calibration: What its scores mean.
        familiar: Side → what its classifier is used to.
    """

    path: Path
    card: DetectorCard
    document: DetectorDocument
    scenes: SceneSet
    calibration: Calibration
    familiar: Mapping[Side, Familiar]

    def exported(self, side: Side) -> bool:
        """Whether the classifier of this side runs without torch."""
        return f"{side}/{ONNX}" in self.document.files


def packed(array: NDArray[np.float32]) -> str:
    """An array as a :class:`FamiliarDocument` holds it."""
    return base64.b64encode(array.astype("<f4").tobytes()).decode("ascii")


def is_detector(folder: Path) -> bool:
    """Whether a folder has the card of a detector; whether that is whole is not looked at."""
    try:
        return bool(json.loads((folder / CARD).read_bytes()).get("kind") == "detector")
    except (OSError, ValueError, AttributeError):
        return False


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
        _compare(folder / name, recorded)
    # Read after it was compared, and compared once more: what counts are these very bytes.
    stored = _read(folder / CALIBRATION, "")
    if hashlib.sha256(stored).hexdigest() != document.files["calibration.json"]:
        raise ModelError(f"{folder / CALIBRATION} changed while it was read")
    learnt = _parsed(CalibrationDocument, stored, folder / CALIBRATION)
    scenes = scene_set(document.scenes)
    return DetectorFolder(
        path=folder,
        card=_card(folder, document, scenes, digest),
        document=document,
        scenes=scenes,
        calibration=Calibration(learnt.own, learnt.slope, learnt.intercept, document.described),
        familiar={side: _familiar(folder, side, learnt.familiar[side], scenes) for side in SIDES},
    )


def _written(folder: Path) -> tuple[DetectorDocument, str]:
    """The card of a folder, and its SHA-256."""
    data = _read(folder / CARD, f"{folder} is no detector: ")
    try:
        written = json.loads(data)
    except ValueError as error:
        raise ModelError(f"the card {folder / CARD} is damaged: {error}") from error
    if not isinstance(written, dict) or written.get("kind") != "detector":
        raise ModelError(
            f"{folder} is no detector; `vadd detector build` makes one of a visual and an audio classifier"
        )
    return _parsed(DetectorDocument, data, folder / CARD), hashlib.sha256(data).hexdigest()


def _card(folder: Path, document: DetectorDocument, scenes: SceneSet, digest: str) -> DetectorCard:
    about = f"{len(scenes)} scenes ({scenes.name}), by a visual and an audio classifier"
    return DetectorCard(
        name=folder.resolve().name,
        summary=f"{about}; synthetic, judges no file" if document.synthetic else about,
        embedders=tuple(each.name for each in document.embedders),
        method="likelihood ratio that picture and sound show one scene (vadd.detect.scorers.Graded)",
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


_D = TypeVar("_D", bound=_Document)


def _parsed(kind: type[_D], data: bytes, path: Path) -> _D:
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ModelError(f"{path} cannot be used: {where + ': ' if where else ''}{first['msg']}") from error


def _compare(path: Path, digest: str) -> None:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(
            f"the detector is not whole: cannot read {path}: {error.strerror or error}"
        ) from error
    if found != digest:
        raise ModelError(
            f"{path} is damaged or was exchanged: its SHA-256 is {found[:12]}..., the detector's card says "
            f"{digest[:12]}..."
        )


def _read(path: Path, opening: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{opening}cannot read {path.name}: {error.strerror or error}") from error
