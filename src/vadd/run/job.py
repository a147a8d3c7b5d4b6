"""One file of a run: the one function from path to record that every engine calls.

A file is opened under a name of ours, by a link: what is kept of it must not hang on what somebody called it,
as files with the same bytes share their record, and a name may hold anything.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from vadd.errors import MediaError, StoreError, UsageError
from vadd.run.records import Record, Results, seal
from vadd.run.settings import Keys, Settings

if TYPE_CHECKING:
    from vadd.detect.verdict import Verdict
    from vadd.embed.extract import Extraction
    from vadd.media.guard import Guard

__all__ = ["ALIASES", "Done", "Job", "Judge", "Product", "keep", "named"]

#: What files are called in what is kept of them: one by itself, or the picture's and the sound's.
ALIASES = (("the file",), ("the picture's file", "the sound's file"))
_ROLES = (("both",), ("picture", "sound"))


@dataclass(frozen=True, slots=True)
class Job:
    """A file to be judged.

    Attributes:
        path: As it was named.
        sha256: Of its bytes, as the run has read them.
        sound: The file whose sound is judged, if that is another one; then ``path`` gives the picture.
        sound_sha256: Of the bytes of that.
    """

    path: str
    sha256: str
    sound: str | None = None
    sound_sha256: str | None = None

    @property
    def digests(self) -> tuple[str, ...]:
        """SHA-256 of the one file, or of both."""
        return (self.sha256,) if self.sound_sha256 is None else (self.sha256, self.sound_sha256)


@dataclass(frozen=True, slots=True)
class Product:
    """What became of a file.

    Attributes:
        job: The file.
        key: Of its record.
        record: The record's bytes; ``None`` if its bytes cannot be told from those of another (it changed
            while it was read, or went away), so that nothing may be kept under them.
        outcome: The verdict in one word.
        reason: Why it is failed or inconclusive.
        message: Why there is no record.
        measurement: Key and bytes of what was measured now; ``None`` if that was known, or is not to be kept.
        page: The report's bytes, if one is wanted.
        strip: The thumbnail strip's bytes, if there is one.
        remade: Whether a measurement that was kept turned out to be damaged and was made anew.
    """

    job: Job
    key: str
    record: bytes | None
    outcome: str
    reason: str | None
    message: str | None = None
    measurement: tuple[str, bytes] | None = None
    page: bytes | None = None
    strip: bytes | None = None
    remade: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """What a run is told of a file once what became of it is kept.

    Attributes:
        path: Of the file.
        sha256: Of its bytes.
        key: Of its record; ``None`` if there is none.
        outcome: The verdict in one word.
        reason: Why it is failed or inconclusive.
        message: Why there is no record.
        remade: As of :class:`Product`.
    """

    path: str
    sha256: str
    key: str | None
    outcome: str
    reason: str | None
    message: str | None
    remade: bool


def keep(results: Results, product: Product) -> Done:
    """Write what became of a file into the results, the record last.

    Raises:
        OutputError: If it cannot be written.
    """
    if product.measurement is not None:
        results.put("measurement", *product.measurement)
    for kind, data in (("page", product.page), ("strip", product.strip), ("record", product.record)):
        if data is not None:
            results.put(kind, product.key, data)
    return Done(
        path=product.job.path,
        sha256=product.job.sha256,
        key=None if product.record is None else product.key,
        outcome=product.outcome,
        reason=product.reason,
        message=product.message,
        remade=product.remade,
    )


class Judge:
    """Judges files one after the other; one for each worker.

    Args:
        settings: Of the run.
        stored: Gives the bytes of a measurement by its key, ``None`` if it is not kept.

    Raises:
        ModelError: If the detector is unknown or damaged.
        UsageError: If the rate is out of range.
        OSError: If there is no room for a temporary folder.
    """

    def __init__(self, settings: Settings, stored: Callable[[str], bytes | None] = lambda key: None) -> None:
        from vadd.detect.detector import Detector

        self.settings = settings
        self.keys = Keys.of(settings)
        self._detector = Detector(settings.model, false_alarms=settings.false_alarms, limits=settings.limits)
        self._stored = stored
        self._folder = tempfile.TemporaryDirectory(prefix="vadd-")
        self._guard: Guard | None = None

    def batch(self, paths: list[str]) -> None:
        """Say which files come next: the guarded child will be able to open these and no others."""
        from vadd.media.guard import Guard

        self._close_guard()
        self._guard = Guard(
            limits=self.settings.limits, jobs=len(paths), readable=[Path(path) for path in paths]
        )

    def __call__(self, job: Job, progress: Callable[[float, float], None] | None = None) -> Product:
        """Judge one file, or one file's picture with another's sound.

        Args:
            job: The file or files.
            progress: Called with (seconds done, seconds in all) while they are read.

        Raises:
            Exception: Bugs only; whatever is wrong with a file is told by the product.
        """
        key = self.keys.record(*job.digests)
        links = self._links(job)
        try:
            extraction, packed, remade = self._measured(job, links, progress)
        except UsageError as error:  # it was there when the run looked at it
            return Product(job, key, None, "failed", "unreadable", str(error))
        except MediaError as error:
            return self._failed(job, key, links, error)
        if tuple(info.sha256 for _, info in extraction.inputs) != job.digests:
            told = f"{links[0].name}: it changed while it was read"
            return Product(job, key, None, "failed", "changed", told)
        try:
            verdict = self._detector.judge(
                extraction, links[0], links[-1], roles=_ROLES[len(links) - 1], progress=progress
            )
        except MediaError as error:  # a detector on other networks reads the file once more
            return self._failed(job, key, links, error)
        return self._product(job, key, verdict, packed, remade)

    def _links(self, job: Job) -> list[Path]:
        """Links to the files under names of ours."""
        paths = [job.path] if job.sound is None else [job.path, job.sound]
        links = [Path(self._folder.name) / name for name in ALIASES[len(paths) - 1]]
        for link, path in zip(links, paths, strict=True):
            link.unlink(missing_ok=True)
            link.symlink_to(Path(path).absolute())
        return links

    def _measured(
        self, job: Job, links: list[Path], progress: Callable[[float, float], None] | None
    ) -> tuple[Extraction, tuple[str, bytes | None], bool]:
        """What is measured of the files; its key and, if it was measured now, its bytes."""
        from vadd.embed import extraction_file

        key = self.keys.measurement(*job.digests)
        wanted = self.settings.reports != "none"
        data, remade = self._stored(key), False
        if data is not None:
            try:
                known = extraction_file.unpack(data, key)
            except StoreError:
                remade = True  # told at the end of the run; the same comes out once more
            else:
                if known.thumbnails or known.picture is None or not wanted:
                    return known, (key, None), False
        measured = self._detector.measure(
            links[0], links[-1], exhibit=wanted, guard=self._guard, progress=progress
        )
        # A verdict must not hang on whether this run or an earlier one did the measuring.
        return extraction_file.rounded(measured), (key, extraction_file.pack(measured)), remade

    def _failed(self, job: Job, key: str, links: list[Path], error: MediaError) -> Product:
        verdict = self._detector.failed(error, _ROLES[len(links) - 1], links)
        if tuple(each.sha256 for each in verdict.provenance.inputs) != job.digests:
            return Product(job, key, None, "failed", error.reason, str(error))
        return self._product(job, key, verdict, (None, None), remade=False)

    def _product(
        self,
        job: Job,
        key: str,
        verdict: Verdict,
        packed: tuple[str | None, bytes | None],
        remade: bool,
    ) -> Product:
        from vadd.report.document import document

        measurement, data = packed
        record = Record(key, job.digests, measurement, document(verdict))
        return Product(
            job=job,
            key=key,
            record=record.to_bytes(),
            outcome=verdict.verdict.value,
            reason=None if verdict.reason is None else verdict.reason.value,
            measurement=None if measurement is None or data is None else (measurement, data),
            page=self._page(job, verdict),
            strip=self._strip(verdict),
            remade=remade,
        )

    def _page(self, job: Job, verdict: Verdict) -> bytes | None:
        """The report, for people: here the file has its name."""
        from vadd.report.page import page

        wanted = self.settings.reports
        if wanted == "none" or (wanted == "discrepant" and verdict.verdict.value != "discrepant"):
            return None
        names = [Path(path).name for path in (job.path, job.sound) if path is not None]
        return seal(page(named(verdict, names)))

    def _strip(self, verdict: Verdict) -> bytes | None:
        from vadd.run.strip import strip

        if verdict.exhibit is None:
            return None
        picture = strip([(int(second), data) for second, data in verdict.exhibit.thumbnails])
        return None if picture is None else seal(picture)

    def close(self) -> None:
        """End the child and remove the temporary folder."""
        self._close_guard()
        self._folder.cleanup()

    def _close_guard(self) -> None:
        if self._guard is not None:
            self._guard.close()
            self._guard = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def named(verdict: Verdict, names: Sequence[str]) -> Verdict:
    """The verdict with the files' own names.

    Args:
        verdict: Any.
        names: One for each input.
    """
    inputs = tuple(
        replace(each, name=name, media={**each.media, "name": name} if "name" in each.media else each.media)
        for each, name in zip(verdict.provenance.inputs, names, strict=True)
    )
    return replace(verdict, provenance=replace(verdict.provenance, inputs=inputs))
