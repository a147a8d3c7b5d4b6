"""The published forms of what a results folder holds and what is told of it, checked with pydantic."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from vadd.detect.verdict import Outcome, Reason
from vadd.report.schema import ResultDocument

__all__ = [
    "FORMS", "RecordDocument", "ResultsDocument", "RowDocument", "VerificationDocument", "json_schema",
    "validate",
]  # fmt: skip

Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Part(BaseModel):
    # Unknown fields are refused: a document that almost fits is a different version.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, serialize_by_alias=True)


class RowSpanDocument(_Part):
    """A stretch that does not fit."""

    start: Seconds = Field(description="Start in seconds.")
    end: Seconds = Field(description="End in seconds.")
    score: Share = Field(description="0 to 1, higher is more discrepant.")
    probability: Share = Field(description="Calibrated probability of a discrepancy in this stretch.")


class RowDocument(_Part):
    """What a results folder says of one path."""

    schema_: Literal["vadd.row/1"] = Field(alias="schema", description="Name and version of this form.")
    path: str = Field(description="As it was named or found; bytes that are not UTF-8 as `\\xNN`.")
    path_bytes: Annotated[str, Field(pattern="^([0-9a-f]{2})+$")] | None = Field(
        description="The path's bytes in hexadecimal if they are not UTF-8 (in parquet the bytes); else null."
    )
    name: str = Field(description="The last part of the path.")
    sha256: Digest | None = Field(description="SHA-256 of the file; null if it has no record.")
    size: Count | None = Field(description="Bytes; null if the file could not be found.")
    verdict: Outcome = Field(description="What vadd says.")
    reason: Reason | None = Field(description="Why it is inconclusive or failed; null otherwise.")
    explanation: str = Field(description="The verdict in plain words.")
    score: Share | None = Field(description="0 to 1, higher is more discrepant; null if nothing was scored.")
    probability: Share | None = Field(description="Calibrated probability of a discrepancy.")
    threshold: Share | None = Field(description="Score from which on a clip is called discrepant.")
    false_alarms: Share | None = Field(description="Rate of false alarms that was accepted.")
    duration: Seconds | None = Field(description="Seconds that were judged; null if it failed.")
    spans: list[RowSpanDocument] = Field(description="Stretches that do not fit.")
    picture: list[str] = Field(description="Up to three things seen, most probable first.")
    sound: list[str] = Field(description="Up to three things heard, most probable first.")
    notes: list[str] = Field(description="Facts that a reader should know.")
    model: str | None = Field(description="Name of the detector; null without a record.")
    version: str | None = Field(description="Version of vadd; null without a record.")
    key: Digest | None = Field(description="Key of the record; null if there is none.")
    record: str | None = Field(description="Place of the record in the folder.")
    report: str | None = Field(description="Place of the page; null if there is none.")
    strip: str | None = Field(description="Place of the thumbnail strip; null if there is none.")


class RecordDocument(_Part):
    """A verdict as it is kept, without the name of the file."""

    schema_: Literal["vadd.record/1"] = Field(alias="schema", description="Name and version of this form.")
    key: Digest = Field(description="SHA-256 of the file's digest and all that the verdict depends on.")
    sha256: list[Digest] = Field(
        description="SHA-256 of the file, or of the picture's and the sound's.", min_length=1, max_length=2
    )
    measurement: Digest | None = Field(description="Key of what was measured; null if nothing could be.")
    result: ResultDocument = Field(description="The result document; the file is called `the file` in it.")
    digest: Digest = Field(description="SHA-256 of the rest as JSON with sorted keys and no spaces.")


class ReasonCount(_Part):
    """Files of a verdict for a reason."""

    verdict: Outcome = Field(description="The verdict.")
    reason: Reason = Field(description="The reason.")
    files: Count = Field(description="How many.")


class ModelCount(_Part):
    """Files of a model."""

    model: str = Field(description="Name of the detector.")
    version: str = Field(description="Version of vadd.")
    files: Count = Field(description="How many.")


class SummaryDocument(_Part):
    """What a results folder holds."""

    files: Count = Field(description="Paths in all.")
    model: str = Field(description="Detector of the newest run.")
    version: str = Field(description="Version of vadd of the newest run.")
    false_alarms: Share = Field(description="Rate of false alarms that the newest run accepted.")
    verdicts: dict[Outcome, Count] = Field(description="Verdict and how many files have it.")
    reasons: list[ReasonCount] = Field(description="The same by reason.")
    models: list[ModelCount] = Field(description="Which detector and version judged how many files.")
    of_other_settings: Count = Field(
        description="Files whose record is of another model, version or configuration than the newest run."
    )
    without_record: Count = Field(description="Files that could not even be read.")


class ResultsDocument(_Part):
    """What `vadd results --json` writes."""

    schema_: Literal["vadd.results/1"] = Field(alias="schema", description="Name and version of this form.")
    summary: SummaryDocument = Field(description="Of the whole folder.")
    rows: list[RowDocument] = Field(description="Those that were asked for, in the order asked for.")


class FindingDocument(_Part):
    """Something that is told of a file."""

    path: str = Field(description="From the results folder on; of a media file as it was named.")
    message: str = Field(description="What is the matter.")


class VerificationDocument(_Part):
    """What `vadd results verify --json` writes."""

    schema_: Literal["vadd.verification/1"] = Field(
        alias="schema", description="Name and version of this form."
    )
    right: bool = Field(description="Whether nothing is wrong.")
    checked: dict[str, Count] = Field(description="What was looked at and how many of it.")
    wrong: list[FindingDocument] = Field(
        description="What is not as it was written, or contradicts the rest."
    )
    unused: list[FindingDocument] = Field(description="What is whole and belongs to no path of the ledger.")


#: Name of a form on the command line → its document.
FORMS: dict[str, type[_Part]] = {
    "row": RowDocument,
    "record": RecordDocument,
    "results": ResultsDocument,
    "verification": VerificationDocument,
}


def validate(form: str, document: dict[str, Any]) -> BaseModel:
    """Check a document that came from outside.

    Raises:
        pydantic.ValidationError: If a field is missing, unknown, of the wrong type or out of range.
    """
    return FORMS[form].model_validate(document)


def json_schema(form: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a form."""
    from vadd.report.schema import finished

    document = FORMS[form]
    name = document.model_fields["schema_"].annotation.__args__[0]  # type: ignore[union-attr]
    return finished(document, str(name))
