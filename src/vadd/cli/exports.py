"""What ``vadd check`` writes into files: pages and subtitles as verdicts come, tables at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vadd.detect.verdict import Verdict

__all__ = ["Exports", "Judged"]


@dataclass(frozen=True, slots=True)
class Judged:
    """What is judged, with what to call it.

    Attributes:
        inputs: The files, one or two.
        label: For people: the path as the user named it.
        name: What files about it are called after.
        path: What it is called in a table that has no room for two files.
    """

    inputs: tuple[Path, ...]
    label: str
    name: str
    path: str

    @classmethod
    def of_file(cls, file: Path) -> Judged:
        """A file with its own sound."""
        return cls((file,), str(file), file.name, str(file))

    @classmethod
    def of_pair(cls, picture: Path, sound: Path) -> Judged:
        """The picture of one file with the sound of another."""
        name = f"{picture.name}+{sound.name}"
        return cls((picture, sound), f"picture of {picture} with sound of {sound}", name, name)


class Exports:
    """The files that are to be written; that they can be is made sure of before the work.

    Args:
        judged: What will be judged, in order.
        html: Where the pages go, as the user named it; ``None`` for none. Likewise the others.
        srt: The subtitles.
        csv: The table of files.
        spans: The table of flagged spans.
        avdf: The flagged spans as AV-Deepfake1M has them.

    Raises:
        OutputError: If a file could not be written.
        UsageError: If a path is empty, or a file would replace an input or another one.
    """

    def __init__(
        self,
        judged: Sequence[Judged],
        *,
        html: str | None,
        srt: str | None,
        csv: str | None,
        spans: str | None,
        avdf: str | None,
    ) -> None:
        from vadd.cli.files import plan_pages, plan_subtitles, plan_table

        self._judged = judged
        self._next = 0
        names = [each.name for each in judged]
        kept = [path for each in judged for path in each.inputs]
        self._pages = [] if html is None else plan_pages(html, names, kept)
        kept += self._pages
        self._subtitles = [] if srt is None else plan_subtitles(srt, names, kept)
        kept += self._subtitles
        self._tables: dict[str, Path] = {}
        for kind, wanted, what in (
            ("csv", csv, "table"), ("spans", spans, "table of spans"), ("avdf", avdf, "file of spans"),
        ):  # fmt: skip
            if wanted is not None:
                self._tables[kind] = plan_table(wanted, kept, what)
                kept.append(self._tables[kind])
        self._rows: list[dict[str, str]] = []
        self._spans: list[dict[str, str]] = []
        self._proposals: list[tuple[str, list[tuple[float, float, float]]]] = []

    @property
    def pictures(self) -> bool:
        """Whether verdicts are to come with thumbnails and a spectrogram."""
        return bool(self._pages)

    def add(self, verdict: Verdict) -> list[str]:
        """Take the next verdict and write what is about it alone.

        Returns:
            What was written and where, for people, a line each.

        Raises:
            OutputError: If it cannot be written.
        """
        from vadd.report.output import write

        at, self._next = self._next, self._next + 1
        written = []
        if self._pages:
            from vadd.report.page import page
            from vadd.report.seal import seal

            write(self._pages[at], seal(page(verdict)).decode("utf-8"))
            written.append(f"Report: {self._pages[at]}")
        if self._subtitles:
            from vadd.report.srt import srt

            write(self._subtitles[at], srt(verdict))
            written.append(f"Subtitles: {self._subtitles[at]}")
        self._keep(verdict, self._judged[at])
        return written

    def _keep(self, verdict: Verdict, judged: Judged) -> None:
        """Keep what the tables will hold of it: rows, not the verdict, which is large."""
        if "csv" in self._tables:
            from vadd.report.table import row

            self._rows.append(row(verdict, judged.label))
        if "spans" in self._tables:
            from vadd.report.spans_table import span_rows

            self._spans += span_rows(verdict, judged.label)
        if "avdf" in self._tables:
            from vadd.report.avdf import proposals

            self._proposals.append((judged.path, proposals(verdict)))

    def finish(self) -> None:
        """Write the tables.

        Raises:
            OutputError: If one cannot be written.
        """
        from vadd.report.output import write

        if "csv" in self._tables:
            from vadd.report.table import table

            write(self._tables["csv"], table(self._rows))
        if "spans" in self._tables:
            from vadd.report.spans_table import spans_table

            write(self._tables["spans"], spans_table(self._spans))
        if "avdf" in self._tables:
            from vadd.report.avdf import avdf

            write(self._tables["avdf"], avdf(self._proposals))
