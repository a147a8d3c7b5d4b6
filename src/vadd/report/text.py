"""Text from outside (file names, track titles) made safe to store and to show.

File names are bytes chosen by somebody else: they can hold terminal escape sequences, line breaks,
characters that reverse the reading direction, or bytes that are not UTF-8 (which Python carries as
lone surrogates). Nothing of that reaches a document, a page, a table or a terminal unescaped.
"""

from __future__ import annotations

import unicodedata

__all__ = ["printable", "storable"]

#: Categories of characters that act on a reader's screen rather than show on it: control, format
#: (among them the direction overrides), surrogate, line and paragraph separator.
_ACTING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that was not UTF-8 (PEP 383): name the byte
        code -= 0xDC00
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def storable(text: str) -> str:
    r"""``text`` as valid Unicode: lone surrogates become ``\xNN`` or ``\uNNNN``, all else stays."""
    if text.isascii():
        return text
    return "".join(_escape(c) if unicodedata.category(c) == "Cs" else c for c in text)


def printable(text: str) -> str:
    r"""``text`` in one line that is safe on a terminal: acting characters are written as escapes."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(c) if unicodedata.category(c) in _ACTING else c for c in text)
