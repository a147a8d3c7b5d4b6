"""Whether metadata alone tells manipulated from pristine trials.

A benchmark is to measure whether sound and picture belong together. If a cheap model that sees neither, but
only names, lengths, levels and codecs, does better than chance, it measures something else as well.

Each feature alone, each pair and a few boosted models learn from some of the trials and answer the others:
folds are cut by the location of the picture, so that a model cannot know a place from its other clips; by
that of the sound where only the sound is known; and by trial where the location itself is the feature.
Otherwise a benchmark that is balanced for each place would look unbalanced in its folds. A category, a
number's bin of ten, or a pair of them is worth how often it is manipulated in the other folds; a number is
also taken as it is, rising or falling as the other folds say, which finds less but needs fewer trials.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadd.classify.match import area
from vadd.protocol.boost import boosted
from vadd.protocol.ranking import Ranking
from vadd.protocol.rules import CAUTION, excess, folds, held_out_rates
from vadd.protocol.truth import Labels, Truth

__all__ = ["LIMIT", "Feature", "Finding", "audit", "name_features", "warnings"]

#: The AUC above which it is warned.
LIMIT = 0.55
#: Trials that are looked at; more would not change the second digit.
MOST = 20_000
_BINS = 10
_DRAWS = 200
#: What tells the scene, and what tells how loud it is there.
_SCENES = frozenset({"class", "scene", "location"})
_LEVELS = frozenset({"level", "peak", "silence", "clipping"})
#: What is known of the sound alone.
_SOUND = _LEVELS | {"audio codec", "sample rate", "channels"}
#: More pairs than this say little to a reader: the best are told.
_PAIRS = 12


@dataclass(frozen=True, slots=True, eq=False)
class Feature:
    """Something that is known of a trial without looking or listening.

    Attributes:
        name: What it is.
        kind: ``name`` (of the clip that is seen), ``sound name`` (of the clip that is heard, told only in
            single rows, as both names together are the answer) or ``media``.
        codes: ``(n,)`` categories from 0 on, or ``None``.
        values: ``(n,)`` numbers, NaN where it is not known, or ``None``.
    """

    name: str
    kind: str
    codes: NDArray[np.int64] | None = None
    values: NDArray[np.float64] | None = None

    def take(self, chosen: NDArray[np.int64]) -> Feature:
        """The feature of some of the trials."""
        codes = None if self.codes is None else self.codes[chosen]
        return Feature(self.name, self.kind, codes, None if self.values is None else self.values[chosen])


@dataclass(frozen=True, slots=True)
class Finding:
    """What one model reaches.

    Attributes:
        model: Its features, or what it is.
        kind: ``single``, ``ranked`` (a single number as it is), ``pair`` or ``boosted``.
        auc: Area under the ROC curve of the answers to trials that it did not learn from.
        low: 2.5 percentile of the bootstrap over locations, where there is one; likewise ``high``.
        folds: ``location``, ``sound location`` or ``trial``: what is held out together.
        crude: Whether it knows both the scene and the level, and so may be right for a good reason: it is a
            crude classifier of sound.
    """

    model: str
    kind: str
    auc: float
    low: float | None
    high: float | None
    folds: str
    crude: bool

    @property
    def warns(self) -> bool:
        """Whether the AUC is above :data:`LIMIT`."""
        return self.auc > LIMIT


def name_features(truth: Truth) -> tuple[Feature, ...]:
    """What the names of the clips tell, each thing once; what is the same for all is left out."""
    parts: tuple[tuple[str, str, Labels], ...] = (
        ("scene", "name", truth.scene),
        ("class", "name", truth.picture_class),
        ("city", "name", truth.city),
        ("location", "name", truth.location),
        ("scene of the sound", "sound name", truth.sound_scene),
        ("class of the sound", "sound name", truth.sound_class),
        ("city of the sound", "sound name", truth.sound_city),
    )
    features: list[Feature] = []
    for name, kind, each in parts:
        known = [other.codes for other in features if other.kind == kind and other.codes is not None]
        if len(each.names) > 1 and not any(np.array_equal(each.index, other) for other in known):
            features.append(Feature(name, kind, each.index))
    return tuple(features)


def audit(features: Sequence[Feature], truth: Truth, *, seed: int = 0) -> tuple[Finding, ...]:
    """Try the features, alone and together.

    Args:
        features: Of all trials.
        truth: The benchmark; at most :data:`MOST` of its trials are drawn.
        seed: Of the draw, the folds and the intervals.

    Returns:
        Singles in order, numbers as they are, the pairs with the greatest AUC, then the boosted models;
        nothing where all trials are of one kind.
    """
    manipulated, places, sounds = truth.manipulated, truth.places.index, truth.sound_places.index
    if len(truth) > MOST:
        drawn = np.sort(np.random.default_rng([seed, 8]).permutation(len(truth))[:MOST])
        manipulated = manipulated[drawn]
        places, sounds = (each.take(drawn).index for each in (truth.places, truth.sound_places))
        features = [each.take(drawn) for each in features]
    if manipulated.all() or not manipulated.any():
        return ()
    trial = _Trial(manipulated, places, sounds, seed)
    singles = [trial.by_key("single", (each,)) for each in features]
    singles += [trial.by_value(each) for each in features if each.values is not None]
    seen = [each for each in features if each.kind != "sound name"]
    pairs = [trial.by_key("pair", each, bounds=False) for each in combinations(seen, 2)]
    pairs.sort(key=lambda each: -each.auc)
    told = [trial.by_key("pair", _named(seen, each.model)) if each.warns else each for each in pairs[:_PAIRS]]
    return tuple(singles + told + [trial.boosted(name, of) for name, of in _models(seen)])


def warnings(findings: Iterable[Finding]) -> list[str]:
    """A line for those who must know, where there is something to know."""
    beyond = [each for each in findings if each.warns]
    plain, crude = ([each for each in beyond if each.crude == wanted] for wanted in (False, True))
    lines = []
    if plain:
        worst = max(plain, key=lambda each: each.auc)
        lines.append(
            "metadata alone tells manipulated from pristine: "
            f"{worst.model} reaches AUC {worst.auc:.3f}, above {LIMIT} "
            f"({len(plain)} {'model' if len(plain) == 1 else 'models'})"
        )
    if crude:
        worst = max(crude, key=lambda each: each.auc)
        lines.append(
            f"scene and level together reach AUC {worst.auc:.3f} ({worst.model}): "
            "a crude classifier of sound, which may be right for a good reason"
        )
    return lines


class _Trial:
    """Models on trials of which the truth is known."""

    def __init__(
        self,
        manipulated: NDArray[np.bool_],
        places: NDArray[np.int64],
        sounds: NDArray[np.int64],
        seed: int,
    ) -> None:
        self._manipulated, self._places, self._seed = manipulated, places, seed
        by_trial = np.arange(len(places))
        self._folds = {"trial": folds(by_trial, seed)}
        for name, groups in (("location", places), ("sound location", sounds)):
            # One location cannot be held out from itself.
            self._folds[name] = folds(groups if groups.any() else by_trial, seed)

    def by_key(self, kind: str, features: Sequence[Feature], *, bounds: bool = True) -> Finding:
        """A table of how often each key is manipulated."""
        by = _held_out_by(features)
        fold = self._folds[by]
        scores = np.zeros(len(fold))
        if all(each.codes is not None for each in features):
            scores = held_out_rates(_joined(features, fold >= 0), self._manipulated, fold, cautious=True)
        else:
            for held in np.unique(fold):  # bins are cut where the other folds say
                keys = _joined(features, fold != held)
                one = held_out_rates(keys, self._manipulated, (fold == held).astype(np.int64), cautious=True)
                scores[fold == held] = one[fold == held]
        return self._finding(kind, features, scores, by, bounds=bounds)

    def by_value(self, feature: Feature) -> Finding:
        """A number as it is, in the direction that the other folds give it, if they give one."""
        by = _held_out_by([feature])
        fold, values = self._folds[by], np.asarray(feature.values)
        scores = np.zeros(len(fold))
        known = ~np.isnan(values)
        for held in np.unique(fold):
            rest = (fold != held) & known
            chosen = self._manipulated[rest]
            counts = float(chosen.sum()), float((~chosen).sum())
            if not all(counts):
                continue
            apart = area(values[rest][~chosen], values[rest][chosen]) - 0.5
            error = np.sqrt((sum(counts) + 1) / (12 * counts[0] * counts[1]))  # of Mann and Whitney
            if abs(apart) > CAUTION * error:
                here = (fold == held) & known
                scores[here] = np.sign(apart) * (values[here] - np.median(values[rest]))
        return self._finding("ranked", [feature], scores, by)

    def boosted(self, name: str, features: Sequence[Feature]) -> Finding:
        """A boosted model of all of them."""
        fold = self._folds["location"]
        scores = np.zeros(len(fold))
        for held in np.unique(fold):
            rest = fold != held
            if self._manipulated[rest].all() or not self._manipulated[rest].any():
                continue
            codes = np.stack([self._ordered(each, rest) for each in features], axis=1)
            scores[~rest] = boosted(codes[rest], self._manipulated[rest], codes[~rest])
        found = self._finding("boosted", features, scores, "location")
        return replace(found, model=f"{name} ({len(features)} features)")

    def _ordered(self, feature: Feature, rest: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Bins of a number; categories in the order of how often they are manipulated."""
        codes = _coded(feature, rest)
        if feature.codes is None:
            return codes
        size = int(codes.max()) + 1
        above = excess(codes[rest], self._manipulated[rest], size, cautious=True)
        order = np.unique(np.round(above, 9), return_inverse=True)[1].astype(np.int64)
        return order[codes]

    def _finding(
        self,
        kind: str,
        features: Sequence[Feature],
        scores: NDArray[np.float64],
        by: str,
        *,
        bounds: bool = True,
    ) -> Finding:
        # Equal rates must be equal scores: the last digits of sums say nothing.
        ranking = Ranking(np.round(scores, 9), self._manipulated, self._places)
        names = {each.name for each in features}
        low = high = None
        size = int(self._places.max()) + 1
        if bounds and size > 1:
            rng = np.random.default_rng([self._seed, 9])
            drawn = [
                ranking.figures(
                    np.bincount(rng.integers(size, size=size), minlength=size).astype(np.float64)
                )[0]
                for _ in range(_DRAWS)
            ]
            if not np.isnan(drawn).all():
                low, high = (float(each) for each in np.nanpercentile(drawn, [2.5, 97.5]))
        model = ", ".join(each.name for each in features)
        crude = bool(names & _SCENES and names & _LEVELS)
        return Finding(model, kind, float(ranking.figures()[0]), low, high, by, crude)


def _held_out_by(features: Sequence[Feature]) -> str:
    if any(each.name == "location" for each in features):
        return "trial"
    sound = all(each.kind == "sound name" or each.name in _SOUND for each in features)
    return "sound location" if sound else "location"


def _models(seen: Sequence[Feature]) -> list[tuple[str, list[Feature]]]:
    """Sets of features for the boosted models; the location is unknown where it is held out."""
    of = [each for each in seen if each.name != "location"]
    media = [each for each in of if each.kind == "media"]
    sets = [("names", [each for each in of if each.kind == "name"])]
    if media:
        sets += [
            ("media", media),
            ("all but the level", [each for each in of if each.name not in _LEVELS]),
            ("all but the scene", [each for each in of if each.name not in _SCENES]),
            ("all", of),
        ]
    return [(name, chosen) for name, chosen in sets if chosen]


def _named(features: Sequence[Feature], model: str) -> tuple[Feature, ...]:
    return tuple(each for each in features if each.name in model.split(", "))


def _joined(features: Sequence[Feature], rest: NDArray[np.bool_]) -> NDArray[np.int64]:
    """One key a trial from several features."""
    keys = np.zeros(len(rest), np.int64)
    for each in features:
        codes = _coded(each, rest)
        keys = np.unique(keys * (int(codes.max()) + 1) + codes, return_inverse=True)[1].astype(np.int64)
    return keys


def _coded(feature: Feature, rest: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Categories as they are; numbers in bins that hold as many of the trials ``rest`` each."""
    if feature.codes is not None:
        return feature.codes
    values: Any = feature.values
    known = values[rest & ~np.isnan(values)]
    if not len(known):
        return np.zeros(len(values), np.int64)
    edges = np.unique(np.quantile(known, np.arange(1, _BINS) / _BINS))
    codes = np.searchsorted(edges, values, side="right") + 1
    return np.where(np.isnan(values), 0, codes).astype(np.int64)
