"""The one list of scorers: their names, what each compares, and those that need nothing learnt."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from vadd.detect.scorers.base import Scorer, Takes
from vadd.detect.scorers.bhattacharyya import Bhattacharyya
from vadd.detect.scorers.confusions import Confusions
from vadd.detect.scorers.contrastive import Contrastive
from vadd.detect.scorers.divergence import Divergence
from vadd.detect.scorers.everyday import EverydayScorer
from vadd.detect.scorers.graded import Graded
from vadd.detect.scorers.hard import Hard
from vadd.detect.scorers.seconds import Seconds
from vadd.errors import UsageError

__all__ = ["KINDS", "SCORERS", "kind", "scorer"]

#: Name → class, of all.
KINDS: Mapping[str, type[Scorer]] = MappingProxyType({
    each.name: each
    for each in (Hard, Seconds, Graded, Divergence, Bhattacharyya, Confusions, Contrastive, EverydayScorer)
})  # fmt: skip

#: Name → scorer, of those that compare scene posteriors and need nothing learnt.
SCORERS: Mapping[str, Scorer] = MappingProxyType(
    {each.name: each for each in (Hard(), Seconds(), Graded(), Divergence(), Bhattacharyya())}
)

#: What to use where a scorer is asked for that no detector of two classifiers can be made with.
_INSTEAD: Mapping[str, str] = MappingProxyType({
    Contrastive.name: "; what a contrastive network is worth, `vadd reproduce vadd --contrastive` says",
    EverydayScorer.name: "; it is the built-in detector's, which `vadd check` uses without --model",
})  # fmt: skip


def scorer(name: str) -> Scorer:
    """The scorer of this name that needs nothing learnt.

    Raises:
        UsageError: If there is none; the message lists the names.
    """
    if name not in SCORERS:
        raise UsageError(f"there is no scorer {name!r}; the scorers are {', '.join(SCORERS)}")
    return SCORERS[name]


def kind(name: str) -> type[Scorer]:
    """The class of a scorer of scene posteriors, learnt or not: one that a detector can be made with.

    Raises:
        UsageError: If there is none of this name, or it compares something else; the message lists the names.
    """
    fit = [each for each, made in KINDS.items() if made.takes is Takes.POSTERIORS]
    if name in fit:
        return KINDS[name]
    if name in KINDS:
        why = f"the scorer {name!r} compares {KINDS[name].takes}, and two classifiers give scene posteriors"
        instead = _INSTEAD.get(name, "")
        raise UsageError(f"{why}{instead}; the scorers for them are {', '.join(fit)}")
    raise UsageError(f"there is no scorer {name!r}; the scorers are {', '.join(fit)}")
