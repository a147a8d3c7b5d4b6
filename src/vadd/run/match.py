"""Which picture of many a sound fits, which sound a picture, and where the very same sound occurs.

Each file is measured once; a pair of files then costs a few small products. The seconds of two files are not
those of one event, so that no second of the one belongs to a second of the other: a few stretches of the one
are compared with all of the other, and the mean counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from vadd._version import __version__
from vadd.detect import models
from vadd.detect.decide import ALL_GENERIC
from vadd.detect.score import to_unit
from vadd.detect.verdict import Concept, Reason
from vadd.errors import MediaError, UsageError
from vadd.media.identity import Identity
from vadd.media.limits import Limits
from vadd.run.engine import BATCH
from vadd.run.measured import Measured, Measurer, Side
from vadd.run.occurrences import Found, Search

if TYPE_CHECKING:
    from vadd.detect.engine import Engine
    from vadd.run.match_cache import Cache

__all__ = ["By", "Fit", "Match", "Ranking", "Unfit", "fit_of", "match"]

By = Literal["sound", "picture"]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Fit:
    """A file that was ranked.

    Attributes:
        file: What it is called.
        sha256: Of the file.
        score: 0-1, higher fits better; 0.5 speaks neither for nor against.
        probability: That picture and sound belong together, calibrated, under even odds, of this pair alone.
        concepts: What is seen, or heard, in it.
    """

    file: str
    sha256: str | None
    score: float
    probability: float
    concepts: tuple[Concept, ...]


@dataclass(frozen=True, slots=True)
class Unfit:
    """A file that was not ranked, or not searched.

    Attributes:
        file: What it is called.
        reason: Why not.
        message: The same in a sentence.
    """

    file: str
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Ranking:
    """What of a folder fits one side of the file in question.

    Attributes:
        by: Whose partner is looked for: the ``sound``'s among pictures, or the ``picture``'s among sounds.
        concepts: What is heard, or seen, in the file in question.
        reason: Why nothing can be ranked; ``None`` if something can.
        message: The same in a sentence; empty.
        own: The file's own other side, measured in the same way, where it has one that can be judged.
        own_rank: Which place it would take, from 1 on.
        ranked: The best first, all of them.
        unranked: Files that cannot be judged; never counted as fitting.
    """

    by: By
    concepts: tuple[Concept, ...]
    reason: Reason | None
    message: str
    own: Fit | None
    own_rank: int | None
    ranked: tuple[Fit, ...]
    unranked: tuple[Unfit, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """All that was found for a file.

    Attributes:
        file: What it is called.
        sha256: Of the file.
        seconds: Length of its sound; 0 without one.
        compared: Files that it was compared with.
        rankings: One for each side asked for.
        found: Files in which the same sound occurs.
        searched: Files whose sound was searched.
        places: Places that were tried in them.
        unsearched: Files whose sound could not be searched.
        unheard: Why the file's own sound could not be looked for; ``None`` if it could.
        model: Name of the detector.
        calibrated_on: What clips its probabilities refer to.
        hashes: (name, SHA-256) of all that the rankings rest on.
        version: Of vadd.
    """

    file: str
    sha256: str | None
    seconds: float
    compared: int
    rankings: tuple[Ranking, ...]
    found: tuple[Found, ...]
    searched: int
    places: int
    unsearched: tuple[Unfit, ...]
    unheard: str | None
    model: str
    calibrated_on: str
    hashes: tuple[tuple[str, str], ...]
    version: str = __version__


def match(
    file: str | Path,
    others: Sequence[str | Path],
    *,
    by: By | None = None,
    model: str | Path = "everyday",
    limits: Limits | None = None,
    cache: Cache | None = None,
    progress: Progress | None = None,
) -> Match:
    """Compare one file with many.

    Args:
        file: The file in question.
        others: Files; ``file`` itself is left out if it is among them.
        by: Whose partner is looked for; ``None`` for each side that the file has.
        model: A detector's name, or its folder.
        limits: What a file may cost; the defaults if ``None``.
        cache: Where what is measured of a file is kept and looked up; ``None`` measures all.
        progress: Called with (files done, files in all).

    Returns:
        What was found.

    Raises:
        UsageError: If ``file`` cannot be opened, or nothing is left to compare it with.
        ModelError: If the detector cannot be used.
    """
    bounds, engine = limits or Limits(), models.load(str(model))
    first = Path(file)
    rest = [Path(each) for each in others if not _same(Path(each), first)]
    if not rest:
        raise UsageError(f"there is nothing to compare {first} with")
    told = _Progress(progress, len(rest) + 1)
    with Measurer(engine, bounds) as measurer:
        own = _measured(first, measurer, cache)
        told()
        rankings = [_Ranker(each, own, engine) for each in _sides(own, by)]
        search = Search(own.fingerprint, own.sha256)
        unsearched: list[Unfit] = []
        for number, path in enumerate(rest):
            if number % BATCH == 0:
                measurer.expect(rest[number : number + BATCH])
            try:
                other = _measured(path, measurer, cache)
            except UsageError as error:  # one of many that can't be opened must not end the others
                other = Measured.unreadable(path, str(error))
            for ranking in rankings:
                ranking.add(str(path), other)
            if other.fingerprint is not None:
                search.add(str(path), other.sha256, other.fingerprint)
            elif other.unheard is not None:
                unsearched.append(Unfit(str(path), *other.unheard))
            told()
    return Match(
        file=str(first),
        sha256=own.sha256,
        seconds=own.fingerprint.seconds if own.fingerprint else 0.0,
        compared=len(rest),
        rankings=tuple(each.finish() for each in rankings),
        found=search.found(),
        searched=len(rest) - len(unsearched),
        places=search.places,
        unsearched=tuple(unsearched),
        unheard=_unheard(own, search),
        model=engine.card.name,
        calibrated_on=engine.card.calibrated_on,
        hashes=tuple(sorted(engine.hashes().items())),
    )


def _measured(path: Path, measurer: Measurer, cache: Cache | None) -> Measured:
    """The one place where files are measured, or looked up."""
    return measurer.measure(path) if cache is None else cache.measured(path, measurer)


def fit_of(engine: Engine, picture: Side, sound: Side) -> tuple[float, float]:
    """Discrepancy of a picture and a sound, and how much of the sound has no source in the picture.

    Args:
        engine: Of the detector.
        picture: Can be judged.
        sound: Can be judged.
    """
    pairs = len(picture.rows), len(sound.rows)
    seen, heard = np.repeat(picture.rows, pairs[1], axis=0), np.tile(sound.rows, (pairs[0], 1))
    discrepancy = float(engine.seconds(seen, heard).mean())
    unexplained = engine.unexplained(seen, heard)
    if unexplained is None:
        unexplained = _everyday(
            np.repeat(picture.everyday, pairs[1], axis=0), np.tile(sound.everyday, (pairs[0], 1))
        )
    return discrepancy, float(unexplained.mean())


def _everyday(seen: NDArray[np.float32], heard: NDArray[np.float32]) -> NDArray[np.float64]:
    """What :meth:`Engine.unexplained` tells, by the everyday model, which all detectors ask this."""
    from vadd.classify import everyday
    from vadd.detect.score import discrepancy

    model = everyday.load()
    return discrepancy(model.expectation(seen), heard, model.concepts.generic).unexplained


class _Ranker:
    """Fills one ranking, file by file."""

    def __init__(self, by: By, own: Measured, engine: Engine) -> None:
        self._by, self._engine = by, engine
        self._mine, self._partner = (own.sound, own.picture) if by == "sound" else (own.picture, own.sound)
        self._own = own
        self._ranked: list[tuple[float, Fit]] = []
        self._unranked: list[Unfit] = []

    def add(self, file: str, other: Measured) -> None:
        if self._mine.reason is not None:
            return
        theirs = other.picture if self._by == "sound" else other.sound
        found = self._fit(file, other.sha256, theirs)
        if isinstance(found, Unfit):
            self._unranked.append(found)
        else:
            self._ranked.append(found)

    def finish(self) -> Ranking:
        ranked = sorted(self._ranked, key=lambda each: (each[0], each[1].file))
        own = (
            self._fit(self._own.file, self._own.sha256, self._partner) if self._mine.reason is None else None
        )
        place = None
        if isinstance(own, tuple):
            place = 1 + sum(discrepancy < own[0] for discrepancy, _ in ranked)
        return Ranking(
            by=self._by,
            concepts=self._mine.concepts,
            reason=self._mine.reason,
            message=self._mine.message,
            own=own[1] if isinstance(own, tuple) else None,
            own_rank=place,
            ranked=tuple(fit for _, fit in ranked),
            unranked=tuple(self._unranked),
        )

    def _fit(self, file: str, sha256: str | None, theirs: Side) -> tuple[float, Fit] | Unfit:
        if theirs.reason is not None:
            return Unfit(file, theirs.reason, theirs.message)
        sides = (theirs, self._mine) if self._by == "sound" else (self._mine, theirs)
        discrepancy, unexplained = fit_of(self._engine, *sides)
        if unexplained > ALL_GENERIC:
            return Unfit(file, Reason.SOUND_SAYS_NOTHING, Reason.SOUND_SAYS_NOTHING.sentence)
        probability = 1 - self._engine.calibration.probability(discrepancy)
        return discrepancy, Fit(file, sha256, 1 - to_unit(discrepancy), probability, theirs.concepts)


class _Progress:
    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def __call__(self) -> None:
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self._total)


def _sides(own: Measured, by: By | None) -> tuple[By, ...]:
    """The rankings to be made: what was asked for, else one for each side that is there."""
    if by is not None:
        return (by,)
    missing = {"sound": Reason.NO_AUDIO, "picture": Reason.NO_VIDEO}
    sides: dict[By, Side] = {"sound": own.sound, "picture": own.picture}
    return tuple(name for name, side in sides.items() if side.reason is not missing[name])


def _unheard(own: Measured, search: Search) -> str | None:
    if own.unheard is not None:
        return own.unheard[1]
    return None if search.possible else "There is too little sound to look for."


def _same(one: Path, two: Path) -> bool:
    """Whether two paths lead to one file; a copy is another file."""
    try:
        here, there = Identity.of(one), Identity.of(two)
    except MediaError:  # what cannot be looked at is told of when it is measured
        return one == two
    return (here.device, here.inode) == (there.device, there.inode)
