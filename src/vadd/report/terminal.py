"""A verdict as text for a terminal, readable without colour; plain when it goes elsewhere."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from vadd.detect.verdict import Concept, Outcome, Verdict
from vadd.report.columns import Column, columns, mute_runs, step_for
from vadd.report.text import printable
from vadd.report.words import LISTED, concept_list, headline, mute_list, percent, short_reason, title
from vadd.timeline import clock

__all__ = ["PLAIN_WIDTH", "render"]

#: Width of text that does not go to a terminal.
PLAIN_WIDTH = 80

_STYLES = {
    Outcome.CONSISTENT: "bold green",
    Outcome.DISCREPANT: "bold red",
    Outcome.INCONCLUSIVE: "bold yellow",
    Outcome.FAILED: "bold magenta",
}
_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII = "_.:-=+*#"
_MUTE = {_BLOCKS: "·", _ASCII: ","}
_MARGIN = 2
_TICK = 10
_TOP = 4


def render(
    verdict: Verdict,
    *,
    width: int = PLAIN_WIDTH,
    colour: bool = False,
    unicode: bool = True,
    name: str | None = None,
) -> str:
    """A verdict as lines of text that end in a newline.

    Args:
        verdict: Any verdict.
        width: Columns of the terminal, at least 40.
        colour: Whether to use the terminal's colours (``NO_COLOR`` still wins); without it the text has
            no escape sequence at all.
        unicode: Whether block characters can be shown; else the timeline is drawn in ASCII.
        name: What to call the input; the file names of the verdict if not given.
    """
    out = io.StringIO()
    console = Console(
        file=out, width=max(40, width), force_terminal=colour, highlight=False, markup=False, emoji=False,
        legacy_windows=False,
    )  # fmt: skip
    say = _Printer(console)
    style = _STYLES[verdict.verdict]
    label = title(verdict) if name is None else printable(name)
    console.print(Text(label, "bold"), soft_wrap=True)  # a path that is broken cannot be copied
    stamp = verdict.verdict.value.upper()
    if verdict.reason is not None:
        stamp += f" ({short_reason(verdict.reason)})"
    console.print(Text.assemble((stamp, style), "  ", headline(verdict)))
    if verdict.reason is not None or not (verdict.picture or verdict.sound):
        # Otherwise the headline says it, and what is seen and heard is listed below.
        say(printable(verdict.explanation))
    if verdict.score is not None:
        say(_figures(verdict))
    if any(second.score is not None for second in verdict.seconds):
        console.print()
        _timeline(verdict, say, console.width - 2 * _MARGIN, _BLOCKS if unicode else _ASCII)
    _spans(verdict, say)
    if (verdict.picture or verdict.sound) and not _spanned(verdict):
        console.print()
        if verdict.spans:
            say("Whole clip")
        _sides(verdict.picture, verdict.sound, say)
    for note in verdict.notes:
        say(f"Note: {printable(note)}", "dim")
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _spanned(verdict: Verdict) -> bool:
    """Whether one span is the whole clip, so that all was said with it."""
    if len(verdict.spans) != 1:
        return False
    span = verdict.spans[0].span
    return span.start <= 0 and span.end >= verdict.duration


class _Printer:
    """Prints indented lines."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __call__(self, text: str | Text, style: str = "", indent: int = _MARGIN) -> None:
        body = Text(text, style) if isinstance(text, str) else text
        body.overflow = "fold"
        self._console.print(Padding(body, (0, 0, 0, indent), expand=False))


def _figures(verdict: Verdict) -> str:
    parts = [f"score {verdict.score:.2f}"]
    if verdict.threshold is not None:
        parts[0] += (
            f" (discrepant from {verdict.threshold:.2f} on, at {percent(verdict.false_alarms)} false alarms)"
        )
    if verdict.probability is not None:
        parts.append(
            f"probability of a discrepancy {percent(verdict.probability)} (prior {percent(verdict.prior)})"
        )
    return ", ".join(parts)


def _timeline(verdict: Verdict, say: _Printer, room: int, blocks: str) -> None:
    found = columns(verdict.seconds, room)
    step = step_for(len(verdict.seconds), room)
    track = Text()
    for column in found:
        track.append(*_cell(column, verdict.threshold, blocks))
    say(_ticks(found, room), "dim")
    say(track)
    flagged = "".join(
        "^" if any(column.span.intersection(s.span) for s in verdict.spans) else " " for column in found
    )
    if flagged.strip():
        say(Text(flagged, "red"))
    runs = mute_runs(verdict.seconds)
    legend = [f"one cell is {step} s; a higher block fits less"]
    if flagged.strip():
        legend.append("^ does not fit")
    if runs:
        legend.append(f"{_MUTE[blocks]} says nothing, not counted")
    say("; ".join(legend), "dim")
    if runs:
        say(f"Not counted: {mute_list(runs)}", "dim")


def _cell(column: Column, threshold: float | None, blocks: str) -> tuple[str, str]:
    if column.score is None:
        return (_MUTE[blocks] if column.mute else " ", "dim")
    over = threshold is not None and column.score >= threshold
    return blocks[min(len(blocks) - 1, int(column.score * len(blocks)))], "red" if over else "green"


def _ticks(found: Sequence[Column], room: int) -> str:
    """A time over every tenth cell, as far as it fits."""
    line = ""
    for i in range(0, len(found), _TICK):
        label = clock(found[i].span.start)
        if i + len(label) <= room:
            line = line.ljust(i) + label
    return line


def _spans(verdict: Verdict, say: _Printer) -> None:
    for found in verdict.spans[:LISTED]:
        say(Text.assemble((str(found.span), "bold red"), f" does not fit, score {found.score:.2f}"))
        _sides(found.picture, found.sound, say, indent=2 * _MARGIN)
    if len(verdict.spans) > LISTED:
        say(f"and {len(verdict.spans) - LISTED} more spans")


def _sides(
    picture: Sequence[Concept], sound: Sequence[Concept], say: _Printer, indent: int = _MARGIN
) -> None:
    say(f"seen:  {concept_list(picture, _TOP)}", indent=indent)
    say(f"heard: {concept_list(sound, _TOP)}", indent=indent)
