"""What is wrong with a request, as RFC 9457 tells it; raised where it is found, answered in one place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

__all__ = ["MEDIA_TYPE", "Busy", "NotFound", "Problem", "TooLarge", "body"]

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):  # noqa: N818 - as its standard calls it
    """A request that cannot be answered as it was meant.

    Args:
        status: Of HTTP.
        detail: What is wrong, for people; holds nothing of this machine that the caller did not say.
        headers: More headers of the answer.
        close: Whether the connection must not be used any more: part of the request was not read.
    """

    def __init__(
        self, status: int, detail: str, headers: Mapping[str, str] | None = None, *, close: bool = False
    ) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail
        self.headers = {**(headers or {}), **({"connection": "close"} if close else {})}


class NotFound(Problem):
    """There is nothing of this name, or not yet."""

    def __init__(self, detail: str = "there is no such job") -> None:
        super().__init__(404, detail)


class Busy(Problem):
    """The server has no room now; the caller may ask again."""

    def __init__(self, detail: str, *, after: int = 5, close: bool = False) -> None:
        super().__init__(429, detail, {"retry-after": str(after)}, close=close)


class TooLarge(Problem):
    """More bytes than allowed."""

    def __init__(self, detail: str) -> None:
        super().__init__(413, detail, close=True)


def body(status: int, detail: str, **more: Any) -> bytes:
    """The document of a problem.

    Args:
        status: Of HTTP.
        detail: What is wrong.
        more: Further members.
    """
    told = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return json.dumps({**told, **more}).encode()
