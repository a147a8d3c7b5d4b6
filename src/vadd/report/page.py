"""The HTML page of a verdict: one file that needs nothing from elsewhere and runs nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from vadd.detect.verdict import Exhibit, SpanFinding, Verdict
from vadd.report import lanes
from vadd.report.columns import columns, mute_runs, step_for
from vadd.report.document import provenance_of
from vadd.report.facts import flat
from vadd.report.image import jpeg_uri
from vadd.report.minutes import LONG, minutes_for
from vadd.report.text import printable
from vadd.report.words import LIMITS, LISTED, concept_list, details, headline, mute_list, percent, said, title
from vadd.timeline import clock

__all__ = ["page"]

#: Columns that a reader can still tell apart on a laptop.
MAX_COLUMNS = 120
#: Tables up to this long stand open; longer ones open on request.
_OPEN_ROWS = 12
#: Rows of the overview by minute: four hours; of more, several minutes are told as one.
_MINUTES = 240
#: Steps of a minute or more are in the overview already.
_FINE = 60
#: Flagged spans that are shown in full, the surest ones; of the others there is a line each, up to so many.
_CASES, _LINES = 24, 400
#: Shots in the table of shots, those that fit least.
_SHOTS = 200
_NO_PICTURES = Exhibit((), None, 1.0)


def page(verdict: Verdict) -> str:
    """A verdict as one self-contained HTML page.

    Args:
        verdict: Any verdict; with an ``exhibit`` the page also shows thumbnails and a spectrogram.

    Returns:
        HTML5, to be written as UTF-8. It loads nothing, runs no script, and forbids both by its content
        security policy. The same verdict always gives the same page.
    """
    style = _style()
    return _environment().get_template("page.html").render(
        style=Markup(style),  # noqa: S704 - our own file, not input
        policy=f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; base-uri 'none'; "
        "form-action 'none'",
        verdict=verdict,
        title=title(verdict),
        headline=headline(verdict),
        details=details(verdict),
        figure=_figure(verdict),
        overview=_overview(verdict),
        shots=_shots(verdict),
        **_flagged(verdict),
        limits=LIMITS,
        inputs=[_input_facts(record) for record in provenance_of(verdict.provenance)["inputs"]],
        settings=_settings(verdict),
        hashes=sorted(verdict.provenance.hashes.items()),
    )  # fmt: skip


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("vadd.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        printable=printable, percent=percent, clock=clock, concept_list=concept_list, edge=_edge
    )
    return environment


@cache
def _style() -> str:
    return resources.files("vadd.report").joinpath("templates", "page.css").read_text("utf-8")


def _digest(style: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(style.encode('utf-8')).digest()).decode('ascii')}"


def _edge(percentage: float) -> str:
    """Which end of a label stands at its place, so that it stays inside the figure."""
    return "start" if percentage < 12 else "end" if percentage > 88 else "middle"


def _figure(verdict: Verdict) -> dict[str, Any] | None:
    """All that is drawn over time; ``None`` if nothing was judged."""
    if not verdict.seconds:
        return None
    axis = lanes.Axis(verdict.seconds[-1].span.end)
    found = columns(verdict.seconds, MAX_COLUMNS)
    exhibit = verdict.exhibit or _NO_PICTURES
    return {
        "step": step_for(len(verdict.seconds), MAX_COLUMNS),
        "fine": step_for(len(verdict.seconds), MAX_COLUMNS) < _FINE,
        "duration": axis.duration,
        "ticks": axis.ticks(),
        "columns": found,
        "open": len(found) <= _OPEN_ROWS,
        "bars": lanes.bars(found, axis, verdict.threshold),
        "flags": lanes.flags(verdict, axis),
        "flag_list": _first([str(found.span) for found in verdict.spans]),
        "cuts": lanes.cuts(verdict, axis),
        "cut_count": max(0, len(verdict.shots) - 1),
        "cut_list": _first([clock(shot.span.start) for shot in verdict.shots[1:]]),
        "mutes": lanes.mutes(verdict, axis),
        "mute_list": mute_list(mute_runs(verdict.seconds)),
        "strip": lanes.strip(exhibit, axis),
        "spectrogram": lanes.spectrogram(exhibit, axis),
        "sides": (
            ("Seen", "picture", lanes.rows(found, [c.picture for c in found], axis)),
            ("Heard", "sound", lanes.rows(found, [c.sound for c in found], axis)),
        ),
    }


def _first(texts: Sequence[str]) -> str:
    """The first of them with commas, and how many more there are: for reading aloud."""
    listed = ", ".join(texts[:LISTED])
    return f"{listed} and {len(texts) - LISTED} more" if len(texts) > LISTED else listed


def _overview(verdict: Verdict) -> dict[str, Any] | None:
    """The minutes of a long video; ``None`` for one that the figure itself tells well enough."""
    if verdict.duration <= LONG:
        return None
    step, found = minutes_for(verdict, _MINUTES)
    return {"step": step, "minutes": found}


def _shots(verdict: Verdict) -> dict[str, Any] | None:
    """The shots, or of very many those that fit least, in order; ``None`` if there is one alone."""
    if len(verdict.shots) < 2:
        return None
    worst = sorted(verdict.shots, key=lambda shot: -1.0 if shot.score is None else shot.score, reverse=True)
    kept = sorted(worst[:_SHOTS], key=lambda shot: shot.span.start)
    return {"found": kept, "count": len(verdict.shots)}


def _flagged(verdict: Verdict) -> dict[str, Any]:
    """The flagged spans: the surest in full, the others in a line each, both in order."""
    spans = verdict.spans
    surest = set(sorted(range(len(spans)), key=lambda at: -spans[at].probability)[:_CASES])
    rest = [found for at, found in enumerate(spans) if at not in surest]
    return {
        "flagged": [_case(verdict, spans[at]) for at in sorted(surest)],
        "others": [(found, said(found)) for found in rest[:_LINES]],
        "left_out": len(rest[_LINES:]),
    }


def _case(verdict: Verdict, found: SpanFinding) -> dict[str, Any]:
    """A flagged span with the thumbnail nearest to its middle."""
    middle = (found.span.start + found.span.end) / 2
    shots = verdict.exhibit.thumbnails if verdict.exhibit else ()
    inside = [shot for shot in shots if found.span.start <= shot[0] < found.span.end]
    shot = min(inside, key=lambda s: (abs(s[0] - middle), s[0])) if inside else None
    return {
        "found": found,
        "said": said(found),
        "weights": lanes.weights(found),
        "picture": {"uri": jpeg_uri(shot[1]), "text": f"Frame at {clock(shot[0])}"} if shot else None,
    }


def _input_facts(record: Mapping[str, Any]) -> dict[str, Any]:
    used = {"both": "picture and sound", "picture": "picture only", "sound": "sound only"}
    return {**record, "used": used[record["role"]], "facts": list(flat(record["media"]))}


def _settings(verdict: Verdict) -> list[tuple[str, str]]:
    provenance = provenance_of(verdict.provenance)
    return [
        ("vadd", provenance["version"]),
        ("model", printable(provenance["model"])),
        *flat(provenance["libraries"]),
        *flat(provenance["config"]),
    ]
