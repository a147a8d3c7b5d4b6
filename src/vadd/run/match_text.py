"""A match in lines for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from vadd.detect.verdict import Concept
from vadd.media.align import LEAST_CHANCE, Occurrence
from vadd.run.match import Match, Ranking, Unfit
from vadd.run.occurrences import Found

__all__ = ["chance_text", "flags", "heading", "lines", "place_text", "summary"]

#: Stretches of one file that are listed.
_STRETCHES = 5


def lines(match: Match, top: int) -> Iterator[str]:
    """Lines for people; names in them are not made safe.

    Args:
        match: What was found.
        top: Files of each ranking that are listed.
    """
    yield f"{match.file}: compared with {_count(match.compared, 'file')}"
    for ranking in match.rankings:
        yield ""
        yield from _ranking(ranking, top)
    yield ""
    yield from _same(match)
    if any(ranking.ranked for ranking in match.rankings):
        yield ""
        yield f"Probabilities: of each pair alone, at even odds, learnt on {match.calibrated_on}."


def heading(ranking: Ranking) -> str:
    """What a ranking is of."""
    what = ("Pictures that its sound fits", "heard") if ranking.by == "sound" else (
        "Sounds that its picture fits", "seen",
    )  # fmt: skip
    return f"{what[0]} ({what[1]}: {concepts(ranking.concepts)})"


def concepts(found: Sequence[Concept]) -> str:
    """Names with commas."""
    return ", ".join(each.name for each in found) or "nothing that stands out"


def place_text(stretch: Occurrence) -> str:
    """From when to when, in the file in question and in the other."""
    end, other = stretch.start + stretch.length, stretch.other + stretch.length
    return f"{stretch.start:.3f}-{end:.3f} s is {stretch.other:.3f}-{other:.3f} s there"


def chance_text(luck: float) -> str:
    """How many such stretches chance alone would bring."""
    return "below one in a million" if luck <= LEAST_CHANCE else f"{luck:.2g}"


def flags(stretch: Occurrence) -> str:
    """What is peculiar about a stretch, with a comma before each; mostly empty."""
    said = (", upside down" if stretch.inverted else "", ", repeats itself" if stretch.repeats else "")
    return "".join(said)


def summary(left: Sequence[Unfit]) -> str:
    """``3 files: 2 silent, 1 not_media``."""
    counts = Counter(each.reason.value for each in left)
    parts = ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items()))
    return f"{_count(len(left), 'file')}: {parts}"


def _ranking(ranking: Ranking, top: int) -> Iterator[str]:
    if ranking.reason is not None:
        yield f"No {'picture' if ranking.by == 'sound' else 'sound'} can be looked for: {ranking.message}"
        return
    yield f"{heading(ranking)}:"
    for rank, fit in enumerate(ranking.ranked[:top], 1):
        yield f"{rank:5}  {fit.probability:6.1%}  {fit.file}  ({concepts(fit.concepts)})"
    if not ranking.ranked:
        yield "       none could be judged"
    if ranking.own is not None:
        side = "picture" if ranking.by == "sound" else "sound"
        place = f"would be number {ranking.own_rank} of {len(ranking.ranked) + 1}"
        yield f"       {ranking.own.probability:6.1%}  its own {side}, which {place}"
    if ranking.unranked:
        yield f"       not judged, {summary(ranking.unranked)}"


def _same(match: Match) -> Iterator[str]:
    if match.unheard is not None:
        yield f"The same sound was not looked for: {match.unheard}"
    else:
        number = str(len(match.found)) if match.found else "none"
        yield f"The same sound occurs in {number} of {_count(match.searched, 'file')}:"
    for found in match.found:
        yield from _found(found)
    if match.unsearched:
        yield f"  not searched, {summary(match.unsearched)}"


def _found(found: Found) -> Iterator[str]:
    yield f"  {found.file}{' (a copy, byte for byte)' if found.same_bytes else ''}"
    for stretch, luck in list(zip(found.stretches, found.chances, strict=True))[:_STRETCHES]:
        yield (
            f"    {place_text(stretch)}: {stretch.length:.2f} s, similarity {stretch.similarity:.2f}, "
            f"by chance {chance_text(luck)}{flags(stretch)}"
        )
    if len(found.stretches) > _STRETCHES:
        yield f"    and {_count(len(found.stretches) - _STRETCHES, 'shorter stretch', 'es')}"


def _count(number: int, what: str, plural: str = "s") -> str:
    return f"{number} {what}{'' if number == 1 else plural}"
