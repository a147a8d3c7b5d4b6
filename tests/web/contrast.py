"""Contrast of colours as WCAG 2 defines it, from the custom properties of style sheets."""

from __future__ import annotations

import re

_RULE = re.compile(r"(?P<selector>[^{}@]+)\{(?P<body>[^{}]*)\}")
_PROPERTY = re.compile(r"--(?P<name>[a-z-]+):\s*(?P<value>#[0-9a-fA-F]{3,8})")


def colours(css: str, *, dark: bool) -> dict[str, dict[str, str]]:
    """Selector → custom colours, in one scheme: the light ones, overlaid by what the dark scheme changes."""
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    found: dict[str, dict[str, str]] = {}
    pieces = [_without_blocks(css)]
    if dark:
        pieces += _blocks(css, "prefers-color-scheme: dark")
    for piece in pieces:
        for rule in _RULE.finditer(piece):
            for selector in rule["selector"].split(","):
                known = found.setdefault(selector.strip(), {})
                known.update({each["name"]: each["value"] for each in _PROPERTY.finditer(rule["body"])})
    return found


def _spans(css: str) -> list[tuple[int, int, str]]:
    """Start, end and head of every at-rule with a block."""
    spans = []
    at = css.find("@")
    while at >= 0:
        opened = css.index("{", at)
        depth, end = 1, opened + 1
        while depth:
            depth += {"{": 1, "}": -1}.get(css[end], 0)
            end += 1
        spans.append((at, end, css[at:opened]))
        at = css.find("@", end)
    return spans


def _without_blocks(css: str) -> str:
    for start, end, _ in reversed(_spans(css)):
        css = css[:start] + css[end:]
    return css


def _blocks(css: str, head: str) -> list[str]:
    return [css[css.index("{", start) + 1 : end - 1] for start, end, told in _spans(css) if head in told]


def contrast(one: str, other: str) -> float:
    """From 1 (none) to 21 (black on white)."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    if len(digits) == 3:
        digits = "".join(2 * digit for digit in digits)
    shares = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
