"""When the sound is foreign: a change model with dwell times over the seconds of a clip.

The clip is in one of two states, its own sound or a foreign one. A state speaks through the log-odds of its
seconds, and lasts: a foreign sound at least some seconds (it passes through as many hidden states, so its
length is no geometric one), its own for as long as it likes. How readily the state changes depends on what
happens at the start of a second: the sound that turns into another while the picture goes on is what a
splice looks like; where the picture is cut as well, both streams change together, as they do in any
edited film. The path is the most probable one (L. R. Rabiner 1989, section III.B). Seconds of one scene err
alike, so each counts as half an observation.

The constants were set on clips joined of the shared ones (docs/method.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

__all__ = ["Marks", "Stretch", "foreign_stretches"]

#: Log-odds against a foreign sound before anything is heard in a second.
BIAS = 0.75
#: Log-odds of a single second are trusted no further than this.
MOST = 5.0
#: What a second counts less if all its sound is generic and without a source in the picture.
GENERIC = 0.5
#: A second is this share of an independent observation.
SHARE = 0.6
#: Log-odds of a change of state where nothing happens, what a turn of the sound of strength 1 adds, and what
#: a cut of the picture takes away.
STAY, TURN, CUT = -3.5, 3.5, 2.0
#: A stronger turn says no more.
STRONG = 1.5
#: A foreign sound lasts at least so many seconds, unless the clip begins or ends with it.
DWELL = 3
#: The share of clips that begin with a foreign sound.
BEGINS = 0.1
#: From this strength on a turn, and not the full second, is where a stretch begins or ends.
CLEAR = 0.35
#: What each end that is a turn without a cut adds to the score of a stretch, for a turn of strength 1.
EDGE = 1.5
#: What each end that is a cut of the picture takes away: there both streams change together.
TOGETHER = 4.0
#: How much of the mean log-odds of the rest of its shots is taken away: where the sound fits a shot but for
#: this stretch it stands out, and where it fits nowhere in the shot the model may not know what it sees.
REST = 0.8
#: Turns are known to this part of a second.
_STEP = 100


@dataclass(frozen=True, slots=True, eq=False)
class Marks:
    """What happens around the start of each second.

    Attributes:
        turn: ``(T,)`` how strongly the sound turns (:mod:`vadd.embed.turns`), at least 0.
        turn_at: ``(T,)`` seconds from the start of the second to that turn, in [-0.5, 0.5).
        cut: ``(T,)`` bool, the picture is cut (:mod:`vadd.detect.shots`).
    """

    turn: NDArray[np.floating]
    turn_at: NDArray[np.floating]
    cut: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch in which the sound seems foreign.

    Attributes:
        seconds: The grid seconds that it is made of.
        start: When it begins.
        end: When it ends.
        score: Log-odds of its seconds and the strength of its ends; higher is surer.
    """

    seconds: range
    start: Fraction
    end: Fraction
    score: float


def foreign_stretches(
    log_odds: NDArray[np.float64],
    unexplained: NDArray[np.float64],
    speaking: NDArray[np.bool_],
    marks: Marks,
    duration: Fraction,
) -> tuple[Stretch, ...]:
    """The stretches of the most probable path, in order.

    Args:
        log_odds: ``(T,)`` natural logarithm of P(foreign) / P(own) of each second by itself, finite.
        unexplained: ``(T,)``, 0-1, see :class:`vadd.detect.score.SecondScores`.
        speaking: ``(T,)`` which seconds have something to say; the others say nothing either way.
        marks: Of the same seconds.
        duration: Length of the clip in seconds.

    Returns:
        Stretches that neither touch nor overlap, each with a second that speaks; none for a clip without
        seconds.
    """
    if not len(log_odds):
        return ()
    said = (np.clip(log_odds, -MOST - BIAS, MOST + BIAS) - BIAS).clip(-MOST, MOST)
    said = np.where(speaking, said * (1 - GENERIC * unexplained) * SHARE, 0.0)
    strength = np.minimum(marks.turn.astype(np.float64), STRONG)
    change = STAY + TURN * strength - CUT * marks.cut
    foreign = _path(said, change)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], foreign, [False]])))
    shot = np.cumsum(marks.cut)
    found = []
    for first, stop in edges.reshape(-1, 2).tolist():
        if not speaking[first:stop].any():
            # A gap between two sharp turns, and nothing in it to be foreign.
            continue
        inner = [at for at in (first, stop) if 0 < at < len(said)]
        ends = sum(-TOGETHER if marks.cut[at] else EDGE * strength[at] for at in inner)
        rest = speaking & np.isin(shot, (shot[first], shot[stop - 1]))
        rest[first:stop] = False
        around = float(said[rest].mean()) / SHARE if rest.any() else 0.0
        score = float(said[first:stop].sum() + ends - REST * around)
        end = duration if stop == len(said) else _time(stop, marks)
        found.append(Stretch(range(first, stop), _time(first, marks), end, score))
    return tuple(found)


def _time(second: int, marks: Marks) -> Fraction:
    """The start of a second, or the turn beside it where that is clear."""
    if not second or marks.turn[second] < CLEAR:
        return Fraction(second)
    return second + Fraction(round(float(marks.turn_at[second]) * _STEP), _STEP)


def _path(said: NDArray[np.float64], change: NDArray[np.float64]) -> NDArray[np.bool_]:
    """``(T,)`` which seconds of the most probable path are foreign."""
    changes, stays = -np.logaddexp(0, -change), -np.logaddexp(0, change)
    # State 0 is the own sound, the last the foreign one that may end; those between have to go on.
    best = np.full(DWELL + 1, -np.inf)
    best[0], best[DWELL] = np.log(1 - BEGINS), np.log(BEGINS) + said[0]
    came = np.zeros((len(said), DWELL + 1), np.int8)
    for at in range(1, len(said)):
        new = np.empty(DWELL + 1)
        own, left = best[0] + stays[at], best[DWELL] + changes[at]
        new[0], came[at, 0] = max(own, left), 0 if own >= left else DWELL
        new[1] = best[0] + changes[at] + said[at]
        new[2:] = best[1:-1] + said[at]
        came[at, 1:] = np.arange(DWELL)
        if (stayed := best[DWELL] + stays[at] + said[at]) > new[DWELL]:
            new[DWELL], came[at, DWELL] = stayed, DWELL
        best = new
    state = int(best.argmax())
    states = [state]
    for at in range(len(said) - 1, 0, -1):
        state = int(came[at, state])
        states.append(state)
    return np.array(states[::-1]) > 0
