"""The published form of a match document: its fields, units and ranges, checked with pydantic."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from vadd.detect.verdict import Reason
from vadd.run.match_document import SCHEMA

__all__ = ["MatchDocument", "json_schema", "validate"]

Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Part(BaseModel):
    # Unknown fields are refused: a document that almost fits is a different version.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ConceptDocument(_Part):
    """Something seen or heard."""

    name: str = Field(description="What is seen or heard.", min_length=1)
    probability: Share = Field(description="Share of the posterior that the concept holds, 0 to 1.")


class FitDocument(_Part):
    """A picture with a sound."""

    file: str = Field(description="The file, as it was named or found; bytes that are not UTF-8 as `\\xNN`.")
    sha256: Sha256 | None = Field(description="SHA-256 of the file.")
    score: Share = Field(description="0 to 1, higher fits better; 0.5 speaks neither for nor against.")
    probability: Share = Field(
        description="Calibrated probability that the two belong together, of this pair alone, under `prior`."
    )
    concepts: list[ConceptDocument] = Field(description="What is seen, or heard, in the file.")


class RankedDocument(FitDocument):
    """A file of a ranking."""

    rank: Annotated[int, Field(ge=1)] = Field(description="From 1 on, the best first.")


class ExcludedDocument(_Part):
    """A file that was left out."""

    file: str = Field(description="The file.")
    reason: Reason = Field(description="Why it was left out.")
    message: str = Field(description="The same in a sentence.")


class RankingDocument(_Part):
    """What fits one side of the file in question."""

    by: Literal["sound", "picture"] = Field(
        description="`sound`: pictures that its sound fits; `picture`: sounds that its picture fits."
    )
    concepts: list[ConceptDocument] = Field(description="What is heard, or seen, in the file in question.")
    reason: Reason | None = Field(description="Why nothing could be ranked; null if something could.")
    message: str = Field(description="The same in a sentence; empty if something could.")
    own: FitDocument | None = Field(
        description="Its own picture with its own sound, measured in the same way; null if there is none."
    )
    own_rank: Annotated[int, Field(ge=1)] | None = Field(description="The place that would have.")
    judged: Count = Field(description="Files that were ranked, of which `ranked` lists the best.")
    ranked: list[RankedDocument] = Field(description="The best, in order.")
    unranked: list[ExcludedDocument] = Field(description="Files that cannot be judged.")


class StretchDocument(_Part):
    """A stretch of the same sound."""

    start: Seconds = Field(description="Where it starts in the file in question, seconds.")
    other_start: Seconds = Field(description="Where it starts in the other file, seconds.")
    length: Annotated[float, Field(gt=0)] = Field(description="Seconds, to a quarter of a second.")
    similarity: Share = Field(
        description="Correlation of the two waveforms with flat spectra over the stretch; 1 is the same "
        "wave, 0.7 is what an equally loud other sound leaves of it."
    )
    spreads: Annotated[float, Field(ge=0)] = Field(
        description="Standard deviations of chance that the best 4 s of it are away from no agreement."
    )
    chance: Share = Field(
        description="How many stretches this good chance alone would give in a search of this size; no less "
        "than 0.000001 is ever told."
    )
    inverted: bool = Field(description="Whether one waveform is the other upside down.")
    repeats: bool = Field(
        description="Whether the sound repeats itself, so that other places are nearly as good."
    )


class FoundDocument(_Part):
    """A file in which the same sound occurs."""

    file: str = Field(description="The file.")
    sha256: Sha256 | None = Field(description="SHA-256 of the file.")
    sound_seconds: Seconds = Field(description="Length of its sound.")
    same_bytes: bool = Field(description="Whether it is a byte-for-byte copy of the file in question.")
    stretches: list[StretchDocument] = Field(description="Where, the longest first.")


class SearchDocument(_Part):
    """The search for the same sound."""

    reason: str | None = Field(description="Why the sound could not be looked for; null if it could.")
    searched: Count = Field(description="Files whose sound was searched.")
    places: Count = Field(description="Pairs of a block of sound and a place that were compared.")
    found: list[FoundDocument] = Field(
        description="Files in which it occurs: copies first, then by how much they share."
    )
    unsearched: list[ExcludedDocument] = Field(description="Files whose sound could not be searched.")


class MatchDocument(_Part):
    """What vadd found for one file among many."""

    model_config = ConfigDict(serialize_by_alias=True)

    schema_: Literal["vadd.match/1"] = Field(alias="schema", description="Name and version of this form.")
    file: str = Field(description="The file in question.")
    sha256: Sha256 | None = Field(description="SHA-256 of it; null if it could not be read.")
    sound_seconds: Seconds = Field(description="Length of its sound; 0 without one.")
    compared: Count = Field(description="Files that it was compared with.")
    rankings: list[RankingDocument] = Field(description="What fits its sound, and what fits its picture.")
    same_sound: SearchDocument = Field(description="Where the very same sound occurs.")
    prior: Share = Field(description="Probability of belonging together that was assumed before looking.")
    model: str = Field(description="Name of the detector.")
    calibrated_on: str = Field(description="What clips the probabilities refer to.")
    hashes: dict[str, Sha256] = Field(description="SHA-256 of every weights file and table used.")
    version: str = Field(description="Version of vadd.")


def validate(document: dict[str, Any]) -> MatchDocument:
    """Check a document that came from outside.

    Raises:
        pydantic.ValidationError: If a field is missing, unknown, of the wrong type or out of range.
    """
    return MatchDocument.model_validate(document)


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a match document."""
    schema = MatchDocument.model_json_schema(mode="validation", by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{SCHEMA.replace('/', ':').replace('.', ':')}",
        **schema,
        "title": SCHEMA,
    }
