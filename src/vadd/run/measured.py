"""What a match needs of one file: a few rows of posteriors for each side, and the sound's fingerprint."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vadd.detect import everyday_engine
from vadd.detect.decide import MIN_DURATION, MIN_SPEAKING
from vadd.detect.engine import mean_row
from vadd.detect.findings import named
from vadd.detect.verdict import Concept, Reason
from vadd.embed.extract import extract
from vadd.errors import MediaError, UsageError
from vadd.media.fingerprint import Fingerprint, fingerprint
from vadd.media.guard import Guard
from vadd.media.identity import Identity, digest_of
from vadd.run.engine import BATCH

if TYPE_CHECKING:
    from vadd.detect.engine import Engine, Observation
    from vadd.media.limits import Limits

__all__ = ["STRETCHES", "Measured", "Measurer", "Side"]

#: Stretches of equal length that a side is summed up in: two of them meet 64 times in a pair of files.
STRETCHES = 8

_NOTHING = np.zeros((0, 0), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """The picture or the sound of a file.

    Attributes:
        rows: ``(k, V)`` or ``(k, A)`` float32, mean posteriors of up to :data:`STRETCHES` stretches of the
            seconds that show or sound; none if ``reason`` is given.
        everyday: The same of the everyday model, where the detector is another.
        concepts: What is seen or heard over all, for people.
        reason: Why it cannot be judged; ``None`` if it can.
        message: The same in a sentence; empty if it can.
    """

    rows: NDArray[np.float32]
    everyday: NDArray[np.float32]
    concepts: tuple[Concept, ...]
    reason: Reason | None = None
    message: str = ""

    @classmethod
    def without(cls, reason: Reason, message: str = "") -> Side:
        """A side that cannot be judged."""
        return cls(_NOTHING, _NOTHING, (), reason, message or reason.sentence)


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """All that a match needs of a file.

    Attributes:
        file: What it is called.
        sha256: Of the file; ``None`` if it could not be read.
        picture: Its picture.
        sound: Its sound.
        fingerprint: Of its sound; ``None`` if that could not be taken.
        unheard: Why not; ``None`` if it could.
    """

    file: str
    sha256: str | None
    picture: Side
    sound: Side
    fingerprint: Fingerprint | None
    unheard: tuple[Reason, str] | None

    @classmethod
    def unreadable(cls, path: Path, message: str) -> Measured:
        """What is known of a file that cannot be opened."""
        side = Side.without(Reason.UNREADABLE, f"{Reason.UNREADABLE.sentence} ({message})")
        return cls(str(path), None, side, side, None, (Reason.UNREADABLE, side.message))


_Heard: TypeAlias = tuple[Fingerprint | None, tuple[Reason, str] | None]


class Measurer:
    """Measures files, the posteriors and the fingerprint of each at the same time in two guarded children.

    A context manager, for one thread.

    Args:
        engine: Of the detector that says what is seen and heard.
        limits: What a file may cost.
    """

    def __init__(self, engine: Engine, limits: Limits) -> None:
        self.engine, self.limits = engine, limits
        # A child goes with the thread that started it: both threads last as long as their children may.
        self._listener = ThreadPoolExecutor(1)
        self._eye, self._ear = Guard(limits=limits, jobs=BATCH), Guard(limits=limits, jobs=BATCH)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown()
        self._eye.close()
        self._ear.close()

    def expect(self, paths: Sequence[Path]) -> None:
        """Say which files come next, :data:`BATCH` at most: new children can open these from the start."""
        self._eye.close()
        self._ear.close()
        readable = [path.absolute() for path in paths]
        self._eye, self._ear = (Guard(limits=self.limits, jobs=BATCH, readable=readable) for _ in range(2))

    def measure(self, path: Path) -> Measured:
        """Measure a file.

        Args:
            path: The file.

        Returns:
            What was found; a side that cannot be judged tells why.

        Raises:
            ModelError: If an embedder cannot be used.
            UsageError: If the file does not exist or cannot be opened.
        """
        heard = self._listener.submit(self._heard, path)
        try:
            before = Identity.of(path)
            picture, sound, sha256 = self._sides(path)
            print_, unheard = heard.result()
            before.verify()
        except MediaError as error:
            print_, unheard = _result(heard)
            reason, sha256 = Reason(error.reason), digest_of(path, self.limits)
            picture = sound = Side.without(reason, f"{reason.sentence} ({error})")
            if reason is Reason.CHANGED:  # then nobody knows which bytes the fingerprint is of
                print_, unheard = None, (reason, picture.message)
        if sha256 is None:
            print_, unheard = None, unheard or (Reason.UNREADABLE, Reason.UNREADABLE.sentence)
        return Measured(str(path), sha256, picture, sound, print_, unheard)

    def _heard(self, path: Path) -> _Heard:
        try:
            found = fingerprint(path, limits=self.limits, guard=self._ear)
        except MediaError as error:
            reason = Reason(error.reason)
            return None, (reason, f"{reason.sentence} ({error})")
        if found is None:
            return None, (Reason.NO_AUDIO, Reason.NO_AUDIO.sentence)
        if not found.sounding:
            return None, (Reason.SILENT, Reason.SILENT.sentence)
        return found, None

    def _sides(self, path: Path) -> tuple[Side, Side, str | None]:
        """Picture and sound, and which bytes they are of."""
        extraction = extract(path, path, limits=self.limits, guard=self._eye)
        observation = self.engine.observe(extraction, path, path, limits=self.limits)
        everyday = everyday_engine.observe(extraction)
        evidence = observation.evidence
        picture = _side(
            observation,
            everyday,
            "picture",
            evidence.seen,
            evidence.seen & ~evidence.blank,
            (Reason.NO_VIDEO, Reason.PICTURE_SAYS_NOTHING),
        )
        sound = _side(
            observation,
            everyday,
            "sound",
            evidence.heard,
            evidence.heard & ~evidence.silent,
            (Reason.NO_AUDIO, Reason.SILENT),
        )
        return picture, sound, extraction.inputs[0][1].sha256


def _result(heard: Future[_Heard]) -> _Heard:
    """What was heard; a file that went away is told of by the other side."""
    try:
        return heard.result()
    except UsageError as error:
        return None, (Reason.UNREADABLE, str(error))


def _side(
    observation: Observation,
    everyday: Observation,
    name: str,
    present: NDArray[np.bool_],
    usable: NDArray[np.bool_],
    reasons: tuple[Reason, Reason],
) -> Side:
    """One side, or why it cannot be judged; by the rules of a single clip as far as one side has any."""
    if not present.any():
        return Side.without(reasons[0])
    if observation.evidence.duration < Fraction(MIN_DURATION):
        return Side.without(Reason.TOO_SHORT)
    if usable.sum() < max(1.0, MIN_SPEAKING * present.sum()):
        return Side.without(reasons[1])
    if name in observation.evidence.strange:
        return Side.without(Reason.UNKNOWN_SCENE, f"The {name} is unlike all that the model has learnt from.")
    rows, words = getattr(observation, name), getattr(observation, f"{name}_words")
    return Side(
        _summed_up(rows[usable]),
        _summed_up(getattr(everyday, name)[usable]),
        named(mean_row(rows, usable), words),
    )


def _summed_up(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean rows of at most so many stretches, in order."""
    if len(rows) <= STRETCHES:
        return rows
    means = [part.mean(axis=0, dtype=np.float64) for part in np.array_split(rows, STRETCHES)]
    return np.stack(means).astype(np.float32)
