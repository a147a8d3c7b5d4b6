"""From jobs and verdicts to what the templates show: words, numbers and places, and no markup."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from vadd.detect.verdict import Concept, Contribution, Exhibit, SpanFinding, Verdict
from vadd.report import lanes
from vadd.report.document import provenance_of
from vadd.report.facts import flat
from vadd.report.minutes import LONG, minutes_for
from vadd.report.text import printable
from vadd.report.words import telling
from vadd.timeline import clock
from vadd.web import say
from vadd.web.i18n import Tongue
from vadd.web.tracks import tracks

if TYPE_CHECKING:
    from vadd.web.jobs import Job

__all__ = ["FIXED", "job_row", "stages", "verdict_view"]

#: Flagged spans that are shown in full, the surest ones, and of how many others there is a line each.
_CASES, _LINES = 24, 400
_SHOTS, _MINUTES, _OPEN_SHOTS = 200, 240, 12
_CONCEPTS = 5

_STATES = {
    "queued": "waiting",
    "running": "at work",
    "done": "done",
    "failed": "went wrong on this server",
    "cancelled": "cancelled",
}
_STAGES = {
    "queued": "waiting",
    "reading": "reading picture and sound",
    "judging": "comparing picture and sound",
    "done": "done",
}
_USES = {"both": "picture and sound", "picture": "picture only", "sound": "sound only"}
#: What is told of a file by itself, and not once more among what it declares; notes are those of the verdict.
_TOLD = frozenset({"name", "size", "sha256", "notes"})
#: What is looked up here under a name and not as a literal.
FIXED = (*_STATES.values(), *_STAGES.values(), *_USES.values())


def job_row(job: Job, tongue: Tongue) -> dict[str, Any]:
    """A job as the lists and the progress of its page show it."""
    active = job.state in {"queued", "running"}
    told = _STAGES[job.stage] if job.state == "running" else _STATES[job.state]
    return {
        "id": job.id,
        "kind": job.kind,
        "title": say.title(job.names, tongue),
        "state": job.state,
        "active": active,
        "done": job.state == "done",
        "told": tongue.say(told),
        "percent": max(0, min(100, int(100 * job.progress))) if job.state == "running" else None,
        "outcome": job.outcome,
        "verdict": None if job.outcome is None else say.verdict_word(job.outcome, tongue),
        "probability": None if job.probability is None else tongue.percent(job.probability),
        "message": None if job.message is None else printable(job.message),
        "created": _moment(job.created),
        "size": tongue.size(sum(job.sizes)),
    }


def stages(job: Job, tongue: Tongue) -> list[tuple[str, str]]:
    """The stages of a job that is not done: what each is, and ``past``, ``now`` or ``later``."""
    names = list(_STAGES)[:-1]
    at = names.index(job.stage) if job.stage in names else len(names)
    return [
        (tongue.say(_STAGES[name]), "past" if place < at else "now" if place == at else "later")
        for place, name in enumerate(names)
    ]


def _moment(epoch: float) -> tuple[str, str]:
    """A time for ``datetime=`` and for people; a script writes the latter in the reader's own zone."""
    moment = datetime.fromtimestamp(epoch, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ"), moment.strftime("%Y-%m-%d %H:%M UTC")


def verdict_view(verdict: Verdict, exhibit: Exhibit | None, tongue: Tongue) -> dict[str, Any]:
    """All that a page says of a verdict.

    Args:
        verdict: Any verdict (:func:`vadd.web.reread.verdict_of`).
        exhibit: Its pictures, which the page names by number and does not hold.
        tongue: What language to say it in.
    """
    provenance = provenance_of(verdict.provenance)
    reason = verdict.reason
    told = reason is None or verdict.explanation.startswith(reason.sentence)
    return {
        "verdict": verdict,
        "word": say.verdict_word(verdict.verdict, tongue),
        "headline": say.headline(verdict, tongue),
        "details": say.details(verdict, tongue),
        "reason": None if told or reason is None else tongue.say(reason.sentence),
        "figure": tracks(verdict, exhibit, tongue),
        "gauge": _gauge(verdict),
        "picture": _shares(verdict.picture, tongue),
        "sound": _shares(verdict.sound, tongue),
        **_flagged(verdict, exhibit, tongue),
        "overview": _overview(verdict, tongue),
        "shots": _shots(verdict, tongue),
        "limits": say.limits(tongue),
        "notes": [printable(note) for note in verdict.notes],
        "inputs": [
            {
                "name": printable(each["name"]),
                "used": tongue.say(_USES[each["role"]]),
                "size": each["size"],
                "sha256": each["sha256"],
                "facts": list(flat({k: v for k, v in each["media"].items() if k not in _TOLD})),
            }
            for each in provenance["inputs"]
        ],
        "model": printable(provenance["model"]),
        "settings": [
            ("vadd", provenance["version"]),
            ("model", printable(provenance["model"])),
            *flat(provenance["libraries"]),
            *flat(provenance["config"]),
        ],
        "hashes": [(printable(name), digest) for name, digest in sorted(provenance["hashes"].items())],
    }


def _gauge(verdict: Verdict) -> dict[str, float | None] | None:
    """Places on the scale from 0 to 1, in percent."""
    if verdict.score is None:
        return None
    limit = None if verdict.threshold is None else round(verdict.threshold * 100, 2)
    return {"score": round(verdict.score * 100, 2), "limit": limit}


def _shares(found: Sequence[Concept], tongue: Tongue) -> list[dict[str, Any]]:
    return [
        {
            "name": printable(each.name),
            "text": tongue.number(each.probability),
            "width": round(min(100.0, each.probability * 100), 1),
        }
        for each in found[:_CONCEPTS]
    ]


def _flagged(verdict: Verdict, exhibit: Exhibit | None, tongue: Tongue) -> dict[str, Any]:
    """The flagged spans: the surest in full, the others in a line each, both in order."""
    spans = verdict.spans
    surest = set(sorted(range(len(spans)), key=lambda at: -spans[at].probability)[:_CASES])
    rest = [found for at, found in enumerate(spans) if at not in surest]
    return {
        "flagged": [_case(spans[at], exhibit, tongue) for at in sorted(surest)],
        "others": [_line(found, tongue) for found in rest[:_LINES]],
        "left_out": len(rest[_LINES:]),
    }


def _line(found: SpanFinding, tongue: Tongue) -> dict[str, Any]:
    return {
        "span": str(found.span),
        "start": float(found.span.start),
        "end": float(found.span.end),
        "score": tongue.number(found.score),
        "probability": tongue.percent(found.probability),
        "seen": say.concepts(found.picture, 3, tongue),
        "heard": say.concepts(found.sound, 3, tongue),
    }


def _case(found: SpanFinding, exhibit: Exhibit | None, tongue: Tongue) -> dict[str, Any]:
    """A flagged span with the number of the thumbnail nearest to its middle."""
    middle = (found.span.start + found.span.end) / 2
    shots = [] if exhibit is None else [(time, at) for at, (time, _) in enumerate(exhibit.thumbnails)]
    inside = [shot for shot in shots if found.span.start <= shot[0] < found.span.end]
    still = min(inside, key=lambda shot: (abs(shot[0] - middle), shot[0])) if inside else None
    return {
        **_line(found, tongue),
        "picture": _shares(found.picture, tongue),
        "sound": _shares(found.sound, tongue),
        "expected": _shares(found.expected, tongue),
        "weights": [
            {
                "name": _contribution(each, tongue),
                "text": tongue.number(each.effect, sign=True),
                "against": bar.against,
                "x": bar.x,
                "width": bar.width,
            }
            for each, bar in zip(telling(found), lanes.weights(found), strict=True)
        ],
        "still": None if still is None else {"number": still[1], "at": clock(still[0])},
    }


def _contribution(given: Contribution, tongue: Tongue) -> str:
    if given.side == "picture":
        return tongue.say("{concept} seen", concept=printable(given.name))
    return tongue.say("{concept} heard", concept=printable(given.name))


def _overview(verdict: Verdict, tongue: Tongue) -> dict[str, Any] | None:
    """The minutes of a long video; ``None`` for one that the tracks themselves tell well enough."""
    if verdict.duration <= LONG:
        return None
    step, found = minutes_for(verdict, _MINUTES)
    rows = [
        {
            "start": float(each.column.span.start),
            "clock": clock(each.column.span.start),
            "score": _number(each.column.score, tongue),
            "peak": _number(each.column.peak, tongue),
            "speaking": tongue.say("{n}%", n=round(each.speaking * 100)),
            "flagged": clock(each.flagged) if each.flagged > 0 else "",
            "seen": say.concepts(each.column.picture, 2, tongue),
            "heard": say.concepts(each.column.sound, 2, tongue),
        }
        for each in found
    ]
    return {"step": step, "rows": rows}


def _shots(verdict: Verdict, tongue: Tongue) -> dict[str, Any] | None:
    """The shots, or of very many those that fit least, in order; ``None`` if there is one alone."""
    if len(verdict.shots) < 2:
        return None
    worst = sorted(verdict.shots, key=lambda shot: -1.0 if shot.score is None else shot.score, reverse=True)
    limit = verdict.threshold
    rows = [
        {
            "start": float(shot.span.start),
            "span": str(shot.span),
            "score": _number(shot.score, tongue),
            "mute": shot.mute is not None,
            "over": shot.score is not None and limit is not None and shot.score >= limit,
            "seen": say.concepts(shot.picture, 3, tongue),
            "heard": say.concepts(shot.sound, 3, tongue),
        }
        for shot in sorted(worst[:_SHOTS], key=lambda shot: shot.span.start)
    ]
    return {"rows": rows, "count": len(verdict.shots), "open": len(verdict.shots) <= _OPEN_SHOTS}


def _number(value: float | None, tongue: Tongue) -> str:
    return "" if value is None else tongue.number(value)
