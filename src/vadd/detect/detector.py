"""The detector: a file goes in, a verdict comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vadd._version import __version__
from vadd.detect import models
from vadd.detect.verdict import InputRecord, Outcome, Provenance, Reason, Verdict
from vadd.errors import MediaError, UsageError
from vadd.media.identity import digest_of
from vadd.media.limits import Limits

if TYPE_CHECKING:
    from vadd.detect.engine import Observation
    from vadd.embed.extract import Extraction
    from vadd.media.guard import Guard

__all__ = ["Detector"]

#: The probability is stated under even odds, whatever the reader's own prior may be.
PRIOR = 0.5

Progress = Callable[[float, float], None]


class Detector:
    """Judges whether sound belongs to picture.

    Args:
        model: Name of a detector (:func:`vadd.detect.models.detectors`), or the folder of one that
            ``vadd detector build`` made.
        false_alarms: Rate, in (0, 1), at which authentic clips like those used for calibration may be
            called discrepant.
        limits: What an untrusted file may cost; the defaults if ``None``.

    Raises:
        ModelError: If the detector is unknown, one of its files is missing or damaged, or it may judge no
            file (one that was made from vectors of unknown origin).
        UsageError: If the rate is out of range, or too low for the calibration to promise.
    """

    def __init__(
        self, model: str | Path = "everyday", *, false_alarms: float = 0.10, limits: Limits | None = None
    ) -> None:
        if not 0 < false_alarms < 1:
            raise UsageError(f"a false-alarm rate lies between 0 and 1, not {false_alarms}")
        self._engine = models.load(str(model))
        self._engine.calibration.threshold(false_alarms)
        self.card = self._engine.card
        self.false_alarms = false_alarms
        self.limits = limits or Limits()

    def check(self, path: str | Path, *, exhibit: bool = False, progress: Progress | None = None) -> Verdict:
        """Judge a file.

        Args:
            path: The media file.
            exhibit: Also keep thumbnails and a spectrogram for a report.
            progress: Called with (seconds done, seconds in all) while the file is read.

        Returns:
            The verdict; ``failed`` with the reason when the file cannot be judged.

        Raises:
            UsageError: If the file does not exist or can't be opened.
        """
        return self._check(Path(path), Path(path), ("both",), exhibit=exhibit, progress=progress)

    def check_pair(
        self,
        picture: str | Path,
        sound: str | Path,
        *,
        exhibit: bool = False,
        progress: Progress | None = None,
    ) -> Verdict:
        """Judge the picture of one file against the sound of another, as long as the shorter lasts.

        Args, returns and raises are those of :meth:`check`.
        """
        roles = ("picture", "sound")
        return self._check(Path(picture), Path(sound), roles, exhibit=exhibit, progress=progress)

    def measure(
        self,
        picture: Path,
        sound: Path,
        *,
        exhibit: bool = False,
        progress: Progress | None = None,
        guard: Guard | None = None,
    ) -> Extraction:
        """The first half of a check, which no detector's own part enters: measure the files.

        Args:
            picture: The file whose picture is judged.
            sound: The file whose sound is judged; the same path for one file.
            exhibit: Also make thumbnails and a spectrogram.
            progress: Called with (seconds done, seconds in all).
            guard: The guarded child to do it in; one for this call alone if ``None``.

        Raises:
            UsageError: If a file does not exist or can't be opened.
            MediaError: If it cannot be judged.
        """
        from vadd.embed.extract import DEFAULT_EMBEDDERS, extract

        return extract(
            picture,
            sound,
            embedders=DEFAULT_EMBEDDERS,
            limits=self.limits,
            exhibit=exhibit,
            progress=progress,
            guard=guard,
        )

    def judge(
        self,
        extraction: Extraction,
        picture: Path,
        sound: Path,
        *,
        roles: tuple[str, ...] = ("both",),
        progress: Progress | None = None,
    ) -> Verdict:
        """The second half of a check: the verdict on what was measured.

        Args:
            extraction: What :meth:`measure` gave.
            picture: The file that it was measured of; read once more by a detector on other networks.
            sound: Likewise.
            roles: What the files were used for.
            progress: Called with (seconds done, seconds in all) while a file is read once more.

        Raises:
            MediaError: If a file is read once more and cannot be.
        """
        observation = self._engine.observe(extraction, picture, sound, limits=self.limits, progress=progress)
        return self._judge(extraction, observation, roles)

    def failed(self, error: MediaError, roles: Sequence[str], paths: Sequence[Path]) -> Verdict:
        """The verdict on files that cannot be judged.

        Args:
            error: Why.
            roles: What the files would have been used for.
            paths: The files.
        """
        inputs = tuple(map(self._record, roles, paths))
        return self._failed(Reason(error.reason), str(error), inputs)

    def made_of(self) -> dict[str, Mapping[str, Any]]:
        """What a verdict of this detector depends on besides the files and the version of vadd.

        Returns:
            ``hashes`` of weights and tables, and ``config``, both JSON-ready; as in :class:`Provenance`.
        """
        return {
            "hashes": dict(self._engine.hashes()),
            "config": {
                "false_alarms": self.false_alarms,
                "limits": self.limits.to_json(),
                **self._engine.config(),
            },
        }

    def _check(
        self,
        picture: Path,
        sound: Path,
        roles: tuple[str, ...],
        *,
        exhibit: bool,
        progress: Progress | None,
    ) -> Verdict:
        try:
            extraction = self.measure(picture, sound, exhibit=exhibit, progress=progress)
            return self.judge(extraction, picture, sound, roles=roles, progress=progress)
        except MediaError as error:
            return self.failed(error, roles, (picture, sound)[: len(roles)])

    def unreadable(self, path: str | Path, message: str) -> Verdict:
        """The verdict on a file that could not be opened, for those who judge many.

        Args:
            path: The file.
            message: Why, in one line.

        Returns:
            ``failed(unreadable)``.
        """
        return self._failed(Reason.UNREADABLE, message, (self._record("both", Path(path)),))

    def _judge(self, extraction: Extraction, observation: Observation, roles: tuple[str, ...]) -> Verdict:
        from vadd.detect.assemble import assemble

        # A pair of a file with itself was read once, and is still a pair.
        facts = [*extraction.facts()] * (len(roles) // len(extraction.inputs))
        inputs = tuple(
            InputRecord(role=role, name=told["name"], sha256=told["sha256"], size=told["size"], media=told)
            for role, told in zip(roles, facts, strict=True)
        )
        return assemble(
            extraction,
            observation,
            self._engine.calibration,
            self.false_alarms,
            PRIOR,
            self._provenance(inputs),
        )

    def _failed(self, reason: Reason, message: str, inputs: tuple[InputRecord, ...]) -> Verdict:
        return Verdict(
            verdict=Outcome.FAILED,
            reason=reason,
            explanation=f"{reason.sentence} ({message})",
            score=None,
            probability=None,
            prior=PRIOR,
            false_alarms=self.false_alarms,
            threshold=None,
            duration=Fraction(0),
            seconds=(),
            spans=(),
            picture=(),
            sound=(),
            notes=(),
            provenance=self._provenance(inputs),
        )

    def _record(self, role: str, path: Path) -> InputRecord:
        """What can be told of a file that could not be judged."""
        return InputRecord(role=role, name=path.name, sha256=digest_of(path, self.limits), size=_size(path))

    def _provenance(self, inputs: tuple[InputRecord, ...]) -> Provenance:
        from importlib.metadata import version

        return Provenance(
            inputs=inputs,
            version=__version__,
            model=self.card.name,
            **self.made_of(),
            libraries={name: version(name) for name in self._engine.libraries()},
        )


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        # Told of a file that could not be judged: if it is out of reach by now there is nothing to tell.
        return None
