"""The card of a trained classifier: what it is, what it learnt from, and the files that belong to it.

A trained classifier is a folder of ``card.json``, ``weights.safetensors`` and, once exported,
``model.onnx``. The card is written last and names the SHA-256 of the others, so that a folder either is
a whole classifier or is none. Reading cards needs no torch.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from vadd.classify.spec import ContrastiveSpec, FusionSpec
from vadd.embed.store_files import sync_folder
from vadd.errors import ModelError, OutputError

__all__ = [
    "CARD", "ONNX", "WEIGHTS", "FileName", "ModelCard", "first_of", "publish", "read_card", "read_file",
]  # fmt: skip

FileName = Literal["weights.safetensors", "model.onnx"]

CARD: Final = "card.json"
WEIGHTS: Final = "weights.safetensors"
ONNX: Final = "model.onnx"

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class ModelCard(BaseModel):
    """What ``card.json`` holds.

    Attributes:
        format: Version of this layout.
        spec: The network, its embedders with their hashes among it.
        scenes: The scenes in the order of the outputs; none for a contrastive model.
        recipe: How it was trained, by name and settings.
        seed: Of the training run; ``None`` if it was not trained by one.
        data: What it was trained on: counts, folds, hashes, for people and for provenance.
        metrics: What was measured on which data.
        vadd: Version of vadd that wrote it.
        files: Name → SHA-256 of the files that belong to it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    format: Literal[1] = 1
    spec: Annotated[FusionSpec | ContrastiveSpec, Field(discriminator="family")]
    scenes: tuple[str, ...]
    recipe: dict[str, JsonValue]
    seed: int | None
    data: dict[str, JsonValue]
    metrics: dict[str, JsonValue]
    vadd: str
    files: dict[FileName, Sha256]

    @model_validator(mode="after")
    def _scenes_are_those_of_the_spec(self) -> Self:
        known = self.spec.scene_set.scenes if isinstance(self.spec, FusionSpec) else ()
        if self.scenes != known:
            raise ValueError(f"its outputs are {list(self.scenes)}, which is not the scene set of its spec")
        if WEIGHTS not in self.files:
            raise ValueError(f"it names no {WEIGHTS}")
        return self

    def to_bytes(self) -> bytes:
        """The card as it is written.

        Raises:
            ModelError: If a number in it is not finite, which JSON has no way to write.
        """
        try:
            text = json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False, allow_nan=False)
        except ValueError as error:
            raise ModelError(
                f"the card of a classifier holds a number that is not finite: {error}"
            ) from error
        return text.encode() + b"\n"


def read_card(folder: Path) -> ModelCard:
    """The card of a trained classifier.

    Raises:
        ModelError: If the folder has no card, or one that this version cannot read.
    """
    path = folder / CARD
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"{folder} is not a trained classifier: cannot read {CARD}: {error.strerror}"
        ) from error
    try:
        return ModelCard.model_validate_json(data)
    except ValidationError as error:
        raise ModelError(f"the card {path} cannot be used: {first_of(error)}") from error
    except ModelError as error:
        raise ModelError(f"the card {path} cannot be used: {error}") from error


def first_of(error: ValidationError) -> str:
    """The first thing that is wrong with a document: on one line and printable, whatever it holds."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    told = f"{where}: {first['msg']}" if where else first["msg"]
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii") for sign in told
    )


def read_file(folder: Path, card: ModelCard, name: FileName) -> bytes:
    """The bytes of one of the classifier's files, checked against its card.

    Raises:
        ModelError: If the card does not list it, or it is missing or not the one that the card names.
    """
    if name not in card.files:
        raise ModelError(f"the classifier {folder} has no {name}")
    try:
        data = (folder / name).read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read {folder / name}: {error.strerror or error}") from error
    digest = hashlib.sha256(data).hexdigest()
    if digest != card.files[name]:
        raise ModelError(
            f"{folder / name} is damaged or was exchanged: its SHA-256 is {digest[:12]}..., its card says "
            f"{card.files[name][:12]}..."
        )
    return data


def publish(
    folder: Path, files: Mapping[str, bytes], *, retire: Sequence[str] = (), what: str = "the classifier"
) -> None:
    """Put files into a folder, each whole or not at all, in their order.

    All are written beside their place first; only when the disk has taken the last of them does the
    first change. A full disk leaves everything as it was.

    Args:
        folder: Made if it does not exist.
        files: Name → content; the card comes last, since it makes the others count.
        retire: Names that are removed before the first file takes its place.
        what: What they are, for the message of an error.

    Raises:
        OutputError: If the folder cannot be written.
    """
    parts = {name: folder / f".{name}.part" for name in files}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            for name, data in files.items():
                with parts[name].open("wb") as part:
                    part.write(data)
                    part.flush()
                    os.fsync(part.fileno())
            for name in retire:
                (folder / name).unlink(missing_ok=True)
            for name, part_path in parts.items():
                part_path.replace(folder / name)
        finally:
            for part_path in parts.values():
                part_path.unlink(missing_ok=True)
        sync_folder(folder)
    except OSError as error:
        raise OutputError(f"cannot write {what} {folder}: {error.strerror or error}") from error
