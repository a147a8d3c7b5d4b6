"""Takes uploads piece by piece: counted as they come, under random names, removed if they break off.

Starlette's own form parser takes files of any size, and only then lets us look; so the parser's callbacks are
used directly.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from vadd.web.config import Config
from vadd.web.problem import Problem, TooLarge
from vadd.web.room import Room

if TYPE_CHECKING:
    from starlette.requests import Request

    from vadd.web.jobs import Job
    from vadd.web.server import Server

__all__ = ["receive"]

FILES = ("file", "picture", "sound")
_FIELDS = ("false_alarms",)
#: Bytes of all that is no file: boundaries, headers, fields.
_OVERHEAD = 64 * 1024
_FIELD_BYTES = 256
#: Bytes that are gathered before they are written.
_BLOCK = 1 << 20


async def receive(request: Request, server: Server) -> Job:
    """Take a form with one ``file``, or a ``picture`` and a ``sound``, and put it into the queue.

    Args:
        request: With a body of ``multipart/form-data``; an optional field is ``false_alarms``.
        server: Whose job it becomes.

    Raises:
        Problem: 400, 408, 413, 415, 422, 429 or 507; nothing of the upload is kept then.
    """
    config = server.config
    boundary = _boundary(request)
    most = 2 * config.max_upload + _OVERHEAD
    declared = _declared(request)
    if declared > most:
        raise TooLarge(f"a file may have {config.max_upload} bytes")
    with server.room.upload():
        server.room.check_disk(declared)
        server.expect()
        form = _Form(config, server.room)
        try:
            await _read(request, form, boundary, config, most)
            rate = await server.rate(form.fields.get("false_alarms"))
            parts = form.chosen()
            job = server.submit(
                [part.filename for part in parts],
                [part.path.name for part in parts],
                [part.size for part in parts],
                sha256=[part.digest.hexdigest() for part in parts],
                false_alarms=rate,
            )
            for part in parts:
                part.kept = True
            return job
        finally:
            form.close()


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary: bytes = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not boundary:
        raise Problem(415, "send a form: multipart/form-data with its boundary", close=True)
    return boundary


def _declared(request: Request) -> int:
    text = request.headers.get("content-length", "0")
    return int(text) if text.isdecimal() and len(text) < 19 else 0


async def _read(request: Request, form: _Form, boundary: bytes, config: Config, most: int) -> None:
    """Feed the body to the form, as fast as it comes but not slower than allowed."""
    begun, total = time.monotonic(), 0
    try:
        parser = MultipartParser(boundary, form.callbacks())
        while True:
            try:
                async with asyncio.timeout(config.idle_seconds):
                    message = await request.receive()
            except TimeoutError as error:
                raise Problem(408, "nothing more came of the upload", close=True) from error
            if message["type"] != "http.request":
                raise Problem(400, "the upload broke off", close=True)
            chunk = message.get("body", b"")
            total += len(chunk)
            if total > most:
                raise TooLarge(f"a file may have {config.max_upload} bytes")
            lasted = time.monotonic() - begun
            if lasted > config.grace_seconds and total < config.min_rate * lasted:
                raise Problem(408, f"the upload is slower than {config.min_rate} bytes a second", close=True)
            parser.write(chunk)
            more = message.get("more_body", False)
            await form.write(all_=not more)
            if not more:
                break
        parser.finalize()
        if not form.ended:
            raise Problem(400, "the form has no end")
    except FormParserError as error:
        raise Problem(400, "the body is no form", close=True) from error


@dataclass(eq=False)
class _Part:
    """A file of the form."""

    filename: str
    path: Path
    file: int
    size: int = 0
    pending: bytearray = field(default_factory=bytearray)
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)
    kept: bool = False

    def write(self) -> None:
        data, self.pending = self.pending, bytearray()
        self.digest.update(data)
        view = memoryview(data)
        while view:
            view = view[os.write(self.file, view) :]


class _Form:
    """What has come of a form so far.

    Attributes:
        fields: Name → text of the fields that are no files.
        ended: Whether its last boundary has come.
    """

    def __init__(self, config: Config, room: Room) -> None:
        self._config, self._room = config, room
        self.fields: dict[str, str] = {}
        self.ended = False
        self._files: dict[str, _Part] = {}
        self._name = ""
        self._field = bytearray()
        self._header = bytearray()
        self._value = bytearray()
        self._disposition = b""
        self._taken = 0

    def callbacks(self) -> dict[str, object]:
        """What the parser calls."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._data,
            "on_part_end": self._part_end,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        self._disposition = b""
        self._field.clear()

    def _header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _headers_finished(self) -> None:
        kind, options = parse_options_header(self._disposition)
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        if kind != b"form-data" or self._name not in FILES + _FIELDS:
            raise Problem(422, f"the form may hold {', '.join(FILES + _FIELDS)}, nothing else", close=True)
        if self._name in self._files or self._name in self.fields:
            raise Problem(422, f"{self._name} occurs twice", close=True)
        if self._name in FILES:
            filename = options.get(b"filename", b"unnamed").decode("utf-8", "surrogateescape")
            path = self._config.uploads / secrets.token_hex(16)
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            self._files[self._name] = _Part(filename, path, file)

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._name not in FILES:
            self._field += data[start:end]
            if len(self._field) > _FIELD_BYTES:
                raise Problem(422, f"{self._name} is too long", close=True)
            return
        part = self._files[self._name]
        part.size += end - start
        if part.size > self._config.max_upload:
            raise TooLarge(f"a file may have {self._config.max_upload} bytes")
        part.pending += memoryview(data)[start:end]

    def _part_end(self) -> None:
        if self._name not in FILES:
            self.fields[self._name] = self._field.decode("utf-8", "replace")

    def _end(self) -> None:
        self.ended = True

    async def write(self, *, all_: bool) -> None:
        """Write what has gathered, in a thread: a disk may be slow."""
        for part in self._files.values():
            size = len(part.pending)
            if size >= _BLOCK or (all_ and size):
                self._room.check_disk(size)
                self._room.take(size)
                self._taken += size
                try:
                    await asyncio.to_thread(part.write)
                except OSError as error:
                    raise Problem(507, "the server's disk takes no more", close=True) from error

    def chosen(self) -> list[_Part]:
        """The one file, or the picture's and the sound's.

        Raises:
            Problem: If it is neither.
        """
        # A browser sends an empty file without a name for an input in which none was chosen.
        there = {name: part for name, part in self._files.items() if part.filename or part.size}
        for names in (("file",), ("picture", "sound")):
            if there.keys() == set(names):
                return [there[name] for name in names]
        raise Problem(422, "name one file as 'file', or two as 'picture' and 'sound'")

    def close(self) -> None:
        """Close all files and remove those that belong to no job."""
        for part in self._files.values():
            os.close(part.file)
            if not part.kept:
                part.path.unlink(missing_ok=True)
        self._room.give(self._taken)
