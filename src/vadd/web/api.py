"""The HTTP API, ``/api/v1``: JSON in and out, problems as problem+json."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request
from pydantic import TypeAdapter, ValidationError
from starlette.responses import JSONResponse, Response

from vadd._version import __version__
from vadd.report.output import page_names
from vadd.report.schema import ResultDocument
from vadd.web import events, metrics, schema, uploads
from vadd.web.jobs import Job
from vadd.web.openapi import SUBMISSION, problems
from vadd.web.problem import Problem
from vadd.web.server import Server

__all__ = ["router"]

router = APIRouter(prefix="/api/v1")
#: Jobs of one list, and bytes of a document that is sent.
_MOST, _BODY = 200, 64 * 1024

_BY_PATH: TypeAdapter[schema.FileByPath | schema.PairByPath] = TypeAdapter(
    schema.FileByPath | schema.PairByPath
)

_Id = Annotated[
    str,
    Path(
        alias="id",
        description="Of the job.",
        # Described, not checked: to a caller a name that cannot be is one that is not there.
        json_schema_extra={"pattern": "^[A-Za-z0-9_-]{22}$", "example": "q3oDDzqVtSdq1vFbYLw1Xg"},
    ),
]
_Limit = Annotated[int, Query(ge=1, le=_MOST, description="At most so many.")]
_Before = Annotated[
    float | None,
    Query(ge=0, le=1e11, allow_inf_nan=False, description="Seconds since 1970: only older ones; see `next`."),
]


@router.post(
    "/jobs",
    summary="Hand in a file, or one file's picture with another's sound",
    status_code=201,
    response_model=schema.JobDocument,
    responses=problems(400, 403, 404, 408, 413, 415, 422, 429, 507),
    openapi_extra=SUBMISSION,
)
async def submit(request: Request) -> Response:
    """Answers once the file is here; `Location` and `links` say where to ask for what becomes of it."""
    server = _server(request)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        job = await _submit_paths(request, server)
    else:
        job = await uploads.receive(request, server)
    return _json(job.to_json(), 201, {"location": f"/api/v1/jobs/{job.id}"})


@router.get(
    "/jobs",
    summary="List jobs, the latest first",
    response_model=schema.JobList,
    responses=problems(422),
)
async def list_(request: Request, limit: _Limit = 50, before: _Before = None) -> Response:
    """Jobs that were deleted, or ended long ago, are not in it."""
    found = _server(request).jobs(limit, before)
    more = f"/api/v1/jobs?limit={limit}&before={found[-1].created!r}" if len(found) == limit else None
    return _json({"jobs": [job.to_json() for job in found], "next": more})


@router.get("/jobs/{id}", summary="Ask for a job", response_model=schema.JobDocument, responses=problems(404))
async def show(request: Request, id_: _Id) -> Response:
    """Its state, how far it is and, once it is done, the verdict."""
    return _json(_server(request).job(id_).to_json())


@router.delete(
    "/jobs/{id}",
    summary="Delete a job and all that was made of it",
    status_code=204,
    response_class=Response,
    responses=problems(404),
)
async def delete(request: Request, id_: _Id) -> Response:
    """Cancels it first. What another job with the same bytes has stays."""
    _server(request).delete(id_)
    return Response(status_code=204)


@router.post(
    "/jobs/{id}/cancel",
    summary="Cancel a job",
    status_code=202,
    response_model=schema.JobDocument,
    responses=problems(404, 409),
)
async def cancel(request: Request, id_: _Id) -> Response:
    """409 if it has come to its end already."""
    return _json(_server(request).cancel(id_).to_json(), 202)


@router.get(
    "/jobs/{id}/events",
    summary="Follow a job",
    response_class=Response,
    responses={
        200: {
            "description": "Server-sent events: `job` and the job, on every change, until it is final.",
            "content": {events.MEDIA_TYPE: {"schema": {"type": "string"}}},
        },
        **problems(404, 429),
    },
)
async def follow(request: Request, id_: _Id) -> Response:
    """A comment is sent now and then, so that the connection is not taken for dead."""
    return events.stream(_server(request).watch(id_))


@router.get("/jobs/{id}/result", summary="The result", response_model=ResultDocument, responses=problems(404))
async def result(request: Request, id_: _Id) -> Response:
    """The document that `vadd check --json` writes; 404 until the job is done."""
    server = _server(request)
    data = await asyncio.to_thread(_line, server, server.job(id_))
    return Response(data, media_type=JSONResponse.media_type)


def _download(suffix: str, kind: str, summary: str, make: Callable[[Server, Job], str | bytes]) -> None:
    """Add a route that gives a result as a file."""

    async def download(request: Request, id_: _Id) -> Response:
        server = _server(request)
        job = server.job(id_)
        data = await asyncio.to_thread(make, server, job)
        return Response(data, media_type=kind, headers={"content-disposition": _attachment(job, suffix)})

    router.add_api_route(
        f"/jobs/{{id}}/{suffix}",
        download,
        methods=["GET"],
        name=suffix,
        summary=summary,
        response_class=Response,
        responses={
            200: {
                "description": "The file, as an attachment.",
                "content": {kind.partition(";")[0]: {"schema": {"type": "string"}}},
            },
            **problems(404),
        },
    )


def _html(server: Server, job: Job) -> bytes:
    from vadd.report.page import page
    from vadd.report.seal import seal

    return seal(page(server.verdict(job, pictures=True)))


def _srt(server: Server, job: Job) -> str:
    from vadd.report.srt import srt

    return srt(server.verdict(job))


def _csv(server: Server, job: Job) -> str:
    from vadd.report.table import row, table

    return table([row(server.verdict(job), " + ".join(job.names))])


def _line(server: Server, job: Job) -> str:
    from vadd.report.document import line

    return f"{line(server.verdict(job))}\n"


_download("report.html", "text/html; charset=utf-8", "The report, a page that stands on its own", _html)
_download("report.csv", "text/csv; charset=utf-8", "The result as a table with one row", _csv)
_download("spans.srt", "application/x-subrip; charset=utf-8", "What does not fit, as subtitles", _srt)
_download("result.json", "application/json", "The result as a file", _line)


@router.get("/models", summary="The detectors that come with vadd", response_model=schema.ModelList)
async def models(request: Request) -> Response:
    """And which of them this server judges with; one in a folder is not listed unless it is used."""
    return _json({"models": await asyncio.to_thread(_models, _server(request).config.model)})


@router.get("/health", summary="Whether the server works", response_model=schema.HealthDocument)
async def health(request: Request) -> Response:
    """And how much it has to do."""
    server = _server(request)
    counts = server.counts()
    return _json(
        {
            "status": "ok",
            "version": __version__,
            "queued": counts["queued"],
            "running": counts["running"],
            "max_jobs": server.config.max_jobs,
            "max_upload": server.config.max_upload,
        }
    )


@router.get(
    "/metrics",
    summary="What the server counts, for Prometheus",
    response_class=Response,
    responses={
        200: {"description": "Text format 0.0.4.", "content": {"text/plain": {"schema": {"type": "string"}}}}
    },
)
async def count(request: Request) -> Response:
    """Numbers only, no names."""
    return Response(_server(request).metrics_text(), headers={"content-type": metrics.MEDIA_TYPE})


async def _submit_paths(request: Request, server: Server) -> Job:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > _BODY:
            raise Problem(413, f"a document may have {_BODY} bytes", close=True)
    try:
        told = _BY_PATH.validate_json(bytes(body))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the document"
        raise Problem(422, f"{place}: {first['msg']}") from error
    paths = [told.path] if isinstance(told, schema.FileByPath) else [told.picture, told.sound]
    rate = await server.rate(told.false_alarms)
    return server.submit_paths(paths, rate)


def _server(request: Request) -> Server:
    server: Server = request.app.state.vadd
    return server


_dumps = partial(json.dumps, separators=(",", ":"), allow_nan=False)


def _json(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(_dumps(content).encode(), status, headers, media_type=JSONResponse.media_type)


def _attachment(job: Job, suffix: str) -> str:
    """A header that gives a download a name that is safe on any file system."""
    stem, _, end = suffix.rpartition(".")
    name = page_names([job.names[0]], f".{stem}.{end}")[0]
    plain = "".join(c if c.isascii() and c not in '"%' else "_" for c in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _models(used: str) -> list[dict[str, Any]]:
    from vadd.detect.models import detectors, find

    cards = {card.name: card for card in detectors()}
    mine = find(used)
    cards.setdefault(mine.name, mine)
    return [
        {
            "name": card.name,
            "summary": card.summary,
            "method": card.method,
            "calibrated_on": card.calibrated_on,
            "embedders": list(card.embedders),
            "used": card.name == mine.name,
        }
        for card in cards.values()
    ]
