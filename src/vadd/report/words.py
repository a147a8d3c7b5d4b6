"""How vadd puts a verdict: the same words on a page and in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from vadd.detect.verdict import Concept, Outcome, Reason, Verdict
from vadd.report.text import printable

__all__ = ["LIMITS", "concept_list", "headline", "percent", "short_reason", "title"]

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
    """The verdict in one sentence, with how sure it is."""
    if verdict.verdict is Outcome.FAILED:
        return "This file could not be judged."
    if verdict.verdict is Outcome.INCONCLUSIVE:
        return "Whether the sound belongs to the picture cannot be told."
    sure = ""
    if verdict.probability is not None:
        sure = f"; probability of a discrepancy {percent(verdict.probability)}"
    if verdict.verdict is Outcome.DISCREPANT:
        return f"The sound probably does not belong to this picture{sure}."
    return f"The sound seems to fit this picture{sure}."


def short_reason(reason: Reason) -> str:
    """A reason in two or three words, for places with no room for its sentence."""
    return reason.value.replace("_", " ")


def concept_list(concepts: Sequence[Concept], limit: int) -> str:
    """The first ``limit`` concepts with their shares: ``sea 62%, wind 20%``; ``nothing known`` if none."""
    if not concepts:
        return "nothing known"
    return ", ".join(f"{printable(c.name)} {round(c.probability * 100)}%" for c in concepts[:limit])


def title(verdict: Verdict) -> str:
    """What was judged: the file's name, or whose picture against whose sound."""
    inputs = verdict.provenance.inputs
    if len(inputs) == 1:
        return printable(inputs[0].name)
    names = {record.role: printable(record.name) for record in inputs}
    return f"picture of {names['picture']} with sound of {names['sound']}"
