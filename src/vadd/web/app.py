"""The application: routes, the gate around them, and what becomes of errors."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from vadd._version import __version__
from vadd.errors import VaddError
from vadd.web import api, files, openapi, pages, problem
from vadd.web.config import Config
from vadd.web.problem import Problem
from vadd.web.process import WORKER
from vadd.web.security import Gate
from vadd.web.server import Server

__all__ = ["create_app"]

_LOG = logging.getLogger("vadd.web")


def create_app(config: Config, *, clock: Callable[[], float] = time.time, worker: str = WORKER) -> FastAPI:
    """The application of a server; ``app.state.vadd`` is the :class:`vadd.web.server.Server`.

    Args:
        config: How it is set up; ``port`` is the one at which it listens.
        clock: Seconds since 1970.
        worker: Module whose ``main`` judges.

    Raises:
        OutputError: If the state folder cannot be made.
        UsageError: If another server uses it.
        StoreError: If its database is damaged.
    """
    server = Server(config, clock=clock, worker=worker)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        async with server:
            yield

    app = FastAPI(
        title="vadd",
        version=__version__,
        lifespan=life,
        # The usual pages for reading the description load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        redirect_slashes=False,
    )
    app.state.vadd = server
    app.openapi = lambda: _once(app)
    app.include_router(api.router)
    app.include_router(files.router)
    app.include_router(pages.router)
    app.add_middleware(Gate, config=config, metrics=server.metrics)
    for kind in (Problem, HTTPException, RequestValidationError, VaddError):
        app.add_exception_handler(kind, _told)
    return app


def _once(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        app.openapi_schema = openapi.describe(app)
    told: dict[str, Any] = app.openapi_schema
    return told


async def _told(request: Request, error: Exception) -> Response:
    """The answer that tells of an error."""
    headers: dict[str, str] = {}
    if isinstance(error, Problem):
        status, detail, headers = error.status, error.detail, error.headers
    elif isinstance(error, HTTPException):
        status, detail, headers = error.status_code, str(error.detail), dict(error.headers or {})
    elif isinstance(error, RequestValidationError):
        first = error.errors()[0]
        status, detail = 422, f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    else:  # a damaged record, a full disk: its message names files of this machine
        _LOG.error("%s: %s", type(error).__name__, error)
        status, detail = 500, "something of the server is damaged or full; its log says what"
    return Response(problem.body(status, detail), status, headers, media_type=problem.MEDIA_TYPE)
