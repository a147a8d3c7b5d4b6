"""Foreign sounds made of clips of one's own: each picture with the sounds of clips that show something else.

Nobody has said what the clips show. Two of one scene fit one another's picture, and their swap is no foreign
sound; taken for one, it would teach that foreign sounds fit well. So a clip lends its sound only to clips of
which neither the commonest sight nor the commonest sound is its own. That errs both ways: some foreign sounds
are left out, and some are kept that are none, which makes what is learnt of them too careful, not too bold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vadd.detect.engine import Engine
from vadd.detect.own_clips import OwnClip
from vadd.detect.validation import DONORS

__all__ = ["Swap", "area", "swaps_of"]


@dataclass(frozen=True, slots=True)
class Swap:
    """The sound of one clip at the picture of another.

    Attributes:
        picture: Number of the clip that the picture is from.
        sound: Of the one that the sound is from.
        discrepancy: What it scores.
        unexplained: Share of its sound that is generic and without a source in the picture, 0-1; where the
            detector cannot tell it of a swap, that of the sound at its own picture.
    """

    picture: int
    sound: int
    discrepancy: float
    unexplained: float = 0.0


def swaps_of(
    clips: tuple[OwnClip, ...], engine: Engine, *, seed: int = 0, donors: int = DONORS
) -> tuple[Swap, ...]:
    """Each picture with sounds of clips that show something else, as long as the shorter lasts.

    Swaps in which no second says anything are left out.

    Args:
        clips: The clips.
        engine: That observed them.
        seed: Of the draw of the sounds.
        donors: Sounds that a picture is given at most, at least 1.
    """
    rng = np.random.default_rng(seed)
    seen, heard = (np.array([_commonest(clip, side) for clip in clips]) for side in ("picture", "sound"))
    found = []
    for at, clip in enumerate(clips):
        others = np.flatnonzero((seen != seen[at]) & (heard != heard[at]))
        if len(others) > donors:
            others = np.sort(rng.choice(others, donors, replace=False))
        for donor in others.tolist():
            swap = _swapped(at, clip, donor, clips[donor], engine)
            if swap is not None:
                found.append(swap)
    return tuple(found)


def area(own: Sequence[float], swaps: Sequence[Swap]) -> float | None:
    """Area under the curve: share of pairs in which the swap scores higher, ties half; ``None`` without."""
    if not own or not swaps:
        return None
    ranked = np.sort(np.array(own, np.float64))
    scores = np.array([each.discrepancy for each in swaps], np.float64)
    below, upto = (np.searchsorted(ranked, scores, side) for side in ("left", "right"))
    return float((below + upto).mean() / (2 * len(ranked)))


def _commonest(clip: OwnClip, side: str) -> int:
    rows = clip.picture if side == "picture" else clip.sound
    return int(rows[clip.evidence.counted].mean(axis=0).argmax())


def _swapped(at: int, clip: OwnClip, donor: int, other: OwnClip, engine: Engine) -> Swap | None:
    length = min(len(clip.picture), len(other.sound))
    seen, heard = clip.evidence, other.evidence
    counted = (seen.seen & ~seen.blank)[:length] & (heard.heard & ~heard.silent)[:length]
    if not counted.any():
        return None
    rows = clip.picture[:length][counted], other.sound[:length][counted]
    generic = engine.unexplained(*rows)
    if generic is None and heard.scores is not None:
        generic = heard.scores.unexplained[:length][counted]
    share = 0.0 if generic is None else float(generic.mean())
    return Swap(at, donor, float(engine.seconds(*rows).mean()), share)
