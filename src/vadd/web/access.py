"""Who may use a server that has a token: a caller who sends it, or a browser that did so once in a form."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

__all__ = ["COOKIE", "HOURS", "Access", "login_page"]

COOKIE = "vadd_session"
#: How long a browser is let in.
HOURS = 12
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>vadd: sign in</title>
<link rel="stylesheet" href="/static/report.css">
<link rel="stylesheet" href="/static/vadd.css">
</head>
<body>
<main>
<h1>vadd</h1>
{message}<form method="post" action="/login">
<p><label for="token">Token of this server</label></p>
<p><input id="token" name="token" type="password" autocomplete="current-password" required autofocus></p>
<p><button type="submit">Sign in</button></p>
</form>
</main>
</body>
</html>
"""


class Access:
    """Knows the token.

    Args:
        token: ``None`` lets everyone in.
        clock: Seconds since 1970.
    """

    def __init__(self, token: str | None, clock: Callable[[], float] = time.time) -> None:
        self._token = None if token is None else token.encode()
        self._clock = clock

    @property
    def open(self) -> bool:
        """Whether everyone is let in."""
        return self._token is None

    def is_token(self, text: bytes) -> bool:
        """Whether this is the token; takes as long whatever is wrong with it."""
        if self._token is None:
            return False
        return hmac.compare_digest(hashlib.sha256(text).digest(), hashlib.sha256(self._token).digest())

    def bearer(self, header: bytes) -> bool:
        """Whether an ``Authorization`` header holds the token."""
        kind, _, text = header.partition(b" ")
        return kind.lower() == b"bearer" and self.is_token(text.strip())

    def session(self, header: bytes) -> bool:
        """Whether a ``Cookie`` header holds a session of ours that has not ended."""
        try:
            cookie = SimpleCookie(header.decode("ascii", "replace")).get(COOKIE)
        except CookieError:
            return False
        if cookie is None or self._token is None:
            return False
        until, _, proof = cookie.value.partition(".")
        wanted = self._proof(until)
        if not hmac.compare_digest(proof.encode(), wanted.encode()):
            return False
        return int(until) > self._clock()

    def cookie(self) -> str:
        """A ``Set-Cookie`` header that begins a session."""
        until = str(int(self._clock()) + HOURS * 3600)
        return _cookie(f"{until}.{self._proof(until)}", HOURS * 3600)

    def forget(self) -> str:
        """A ``Set-Cookie`` header that ends the session."""
        return _cookie("", 0)

    def login(self, body: bytes) -> bool:
        """Whether a form of :func:`login_page` holds the token."""
        try:
            told = parse_qs(body.decode("ascii"), strict_parsing=True, max_num_fields=4)
        except ValueError:
            return False
        return self.is_token(told.get("token", [""])[0].encode())

    def _proof(self, until: str) -> str:
        assert self._token is not None  # noqa: S101 - asked of nobody who is let in anyway
        return hmac.new(self._token, f"vadd session {until}".encode(), hashlib.sha256).hexdigest()


def login_page(*, wrong: bool = False) -> bytes:
    """The form in which a person gives the token."""
    message = '<p role="alert">This is not the token of this server.</p>\n' if wrong else ""
    return _PAGE.format(message=message).encode()


def _cookie(value: str, seconds: int) -> str:
    return f"{COOKIE}={value}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Strict"
