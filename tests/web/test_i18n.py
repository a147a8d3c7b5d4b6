"""The page in another language: every sentence has one, and in English it is the report's."""

from __future__ import annotations

import gettext
import re

import pytest

pytest.importorskip("fastapi", reason="needs the extra web")

import messages
import samples

from vadd.detect.verdict import Outcome, Reason
from vadd.report import words
from vadd.web import say
from vadd.web.i18n import DOMAIN, LANGUAGES, choose, tongue

OTHERS = [code for code in LANGUAGES if code != "en"]


def po(code: str) -> dict[tuple[str, ...], tuple[str, ...]]:
    return messages.read_po(messages.CATALOGUES / code / "LC_MESSAGES" / f"{DOMAIN}.po")


@pytest.mark.parametrize("code", OTHERS)
def test_every_message_is_translated_and_none_is_left_over(code: str) -> None:
    there = set(po(code)) - {("",)}
    assert set(messages.used()) - there == set()
    assert there - set(messages.used()) == set()
    assert all(text.strip() for texts in po(code).values() for text in texts)


@pytest.mark.parametrize("code", OTHERS)
def test_a_translation_has_the_same_blanks(code: str) -> None:
    blanks = re.compile(r"\{\w*\}")
    for message, translated in po(code).items():
        for text in translated if message != ("",) else ():
            assert sorted(blanks.findall(text)) == sorted(blanks.findall(message[-1])), message


@pytest.mark.parametrize("code", OTHERS)
def test_the_compiled_catalogue_is_that_of_the_text(code: str) -> None:
    with (messages.CATALOGUES / code / "LC_MESSAGES" / f"{DOMAIN}.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    wanted = po(code)
    count = 0
    for message, translated in wanted.items():
        if message == ("",):
            continue
        count += 1
        if len(message) == 1:
            assert compiled.gettext(message[0]) == translated[0]
        else:
            assert [compiled.ngettext(*message, n) for n in (1, 2)] == list(translated)
    # And it holds nothing else: a plural has an entry for each of its forms.
    forms = sum(len(translated) for message, translated in wanted.items() if message != ("",))
    assert len([key for key in compiled._catalog if key != ""]) == forms  # type: ignore[attr-defined]
    assert count > 100


@pytest.mark.parametrize("name", sorted(samples.ALL))
def test_english_is_what_the_report_says(name: str) -> None:
    verdict, english = samples.ALL[name](), tongue("en")
    assert say.headline(verdict, english) == words.headline(verdict)
    assert say.concepts(verdict.picture, 3, english) == words.concept_list(verdict.picture, 3)
    names = [each.name for each in verdict.provenance.inputs]
    assert say.title(names, english) == words.title(verdict)


@pytest.mark.parametrize("share", [0.0, 0.004, 0.01, 0.5, 0.995, 1.0])
def test_english_shares_are_those_of_the_report(share: float) -> None:
    assert tongue("en").percent(share) == words.percent(share)


@pytest.mark.parametrize("reason", list(Reason))
@pytest.mark.parametrize("code", OTHERS)
def test_every_reason_is_told_in_the_language(code: str, reason: Reason) -> None:
    from dataclasses import replace

    verdict = replace(samples.failed(), verdict=reason.outcome, reason=reason, explanation=reason.sentence)
    told = say.details(verdict, tongue(code))
    assert told != reason.sentence
    assert say.details(verdict, tongue("en")) == reason.sentence
    # What a decoder says of a file follows as it is.
    longer = replace(verdict, explanation=f"{reason.sentence} (a moov too few)")
    assert say.details(longer, tongue(code)) == f"{told} (a moov too few)"
    assert say.mute(reason, tongue("en")) == words.short_reason(reason)


def test_what_is_seen_and_heard_follows_every_opening() -> None:
    from dataclasses import replace

    real = replace(
        samples.discrepant(),
        explanation="The sound does not fit the picture. Seen: sea and shore, sand. Heard: road traffic.",
    )
    assert (
        say.details(real, tongue("en"))
        == "Seen: sea and shore, sand, boat. Heard: road traffic, engine, horn."
    )
    assert say.details(real, tongue("de")).startswith("Zu sehen: sea and shore")
    open_ = replace(
        real,
        verdict=Outcome.INCONCLUSIVE,
        reason=Reason.UNKNOWN_SCENE,
        explanation="Nothing can be said: the sound neither clearly fits the picture nor clearly does not. "
        "Seen: sea and shore. Heard: road traffic.",
    )
    told = say.details(open_, tongue("de"))
    assert told.startswith("Es lässt sich nichts sagen")
    assert "Zu hören: road traffic" in told


@pytest.mark.parametrize(
    ("cookie", "accepted", "code"),
    [
        (None, None, "en"),
        (None, "", "en"),
        (None, "de", "de"),
        (None, "de-AT,de;q=0.9,en;q=0.8", "de"),
        (None, "en-GB,en;q=0.9,de;q=0.8", "en"),
        (None, "fr, de;q=0.3, en;q=0.2", "de"),
        (None, "fr", "en"),
        (None, "de;q=0, en", "en"),
        (None, "de;q=nan, de;q=x, de;q=7, en;q=0.1", "en"),
        (None, "," * 5000 + "de", "en"),
        ("de", "en", "de"),
        ("en", "de", "en"),
        ("../de", "de", "de"),
        ("xx", None, "en"),
    ],
)
def test_the_language_is_the_one_asked_for(cookie: str | None, accepted: str | None, code: str) -> None:
    assert choose(cookie, accepted).code == code


def test_numbers_are_written_as_the_language_does() -> None:
    assert tongue("en").number(0.5) == "0.50"
    assert tongue("de").number(0.5) == "0,50"
    assert tongue("de").number(-1.25, sign=True) == "-1,25"
    assert tongue("de").number(1.25, sign=True) == "+1,25"
    assert tongue("de").percent(0.995) == "über 99 %"
    assert tongue("de").size(1_482_113) == "1,5 MB"
    assert tongue("en").size(999) == "999 B"


def test_braces_in_a_name_are_just_braces() -> None:
    assert tongue("de").say("Delete {name}", name="{0.__class__}{name}") == "{0.__class__}{name} löschen"
