"""The OpenAPI description: what FastAPI cannot see by itself, bodies read piece by piece and problems."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vadd._version import __version__
from vadd.web import problem, schema

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["SUBMISSION", "describe", "problems"]

_WORDS = {
    400: "The body is not what it says it is, or broke off.",
    403: "Not allowed here.",
    404: "There is no such job, file or result (yet).",
    408: "The body came too slowly.",
    409: "The job has come to its end already.",
    413: "More bytes than allowed.",
    415: "Neither a form nor JSON.",
    422: "The request has another form than described.",
    429: "No room now; `Retry-After` says when to ask again.",
    507: "The server's disk, or what it may use of it, is full.",
}
_BYTES = {"type": "string", "format": "binary"}
_RATE = {
    "type": "number",
    "exclusiveMinimum": 0,
    "exclusiveMaximum": 1,
    "description": "Rate at which clips with their own sound may be called discrepant.",
}
_TEXT = (
    "Judges whether a video's sound belongs to its picture, on this machine alone. Requests from pages of "
    "other origins are refused, and a server that other machines can reach wants its token as a bearer token."
)


def _form(names: dict[str, str]) -> dict[str, Any]:
    files = {name: {**_BYTES, "description": text} for name, text in names.items()}
    return {
        "type": "object",
        "required": list(names),
        "additionalProperties": False,
        "properties": {**files, "false_alarms": _RATE},
    }


#: The body of a submission.
SUBMISSION: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "oneOf": [
                        _form({"file": "The file."}),
                        _form({"picture": "The file with the picture.", "sound": "The file with the sound."}),
                    ]
                }
            },
            "application/json": {
                "schema": {
                    "anyOf": [
                        {"$ref": "#/components/schemas/FileByPath"},
                        {"$ref": "#/components/schemas/PairByPath"},
                    ]
                }
            },
        },
    }
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The answers of a route that tell of a problem."""
    content = {problem.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}
    return {status: {"description": _WORDS[status], "content": content} for status in statuses}


def describe(app: FastAPI) -> dict[str, Any]:
    """The description of the API (OpenAPI 3.1).

    Args:
        app: With all its routes.
    """
    from fastapi.openapi.utils import get_openapi

    told: dict[str, Any] = get_openapi(
        title="vadd", version=__version__, description=_TEXT, routes=app.routes
    )
    parts = told.setdefault("components", {}).setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        parts.pop(unused, None)
    for model in (schema.ProblemDocument, schema.FileByPath, schema.PairByPath):
        parts[model.__name__] = model.model_json_schema(ref_template="#/components/schemas/{model}")
    # FastAPI leaves out what is null, in examples too.
    parts["JobDocument"]["examples"] = schema.JobDocument.model_json_schema()["examples"]
    told["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    told["security"] = [{}, {"token": []}]
    for operations in told["paths"].values():
        for operation in operations.values():
            answers = operation["responses"]
            refused = answers.get("422")
            if refused is not None and problem.MEDIA_TYPE not in refused["content"]:
                answers["422"] = problems(422)[422]
            for status in (201, 202):
                if str(status) in answers and "description" in answers[str(status)]:
                    answers[str(status)]["description"] = "The job."
    return told
