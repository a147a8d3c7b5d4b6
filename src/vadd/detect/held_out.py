"""What a detector learns of validation clips, and the scores of those clips by what did not learn from them.

A scorer scores the clips that it has seen better than others, and a threshold taken from such scores is lower
than it should be. So every clip is scored with the temperature and the scorer that were learnt without its
location; the detector itself gets those that were learnt on all. The two are not quite the same, so that the
promise holds but nearly; ``benchmarks/sure.py`` shows how nearly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadd.classify.dataset import place
from vadd.detect.documents import SIDES, Side
from vadd.detect.folds import split
from vadd.detect.recalibrate import Lesson
from vadd.detect.score import smooth
from vadd.detect.scorers import SCORERS, Scorer, kind, learn_confusions
from vadd.detect.temperature import fit_temperature, tempered
from vadd.detect.validation import DONORS, Shown, foreign
from vadd.errors import ModelError

__all__ = ["HeldOut", "hold_out"]

_Rows = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """What was learnt, and what it is worth.

    Attributes:
        temperature: Side → temperature of its classifier, learnt on all clips.
        scorer: Learnt on all clips, where there is anything to learn.
        own: Discrepancies of the clips with their own sound, in their order.
        swapped: Discrepancies of pictures with foreign sounds.
        own_places: Where each own clip was recorded.
        swapped_places: Where the picture of each swapped one was.
    """

    temperature: Mapping[Side, float]
    scorer: Scorer
    own: tuple[float, ...]
    swapped: tuple[float, ...]
    own_places: tuple[str, ...]
    swapped_places: tuple[str, ...]


def hold_out(shown: Sequence[Shown], name: str, *, seed: int = 0, donors: int = DONORS) -> HeldOut:
    """Learn temperatures and a scorer, and score each clip without what it taught.

    With clips of a single location nothing can be held out, and nothing is learnt.

    Args:
        shown: The clips.
        name: Of a scorer of scene posteriors.
        seed: Of the folds and of the draw of foreign sounds.
        donors: Sounds that a picture is given at most.

    Raises:
        UsageError: If there is no such scorer.
        ModelError: If there is no foreign sound at all.
    """
    kind(name)
    places = [place(each.clip) for each in shown]
    fold = split(places, seed=seed)
    whole = _Learnt.of(shown, name, seed) if fold.max() else _Learnt.nothing(name)
    parts = [
        _Learnt.of([each for each, at in zip(shown, fold, strict=True) if at != kept], name, seed)
        if fold.max()
        else whole
        for kept in range(fold.max() + 1)
    ]
    said = [parts[at].said(each) for each, at in zip(shown, fold.tolist(), strict=True)]
    own = [
        _clip_score(picture, sound, parts[at].scorer)
        for (picture, sound), at in zip(said, fold.tolist(), strict=True)
    ]
    swaps = foreign(shown, seed=seed, donors=donors)
    swapped = [_clip_score(said[at][0], said[donor][1], parts[fold[at]].scorer) for at, donor in swaps]
    return HeldOut(
        temperature=whole.temperature,
        scorer=whole.scorer,
        own=tuple(own),
        swapped=tuple(swapped),
        own_places=tuple(places),
        swapped_places=tuple(places[at] for at, _ in swaps),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Learnt:
    temperature: Mapping[Side, float]
    scorer: Scorer

    @classmethod
    def nothing(cls, name: str) -> _Learnt:
        if name not in SCORERS:
            raise ModelError(
                f"the scorer {name} is learnt on some locations and tried on others; these clips are from one"
            )
        return cls(dict.fromkeys(SIDES, 1.0), SCORERS[name])

    @classmethod
    def of(cls, shown: Sequence[Shown], name: str, seed: int) -> _Learnt:
        lessons = {side: _lesson(shown, [_raw(each, side) for each in shown]) for side in SIDES}
        temperature = {
            side: fit_temperature(each.rows, each.truth, each.weights()) for side, each in lessons.items()
        }
        if name in SCORERS:
            return cls(temperature, SCORERS[name])
        said = [_said(each, temperature) for each in shown]
        pictures, sounds = (_lesson(shown, [pair[at] for pair in said]) for at in (0, 1))
        return cls(temperature, learn_confusions(pictures, sounds, seed=seed))

    def said(self, shown: Shown) -> tuple[_Rows, _Rows]:
        return _said(shown, self.temperature)


def _said(shown: Shown, temperature: Mapping[Side, float]) -> tuple[_Rows, _Rows]:
    """What a detector scores of a clip: its posteriors, tempered and smoothed."""
    everywhere = {side: np.ones(len(_raw(shown, side)), np.bool_) for side in SIDES}
    visual, audio = (
        smooth(tempered(_raw(shown, side), temperature[side]), everywhere[side]) for side in SIDES
    )
    return visual, audio


def _raw(shown: Shown, side: Side) -> _Rows:
    return shown.picture if side == "visual" else shown.sound


def _lesson(shown: Sequence[Shown], rows: Sequence[_Rows]) -> Lesson:
    return Lesson.of(rows, [each.scene for each in shown], [place(each.clip) for each in shown])


def _clip_score(picture: _Rows, sound: _Rows, scorer: Scorer) -> float:
    """As :func:`vadd.detect.decide.decide` takes it, over what the shorter of the two lasts."""
    length = min(len(picture), len(sound))
    return float(scorer.seconds(picture[:length], sound[:length]).mean())
