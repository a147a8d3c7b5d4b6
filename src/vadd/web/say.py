"""A verdict's sentences in the language of the page; in English they are those of the report."""

from __future__ import annotations

from collections.abc import Sequence

from vadd.detect.verdict import Concept, Outcome, Reason, Verdict
from vadd.report.text import printable
from vadd.report.words import LIMITS
from vadd.web.i18n import Tongue

__all__ = ["FIXED", "concepts", "details", "headline", "limits", "mute", "title", "verdict_word"]

_OUTCOMES = {
    Outcome.CONSISTENT: "Consistent",
    Outcome.DISCREPANT: "Discrepant",
    Outcome.INCONCLUSIVE: "Inconclusive",
    Outcome.FAILED: "Failed",
}
_HEADLINES = {
    Outcome.FAILED: "This file could not be judged.",
    Outcome.INCONCLUSIVE: "Whether the sound belongs to the picture cannot be told.",
    Outcome.CONSISTENT: "The sound seems to fit this picture.",
    Outcome.DISCREPANT: "The sound probably does not belong to this picture.",
}
_UNLIKELY = (
    "Called discrepant, as {rate} false alarms are accepted, although a discrepancy is less likely than not."
)
#: Reasons in two or three words, as in :func:`vadd.report.words.short_reason`.
_MUTES = {reason: reason.value.replace("_", " ") for reason in Reason}
#: How an explanation opens that says more than its reason does.
_OPENINGS = (
    "Nothing can be said: the sound neither clearly fits the picture nor clearly does not.",
    "The picture is unlike all that the model has learnt from.",
    "The sound is unlike all that the model has learnt from.",
    "The picture and the sound are unlike all that the model has learnt from.",
)
#: What is looked up here under a name and not as a literal: a catalogue has to hold all of it.
FIXED = (
    *_OUTCOMES.values(),
    *_HEADLINES.values(),
    *_OPENINGS,
    *_MUTES.values(),
    *(reason.sentence for reason in Reason),
    *(text for limit in LIMITS for text in limit),
    _UNLIKELY,
)


def verdict_word(outcome: Outcome | str, tongue: Tongue) -> str:
    """A verdict in one word."""
    return tongue.say(_OUTCOMES[Outcome(outcome)])


def headline(verdict: Verdict, tongue: Tongue) -> str:
    """The verdict in one sentence, as :func:`vadd.report.words.headline`."""
    unlikely = verdict.probability is not None and verdict.probability < 0.5
    if verdict.verdict is Outcome.DISCREPANT and unlikely:
        return tongue.say(_UNLIKELY, rate=tongue.percent(verdict.false_alarms))
    return tongue.say(_HEADLINES[verdict.verdict])


def details(verdict: Verdict, tongue: Tongue) -> str:
    """What is seen and heard, or why nothing is said, as :func:`vadd.report.words.details`.

    What a message about a file says of it stays English.
    """
    text = verdict.explanation
    for opening in (*_OPENINGS, *([] if verdict.reason is None else [verdict.reason.sentence])):
        if text.startswith(opening):
            rest = text.removeprefix(opening)
            found = f" {_found(verdict, tongue)}" if rest.startswith(" Seen: ") else printable(rest)
            return tongue.say(opening) + found
    return _found(verdict, tongue) if "Seen: " in text else printable(text)


def _found(verdict: Verdict, tongue: Tongue) -> str:
    sides = [
        ", ".join(printable(each.name) for each in side) or tongue.say("nothing that stands out")
        for side in (verdict.picture, verdict.sound)
    ]
    return tongue.say("Seen: {seen}. Heard: {heard}.", seen=sides[0], heard=sides[1])


def concepts(found: Sequence[Concept], limit: int, tongue: Tongue) -> str:
    """The first concepts with their shares, as :func:`vadd.report.words.concept_list`."""
    if not found:
        return tongue.say("nothing known")
    told = (f"{printable(each.name)} ({tongue.number(each.probability)})" for each in found[:limit])
    return ", ".join(told)


def mute(reason: Reason, tongue: Tongue) -> str:
    """A reason in two or three words."""
    return tongue.say(_MUTES[reason])


def limits(tongue: Tongue) -> list[tuple[str, str]]:
    """What no verdict can tell: what, and why."""
    return [(tongue.say(what), tongue.say(why)) for what, why in LIMITS]


def title(names: Sequence[str], tongue: Tongue) -> str:
    """What was judged: the file's name, or whose picture against whose sound."""
    if len(names) == 1:
        return printable(names[0])
    return tongue.say(
        "picture of {picture} with sound of {sound}",
        picture=printable(names[0]),
        sound=printable(names[1]),
    )
