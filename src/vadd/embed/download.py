"""One file from one address, gone on with where it broke off."""

from __future__ import annotations

from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from vadd.errors import ModelError

__all__ = ["Progress", "fetch"]

#: Called with the bytes done and the bytes in all, 0 if unknown.
Progress = Callable[[float, float], None]

#: Bytes read at a time.
_CHUNK = 1 << 20
#: Seconds without an answer after which a server is given up.
_PATIENCE = 60
_PARTIAL, _NOTHING_LEFT = 206, 416


def fetch(url: str, part: Path, progress: Progress | None = None) -> None:
    """Bring a file; one that is there in part is completed.

    Args:
        url: ``http://`` or ``https://``.
        part: Where the bytes go; what it holds already is not asked for again.
        progress: Told how far it is.

    Raises:
        ModelError: If the address is of another kind, the server does not answer, or the connection
            breaks; what came until then stays in ``part``.
        OSError: If ``part`` cannot be written.
    """
    if urlsplit(url).scheme not in {"http", "https"}:
        raise ModelError(f"{url} is no address to load from; install vadd[paper], which knows it")
    have = part.stat().st_size if part.exists() else 0
    request = Request(url, headers={"Range": f"bytes={have}-"} if have else {})  # noqa: S310 - scheme checked
    try:
        answer = urlopen(request, timeout=_PATIENCE)  # noqa: S310 - scheme checked above
    except HTTPError as error:
        if have and error.code == _NOTHING_LEFT:
            return  # all of it had come before
        raise ModelError(f"cannot load {url}: the server says {error.code} {error.reason}") from error
    except (URLError, TimeoutError, ConnectionError, HTTPException) as error:
        raise _broken(url, error) from error
    with answer:
        _receive(url, answer, part, have if answer.status == _PARTIAL else 0, progress)


def _receive(url: str, answer: HTTPResponse, part: Path, have: int, progress: Progress | None) -> None:
    length = int(answer.headers.get("Content-Length") or 0)
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
            if progress is not None:
                progress(have, total)
    if have < total:
        raise ModelError(f"cannot load {url}: it ended at {have} of {total} bytes; try again, they are kept")


def _broken(url: str, error: Exception) -> ModelError:
    reason = getattr(error, "reason", None) or error
    return ModelError(f"cannot load {url}: {reason}; try again, what has come is kept")
