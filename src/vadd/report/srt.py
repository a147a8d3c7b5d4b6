"""A verdict as subtitles, which any player shows over the video: what does not fit, while it does not fit."""

from __future__ import annotations

from fractions import Fraction

from vadd.detect.verdict import Outcome, SpanFinding, Verdict
from vadd.report.text import printable
from vadd.report.words import NAMED, concept_list, headline, percent, seen, short_reason
from vadd.timeline import Span

__all__ = ["srt"]

#: How long the one cue of a clip without flagged spans stands: time to read it.
READING = Fraction(5)

#: What a player takes for markup (tags in angle brackets; overrides in braces and after a backslash), and
#: what looks like it and is none. Without ">" no text holds the arrow that parts the times of a cue either.
_PLAIN = str.maketrans({"<": "‹", ">": "›", "{": "(", "}": ")", "\\": "∖"})


def srt(verdict: Verdict) -> str:
    """A verdict as a SubRip file.

    There is a cue for each flagged span, as long as the span. A clip without any gets a single cue at its
    start that says so, since a player calls a file without cues broken.

    Args:
        verdict: Any verdict.

    Returns:
        The text, to be written as UTF-8; at least one cue, in order of time. Text from outside can neither
        end a cue nor act as markup.
    """
    cues = [(found.span, _flagged(found)) for found in verdict.spans] or [_whole(verdict)]
    return "\n".join(_cue(number, *cue) for number, cue in enumerate(cues, start=1))


def _flagged(found: SpanFinding) -> list[str]:
    return [
        f"The sound does not fit (probability {percent(found.probability)})",
        f"seen: {seen(found)}",
        f"heard: {concept_list(found.sound, NAMED)}",
    ]


def _whole(verdict: Verdict) -> tuple[Span, list[str]]:
    end = min(READING, verdict.duration) if verdict.duration > 0 else READING
    lines = [f"vadd: {headline(verdict)}"]
    if verdict.reason is not None:
        lines.append(f"{verdict.verdict.value}: {short_reason(verdict.reason)}")
    elif verdict.probability is not None and verdict.verdict in (Outcome.CONSISTENT, Outcome.DISCREPANT):
        lines.append(f"probability of a discrepancy {percent(verdict.probability)}")
    return Span(Fraction(0), end), lines


def _cue(number: int, span: Span, lines: list[str]) -> str:
    start, end = round(span.start * 1000), round(span.end * 1000)
    text = "\n".join(printable(line).translate(_PLAIN) for line in lines)
    # A cue that ends where it starts is an error to some players.
    return f"{number}\n{_time(start)} --> {_time(max(end, start + 1))}\n{text}\n"


def _time(milliseconds: int) -> str:
    seconds, milliseconds = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d},{milliseconds:03d}"
