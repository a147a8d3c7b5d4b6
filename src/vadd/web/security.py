"""The gate that every request passes: which name it was sent to, from which page, by whom, and how much.

Pure ASGI, around everything else, so that no answer leaves without its headers, a bug's neither.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import socket
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from vadd.web import problem
from vadd.web.access import Access, login_page
from vadd.web.config import Config, is_loopback
from vadd.web.metrics import Metrics
from vadd.web.problem import NotFound, Problem, TooLarge

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["PAGE_POLICY", "SEALED_POLICY", "Gate", "hosts_of"]

_LOG = logging.getLogger("vadd.web")
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
#: Of what is data, not a page.
SEALED_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
#: Without a referrer a browser sends forms from the origin "null", which could be anybody's.
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_OPEN = ("/login", "/static/")
#: Bytes of a body that is no upload, of an address, and seconds that such a body may take.
_BODY, _TARGET, _BODY_SECONDS = 64 * 1024, 2048, 30.0
#: Bytes and seconds for which a refused body is read on, and the pause after which no more is waited for.
_DRAIN, _DRAIN_SECONDS, _DRAIN_PAUSE = 64 * 2**20, 5.0, 0.5


def hosts_of(config: Config, port: int) -> frozenset[str]:
    """What a ``Host`` header may say: another name leads here only by a trick of somebody's name server.

    Args:
        config: Of the server.
        port: At which it listens.
    """
    names = {config.host.lower()}
    if is_loopback(config.host):
        names |= {"127.0.0.1", "localhost", "::1"}
    else:
        names |= {socket.gethostname().lower(), socket.getfqdn().lower()}
    told = {f"[{name}]" if ":" in name else name for name in names}
    plain = told if port == 80 else set()  # the one that a browser leaves out
    given = {name.lower() for name in config.allow_hosts}
    return frozenset({f"{name}:{port}" for name in told | given} | plain | given)


class Gate:
    """Wraps the application.

    Args:
        app: What to protect.
        config: Of the server.
        metrics: Counts what is refused.
    """

    def __init__(self, app: ASGIApp, config: Config, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics
        self._access = Access(config.token)
        self._hosts = hosts_of(config, config.port)
        self._port = config.port
        # An address in figures cannot be pointed elsewhere by a name server.
        self._any_address = not is_loopback(config.host)
        self._most = 2 * config.max_upload + _BODY

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        await _Exchange(self, scope, receive, send).run()

    def host_allowed(self, host: str) -> bool:
        """Whether a request may be sent to this name."""
        if host.lower() in self._hosts:
            return True
        name, _, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
        if not self._any_address or (port or "80") != str(self._port):
            return False
        try:
            ipaddress.ip_address((name or host).strip("[]"))
        except ValueError:
            return False
        return True


class _Exchange:
    """One request and its answer."""

    def __init__(self, gate: Gate, scope: Scope, receive: Receive, send: Send) -> None:
        self._gate, self._scope, self._receive_, self._send_ = gate, scope, receive, send
        self._begun = time.monotonic()
        self._status = 0
        self._read = 0
        self._left = True
        self._form = False
        self.headers: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            self.headers.setdefault(name.lower(), []).append(value)

    async def run(self) -> None:
        try:
            try:
                self._check()
                if self._scope["path"] == "/login":
                    await self._login()
                elif self._scope["path"] == "/logout" and self._scope["method"] == "POST":
                    await self._answer(
                        303, b"", ("location", "/login"), ("set-cookie", self._access.forget())
                    )
                else:
                    await self._gate._app(self._scope, self._receive, self._send)
            except Problem as error:
                if self._status:
                    raise
                await self._refuse(error)
        except Exception:
            # The answer tells nothing of it; the log has the traceback.
            _LOG.exception("a bug in the answer to %s %s", self._method, self._route())
            if self._status:
                raise
            await self._refuse(Problem(500, "a mistake in vadd; the server's log has it", close=True))
        finally:
            if self._status >= 400:
                self._gate._metrics.refused[self._status] += 1
            lasted = (time.monotonic() - self._begun) * 1000
            _LOG.info("%s %s %d %.0f ms", self._method, self._route(), self._status, lasted)

    @property
    def _access(self) -> Access:
        return self._gate._access

    @property
    def _method(self) -> str:
        method: str = self._scope["method"]
        return method if method.isascii() and method.isalpha() and len(method) < 12 else "-"

    def _route(self) -> str:
        """The pattern of the route: an address may hold anything."""
        return str(getattr(self._scope.get("route"), "path", "-"))

    def _one(self, name: bytes) -> bytes | None:
        values = self.headers.get(name, [])
        if len(values) > 1:
            raise Problem(400, f"the header {name.decode()} occurs twice", close=True)
        return values[0] if values else None

    def _check(self) -> None:
        host = self._one(b"host")
        if host is None:
            raise Problem(400, "the request says no host", close=True)
        if not self._gate.host_allowed(host.decode("latin-1")):
            raise Problem(421, "this server is not called so; see --allow-host", close=True)
        if len(self._scope.get("raw_path") or b"") + len(self._scope["query_string"]) > _TARGET:
            raise Problem(414, "the address is too long", close=True)
        path: str = self._scope["path"]
        if not path.startswith("/") or not path.isprintable() or "\\" in path or "/../" in f"{path}/":
            raise NotFound("there is nothing of this address")
        self._check_body()
        by_cookie = self._check_access(path)
        self._check_origin(host, by_cookie)

    def _check_body(self) -> None:
        length = self._one(b"content-length")
        if length is not None and b"transfer-encoding" in self.headers:
            raise Problem(400, "the length of the body is told twice", close=True)
        self._left = length not in {None, b"0"} or b"transfer-encoding" in self.headers
        kind = self._one(b"content-type") or b""
        self._form = kind.lower().startswith(b"multipart/form-data")
        if length is not None and not (length.isdigit() and int(length[:20]) <= self._limit):
            raise TooLarge(f"a body may have {self._limit} bytes")

    @property
    def _limit(self) -> int:
        return self._gate._most if self._form else _BODY

    def _check_access(self, path: str) -> bool:
        """Whether a cookie let the request in."""
        if self._access.open or path.startswith(_OPEN):
            return False
        header = self._one(b"authorization")
        if header is not None and self._access.bearer(header):
            return False
        if any(self._access.session(value) for value in self.headers.get(b"cookie", ())):
            return True
        wants_page = b"text/html" in b"".join(self.headers.get(b"accept", ()))
        if self._scope["method"] == "GET" and wants_page and not path.startswith("/api/"):
            raise Problem(303, "sign in first", {"location": "/login"})
        raise Problem(401, "send the token: Authorization: Bearer ...", {"www-authenticate": "Bearer"})

    def _check_origin(self, host: bytes, by_cookie: bool) -> None:
        """Refuse what a page of another origin has a browser send."""
        site, origin = self._one(b"sec-fetch-site"), self._one(b"origin")
        elsewhere = site not in {None, b"same-origin", b"none"}
        if self._scope["method"] in _SAFE:
            opened = (self._one(b"sec-fetch-mode"), self._one(b"sec-fetch-dest")) == (
                b"navigate",
                b"document",
            )
            if elsewhere and not (opened and not self._scope["path"].startswith("/api/")):
                raise Problem(403, "another site may not ask for this", close=True)
            return
        ours = origin is None or origin.lower() in {
            scheme + host.lower() for scheme in (b"http://", b"https://")
        }
        if elsewhere or not ours:
            raise Problem(403, "another site may not send this", close=True)
        if by_cookie and site is None and origin is None:
            raise Problem(
                403, "a browser that does not tell where a request comes from needs the token", close=True
            )

    async def _login(self) -> None:
        page = ("content-type", "text/html; charset=utf-8")
        if self._access.open:
            await self._answer(303, b"", ("location", "/"))
        elif self._scope["method"] == "GET":
            await self._answer(200, login_page(), page)
        elif self._scope["method"] == "POST":
            body = b""
            while self._left:
                body += (await self._receive()).get("body", b"")
            if self._access.login(body):
                await self._answer(303, b"", ("location", "/"), ("set-cookie", self._access.cookie()))
            else:
                await self._answer(401, login_page(wrong=True), page)
        else:
            raise Problem(405, "GET or POST", {"allow": "GET, POST"}, close=True)

    async def _receive(self) -> Message:
        """The next piece of the body, as long as it is not too much."""
        if self._form or not self._left:
            message = await self._receive_()
        else:
            try:
                async with asyncio.timeout(_BODY_SECONDS):
                    message = await self._receive_()
            except TimeoutError as error:
                raise Problem(408, "the body did not come", close=True) from error
        if message["type"] != "http.request":
            if self._left and self._scope["path"] == "/login":
                raise Problem(400, "the request broke off", close=True)
            return message
        self._read += len(message.get("body", b""))
        if self._read > self._limit:
            raise TooLarge(f"a body may have {self._limit} bytes")
        self._left = bool(message.get("more_body", False))
        return message

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            message = {**message, "headers": [*self._finished(message.get("headers", ()))]}
        elif self._left and not message.get("more_body", False):
            # Who is cut off while sending never reads the answer: it goes first, the rest is thrown away.
            await self._send_({**message, "more_body": True})
            await self._drain()
            message = {"type": "http.response.body", "body": b""}
        await self._send_(message)

    async def _drain(self) -> None:
        """Read on for a while what is still sent of a body that nobody wants."""
        most = _BODY if self._status == 413 else _DRAIN
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                while most > 0:
                    async with asyncio.timeout(_DRAIN_PAUSE):
                        message = await self._receive_()
                    if message["type"] != "http.request" or not message.get("more_body", False):
                        return
                    most -= len(message.get("body", b""))

    def _finished(self, headers: Iterable[tuple[bytes, bytes]]) -> Iterable[tuple[bytes, bytes]]:
        """The headers of an answer with those that every answer has."""
        given = {}
        for name, value in headers:
            given[name.lower()] = value
            yield name, value
        for name, value in _HEADERS:
            if name not in given:
                yield name, value
        page = given.get(b"content-type", b"").startswith(b"text/html")
        api = self._scope["path"].startswith("/api/")
        if b"content-security-policy" not in given:
            policy = PAGE_POLICY if page and not api else SEALED_POLICY
            yield b"content-security-policy", policy.encode()
        if b"cache-control" not in given:
            static = self._scope["path"].startswith("/static/")
            yield b"cache-control", b"no-cache" if static else b"no-store"
        if self._left and b"connection" not in given:
            # What was not read of the body must not be taken for the next request, nor be waited for.
            yield b"connection", b"close"

    async def _answer(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        raw: list[tuple[bytes, bytes]] = [(name.encode(), value.encode()) for name, value in headers]
        raw.append((b"content-length", str(len(body)).encode()))
        await self._send({"type": "http.response.start", "status": status, "headers": raw})
        await self._send({"type": "http.response.body", "body": body})

    async def _refuse(self, error: Problem) -> None:
        body = problem.body(error.status, error.detail)
        headers: dict[str, Any] = {"content-type": problem.MEDIA_TYPE, **error.headers}
        await self._answer(error.status, body, *headers.items())
