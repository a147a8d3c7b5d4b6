"""The picture of the robustness table: a row a distortion, a dot a strength, darker where it is stronger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Protocol

#: Pixels.
_NAMES, _PANEL, _GAP, _ROW, _TOP, _BOTTOM = 130, 210, 30, 22, 50, 46
#: From the weakest to the strongest; also apart for those who do not tell red from green.
_SHADES = ("#9ecae1", "#4292c6", "#08306b")
_GREY = "#888"


class Line(Protocol):
    """As :class:`robustness.Line`."""

    row: str
    strength: str
    area: tuple[float, float, float]
    false_alarms: float
    caught: float
    own_open: float
    swapped_open: float


_PANELS: tuple[tuple[str, tuple[float, float, float], Callable[[Line], float]], ...] = (
    ("area under the curve", (0.5, 1.0, 0.1), lambda line: line.area[0]),
    ("false alarms, %", (0, 60, 20), lambda line: 100 * line.false_alarms),
    ("swaps caught, %", (0, 100, 20), lambda line: 100 * line.caught),
    ("own left open, %", (0, 100, 20), lambda line: 100 * line.own_open),
)


def drawn(lines: Sequence[Line]) -> str:
    """An SVG of the lines; those of the first row are drawn as a line down through all."""
    clean = lines[0]
    rows: dict[str, list[Line]] = {}
    for line in lines:
        if line.row != clean.row:
            rows.setdefault(line.row, []).append(line)
    height = _TOP + _ROW * len(rows) + _BOTTOM
    width = _NAMES + len(_PANELS) * (_PANEL + _GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="sans-serif" font-size="12">',
        "<title>Verdicts on distorted clips, by distortion and strength</title>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for at, row in enumerate(rows):
        y = _TOP + _ROW * (at + 0.5)
        parts.append(f'<text x="{_NAMES - 12}" y="{y + 4:.1f}" text-anchor="end">{escape(row)}</text>')
    for at, (title, scale, value) in enumerate(_PANELS):
        parts += _panel(_NAMES + at * (_PANEL + _GAP), title, scale, value, clean, rows)
    parts += _legend(height)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(
    left: float,
    title: str,
    scale: tuple[float, float, float],
    value: Callable[[Line], float],
    clean: Line,
    rows: dict[str, list[Line]],
) -> list[str]:
    low, high, step = scale
    bottom = _TOP + _ROW * len(rows)

    def x(number: float) -> float:
        return left + _PANEL * (min(max(number, low), high) - low) / (high - low)

    parts = [f'<text x="{left}" y="20" font-weight="bold">{escape(title)}</text>']
    for tick in range(round((high - low) / step) + 1):
        number = low + tick * step
        parts.append(f'<path d="M{x(number):.1f} {_TOP - 6}V{bottom}" stroke="#ddd"/>')
        parts.append(
            f'<text x="{x(number):.1f}" y="{_TOP - 12}" text-anchor="middle" fill="{_GREY}" '
            f'font-size="10">{number:g}</text>'
        )
    middle = x(value(clean))
    parts.append(f'<path d="M{middle:.1f} {_TOP - 6}V{bottom}" stroke="#d95f02" stroke-dasharray="4 3"/>')
    for at, lines in enumerate(rows.values()):
        y = _TOP + _ROW * (at + 0.5)
        places = [x(value(line)) for line in lines]
        parts.append(f'<path d="M{min(places):.1f} {y}H{max(places):.1f}" stroke="#bbb"/>')
        for place, line, shade in zip(places, lines, _shades(len(lines)), strict=True):
            told = escape(f"{line.row} {line.strength}: {value(line):.3g}")
            parts.append(
                f'<circle cx="{place:.1f}" cy="{y}" r="4.5" fill="{shade}"><title>{told}</title></circle>'
            )
    return parts


def _shades(count: int) -> list[str]:
    """So many shades; one alone is the middle one."""
    if count == 1:
        return [_SHADES[1]]
    return [_SHADES[round(at * (len(_SHADES) - 1) / (count - 1))] for at in range(count)]


def _legend(height: float) -> list[str]:
    y = height - 18
    parts = []
    for at, (shade, told) in enumerate(zip(_SHADES, ("weakest", "", "strongest"), strict=True)):
        x = _NAMES + 6 + at * 70
        parts.append(f'<circle cx="{x}" cy="{y}" r="4.5" fill="{shade}"/>')
        parts.append(f'<text x="{x + 9}" y="{y + 4}" fill="{_GREY}">{told}</text>')
    x = _NAMES + 240
    parts.append(f'<path d="M{x} {y}h28" stroke="#d95f02" stroke-dasharray="4 3"/>')
    parts.append(f'<text x="{x + 34}" y="{y + 4}" fill="{_GREY}">clips as they are</text>')
    return parts
