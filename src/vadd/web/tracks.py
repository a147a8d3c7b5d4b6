"""The tracks under the player: everything over time on one axis, in the language of the page.

The geometry is the report's (:mod:`vadd.report.lanes`); what is added is what a player needs: where in time
each column is, and what to say of it when the play head stands there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vadd.detect.verdict import Exhibit, SpanFinding, Verdict
from vadd.report import lanes
from vadd.report.columns import Column, columns, mute_runs, step_for
from vadd.report.text import printable
from vadd.report.words import LISTED
from vadd.timeline import Span, clock
from vadd.web.i18n import Tongue
from vadd.web.say import concepts, mute

__all__ = ["HEIGHT", "tracks"]

#: Columns that can still be told apart, and rows of a table that stand open.
MAX_COLUMNS, _OPEN_ROWS = 120, 12
#: Height of the score track in pixels.
HEIGHT = 96
_NAMED = 2
_CONCEPTS = 3


def tracks(verdict: Verdict, exhibit: Exhibit | None, tongue: Tongue) -> dict[str, Any] | None:
    """All that is drawn over time; ``None`` if nothing was judged.

    Args:
        verdict: Any verdict.
        exhibit: Its thumbnails and spectrogram, of which only times and sizes are used.
        tongue: What language to say it in.
    """
    if not verdict.seconds:
        return None
    axis = lanes.Axis(verdict.seconds[-1].span.end)
    found = columns(verdict.seconds, MAX_COLUMNS)
    step = step_for(len(verdict.seconds), MAX_COLUMNS)
    return {
        "step": step,
        "end": float(axis.duration),
        "clock": clock(axis.duration),
        "ticks": axis.ticks(),
        "columns": [_column(each, verdict, axis, tongue) for each in found],
        "open": len(found) <= _OPEN_ROWS,
        "bars": [_bar(bar) for bar in lanes.bars(found, axis, verdict.threshold)],
        "limit": None if verdict.threshold is None else round(HEIGHT * (1 - verdict.threshold), 1),
        "flags": lanes.flags(verdict, axis),
        "cuts": lanes.cuts(verdict, axis),
        "mutes": lanes.mutes(verdict, axis),
        "mute_list": _mute_list(verdict, tongue),
        "stills": _stills(exhibit, axis),
        "spectrogram": _spectrogram(exhibit, axis),
        "sides": (
            ("picture", lanes.rows(found, [c.picture for c in found], axis)),
            ("sound", lanes.rows(found, [c.sound for c in found], axis)),
        ),
    }


def _column(column: Column, verdict: Verdict, axis: lanes.Axis, tongue: Tongue) -> dict[str, Any]:
    over = column.score is not None and verdict.threshold is not None and column.score >= verdict.threshold
    return {
        "start": float(column.span.start),
        "end": float(column.span.end),
        "span": str(column.span),
        "score": column.score,
        "mute": column.mute,
        "over": over,
        "seen": concepts(column.picture, _CONCEPTS, tongue),
        "heard": concepts(column.sound, _CONCEPTS, tongue),
        "level": None if column.level is None else round(column.level),
        "say": _said(column, verdict.spans, tongue),
    }


def _said(column: Column, spans: Sequence[SpanFinding], tongue: Tongue) -> str:
    """What is to be read aloud of a column."""
    told = [
        tongue.say(
            "Seen: {seen}. Heard: {heard}.",
            seen=", ".join(printable(each.name) for each in column.picture[:_NAMED])
            or tongue.say("nothing known"),
            heard=", ".join(printable(each.name) for each in column.sound[:_NAMED])
            or tongue.say("nothing known"),
        )
    ]
    if column.mute is not None:
        told.append(tongue.say("Not counted: {why}.", why=mute(column.mute, tongue)))
    elif column.score is not None:
        told.append(tongue.say("Score {score}.", score=tongue.number(column.score)))
    if any(_overlap(column.span, found.span) for found in spans):
        told.append(tongue.say("Does not fit."))
    return " ".join(told)


def _overlap(one: Span, other: Span) -> bool:
    return one.intersection(other) is not None


def _bar(bar: lanes.Bar) -> dict[str, Any]:
    """A bar of the score track in pixels from the top."""
    top, peak = HEIGHT * (1 - bar.mean), HEIGHT * (1 - bar.peak)
    return {
        "x": bar.x,
        "width": bar.width,
        "over": bar.over,
        "y": round(top, 1),
        "height": round(HEIGHT - top, 1),
        "peak_y": round(peak, 1),
        "peak": round(top - peak, 1) if bar.peak - bar.mean > 0.01 else 0,
    }


def _mute_list(verdict: Verdict, tongue: Tongue) -> str:
    runs = mute_runs(verdict.seconds)
    listed = ", ".join(f"{run.span} {mute(run.reason, tongue)}" for run in runs[:LISTED])
    more = len(runs) - LISTED
    return tongue.say("{list} and {n} more", list=listed, n=more) if more > 0 else listed


def _stills(exhibit: Exhibit | None, axis: lanes.Axis) -> list[dict[str, Any]]:
    """Thumbnails in equal slots, as in the report, by their numbers."""
    shots = [] if exhibit is None else list(enumerate(time for time, _ in exhibit.thumbnails))
    count = min(lanes.MAX_THUMBNAILS, len(shots))
    found = []
    for at in range(count):
        middle = axis.duration * (2 * at + 1) / (2 * count)
        number, _ = min(shots, key=lambda shot: (abs(shot[1] - middle), shot[1]))
        found.append({"x": round(100 * at / count, 3), "width": round(100 / count, 3), "number": number})
    return found


def _spectrogram(exhibit: Exhibit | None, axis: lanes.Axis) -> float | None:
    """Width of the whole spectrogram in percent of the axis; what is over its end is clipped."""
    energies = None if exhibit is None else exhibit.spectrogram
    if exhibit is None or energies is None or 0 in energies.shape or exhibit.columns_per_second <= 0:
        return None
    return round(100 * len(energies) / exhibit.columns_per_second / float(axis.duration), 3)
