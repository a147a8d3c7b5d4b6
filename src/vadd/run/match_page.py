"""A match as one HTML page that loads and runs nothing, with a picture of where sounds are the same."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from vadd.media.align import Occurrence
from vadd.report.text import printable
from vadd.run.match import Match
from vadd.run.match_text import chance_text, concepts, flags, heading, place_text, summary
from vadd.run.occurrences import Found

__all__ = ["page"]

#: Stretches and files that are shown; the table and the document hold all.
_STRETCHES, _FILES = 12, 200
#: Of the picture, in units of its own.
_WIDTH = 800.0

_STYLE = """\
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --mark: #0b6bcb; \
--paper: #fff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9aa4af; --line: #3d444d; \
--mark: #6cb6ff; --paper: #0d1117; } }
body { font: 1rem/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); \
max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.15rem; margin-top: 2rem; } h3 { font-size: 1rem; }
h1, h3, td { overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .25rem .6rem; border-bottom: 1px solid var(--line); }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.soft { color: var(--soft); }
svg { width: 100%; height: auto; }
.bar { fill: none; stroke: var(--soft); } .link { fill: var(--mark); opacity: .35; stroke: none; }
.part { fill: var(--mark); } text { fill: var(--soft); font-size: 12px; }
"""

_TEMPLATE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{{ policy }}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ match.file|printable }}: what it matches</title>
<style>{{ style }}</style>
</head>
<body>
<h1>What matches {{ match.file|printable }}</h1>
<p class="soft">Compared with {{ match.compared }} file{{ "" if match.compared == 1 else "s" }}.
SHA-256 {{ match.sha256 or "unknown" }}.</p>

<h2>Where the same sound occurs</h2>
{% if match.unheard %}
<p>The same sound was not looked for: {{ match.unheard|printable }}</p>
{% else %}
<p>In {{ match.found|length }} of {{ match.searched }} file{{ "" if match.searched == 1 else "s" }}, \
after {{ "{:,}".format(match.places) }} places were compared.</p>
{% endif %}
{% for found in found %}
<h3>{{ found.file.file|printable }}{{ " (a copy, byte for byte)" if found.file.same_bytes }}</h3>
<p class="soft">SHA-256 {{ found.file.sha256 or "unknown" }}</p>
{% if found.shapes %}
<svg viewBox="0 0 800 104" role="img" aria-label="{{ found.said }}">
<text x="0" y="12">{{ match.file|printable }}, {{ "%.1f"|format(match.seconds) }} s</text>
<text x="0" y="100">{{ found.file.file|printable }}, {{ "%.1f"|format(found.file.seconds) }} s</text>
{% for shape in found.shapes %}
<polygon class="link" points="{{ shape.link }}"/>
<rect class="part" x="{{ shape.x }}" y="20" width="{{ shape.width }}" height="12"/>
<rect class="part" x="{{ shape.other_x }}" y="72" width="{{ shape.other_width }}" height="12"/>
{% endfor %}
<rect class="bar" x="0.5" y="20" width="{{ found.width }}" height="12"/>
<rect class="bar" x="0.5" y="72" width="{{ found.other_width }}" height="12"/>
</svg>
<table>
<tr><th>Where</th><th class="number">Length</th><th class="number">Similarity</th><th>By chance</th></tr>
{% for stretch, luck in found.stretches %}
<tr><td>{{ stretch|place }}{{ stretch|flags }}</td>
<td class="number">{{ "%.2f"|format(stretch.length) }} s</td>
<td class="number">{{ "%.2f"|format(stretch.similarity) }}</td><td>{{ luck|chance }}</td></tr>
{% endfor %}
</table>
{% endif %}
{% endfor %}
{% if more %}<p class="soft">And {{ more }} more.</p>{% endif %}
{% if match.unsearched %}<p class="soft">Not searched, {{ match.unsearched|summary }}.</p>{% endif %}
<p class="soft">Similarity is the correlation of the two waveforms with flat spectra: 1 is the same wave, 0.7
is what an equally loud other sound leaves of it. By chance: how many stretches this good chance alone would
give in this search. The same sound proves a common recording, not which of the two came first.</p>

{% for ranking in match.rankings %}
<h2>{{ ranking|heading|printable }}</h2>
{% if ranking.reason %}
<p>Nothing can be looked for: {{ ranking.message|printable }}</p>
{% else %}
<table>
<tr><th class="number">Rank</th><th>File</th><th class="number">Fits</th>
<th>{{ "Seen" if ranking.by == "sound" else "Heard" }}</th></tr>
{% for fit in ranking.ranked[:top] %}
<tr><td class="number">{{ loop.index }}</td><td>{{ fit.file|printable }}</td>
<td class="number">{{ "%.1f"|format(100 * fit.probability) }} %</td><td>{{ fit.concepts|concepts }}</td></tr>
{% endfor %}
{% if ranking.own %}
<tr><td class="number">({{ ranking.own_rank }})</td><td>its own \
{{ "picture" if ranking.by == "sound" else "sound" }}</td>
<td class="number">{{ "%.1f"|format(100 * ranking.own.probability) }} %</td>
<td>{{ ranking.own.concepts|concepts }}</td></tr>
{% endif %}
</table>
<p class="soft">{{ ranking.ranked|length }} judged.
{% if ranking.unranked %}Not judged, {{ ranking.unranked|summary }}.{% endif %}</p>
{% endif %}
{% endfor %}

<h2>How it was made</h2>
<p class="soft">vadd {{ match.version }}, detector {{ match.model|printable }}. Probabilities are of each pair
alone, at even odds, learnt on {{ match.calibrated_on|printable }}. They say that a sound and a picture are of
a kind, never that they were recorded together.</p>
</body>
</html>
"""


def page(match: Match, top: int) -> str:
    """A match as one self-contained HTML page.

    Args:
        match: What was found.
        top: Files of each ranking that are shown.

    Returns:
        HTML5, to be written as UTF-8; the same match always gives the same page.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters.update(
        printable=printable, concepts=concepts, heading=heading, summary=summary, place=place_text,
        chance=chance_text, flags=flags,
    )  # fmt: skip
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode("ascii")
    return environment.from_string(_TEMPLATE).render(
        match=match,
        top=top,
        found=[_shown(match, each) for each in match.found[:_FILES]],
        more=max(0, len(match.found) - _FILES),
        style=Markup(_STYLE),  # noqa: S704 - our own text, not input
        policy=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
    )


def _shown(match: Match, found: Found) -> dict[str, Any]:
    """A file with its picture: both sounds as bars to one scale, what they share joined."""
    scale = _WIDTH / max(match.seconds, found.seconds, 1e-3)
    stretches = list(zip(found.stretches, found.chances, strict=True))[:_STRETCHES]
    return {
        "file": found,
        "stretches": stretches,
        "shapes": [_shape(each, scale) for each, _ in stretches],
        "width": round(max(1.0, match.seconds * scale - 1), 1),
        "other_width": round(max(1.0, found.seconds * scale - 1), 1),
        "said": "; ".join(place_text(each) for each, _ in stretches),
    }


def _shape(stretch: Occurrence, scale: float) -> dict[str, Any]:
    left, other = stretch.start * scale, stretch.other * scale
    width = max(1.0, stretch.length * scale)
    corners = ((left, 32), (left + width, 32), (other + width, 72), (other, 72))
    return {
        "x": round(left, 1),
        "other_x": round(other, 1),
        "width": round(width, 1),
        "other_width": round(width, 1),
        "link": " ".join(f"{x:.1f},{y}" for x, y in corners),
    }
