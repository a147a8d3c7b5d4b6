"""The languages of the page: gettext catalogues, which one a browser asks for, and how numbers are written.

Sentences are English in the source and in the documents; a catalogue turns them into another language when a
page is made. Names of things seen and heard, and messages about a broken file, stay English.
"""

from __future__ import annotations

import gettext
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

__all__ = ["COOKIE", "DOMAIN", "LANGUAGES", "Tongue", "choose", "tongue"]

COOKIE = "vadd_language"
DOMAIN = "vadd"
#: Code → what its speakers call it; the first is the language of the source.
LANGUAGES: Mapping[str, str] = {"en": "English", "de": "Deutsch"}
_DEFAULT = "en"
#: More than a browser sends; a longer header is somebody's experiment.
_MOST_WISHES = 20


@dataclass(frozen=True, slots=True, eq=False)
class Tongue:
    """A language that pages are told in.

    Attributes:
        code: Its tag, for ``lang``.
        catalogue: Its translations.
    """

    code: str
    catalogue: gettext.NullTranslations

    def say(self, message: str, **values: object) -> str:
        """A sentence of the source in this language, with ``{named}`` values put in.

        Args:
            message: English, as in the catalogue.
            values: What goes into its braces; braces in a value mean nothing.
        """
        text = self.catalogue.gettext(message)
        return text.format(**values) if values else text

    def count(self, one: str, many: str, number: int, **values: object) -> str:
        """A sentence about a number of things, which is put in as ``{n}``."""
        return self.catalogue.ngettext(one, many, number).format(n=number, **values)

    def number(self, value: float, places: int = 2, *, sign: bool = False) -> str:
        """A number with so many decimals and the language's decimal mark."""
        text = f"{value:+.{places}f}" if sign else f"{value:.{places}f}"
        return text.replace(".", self.catalogue.gettext("."))

    def percent(self, share: float) -> str:
        """A share of 0-1 in words that never claim certainty, as :func:`vadd.report.words.percent`."""
        if share > 0.99:
            return self.say("over {n}%", n=99)
        if share < 0.01:
            return self.say("under {n}%", n=1)
        return self.say("{n}%", n=round(share * 100))

    def size(self, octets: int) -> str:
        """A number of bytes for people: ``1.5 MB``, in powers of ten."""
        for unit, power in (("GB", 9), ("MB", 6), ("kB", 3)):
            if octets >= 10**power:
                return f"{self.number(octets / 10**power, 1)} {unit}"
        return f"{octets} B"


@cache
def tongue(code: str) -> Tongue:
    """A language of :data:`LANGUAGES`.

    Raises:
        KeyError: If it is none of them.
    """
    if code not in LANGUAGES:
        raise KeyError(code)
    if code == _DEFAULT:
        return Tongue(code, gettext.NullTranslations())
    with resources.as_file(resources.files("vadd.web").joinpath("locale")) as folder:
        return Tongue(code, gettext.translation(DOMAIN, Path(folder), [code]))


def choose(cookie: str | None, accepted: str | None) -> Tongue:
    """The language for a request.

    Args:
        cookie: What the person chose before, if anything.
        accepted: The ``Accept-Language`` header, if any.

    Returns:
        The chosen one, else the most wanted one there is, else English.
    """
    if cookie in LANGUAGES:
        return tongue(cookie)
    return tongue(next((code for code in _wanted(accepted or "") if code in LANGUAGES), _DEFAULT))


def _wanted(header: str) -> list[str]:
    """Primary language codes of the header, most wanted first; what is not understood is passed over."""
    wishes = []
    for at, part in enumerate(header.split(",")[:_MOST_WISHES]):
        tag, _, weight = part.strip().partition(";")
        name, _, value = weight.strip().partition("=")
        try:
            wanted = float(value) if name.strip() == "q" else 1.0
        except ValueError:
            continue
        if 0 < wanted <= 1:
            wishes.append((-wanted, at, tag.strip().lower().partition("-")[0]))
    return [code for _, _, code in sorted(wishes)]
