"""One file from one address, gone on with where it broke off, and small texts from one."""

from __future__ import annotations

from collections.abc import Callable
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from vadd._version import __version__
from vadd.errors import ModelError

__all__ = ["Progress", "fetch", "read"]

#: Called with the bytes done and the bytes in all, 0 if unknown.
Progress = Callable[[float, float], None]

#: Bytes read at a time.
_CHUNK = 1 << 20
#: Seconds without an answer after which a server is given up.
_PATIENCE = 60
_PARTIAL, _NOTHING_LEFT = 206, 416
_SCHEMES = ("http", "https")


class _Redirects(HTTPRedirectHandler):
    """Follows a server that sends on, but not to files or FTP, and from https to https alone.

    Args:
        home: Whether to stay with the host that was asked.
    """

    def __init__(self, *, home: bool) -> None:
        self._home = home

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        old, new = urlsplit(req.full_url), urlsplit(newurl)
        worse = old.scheme == "https" and new.scheme != "https"
        if new.scheme not in _SCHEMES or worse or (self._home and old.netloc != new.netloc):
            raise ModelError(f"{req.full_url} sends on to {newurl}, which is not followed")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def read(url: str, most: int) -> bytes:
    """The bytes at an address that are few enough to hold; a server may not send on to another host.

    Args:
        url: ``http://`` or ``https://``.
        most: Bytes that there may be.

    Raises:
        ModelError: If the address is of another kind, the server does not answer, or there are more.
    """
    with _open(Request(url), home=True) as answer:  # noqa: S310 - _open checks the scheme
        try:
            found: bytes = answer.read(most + 1)
        except (TimeoutError, ConnectionError, HTTPException) as error:
            raise _broken(url, error) from error
    if len(found) > most:
        raise ModelError(f"cannot load {url}: it is longer than {most:,} bytes")
    return found


def fetch(url: str, part: Path, progress: Progress | None = None, *, most: int | None = None) -> None:
    """Bring a file; one that is there in part is completed.

    Args:
        url: ``http://`` or ``https://``.
        part: Where the bytes go; what it holds already is not asked for again.
        progress: Told how far it is.
        most: Bytes that the file may have; a server that sends more is not listened to.

    Raises:
        ModelError: If the address is of another kind, the server does not answer, sends too much, or the
            connection breaks; what came until then stays in ``part``.
        OSError: If ``part`` cannot be written.
    """
    have = part.stat().st_size if part.exists() else 0
    request = Request(url, headers={"Range": f"bytes={have}-"} if have else {})  # noqa: S310 - as above
    try:
        answer = _open(request)
    except _NothingLeftError:
        return  # all of it had come before
    with answer:
        _receive(url, answer, part, have if answer.status == _PARTIAL else 0, progress, most)


class _NothingLeftError(Exception):
    """There is nothing behind the part that was not asked for."""


def _open(request: Request, *, home: bool = False) -> HTTPResponse:
    url = request.full_url
    request.add_header("User-Agent", f"vadd/{__version__}")  # some servers turn away what has no name
    if urlsplit(url).scheme not in _SCHEMES:
        raise ModelError(f"{url} is no address to load from; install vadd[paper], which knows it")
    try:
        answer: HTTPResponse = build_opener(_Redirects(home=home)).open(request, timeout=_PATIENCE)
    except HTTPError as error:
        if error.code == _NOTHING_LEFT and request.has_header("Range"):
            raise _NothingLeftError from error
        raise ModelError(f"cannot load {url}: the server says {error.code} {error.reason}") from error
    except (URLError, TimeoutError, ConnectionError, HTTPException) as error:
        raise _broken(url, error) from error
    return answer


def _receive(
    url: str, answer: HTTPResponse, part: Path, have: int, progress: Progress | None, most: int | None
) -> None:
    length = answer.length or 0
    total = have + length if length else 0
    with part.open("ab" if have else "wb") as file:
        while True:
            try:
                block = answer.read(_CHUNK)
            except (TimeoutError, ConnectionError, HTTPException) as error:
                raise _broken(url, error) from error
            if not block:
                break
            file.write(block)
            have += len(block)
            if most is not None and have > most:
                raise ModelError(f"cannot load {url}: it is longer than {most:,} bytes")
            if progress is not None:
                progress(have, total)
    if have < total:
        raise ModelError(f"cannot load {url}: it ended at {have} of {total} bytes; try again, they are kept")


def _broken(url: str, error: Exception) -> ModelError:
    reason = getattr(error, "reason", None) or error
    return ModelError(f"cannot load {url}: {reason}; try again, what has come is kept")
