"""The pages: forms and fragments over the same server as the API, in the reader's language."""

from __future__ import annotations

import functools
import hashlib
import logging
import mimetypes
from collections.abc import Awaitable, Callable
from functools import cache
from importlib import resources
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from vadd.errors import StoreError
from vadd.run.inputs import MEDIA
from vadd.timeline import clock
from vadd.web.i18n import COOKIE, LANGUAGES, Tongue, choose
from vadd.web.jobs import Job
from vadd.web.problem import NotFound, Problem
from vadd.web.server import Server
from vadd.web.tracks import HEIGHT
from vadd.web.uploads import receive
from vadd.web.view import job_row, stages, verdict_view

__all__ = ["environment", "router"]

_LOG = logging.getLogger("vadd.web")
router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

#: Jobs on a page of the list.
_LISTED = 50
#: Rates to choose from; the server's own is among them too.
_RATES = (0.05, 0.1, 0.2)
_YEAR = 365 * 86_400
#: Name → package and path of what a page loads; nothing else is served.
_STATIC = {
    "report.css": ("vadd.report", "templates/page.css"),
    **{
        name: ("vadd.web", f"static/{name}")
        for name in ("app.js", "htmx.min.js", "icon.svg", "player.js", "vadd.css")
    },
}
_DAMAGED = "The result is damaged: the server's log says how. Delete it and send the file again."
#: What pages say of a problem in another language than English, where the details cannot be translated.
_PROBLEMS = {
    404: "There is no such file here: it was deleted, or never sent.",
    409: "This is not possible any more: the file is done already.",
    413: "The file is larger than this server takes.",
    429: "The server has no room for another file now: try again later.",
    500: _DAMAGED,
    507: "The server has no room for another file: delete some.",
}
FIXED = tuple(_PROBLEMS.values())

Handler = Callable[..., Awaitable[Response]]


def _told(handler: Handler) -> Handler:
    """A handler whose problems are told by a page and not by a JSON document."""

    @functools.wraps(handler)
    async def safe(request: Request, **given: Any) -> Response:
        try:
            return await handler(request, **given)
        except Problem as problem:
            return _problem(request, problem)
        except StoreError as error:  # its message names files of this machine
            _LOG.error("%s", error)
            return _problem(request, Problem(500, _DAMAGED))

    return safe


@router.get("/")
@_told
async def home(request: Request, before: Annotated[float | None, Query()] = None) -> Response:
    """Where files are dropped, and the files of this server."""
    return _page(request, "home.html", here="home", problem=None, **_form(request), **_list(request, before))


@router.get("/compare")
@_told
async def compare(request: Request) -> Response:
    """The form for one file's picture and another's sound."""
    return _page(request, "compare.html", here="compare", problem=None, **_form(request))


@router.get("/jobs/{id_}")
@_told
async def job(request: Request, id_: str) -> Response:
    """A job: how far it is, or what came of it."""
    return await _result(request, "job.html", _server(request).job(id_))


@router.get("/jobs/{id_}/print")
@_told
async def printable_page(request: Request, id_: str) -> Response:
    """A result on paper."""
    found = _server(request).job(id_)
    if found.state != "done" or found.key is None:
        return RedirectResponse(f"/jobs/{found.id}", 303)
    return await _result(request, "print.html", found)


@router.get("/language")
async def language(to: str, back: str = "/") -> Response:
    """Choose a language, and go back to where one was."""
    answer = RedirectResponse(_own(back), 303)
    if to in LANGUAGES:
        answer.set_cookie(COOKIE, to, max_age=_YEAR, httponly=True, samesite="lax")
    return answer


@router.post("/ui/jobs")
async def submit(request: Request) -> Response:
    """Take what a form sends: to the job's page, or for a script its address."""
    scripted = "x-vadd-script" in request.headers
    try:
        found = await receive(request, _server(request))
    except Problem as problem:
        if not scripted:
            return _problem(request, problem)
        text = _sentence(problem, _tongue(request))
        return PlainTextResponse(text, problem.status, headers=problem.headers)
    address = f"/jobs/{found.id}"
    if scripted:
        return PlainTextResponse("", 201, headers={"location": address})
    return RedirectResponse(address, 303)


@router.get("/ui/jobs")
@_told
async def job_list(request: Request) -> Response:
    """The list by itself."""
    return _page(request, "_jobs.html", **_list(request))


@router.get("/ui/jobs/{id_}")
async def progress(request: Request, id_: str) -> Response:
    """How far a job is; at its end the browser is told to load the page anew."""
    try:
        found = _server(request).job(id_)
    except NotFound:
        return Response(headers={"hx-redirect": "/"})
    if found.final:
        return Response(headers={"hx-refresh": "true"})
    return _page(request, "_progress.html", **_progress(request, found))


@router.post("/ui/jobs/{id_}/cancel")
@_told
async def cancel(request: Request, id_: str) -> Response:
    """Cancel a job; one that came to its end meanwhile is left as it is."""
    try:
        _server(request).cancel(id_)
    except Problem as problem:
        if problem.status != 409:
            raise
    return _after(request, f"/jobs/{id_}")


@router.post("/ui/jobs/{id_}/delete")
@_told
async def delete(request: Request, id_: str) -> Response:
    """Delete a job and all that is kept of it."""
    _server(request).delete(id_)
    return _after(request, "/")


@router.get("/static/{name}")
async def static(name: str) -> Response:
    """A file that pages load; its address changes with its content, so a browser need not ask twice."""
    if name not in _STATIC:
        return Response(status_code=404)
    data, _ = _asset(name)
    kind = mimetypes.guess_type(name)[0] or "text/plain"
    kind = "text/javascript" if name.endswith(".js") else kind
    return Response(data, media_type=kind, headers={"cache-control": "public, max-age=31536000, immutable"})


@cache
def environment() -> Environment:
    """The templates: everything is escaped, and what is not given is an error."""
    made = Environment(
        loader=PackageLoader("vadd.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(clock=clock, edge=_edge, initial=_initial)
    made.globals.update(static=_address, languages=LANGUAGES.items(), height=HEIGHT)
    return made


def _edge(percentage: float) -> str:
    """Which end of a label stands at its place, so that it stays inside the figure."""
    return "start" if percentage < 12 else "end" if percentage > 88 else "middle"


def _initial(text: str) -> str:
    """With a capital at the start, and all else as it is."""
    return text[:1].upper() + text[1:]


@cache
def _asset(name: str) -> tuple[bytes, str]:
    """The bytes of a static file and the start of their digest."""
    package, path = _STATIC[name]
    data = resources.files(package).joinpath(path).read_bytes()
    return data, hashlib.sha256(data).hexdigest()[:12]


def _address(name: str) -> str:
    return f"/static/{name}?v={_asset(name)[1]}"


def _server(request: Request) -> Server:
    server: Server = request.app.state.vadd
    return server


def _tongue(request: Request) -> Tongue:
    return choose(request.cookies.get(COOKIE), request.headers.get("accept-language"))


def _page(request: Request, template: str, *, status: int = 200, **shown: Any) -> Response:
    tongue = _tongue(request)
    hours = _server(request).config.keep_hours
    path = request.url.path if request.method == "GET" and not request.url.path.startswith("/ui/") else "/"
    query = request.url.query if path != "/" or request.method == "GET" else ""
    text = environment().get_template(template).render(
        t=tongue,
        _=tongue.say,
        n_=tongue.count,
        number=tongue.number,
        percent=tongue.percent,
        path=f"{path}?{query}" if query else path,
        keep=tongue.count(
            "Files are deleted {n} hour after they were judged.",
            "Files are deleted {n} hours after they were judged.",
            round(hours),
        )
        if hours >= 1
        else tongue.say("Files are deleted soon after they were judged."),
        **{"here": "", **shown},
    )  # fmt: skip
    headers = {
        "content-language": tongue.code,
        "vary": "Accept-Language, Cookie",
        "cache-control": "no-store",
    }
    return HTMLResponse(text, status, headers=headers)


def _form(request: Request) -> dict[str, Any]:
    """What the forms say of what may be sent."""
    tongue, config = _tongue(request), _server(request).config
    rates = sorted({*_RATES, config.false_alarms})
    return {
        "suffixes": ",".join(sorted(MEDIA)),
        "most": tongue.size(config.max_upload),
        "most_bytes": config.max_upload,
        "rate": config.false_alarms,
        "rates": [(rate, tongue.say("{n}%", n=f"{rate * 100:g}")) for rate in rates],
    }


def _list(request: Request, before: float | None = None) -> dict[str, Any]:
    tongue = _tongue(request)
    found = _server(request).jobs(_LISTED + 1, before)
    rows = [job_row(each, tongue) for each in found[:_LISTED]]
    return {
        "jobs": rows,
        "active": sum(row["active"] for row in rows),
        "older": repr(found[_LISTED - 1].created) if len(found) > _LISTED else None,
    }


def _progress(request: Request, found: Job) -> dict[str, Any]:
    tongue, server = _tongue(request), _server(request)
    ahead = server.ahead(found) if found.state == "queued" else 0
    return {
        "job": job_row(found, tongue),
        "stages": stages(found, tongue),
        "ahead": tongue.count("{n} file before it", "{n} files before it", ahead) if ahead else None,
    }


async def _result(request: Request, template: str, found: Job) -> Response:
    """The page of a job, with its verdict if there is one."""
    server, tongue = _server(request), _tongue(request)
    if found.state != "done" or found.key is None:
        return _page(request, template, seen=None, links="", has_picture=False, **_progress(request, found))

    def made() -> Response:
        verdict, exhibit = server.verdict(found), server.exhibit(found)
        media = verdict.provenance.inputs[0].media
        return _page(
            request,
            template,
            seen=verdict_view(verdict, exhibit, tongue),
            links=f"/api/v1/jobs/{found.id}",
            has_picture=media.get("video") is not None,
            **_progress(request, found),
        )

    return await run_in_threadpool(made)


def _after(request: Request, page: str) -> Response:
    """What to show after a change: htmx wants the list, a plain form another page."""
    if "hx-request" in request.headers:
        return _page(request, "_jobs.html", **_list(request))
    return RedirectResponse(page, 303)


def _sentence(problem: Problem, tongue: Tongue) -> str:
    known = _PROBLEMS.get(problem.status)
    if tongue.code == "en" or known is None:
        detail = str(problem)
        return f"{_initial(detail)}{'' if detail.endswith('.') else '.'}"
    return tongue.say(known)


def _problem(request: Request, problem: Problem) -> Response:
    tongue = _tongue(request)
    title = tongue.say("Not found") if problem.status == 404 else tongue.say("That did not work")
    answer = _page(
        request, "problem.html", status=problem.status, title=title, detail=_sentence(problem, tongue)
    )
    answer.headers.update(problem.headers)
    return answer


def _own(address: str) -> str:
    """An address of this server, or the first page: a link must not lead elsewhere by way of this one."""
    plain = address.isprintable() and address.startswith("/") and "\\" not in address
    parts = urlsplit(address) if plain and not address.startswith("//") else None
    return address if parts is not None and not parts.scheme and not parts.netloc else "/"
