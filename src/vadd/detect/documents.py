"""What the JSON files of a detector folder hold, in this version's format and in those before it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Final, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vadd.classify.card import CARD, WEIGHTS, first_of
from vadd.detect.abstention import Abstention
from vadd.detect.calibrate import Calibration
from vadd.detect.score import REACH
from vadd.detect.scorers.document import ScorerDocument, ScorerName
from vadd.detect.span_calibration import SpanCalibration
from vadd.embed.base import Modality
from vadd.errors import ModelError

__all__ = [
    "CALIBRATION", "SIDES", "AbstentionDocument", "AdaptationDocument", "AdaptedDocument",
    "CalibrationDocument", "Counts", "CurveDocument", "CurveName", "DetectorDocument", "EmbedderDocument",
    "FamiliarDocument", "FileName", "Side", "SpansDocument", "compare", "kind_of", "parsed", "read",
]  # fmt: skip

Side = Literal["visual", "audio"]
#: Curves that an adapted detector can have: the base's, the same moved, or one of its own.
CurveName = Literal["kept", "moved", "logistic", "isotonic"]
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


class AdaptationDocument(_Document):
    """What a calibration of one's own was made of (:mod:`vadd.detect.adapt`).

    Attributes:
        base: Name of the detector that was adapted, and ``base_hashes`` of what it computes with.
        clips: How many were used; ``clips_sha256`` is of the sorted SHA-256 of their files, a line each.
        left_out: Reason → files.
        swaps: Foreign sounds (drawn with ``seed``) that curve and abstention were chosen by; 0 where they did
            not stand out.
        curve: Which curve it was (:data:`vadd.detect.own_curve.CURVES`).
        false_alarms: Rate that it was tried at.
    """

    base: str
    base_hashes: dict[str, Sha256]
    clips: int
    clips_sha256: Sha256
    left_out: dict[str, int]
    swaps: int
    curve: CurveName
    false_alarms: float
    seed: int


class DetectorDocument(_Document):
    """What ``card.json`` of a detector of two classifiers holds.

    Attributes:
        kind: Tells it from the card of a classifier.
        format: Version of this layout; 1 knew one scorer only, and its ``doubt`` stood here.
        scenes: Name of the scene set of both classifiers.
        scorer: How seconds are scored (:mod:`vadd.detect.scorers`); its parameters are in the calibration.
        doubt: In format 1 the setting of the scorer.
        reach: How far posteriors are averaged (:func:`vadd.detect.score.smooth`).
        embedders: Of both classifiers.
        frame_side: Shorter side of the frames that the vectors were made from, pixels, where known.
        files: Path → SHA-256 of all other files of the folder.
        stores: The clips that it was calibrated on, and those that the classifiers learnt from, as digests
            (:func:`vadd.classify.dataset.store_identity`).
        synthetic: Whether no clip was ever seen.
        seed: Of the draw of foreign sounds.
        counts: What it was calibrated on; ``None`` for one that was adapted, whose ``described`` says it.
        described: The same for people.
        vadd: Version of vadd that made it.
        adapted_from: SHA-256 of the card of the detector that it was adapted from, or ``None``.
        adaptation: What ``vadd adapt`` made it of.
    """

    kind: Literal["detector"] = "detector"
    format: Literal[1, 2] = 2
    scenes: str
    scorer: ScorerName = "graded"
    doubt: Annotated[float, Field(gt=0, lt=1)] | None = None
    reach: int
    embedders: tuple[EmbedderDocument, ...]
    frame_side: int | None
    files: dict[FileName, Sha256]
    stores: dict[Literal["calibration", "visual", "audio"], str | None]
    synthetic: bool
    seed: int
    counts: Counts | None
    described: str
    vadd: str
    adapted_from: Sha256 | None = None
    adaptation: AdaptationDocument | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if missing := sorted(_NEEDED - set(self.files)):
            raise ValueError(f"it names no {missing[0]}")
        if self.reach != REACH:
            raise ValueError(f"its seconds are averaged over {self.reach} neighbours, here over {REACH}")
        if self.format == 1 and (self.scorer != "graded" or self.doubt is None):
            raise ValueError("a card of format 1 has the scorer graded, with its doubt")
        if self.format == 2 and self.doubt is not None:
            raise ValueError("the doubt of a scorer is in the calibration")
        if self.counts is None and self.adapted_from is None:
            raise ValueError("it does not say on how much it was calibrated")
        return self


class FamiliarDocument(_Document):
    """A :class:`~vadd.detect.familiar.Familiar`; arrays are little-endian float32 in base64."""

    mean: str
    std: str
    bound: Annotated[float, Field(gt=0)]


class SpansDocument(_Document):
    """A :class:`vadd.detect.span_calibration.SpanCalibration`."""

    own: Annotated[tuple[float, ...], Field(min_length=1)]
    seconds: Annotated[float, Field(gt=0)]
    slope: Annotated[float, Field(gt=0)]
    intercept: float

    @classmethod
    def of(cls, value: SpanCalibration) -> SpansDocument:
        """The document of what stretches mean."""
        return cls(own=value.own, seconds=value.seconds, slope=value.slope, intercept=value.intercept)

    def value(self) -> SpanCalibration:
        """What stretches mean; raises :class:`ValueError` for scores that are not sorted."""
        return SpanCalibration(self.own, self.seconds, self.slope, self.intercept)


class AbstentionDocument(_Document):
    """A :class:`vadd.detect.abstention.Abstention`."""

    consistent: float
    below: float | None
    margin: float
    doubt: float

    @classmethod
    def of(cls, value: Abstention) -> AbstentionDocument:
        """The document of the constants."""
        return cls(consistent=value.consistent, below=value.below, margin=value.margin, doubt=value.doubt)

    def value(self) -> Abstention:
        """The constants; raises :class:`ValueError` for one out of range."""
        return Abstention(self.consistent, self.below, self.margin, self.doubt)


class CurveDocument(_Document):
    """Threshold and curve; see :class:`vadd.detect.calibrate.Calibration`.

    Attributes:
        own: Sorted.
        slope: Over 0; of the logistic curve, also where the steps take its place.
        intercept: Likewise.
        steps: Of the isotonic curve, if it is the one; else empty.
        spans: What the scores of stretches mean, if that was learnt.
        abstention: When a clip is left open, where that was learnt too; else as everyday's.
    """

    own: Annotated[tuple[float, ...], Field(min_length=1)]
    slope: Annotated[float, Field(gt=0)]
    intercept: float
    steps: tuple[tuple[float, float], ...] = ()
    spans: SpansDocument | None = None
    abstention: AbstentionDocument | None = None

    @model_validator(mode="after")
    def _sorted(self) -> Self:
        if list(self.own) != sorted(self.own):
            raise ValueError("its scores are not sorted")
        self.calibration("")  # raises for steps that do not rise, and the like
        return self

    def calibration(self, described: str) -> Calibration:
        """What scores mean; ``described`` says what the clips were."""
        spans = self.spans.value() if self.spans else None
        open_ = self.abstention.value() if self.abstention else Abstention()
        return Calibration(self.own, self.slope, self.intercept, described, self.steps, spans, open_)


class CalibrationDocument(CurveDocument):
    """What ``calibration.json`` of a detector of two classifiers holds.

    Attributes:
        format: Version of this layout; 1 had no temperature, no steps, and its scorer was on the card.
        temperature: Of each classifier (:mod:`vadd.detect.temperature`).
        scorer: With its parameters.
        familiar: What each classifier is used to.
    """

    format: Literal[1, 2] = 2
    temperature: dict[Side, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    scorer: ScorerDocument | None = None
    familiar: dict[Side, FamiliarDocument]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if set(self.familiar) != set(SIDES):
            raise ValueError("it does not say what both sides are used to")
        later = (bool(self.temperature), self.scorer is not None)
        if self.format == 1 and (any(later) or self.steps or self.spans or self.abstention):
            raise ValueError("format 1 has no temperature, no scorer, no steps, no spans and no abstention")
        if self.format == 2 and (set(self.temperature) != set(SIDES) or self.scorer is None):
            raise ValueError("it does not say the temperature of both sides, and the scorer")
        return self


class AdaptedDocument(_Document):
    """What ``card.json`` of a built-in detector with a calibration of one's own holds.

    Attributes:
        kind: Tells it from other cards.
        format: Version of this layout.
        base: Name of the detector that it is otherwise.
        made_with: Table or network → SHA-256 of everything that the base computed with; with others, other
            scores would come out, about which the calibration says nothing.
        files: The calibration's SHA-256.
        described: The clips that it was calibrated on, for people.
        vadd: Version of vadd that made it.
        adaptation: What ``vadd adapt`` made it of.
    """

    kind: Literal["adapted"] = "adapted"
    format: Literal[1] = 1
    base: str
    made_with: dict[str, Sha256]
    files: dict[Literal["calibration.json"], Sha256]
    described: str
    vadd: str
    adaptation: AdaptationDocument | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if CALIBRATION not in self.files:
            raise ValueError(f"it names no {CALIBRATION}")
        return self


def kind_of(folder: Path) -> str | None:
    """The kind that a folder's card names, whole or not; ``None`` without a card that can be read."""
    try:
        kind = json.loads((folder / CARD).read_bytes()).get("kind")
    except (OSError, ValueError, AttributeError, RecursionError):
        return None
    return kind if isinstance(kind, str) else None


_D = TypeVar("_D", bound=BaseModel)


def parsed(kind: type[_D], data: bytes, path: Path) -> _D:
    """A document, or :class:`ModelError` that says what is wrong with it."""
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        raise ModelError(f"{path} cannot be used: {first_of(error)}") from error


def compare(path: Path, digest: str) -> None:
    """Raise :class:`ModelError` unless a file has this SHA-256."""
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


def read(path: Path, opening: str = "") -> bytes:
    """The bytes of a file; an error begins with ``opening``."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{opening}cannot read {path.name}: {error.strerror or error}") from error
