"""Clips of several shots, joined of the shared ones: untouched, and with a foreign sound in a span or two.

Only what is heard is made anew: the frames of a joined clip are those of its pieces, which are cut at whole
seconds, so that they are told by their rows in the table of clips.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from build_features import RATE, listen, originals, rms, wave
from learn_everyday import near_kinds
from vadd.embed.gain import level_out
from vadd.embed.turns import Turns

#: Joined clips, of so many seconds at least, of pieces of 4 to 10 s; spans of 4 to 15 s, their ends at least
#: 1 s from all joins and from each other.
COUNT, SHORTEST, LONGEST, PIECE, SPAN, OFF = 60, 30, 60, (4, 10), (4.0, 15.0), 1.0
#: All parts are brought to one level, as `vadd protocol render` does.
LEVEL = 0.05
Wave = NDArray[np.float32]


def joined(shared: Path, clips: Path) -> dict[str, NDArray[np.generic]]:
    """The table of joined clips.

    Returns:
        ``length`` of each clip in seconds; of each second ``row``, in the table of clips, and ``own``,
        ``own_turn``, ``own_turn_at``, ``spliced`` and so on; ``span`` rows (clip, start, end).
    """
    rng = np.random.default_rng(0)
    near = near_kinds()
    listed = originals(shared)
    kinds = [kind for _, kind in listed]
    waves = [wave(path) for path, _ in listed]
    with np.load(clips) as stored:
        lengths = [min(int(n), len(w) // RATE) for n, w in zip(stored["length"], waves, strict=True)]
        starts = np.cumsum(stored["length"]) - stored["length"]
    found: dict[str, list[NDArray[np.generic]]] = {}

    def keep(name: str, values: object) -> None:
        found.setdefault(name, []).append(np.asarray(values))

    done = 0
    while done < COUNT:
        pieces = _pieces(rng, kinds, lengths)
        held = {kinds[clip] for clip, _, _ in pieces}
        donors = [
            at
            for at, kind in enumerate(kinds)
            if kind not in held and not any(frozenset((kind, one)) in near for one in held)
        ]
        joins = np.cumsum([0, *(length for _, _, length in pieces)])
        spans = _spans(rng, joins)
        if not donors or not spans:
            continue
        own = np.concatenate([_levelled(waves[c][a * RATE : (a + n) * RATE]) for c, a, n in pieces])
        spliced, donor = own.copy(), waves[donors[rng.integers(len(donors))]]
        for start, end in spans:
            a, b = round(start * RATE), round(end * RATE)
            begin = rng.integers(max(1, len(donor) - (b - a)))
            spliced[a:b] = _levelled(np.resize(donor[begin:], b - a))
            keep("span", [[done, start, end]])
        keep("length", [joins[-1]])
        keep("row", np.concatenate([starts[c] + a + np.arange(n) for c, a, n in pieces]))
        for name, samples in (("own", own), ("spliced", spliced)):
            keep(name, listen(samples).astype(np.float16))
            turns = Turns()
            for block in level_out([samples], RATE):
                turns.add(block)
            rows = np.array(turns.rows(int(joins[-1])), np.float32)
            keep(f"{name}_turn", rows[:, 0])
            keep(f"{name}_turn_at", rows[:, 1])
        done += 1
    return {name: np.concatenate(values) for name, values in found.items()}


def _pieces(
    rng: np.random.Generator, kinds: Sequence[str], lengths: Sequence[int]
) -> list[tuple[int, int, int]]:
    """(clip, first second, seconds) of each piece; neighbours are of different kinds, no clip comes twice."""
    pieces: list[tuple[int, int, int]] = []
    whole, total = 0, rng.integers(SHORTEST, LONGEST + 1)
    while whole < total:
        clip = int(rng.integers(len(kinds)))
        again = any(clip == other for other, _, _ in pieces)
        if again or (pieces and kinds[pieces[-1][0]] == kinds[clip]):
            continue
        length = min(lengths[clip], int(rng.integers(PIECE[0], PIECE[1] + 1)))
        pieces.append((clip, int(rng.integers(lengths[clip] - length + 1)), length))
        whole += length
    return pieces


def _spans(rng: np.random.Generator, joins: NDArray[np.int64]) -> list[tuple[float, float]]:
    spans: list[tuple[float, float]] = []
    for _ in range(rng.integers(1, 3)):
        for _ in range(200):
            length = rng.uniform(*SPAN)
            start = rng.uniform(0, joins[-1] - length)
            ends = (start, start + length)
            off = all(abs(end - join) >= OFF for end in ends for join in joins)
            if off and all(start >= b + 2 * OFF or a >= ends[1] + 2 * OFF for a, b in spans):
                spans.append(ends)
                break
    return sorted(spans)


def _levelled(samples: Wave) -> Wave:
    return np.clip(samples * (LEVEL / rms(samples)), -1, 1).astype(np.float32)
