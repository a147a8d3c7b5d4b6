"""One file of a run: the one function from path to record that every engine calls.

A file is opened under a name of ours, by a link: what is kept of it must not hang on what somebody called it,
as files with the same bytes share their record, and a name may hold anything.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
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

__all__ = ["ALIAS", "Done", "Job", "Judge", "Product", "keep"]

#: What a file is called in what is kept of it.
ALIAS = "the file"


@dataclass(frozen=True, slots=True)
class Job:
    """A file to be judged.

    Attributes:
        path: As it was named.
        sha256: Of its bytes, as the run has read them.
    """

    path: str
    sha256: str


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

    def __call__(self, job: Job) -> Product:
        """Judge one file.

        Args:
            job: The file.

        Raises:
            Exception: Bugs only; whatever is wrong with a file is told by the product.
        """
        link = Path(self._folder.name) / ALIAS
        link.unlink(missing_ok=True)
        link.symlink_to(Path(job.path).absolute())
        key = self.keys.record(job.sha256)
        try:
            extraction, packed, remade = self._measured(job, link)
        except UsageError as error:  # it was there when the run looked at it
            return Product(job, key, None, "failed", "unreadable", str(error))
        except MediaError as error:
            return self._failed(job, key, link, error)
        if extraction.inputs[0][1].sha256 != job.sha256:
            return Product(job, key, None, "failed", "changed", f"{ALIAS}: it changed while it was read")
        try:
            verdict = self._detector.judge(extraction, link, link)
        except MediaError as error:  # a detector on other networks reads the file once more
            return self._failed(job, key, link, error)
        return self._product(job, key, verdict, packed, remade)

    def _measured(self, job: Job, link: Path) -> tuple[Extraction, tuple[str, bytes | None], bool]:
        """What is measured of the file; its key and, if it was measured now, its bytes."""
        from vadd.embed import extraction_file

        key = self.keys.measurement(job.sha256)
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
        measured = self._detector.measure(link, link, exhibit=wanted, guard=self._guard)
        # A verdict must not hang on whether this run or an earlier one did the measuring.
        return extraction_file.rounded(measured), (key, extraction_file.pack(measured)), remade

    def _failed(self, job: Job, key: str, link: Path, error: MediaError) -> Product:
        verdict = self._detector.failed(error, ("both",), (link,))
        if verdict.provenance.inputs[0].sha256 != job.sha256:
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
        record = Record(key, job.sha256, measurement, document(verdict))
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
        return seal(page(named(verdict, Path(job.path).name)))

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


def named(verdict: Verdict, name: str) -> Verdict:
    """The verdict with the file's own name."""
    inputs = tuple(
        replace(each, name=name, media={**each.media, "name": name} if "name" in each.media else each.media)
        for each in verdict.provenance.inputs
    )
    return replace(verdict, provenance=replace(verdict.provenance, inputs=inputs))
