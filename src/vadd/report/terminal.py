"""A verdict as text for a terminal, readable without colour; plain when it goes elsewhere."""

from __future__ import annotations

import io
from bisect import bisect_left
from collections.abc import Sequence

from rich.console import Console, OverflowMethod
from rich.padding import Padding
from rich.text import Text

from vadd.detect.verdict import Outcome, Verdict
from vadd.report.columns import Column, columns, mute_runs, step_for
from vadd.report.minutes import LONG, Minute, minutes_for
from vadd.report.text import printable
from vadd.report.words import (
    LISTED,
    NAMED,
    concept_list,
    contribution,
    headline,
    mute_list,
    percent,
    seen,
    short_reason,
    telling,
    title,
)
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
#: Contributions a span.
_REASONS = 4
#: Rows of the overview by minute: an hour; of more, several minutes are told as one.
_MINUTES = 60


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
    if verdict.duration > LONG:
        _overview(verdict, say, console.width - _MARGIN, "ellipsis" if unicode else "crop")
    _spans(verdict, say)
    if (verdict.picture or verdict.sound) and not _spanned(verdict):
        console.print()
        if verdict.spans:
            say("Whole clip")
        say(f"seen:  {concept_list(verdict.picture, NAMED)}")
        say(f"heard: {concept_list(verdict.sound, NAMED)}")
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
    cuts = _cuts(verdict, found)
    if cuts:
        say(cuts, "dim")
    runs = mute_runs(verdict.seconds)
    legend = [f"one cell is {step} s; a higher block fits less"]
    if flagged.strip():
        legend.append("^ does not fit")
    if cuts:
        legend.append("| cut")
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


def _cuts(verdict: Verdict, found: Sequence[Column]) -> str:
    """A mark under each cell in which a shot begins; "" where there would be one under most of them."""
    starts = [shot.span.start for shot in verdict.shots[1:]]
    line = "".join(
        "|" if bisect_left(starts, c.span.start) < bisect_left(starts, c.span.end) else " " for c in found
    )
    return line if 0 < line.count("|") <= len(found) / 2 else ""


def _overview(verdict: Verdict, say: _Printer, room: int, overflow: OverflowMethod) -> None:
    step, found = minutes_for(verdict, _MINUTES)
    if not found:
        return
    say("")
    say(f"Every {step} minutes" if step > 1 else "Minute by minute")
    say(f"{'from':>7}  mean  peak  speaks  flagged  seen / heard", "dim")
    for minute in found:
        line = Text(_minute(minute), "red" if minute.flagged > 0 else "")
        line.truncate(room, overflow=overflow)
        say(line)
    say("")


def _minute(minute: Minute) -> str:
    column = minute.column
    score, peak = ("-" if each is None else f"{each:.2f}" for each in (column.score, column.peak))
    flagged = clock(minute.flagged) if minute.flagged > 0 else "-"
    names = (printable(side[0].name) if side else "-" for side in (column.picture, column.sound))
    return (
        f"{clock(column.span.start):>7}  {score:>4}  {peak:>4}  {minute.speaking:>6.0%}  {flagged:>7}  "
        f"{' / '.join(names)}"
    )


def _spans(verdict: Verdict, say: _Printer) -> None:
    explained = False
    for found in verdict.spans[:LISTED]:
        rest = f" does not fit, score {found.score:.2f}, probability {percent(found.probability)}"
        say(Text.assemble((str(found.span), "bold red"), rest))
        say(f"seen:  {seen(found)}", indent=2 * _MARGIN)
        say(f"heard: {concept_list(found.sound, NAMED)}", indent=2 * _MARGIN)
        for each in telling(found)[:_REASONS]:
            explained = True
            say(f"{each.effect:+.2f}  {contribution(each)}", indent=2 * _MARGIN)
    if len(verdict.spans) > LISTED:
        say(f"and {len(verdict.spans) - LISTED} more spans")
    if explained:
        say("+ and -: how much each speaks against and for one origin of picture and sound", "dim")
