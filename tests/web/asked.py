"""A server in this process, asked without a network; and one in a process of its own, asked with one."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FAKE = "fake_worker"
HOST = "127.0.0.1:8750"
BOUNDARY = "a-boundary"


@dataclass
class Answer:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        return json.loads(self.body)


async def ask(
    app: Any,
    method: str,
    target: str,
    body: bytes | Sequence[bytes] = b"",
    headers: dict[str, str] | list[tuple[bytes, bytes]] | None = None,
    *,
    then: str = "wait",
) -> Answer:
    """One request by ASGI.

    Args:
        then: After the body the client waits (``wait``), or breaks off before its end (``break``).
    """
    path, _, query = target.partition("?")
    pieces = [body] if isinstance(body, bytes) else list(body)
    given: list[tuple[bytes, bytes]] = []
    if isinstance(headers, list):
        given = headers
    else:
        told = {"host": HOST, **(headers or {})}
        if any(pieces) and "content-length" not in told and "transfer-encoding" not in told:
            told["content-length"] = str(sum(map(len, pieces)))
        given = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in told.items()]
    from urllib.parse import unquote

    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1",
        "method": method,
        "scheme": "http", "path": unquote(path), "raw_path": path.encode("latin-1", "replace"),
        "query_string": query.encode("latin-1", "replace"), "root_path": "", "headers": given,
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8750), "state": {},
    }  # fmt: skip
    answer = Answer()
    over = asyncio.Event()
    left = list(pieces)

    async def receive() -> dict[str, Any]:
        if left:
            piece = left.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(left) or then == "break"}
        if then == "break":
            return {"type": "http.disconnect"}
        await over.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {k.decode().lower(): v.decode("latin-1") for k, v in message["headers"]}
        else:
            answer.body += message.get("body", b"")
            if not message.get("more_body"):
                over.set()

    await app(scope, receive, send)
    return answer


async def send(app: Any, body: Iterator[bytes], kind: str, *, pause: float = 0.0) -> Answer:
    """An upload without a length, sent piece by piece; after the last the client stays and sends nothing."""
    answer = Answer()

    async def receive() -> dict[str, Any]:
        piece = next(body, None)
        if piece is None:
            await asyncio.sleep(600)
        await asyncio.sleep(pause)
        return {"type": "http.request", "body": piece, "more_body": True}

    async def answered(message: dict[str, Any]) -> None:
        answer.status = message.get("status", answer.status)

    scope = {
        "type": "http", "method": "POST", "path": "/api/v1/jobs", "raw_path": b"/api/v1/jobs",
        "query_string": b"",
        "root_path": "", "scheme": "http", "http_version": "1.1", "asgi": {"version": "3.0"}, "state": {},
        "headers": [
            (b"host", HOST.encode()), (b"transfer-encoding", b"chunked"), (b"content-type", kind.encode()),
        ],
    }  # fmt: skip
    await app(scope, receive, answered)
    return answer


def form(**parts: bytes | str | tuple[str, bytes]) -> tuple[bytes, dict[str, str]]:
    """A form of files (name and bytes) and fields (text), and the header that goes with it."""
    body = b""
    for name, value in parts.items():
        filename, data = value if isinstance(value, tuple) else (None, value)
        data = data.encode() if isinstance(data, str) else data
        extra = "" if filename is None else f'; filename="{filename}"'
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n\r\n'
        body += head.encode("utf-8", "surrogateescape") + data + b"\r\n"
    return body + f"--{BOUNDARY}--\r\n".encode(), {
        "content-type": f"multipart/form-data; boundary={BOUNDARY}"
    }


async def upload(app: Any, data: bytes = b"anything", name: str = "clip.mp4", **more: Any) -> Answer:
    body, headers = form(file=(name, data), **more)
    return await ask(app, "POST", "/api/v1/jobs", body, headers)


async def ended(app: Any, id_: str, seconds: float = 60) -> dict[str, Any]:
    """The job once it is final."""
    async with asyncio.timeout(seconds):
        while True:
            job: dict[str, Any] = (await ask(app, "GET", f"/api/v1/jobs/{id_}")).json()
            if job["state"] in {"done", "failed", "cancelled"}:
                return job
            await asyncio.sleep(0.02)


async def reaches(app: Any, id_: str, state: str) -> None:
    async with asyncio.timeout(60):
        while (await ask(app, "GET", f"/api/v1/jobs/{id_}")).json()["state"] != state:
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def running(
    state: Path, *, worker: str = FAKE, clock: Callable[[], float] | None = None, **config: Any
) -> AsyncIterator[Any]:
    """The application at work."""
    from vadd.web.app import create_app
    from vadd.web.config import Config

    known = {each.name for each in fields(Config)}
    assert config.keys() <= known
    more = {} if clock is None else {"clock": clock}
    app = create_app(Config(state=state, **{"free_bytes": 1, **config}), worker=worker, **more)
    async with app.state.vadd:
        yield app


def run(work: Awaitable[Any]) -> Any:
    async def all_() -> Any:
        return await work

    return asyncio.run(all_())


class Live:
    """A server in a process of its own.

    Args:
        state: Its folder.
        worker: Module that judges.
        config: More of its configuration.
    """

    def __init__(self, state: Path, *, worker: str = FAKE, **config: Any) -> None:
        script = (
            f"import sys; sys.path.insert(0, {str(HERE)!r}); from pathlib import Path; "
            "from vadd.web.serve import serve; from vadd.web.config import Config; "
            "from pathlib import PosixPath; "
            f"config = Config(state=Path({str(state)!r}), port=0, **{config!r}); "
            f"serve(config, worker={worker!r}, "
            "ready=lambda address: print(address, flush=True))"
        )
        self.process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip().rstrip("/")
        assert self.address, "it did not start"
        self.port = int(self.address.rpartition(":")[2])

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=30)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def memory(self) -> int:
        """Bytes that it holds now, without its workers."""
        fields_ = Path(f"/proc/{self.process.pid}/statm").read_text().split()
        return int(fields_[1]) * os.sysconf("SC_PAGE_SIZE")


def request(
    server: Live, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    """Status and body of one request by a real connection."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        connection.request(method, path, body or None, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@contextlib.contextmanager
def live(state: Path, **config: Any) -> Iterator[Live]:
    server = Live(state, **config)
    try:
        yield server
    finally:
        server.end()


def left_in(state: Path) -> list[str]:
    """What lies in the folders of uploads and results."""
    return sorted(
        str(path.relative_to(state))
        for name in ("uploads", "results")
        for path in (state / name).rglob("*")
        if path.is_file()
    )
