"""Whether a single file is as it was written, and what is told of those that are not."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vadd.embed import extraction_file
from vadd.errors import StoreError, UsageError
from vadd.media.identity import check_input
from vadd.report.seal import has_seal, sealed
from vadd.report.text import storable
from vadd.run.records import KINDS, Record

__all__ = ["SCHEMA", "WORDS", "Finding", "Verification", "damage", "verify_file"]

#: Name and version of what ``vadd results verify --json`` writes.
SCHEMA = "vadd.verification/1"
#: What a kind of file is called here.
WORDS = {"record": "records", "measurement": "measurements", "page": "reports", "strip": "strips"}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is told of a file.

    Attributes:
        path: Of the file, from the results folder on, or of a media file as it was named.
        message: What is the matter with it.
    """

    path: str
    message: str

    def to_json(self) -> dict[str, str]:
        """JSON-ready."""
        return {"path": storable(self.path), "message": storable(self.message)}


@dataclass(slots=True)
class Verification:
    """What came of a check.

    Attributes:
        checked: What → how many of it were looked at.
        wrong: What is not as it was written, or contradicts something else.
        unused: What is whole and belongs to no path of the ledger: of an earlier model, or of a run that was
            cut off. Nothing is wrong with it.
    """

    checked: Counter[str] = field(default_factory=Counter)
    wrong: list[Finding] = field(default_factory=list)
    unused: list[Finding] = field(default_factory=list)

    @property
    def right(self) -> bool:
        """Whether nothing is wrong."""
        return not self.wrong

    def to_json(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "schema": SCHEMA,
            "right": self.right,
            "checked": dict(sorted(self.checked.items())),
            "wrong": [each.to_json() for each in self.wrong],
            "unused": [each.to_json() for each in self.unused],
        }


def verify_file(path: Path) -> Verification:
    """Check a single file that carries its own digest: a page, a strip, a record or a measurement.

    Raises:
        UsageError: If it cannot be read, or is of none of these kinds.
    """
    try:
        check_input(path)
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    kind = next((kind for kind, (_, suffix) in KINDS.items() if path.suffix == suffix), None)
    if kind is None:
        endings = ", ".join(suffix for _, suffix in KINDS.values())
        raise UsageError(f"{path}: only files ending in {endings} and results folders can be verified")
    told = Verification(Counter({WORDS[kind]: 1}))
    message = damage(kind, data)
    if message is not None:
        told.wrong.append(Finding(str(path), message))
    return told


def damage(kind: str, data: bytes) -> str | None:
    """What is wrong with the bytes of a file of a kind, taken by itself."""
    if kind == "record":
        try:
            Record.from_bytes(data, "")
        except StoreError as error:
            return str(error).removeprefix(": ")
        return None
    if kind == "measurement":
        whole = extraction_file.intact(data)
        return None if whole else f"not as it was written, or not of the form {extraction_file.FORM}"
    if sealed(data):
        return None
    return "not as it was written" if has_seal(data) else "it carries no seal, or has lost it"
