"""The documents of the API, for its OpenAPI description; what is sent has these forms."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from vadd.detect.verdict import Outcome, Reason
from vadd.web.jobs import KINDS, STAGES, STATES

__all__ = [
    "FileByPath", "HealthDocument", "JobDocument", "JobList", "ModelDocument", "ModelList", "PairByPath",
    "ProblemDocument",
]  # fmt: skip

Share = Annotated[float, Field(ge=0, le=1)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Place = Annotated[str, Field(min_length=1, max_length=4096, pattern=r"^[^\x00]+$")]
Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]

_JOB: dict[str, Any] = {
    "id": "q3oDDzqVtSdq1vFbYLw1Xg",
    "kind": "file",
    "state": "done",
    "stage": "done",
    "progress": 1.0,
    "names": ["square.mp4"],
    "sizes": [1048576],
    "sha256": ["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
    "false_alarms": 0.1,
    "created": "2025-06-01T08:30:00.000Z",
    "started": "2025-06-01T08:30:00.120Z",
    "finished": "2025-06-01T08:30:01.480Z",
    "verdict": "discrepant",
    "reason": None,
    "score": 0.91,
    "probability": 0.95,
    "message": None,
    "links": {
        "self": "/api/v1/jobs/q3oDDzqVtSdq1vFbYLw1Xg",
        "events": "/api/v1/jobs/q3oDDzqVtSdq1vFbYLw1Xg/events",
        "result": "/api/v1/jobs/q3oDDzqVtSdq1vFbYLw1Xg/result",
        "report": "/api/v1/jobs/q3oDDzqVtSdq1vFbYLw1Xg/report.html",
    },
}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Links(_Part):
    """Addresses from the root of the server on."""

    self: str = Field(description="The job.")
    events: str = Field(description="Its changes as server-sent events.")
    result: str | None = Field(description="Its result; null until there is one.")
    report: str | None = Field(description="Its report; null until there is one.")


class JobDocument(_Part):
    """A job."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": [_JOB]})

    id: str = Field(description="22 random characters.", pattern="^[A-Za-z0-9_-]{22}$")
    kind: Literal[KINDS] = Field(description="One file, or one's picture with another's sound.")  # type: ignore[valid-type]
    state: Literal[STATES] = Field(  # type: ignore[valid-type]
        description="`done` has a verdict, which may be `failed` too: the file could not be judged. The "
        "state `failed` is the server's own fault."
    )
    stage: Literal[STAGES] = Field(description="What happens to it now.")  # type: ignore[valid-type]
    progress: Share = Field(description="Share that is done.")
    names: list[str] = Field(description="Of the file, or of the picture's and the sound's.")
    sizes: list[int] = Field(description="Bytes of each.")
    sha256: list[Sha256 | None] = Field(description="Of each; null until it is known.")
    false_alarms: Annotated[float, Field(gt=0, lt=1)] = Field(
        description="Rate at which clips with their own sound may be called discrepant."
    )
    created: Moment = Field(description="When it was handed in.")
    started: Moment | None = Field(description="When it was begun.")
    finished: Moment | None = Field(description="When it came to its end.")
    verdict: Outcome | None = Field(description="What vadd says; null until it is done.")
    reason: Reason | None = Field(description="Why it is inconclusive or failed.")
    score: Share | None = Field(description="Higher is more discrepant.")
    probability: Share | None = Field(description="Calibrated probability of a discrepancy.")
    message: str | None = Field(description="Why there is no result, for people.")
    links: Links


class JobList(_Part):
    """Jobs, the latest first."""

    jobs: list[JobDocument]
    next: str | None = Field(description="Address of older jobs; null if there are none.")


class _ByPath(_Part):
    false_alarms: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] | None = Field(
        None, description="Rate at which clips with their own sound may be called discrepant."
    )


class FileByPath(_ByPath):
    """A file that lies on the server, inside the folder that it was started with."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [{"path": "inbox/square.mp4"}]}
    )

    path: Place = Field(description="The file, from the folder on or absolute.")


class PairByPath(_ByPath):
    """Two files that lie on the server, inside the folder that it was started with."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [{"picture": "a.mp4", "sound": "b.wav"}]}
    )

    picture: Place = Field(description="The file with the picture.")
    sound: Place = Field(description="The file with the sound.")


class ModelDocument(_Part):
    """A detector."""

    name: str
    summary: str
    method: str = Field(description="How it scores.")
    calibrated_on: str = Field(description="What clips its probabilities and rates refer to.")
    embedders: list[str]
    used: bool = Field(description="Whether this server judges with it.")


class ModelList(_Part):
    """Detectors that this server knows."""

    models: list[ModelDocument]


class HealthDocument(_Part):
    """Whether the server works, and how much it has to do."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "status": "ok",
                    "version": "0.2.0",
                    "queued": 0,
                    "running": 1,
                    "max_jobs": 200,
                    "max_upload": 2147483648,
                }
            ]
        },
    )

    status: Literal["ok"]
    version: str = Field(description="Of vadd.")
    queued: int
    running: int
    max_jobs: int = Field(description="Jobs that may wait.")
    max_upload: int = Field(description="Bytes of one file.")


class ProblemDocument(BaseModel):
    """What is wrong with a request (RFC 9457)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"type": "about:blank", "title": "Not Found", "status": 404, "detail": "there is no such job"}
            ]
        }
    )

    type: str
    title: str
    status: int
    detail: str
