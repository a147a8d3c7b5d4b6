"""How vadd puts a verdict: the same words on a page and in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from vadd.detect.verdict import Concept, Contribution, Outcome, Reason, SpanFinding, Verdict
from vadd.report.columns import MuteRun
from vadd.report.text import printable

__all__ = [
    "LIMITS", "LISTED", "NAMED", "concept_list", "contribution", "details", "headline", "mute_list",
    "percent", "said", "seen", "short_reason", "telling", "title",
]  # fmt: skip

#: More runs of muted seconds or spans than this are counted rather than listed.
LISTED = 6

#: How many concepts of a side are named, and how many sounds are said to be expected.
NAMED, EXPECTED = 3, 2

#: A contribution below this would be shown as nothing, 0.00.
_TELLING = 0.005

#: What no verdict can tell, as (what, why) for people who will act on it.
LIMITS = (
    (
        "Where, when and by whom it was recorded",
        "A street with the sound of another street fits. vadd compares kinds of scene; it does not "
        "recognise places, events or people.",
    ),
    (
        "A swap within the same kind of scene",
        "One beach with another beach's waves, or one crowd with another crowd, looks consistent.",
    ),
    (
        "Speech and lips",
        "Lip movement, voices, language and small delays between sound and picture are not examined.",
    ),
    (
        "Edits that keep the scene",
        "Cuts, generated or altered footage and cleaned-up sound go unnoticed while picture and sound still "
        "show one kind of scene.",
    ),
    (
        "Why the sound differs",
        "Music, narration and voice-over are added for honest reasons too, and a microphone hears what the "
        "camera does not show. A discrepancy is a reason to look closer, not proof of deceit.",
    ),
    (
        "Scenes it has not learnt",
        "Names of things seen and heard are guesses of two small networks. On rare scenes, poor light, "
        "noise or drawings they are often wrong.",
    ),
)


def percent(share: float) -> str:
    """A share of 0-1 in words that never claim certainty: ``under 1%`` to ``over 99%``."""
    if share > 0.99:
        return "over 99%"
    if share < 0.01:
        return "under 1%"
    return f"{round(share * 100)}%"


def headline(verdict: Verdict) -> str:
    """The verdict in one sentence, no surer than it is; the probability itself stands elsewhere."""
    if verdict.verdict is Outcome.FAILED:
        return "This file could not be judged."
    if verdict.verdict is Outcome.INCONCLUSIVE:
        return "Whether the sound belongs to the picture cannot be told."
    if verdict.verdict is Outcome.CONSISTENT:
        return "The sound seems to fit this picture."
    if verdict.probability is not None and verdict.probability < 0.5:
        return (
            f"Called discrepant, as {percent(verdict.false_alarms)} false alarms are accepted, although a "
            "discrepancy is less likely than not."
        )
    return "The sound probably does not belong to this picture."


def details(verdict: Verdict) -> str:
    """The explanation, without the claim that opens it where the headline makes it more carefully."""
    if verdict.reason is not None:
        return verdict.explanation
    _, mark, found = verdict.explanation.partition("Seen: ")
    return f"{mark}{found}" or verdict.explanation


def mute_list(runs: Sequence[MuteRun]) -> str:
    """Stretches that say nothing, each with its reason: ``0:07-0:08 sound says nothing``; "" if none."""
    listed = ", ".join(f"{run.span} {short_reason(run.reason)}" for run in runs[:LISTED])
    return f"{listed} and {len(runs) - LISTED} more" if len(runs) > LISTED else listed


def short_reason(reason: Reason) -> str:
    """A reason in two or three words, for places with no room for its sentence."""
    return reason.value.replace("_", " ")


def concept_list(concepts: Sequence[Concept], limit: int) -> str:
    """The first ``limit`` concepts with their shares: ``sea (0.62), wind (0.20)``; ``nothing known`` if none.

    Shares of a posterior are not written in percent, as the probability of a discrepancy is: nobody should
    take one for the other.
    """
    if not concepts:
        return "nothing known"
    return ", ".join(f"{printable(c.name)} ({c.probability:.2f})" for c in concepts[:limit])


def seen(found: SpanFinding) -> str:
    """What is seen in a stretch and which sounds it leads one to expect: ``sea (0.62), surf expected``."""
    shown = concept_list(found.picture, NAMED)
    expected = " or ".join(printable(c.name) for c in found.expected[:EXPECTED])
    return f"{shown}, {expected} expected" if found.picture and expected else shown


def said(found: SpanFinding) -> str:
    """A stretch in one line: ``seen: beach (0.71), surf expected; heard: motor traffic (0.83)``."""
    return f"seen: {seen(found)}; heard: {concept_list(found.sound, NAMED)}"


def contribution(given: Contribution) -> str:
    """The concept of a contribution with its side: ``motor traffic heard``."""
    return f"{printable(given.name)} {'seen' if given.side == 'picture' else 'heard'}"


def telling(found: SpanFinding) -> tuple[Contribution, ...]:
    """The contributions of a stretch that would not be shown as 0.00, in their order."""
    return tuple(c for c in found.contributions if abs(c.effect) >= _TELLING)


def title(verdict: Verdict) -> str:
    """What was judged: the file's name, or whose picture against whose sound."""
    inputs = verdict.provenance.inputs
    if len(inputs) == 1:
        return printable(inputs[0].name)
    names = {record.role: printable(record.name) for record in inputs}
    return f"picture of {names['picture']} with sound of {names['sound']}"
