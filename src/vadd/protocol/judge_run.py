"""A detector run on a benchmark: every trial judged once, whatever becomes of single files.

Rows are added to a journal as they come, so that a run that was ended goes on where it was; the table is
written at the end, in the order of the manifest, and is the same bytes however often the run was ended.
What took how long stands in the log.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vadd._version import __version__
from vadd.detect.models import find
from vadd.errors import ModelError, OutputError, UsageError
from vadd.protocol.audit_media import rendered_files
from vadd.protocol.manifest import Entry
from vadd.protocol.media_files import find_clips

if TYPE_CHECKING:
    from vadd.detect.detector import Detector
    from vadd.detect.verdict import Verdict

__all__ = ["COLUMNS", "PREDICTIONS", "Row", "Task", "identity", "judge_all", "pair_tasks", "rendered_tasks"]

PREDICTIONS, JOURNAL, LOG, RUN = "predictions.csv", "judged.jsonl", "judged.log", "run.json"
COLUMNS = ("trial", "score", "probability", "verdict", "reason", "spans", "seconds")


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be judged.

    Attributes:
        trial: Its name.
        picture: The file, or the one whose picture is judged; ``None`` if it is not there.
        sound: The file whose sound is judged with it; ``None`` for the sound of the same file.
    """

    trial: str
    picture: Path | None
    sound: Path | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """What was said of a trial; texts as they are written.

    Attributes:
        trial: Its name.
        score: 0-1, or empty.
        probability: That it is manipulated at even odds, 0-1, or empty.
        verdict: One of the four.
        reason: Of an abstention, or empty.
        spans: ``start-end:score``, or empty.
        seconds: Of presentation time that were judged.
    """

    trial: str
    score: str
    probability: str
    verdict: str
    reason: str
    spans: str
    seconds: str


def rendered_tasks(entries: Sequence[Entry], folder: Path) -> list[Task]:
    """The rendered clips of a manifest; one that is not there will be told as failed.

    Raises:
        UsageError: If none of them is there.
    """
    files = rendered_files(folder, [each.trial for each in entries])
    return [Task(each.trial, files.get(each.trial)) for each in entries]


def pair_tasks(entries: Sequence[Entry], folder: Path) -> list[Task]:
    """The picture of one clip with the sound of another, without rendering anything.

    Raises:
        UsageError: If a clip cannot be found, or the manifest replaces the sound in spans.
    """
    spliced = sum(1 for each in entries if each.spans)
    if spliced:
        raise UsageError(f"{spliced} trials replace the sound in spans, which must be rendered to be judged")
    clips = find_clips(folder, [party.name for each in entries for party in (each.picture, each.sound)])
    return [
        Task(each.trial, clips[each.picture.name].picture, clips[each.sound.name].sound) for each in entries
    ]


def identity(model: str, false_alarms: float, manifest: Path, media: str) -> dict[str, Any]:
    """What rows must have in common to stand in one table.

    Args:
        model: Name or folder of the detector.
        false_alarms: The rate that it is run at.
        manifest: The benchmark's file.
        media: ``rendered`` or ``pairs``.

    Raises:
        ModelError: If there is no such detector.
    """
    card = find(model)
    facts = json.dumps([card.name, sorted(card.hashes), sorted(card.embedders)])
    return {
        "manifest_sha256": hashlib.sha256(manifest.read_bytes()).hexdigest(),
        "model": card.name,
        "model_sha256": hashlib.sha256(facts.encode()).hexdigest(),
        "false_alarms": false_alarms,
        "media": media,
        "vadd": __version__,
    }


def judge_all(
    tasks: Sequence[Task],
    folder: Path,
    run: Mapping[str, Any],
    *,
    model: str,
    false_alarms: float,
    workers: int,
    progress: Callable[[float, float], None] | None = None,
) -> int:
    """Judge what is not judged yet, and write the table.

    Args:
        tasks: All trials.
        folder: Of the table; exists.
        run: Of :func:`identity`.
        model: Name or folder of the detector.
        false_alarms: The rate that it is run at.
        workers: Processes.
        progress: Called with (trials done, trials in all).

    Returns:
        How many trials were judged now.

    Raises:
        UsageError: If the folder holds the rows of another model or manifest.
        ModelError: If the detector cannot be used.
        OutputError: If something cannot be written; what was judged before is safe.
    """
    from vadd.report.output import write

    journal = _Journal(folder, run)
    wanted = [task for task in tasks if task.trial not in journal.rows]
    if wanted:  # a detector that cannot be used is told once, and not by every process
        from vadd.detect.detector import Detector

        Detector(model, false_alarms=false_alarms)
    for done, (row, note) in enumerate(
        _judged(wanted, model, false_alarms, workers), len(tasks) - len(wanted) + 1
    ):
        journal.add(row, note)
        if progress is not None:
            progress(done, len(tasks))
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for task in tasks:
        row = journal.rows[task.trial]
        table.writerow([getattr(row, name) for name in COLUMNS])
    write(folder / PREDICTIONS, text.getvalue())
    return len(wanted)


class _Journal:
    """The rows that are there, each kept as soon as it is known."""

    def __init__(self, folder: Path, run: Mapping[str, Any]) -> None:
        from vadd.report.output import write

        self._path, self._log = folder / JOURNAL, folder / LOG
        self.rows: dict[str, Row] = {}
        told = json.dumps(dict(run), indent=1) + "\n"
        try:
            before = (folder / RUN).read_text(encoding="utf-8") if (folder / RUN).exists() else ""
            lines = self._path.read_bytes().split(b"\n") if self._path.exists() else [b""]
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"cannot read {folder}: {error}") from error
        if before not in ("", told):
            raise UsageError(
                f"{folder} holds the predictions of another model or manifest: use another folder"
            )
        if not before:
            write(folder / RUN, told)
        for line in lines[:-1]:  # what follows the last line end was cut off
            try:
                row = Row(**json.loads(line))
            except (ValueError, TypeError, RecursionError) as error:
                raise UsageError(f"{self._path} is damaged: remove it to judge all anew") from error
            self.rows[row.trial] = row
        if lines[-1]:
            write(self._path, b"\n".join([*lines[:-1], b""]).decode())

    def add(self, row: Row, note: str) -> None:
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(row)) + "\n")
            with self._log.open("a", encoding="utf-8") as file:
                file.write(f"{row.trial} {row.verdict} {note}\n")
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise OutputError(
                f"cannot write {self._path}: {reason}; what was judged before is safe"
            ) from error
        self.rows[row.trial] = row


_Answer = tuple[Row, str]


def _judged(tasks: Sequence[Task], model: str, false_alarms: float, workers: int) -> Iterator[_Answer]:
    """Rows as they come. A trial that ends its process is tried once more, alone."""
    again: list[Task] = []
    waiting = {task.trial: task for task in tasks}
    try:
        for answer in _pooled(tasks, model, false_alarms, workers):
            del waiting[answer[0].trial]
            yield answer
    except BrokenProcessPool:
        again = list(waiting.values())
    for task in again:
        try:
            yield from _pooled([task], model, false_alarms, 1)
        except BrokenProcessPool:
            yield _failed(task, "crashed"), "its process ended"


def _pooled(tasks: Sequence[Task], model: str, false_alarms: float, workers: int) -> Iterator[_Answer]:
    if not tasks:
        return
    # Fresh processes: a fork of one with threads, as networks have them, may hang.
    pool = ProcessPoolExecutor(
        min(workers, len(tasks)), get_context("spawn"), initializer=_open, initargs=(model, false_alarms)
    )
    try:
        futures: list[Future[_Answer]] = [pool.submit(_judge, task) for task in tasks]
        for future in as_completed(futures):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


_detector: Detector | None = None


def _open(model: str, false_alarms: float) -> None:
    global _detector  # one a process, opened once
    from vadd.detect.detector import Detector

    _detector = Detector(model, false_alarms=false_alarms)


def _judge(task: Task) -> _Answer:
    """In a process of the pool: judge one trial; nothing but a broken detector ends the run."""
    begun = time.monotonic()
    assert _detector is not None  # noqa: S101 - the pool opened it
    if task.picture is None:
        return _failed(task, "unreadable"), "there is no such file"
    try:
        if task.sound is None:
            verdict = _detector.check(task.picture)
        else:
            verdict = _detector.check_pair(task.picture, task.sound)
    except ModelError:
        raise
    except UsageError as error:  # gone, or not to be opened
        return _failed(task, "unreadable"), str(error)
    except Exception as error:  # noqa: BLE001 - a bug met in one file must not cost the other files
        return _failed(task, "crashed"), f"{type(error).__name__}: {' '.join(str(error).split())[:2000]}"
    return _row(task, verdict), f"{time.monotonic() - begun:.2f} s {verdict.explanation}"


def _failed(task: Task, reason: str) -> Row:
    return Row(task.trial, "", "", "failed", reason, "", "0")


def _row(task: Task, verdict: Verdict) -> Row:
    spans = ";".join(
        f"{_number(float(each.span.start))}-{_number(float(each.span.end))}:{each.score:.6f}"
        for each in verdict.spans
    )
    return Row(
        trial=task.trial,
        score="" if verdict.score is None else f"{verdict.score:.9g}",
        probability="" if verdict.probability is None else f"{verdict.probability:.9g}",
        verdict=verdict.verdict.value,
        reason="" if verdict.reason is None else verdict.reason.value,
        spans=spans,
        seconds=_number(float(verdict.duration)),
    )


def _number(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")
