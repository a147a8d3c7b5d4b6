"""A page or picture that holds its own digest: whoever has it can tell whether it is as it was made."""

from __future__ import annotations

import hashlib

__all__ = ["has_seal", "seal", "sealed"]

_SEAL = b"<!-- sha256 of all before: "
_SEAL_END = b" -->\n"


def seal(text: str) -> bytes:
    """A page or picture with a last line that holds the SHA-256 of all before it."""
    body = text.encode("utf-8")
    if not body.endswith(b"\n"):
        body += b"\n"
    return body + _SEAL + hashlib.sha256(body).hexdigest().encode() + _SEAL_END


def sealed(data: bytes) -> bool:
    """Whether bytes are as :func:`seal` made them."""
    body, found, end = data.rpartition(_SEAL)
    return bool(found) and end == hashlib.sha256(body).hexdigest().encode() + _SEAL_END


def has_seal(data: bytes) -> bool:
    """Whether bytes hold a seal at all, fitting or not."""
    return _SEAL in data
