"""The published form of a result document: its fields, units and ranges, checked with pydantic."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from vadd.detect.verdict import Outcome, Reason
from vadd.report.document import SCHEMA

__all__ = ["ResultDocument", "finished", "json_schema", "validate"]

Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Part(BaseModel):
    # Unknown fields are refused: a document that almost fits is a different version.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ConceptDocument(_Part):
    """Something seen or heard."""

    name: str = Field(description="What is seen or heard.", min_length=1)
    probability: Share = Field(description="Share of the posterior that the concept holds, 0 to 1.")


class ContributionDocument(_Part):
    """What one concept does to the score of a stretch, found by leaving it out."""

    side: Literal["picture", "sound"] = Field(description="Whether it is seen or heard.")
    name: str = Field(description="The concept.", min_length=1)
    probability: Share = Field(description="Share of its side's posterior that it holds, 0 to 1.")
    effect: float = Field(
        description="Discrepancy with the concept less the discrepancy without it, on the scale of the "
        "detector (of `everyday` the natural logarithm of how much likelier the sound is elsewhere); above "
        "0 it speaks against a common origin."
    )


class _Timed(_Part):
    start: Seconds = Field(description="Start in seconds of presentation time.")
    end: Annotated[float, Field(gt=0)] = Field(description="End in seconds, after `start`; not included.")

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.end <= self.start:
            raise ValueError("end must come after start")
        return self


class SecondDocument(_Timed):
    """What was found in one second."""

    score: Share | None = Field(
        description="0 to 1, higher is more discrepant; null where a side has no embedding."
    )
    weight: Share = Field(description="How much the second has to say, 0 (nothing) to 1.")
    mute: Reason | None = Field(description="Why the second says nothing; null if it says something.")
    picture: list[ConceptDocument] = Field(description="Top picture concepts, most probable first.")
    sound: list[ConceptDocument] = Field(description="Top sound concepts, most probable first.")
    level: float | None = Field(
        description="RMS of the sound in dBFS; null without sound and for digital silence."
    )


class SpanDocument(_Timed):
    """A stretch whose sound does not fit its picture."""

    score: Share = Field(description="0 to 1, higher is more discrepant.")
    probability: Share = Field(description="Calibrated probability of a discrepancy in this stretch.")
    picture: list[ConceptDocument] = Field(description="Top picture concepts of the stretch.")
    sound: list[ConceptDocument] = Field(description="Top sound concepts of the stretch.")
    expected: list[ConceptDocument] = Field(
        description="Sounds that the picture leads one to expect, most probable first, with their shares of "
        "all sounds."
    )
    contributions: list[ContributionDocument] = Field(
        description="What single concepts do to the score of the stretch, those that speak most against a "
        "common origin first."
    )


class ShotDocument(_Timed):
    """What lies between two cuts of the picture."""

    score: Share | None = Field(
        description="0 to 1, higher is more discrepant; mean of the seconds that say something, null if none "
        "does."
    )
    mute: Reason | None = Field(
        description="The commonest reason for saying nothing if every second is mute; null otherwise."
    )
    picture: list[ConceptDocument] = Field(description="Top picture concepts of the shot.")
    sound: list[ConceptDocument] = Field(description="Top sound concepts of the shot.")


class MinuteDocument(_Timed):
    """A minute, summed up from its seconds."""

    score: Share | None = Field(
        description="0 to 1, higher is more discrepant; mean of the seconds that say something, null if none "
        "does."
    )
    peak: Share | None = Field(description="The highest score of a second that says something.")
    speaking: Share = Field(description="Share of the seconds that say something, 0 to 1.")
    flagged: Seconds = Field(description="Seconds of the minute that lie in `spans`.")
    picture: list[ConceptDocument] = Field(description="Top picture concepts, means over the seconds.")
    sound: list[ConceptDocument] = Field(description="Top sound concepts, means over the seconds.")


class InputDocument(_Part):
    """A file that was judged."""

    role: Literal["both", "picture", "sound"] = Field(description="What the file was used for.")
    name: str = Field(description="File name without its folder; bytes that are not UTF-8 as `\\xNN`.")
    sha256: Sha256 | None = Field(description="SHA-256 of the file; null if it could not be read.")
    size: Annotated[int, Field(ge=0)] | None = Field(description="Bytes; null if unknown.")
    media: dict[str, JsonValue] = Field(
        description="Container, streams, declared and decoded duration in seconds."
    )


class ProvenanceDocument(_Part):
    """What made the result."""

    inputs: list[InputDocument] = Field(description="The files judged.", min_length=1, max_length=2)
    version: str = Field(description="Version of vadd.")
    model: str = Field(description="Name of the detector.")
    hashes: dict[str, Sha256] = Field(description="SHA-256 of every weights file and table used.")
    config: dict[str, JsonValue] = Field(description="Settings that can change the result.")
    libraries: dict[str, str] = Field(description="Versions of what decoded and computed.")


class ResultDocument(_Part):
    """What vadd says of one video, or of one file's picture with another's sound."""

    model_config = ConfigDict(serialize_by_alias=True)

    schema_: Literal["vadd.result/2"] = Field(alias="schema", description="Name and version of this form.")
    verdict: Outcome = Field(description="What vadd says.")
    reason: Reason | None = Field(description="Why it is inconclusive or failed; null otherwise.")
    explanation: str = Field(description="The verdict in plain words.")
    score: Share | None = Field(
        description="0 to 1, higher is more discrepant; there whenever both streams gave any embedding, "
        "also when inconclusive."
    )
    probability: Share | None = Field(
        description="Calibrated probability of a discrepancy under `prior`; null without a score."
    )
    prior: Share = Field(description="Probability of a discrepancy that was assumed before looking.")
    threshold: Share | None = Field(description="Score from which on a clip is called discrepant.")
    false_alarms: Annotated[float, Field(gt=0, lt=1)] = Field(
        description="Share of clips with their own sound that are called discrepant at this threshold, on "
        "clips like those used for calibration."
    )
    duration: Seconds | None = Field(
        description="Seconds of presentation time that were judged; null if it failed."
    )
    spans: list[SpanDocument] = Field(description="Stretches that do not fit; only when discrepant.")
    picture: list[ConceptDocument] = Field(description="Top picture concepts of the clip.")
    sound: list[ConceptDocument] = Field(description="Top sound concepts of the clip.")
    minutes: list[MinuteDocument] = Field(
        description="The same by minute, an overview of a long file; counted from 0, the last may be shorter."
    )
    shots: list[ShotDocument] = Field(
        description="Shots of the picture, in order; they cover all that was judged. Empty if none were "
        "looked for."
    )
    seconds: list[SecondDocument] = Field(description="One finding for each second, in order.")
    notes: list[str] = Field(description="Facts that a reader should know, such as the audio track used.")
    provenance: ProvenanceDocument = Field(description="Inputs, model, hashes, settings and versions.")

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.reason is None and self.verdict in (Outcome.INCONCLUSIVE, Outcome.FAILED):
            raise ValueError(f"{self.verdict} needs a reason")
        if self.reason is not None and self.reason.outcome is not self.verdict:
            raise ValueError(f"the reason {self.reason} does not go with {self.verdict}")
        if self.spans and self.verdict is not Outcome.DISCREPANT:
            raise ValueError(f"{self.verdict} has no spans")
        return self


def validate(document: dict[str, Any]) -> ResultDocument:
    """Check a document that came from outside.

    Args:
        document: Parsed JSON.

    Returns:
        The document as a typed, frozen object.

    Raises:
        pydantic.ValidationError: If a field is missing, unknown, of the wrong type or out of range.
    """
    return ResultDocument.model_validate(document)


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a result document."""
    return finished(ResultDocument, SCHEMA)


def finished(document: type[BaseModel], name: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a document, with its name and version as title and identifier."""
    schema = _without_titles(document.model_json_schema(mode="validation", by_alias=True))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{name.replace('/', ':').replace('.', ':')}",
        "title": name,
        **schema,
    }


def _without_titles(schema: Any) -> Any:
    """Drop the titles that pydantic derives from names: they repeat what the keys say."""
    if isinstance(schema, dict):
        return {
            key: _without_titles(value)
            for key, value in schema.items()
            if not (key == "title" and isinstance(value, str))
        }
    return [_without_titles(item) for item in schema] if isinstance(schema, list) else schema
