"""``vadd check ... --out``: judge a folder, a pattern, a list, and keep what comes of it."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Self

from vadd.errors import UsageError

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from vadd.run.inputs import Inputs
    from vadd.run.many import Counts, Summary
    from vadd.run.settings import Settings

__all__ = ["TERMINATED", "check_many", "parse_shard"]

#: As a shell reports a command that SIGTERM has ended, and the status of a bug of ours.
TERMINATED, BUG = 143, 70
#: Seconds between two looks of the progress bar.
_REFRESH = 0.2
#: Tracebacks of bugs that are shown in full.
_SHOWN = 3
#: The gravest first, as everywhere.
_ORDER = ("discrepant", "failed", "inconclusive", "consistent")


class _TerminatedError(BaseException):
    """SIGTERM came."""


def parse_shard(text: str | None) -> tuple[int, int] | None:
    """``3/100`` as numbers.

    Raises:
        UsageError: If it is nothing of the kind.
    """
    if text is None:
        return None
    which, slash, count = text.partition("/")
    if slash and which.isdecimal() and count.isdecimal() and 1 <= int(which) <= int(count):
        return int(which), int(count)
    raise UsageError(f"a shard is WHICH/COUNT with 1 <= WHICH <= COUNT, such as 3/100, not {text!r}")


def check_many(
    named: Sequence[Path],
    out: Path,
    settings: Settings,
    *,
    workers: int | None,
    engine: str,
    address: str | None,
    shard: str | None,
    everything: bool,
    rehash: bool,
    retry: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Judge all files that the names stand for.

    Returns:
        0 when the run finished, 70 if our own code failed on a file, 143 if it was terminated.
    """
    from vadd.run.engine import make
    from vadd.run.inputs import find, of_shard
    from vadd.run.many import judge_all

    part = parse_shard(shard)
    inputs = find(named, apart=out, everything=everything)
    paths = of_shard(inputs.paths, part)
    talk = not (as_json or quiet)
    began = time.monotonic()
    with _Progress(len(paths), wanted=not quiet) as progress, _terminable():
        try:
            summary = judge_all(
                paths,
                out,
                settings,
                engine=make(engine, workers or len(os.sched_getaffinity(0)), address),
                shard=part,
                rehash=rehash,
                retry=retry,
                progress=progress,
            )
        except (KeyboardInterrupt, _TerminatedError) as stop:
            progress.close()
            if not quiet:
                _complain(
                    f"stopped: {progress.done} of {len(paths)} files are done; the same command goes on there"
                )
            if isinstance(stop, _TerminatedError):
                return TERMINATED
            raise
    _report(summary, inputs, out, part, time.monotonic() - began, talk=talk, as_json=as_json)
    return BUG if summary.bugs else 0


def _report(
    summary: Summary,
    inputs: Inputs,
    out: Path,
    shard: tuple[int, int] | None,
    seconds: float,
    *,
    talk: bool,
    as_json: bool,
) -> None:
    from vadd.cli.terminal import emit, say
    from vadd.run.refresh import refresh

    counts = summary.counts
    for bug in summary.bugs[:_SHOWN]:
        _complain(f"a bug of vadd, met on {bug.path}:\n{bug.traceback}")
    if summary.bugs:
        _complain(
            f"{counts.bugs} files were not judged because of bugs of vadd; a later run tries them again"
        )
    # Shards end at any time, in any order: the tables of all are made by whoever asks for them.
    lines = refresh(out) if shard is None else [f"When all shards are done: vadd results {out}"]
    if as_json:
        emit(json.dumps(_document(summary, inputs, out)) + "\n")
    if not talk:
        return
    say(f"{counts.total} files: {_listed(counts)}")
    for why, count in inputs.left_out.items():
        say(f"  left out: {count} {why}")
    if counts.judged:
        say(f"  judged {counts.judged} in {seconds:.0f} s; {counts.total - counts.judged} were known")
    if summary.remade:
        say(f"  {summary.remade} measurements that were kept were damaged; they were made anew")
    for line in lines:
        say(f"  {line}")


def _document(summary: Summary, inputs: Inputs, out: Path) -> dict[str, Any]:
    counts = summary.counts
    return {
        "schema": "vadd.run-summary/1",
        "results": str(out),
        "files": counts.total,
        "verdicts": {name: counts.verdicts[name] for name in _ORDER},
        "judged": counts.judged,
        "bugs": counts.bugs,
        "remade": summary.remade,
        "left_out": dict(inputs.left_out),
    }


def _listed(counts: Counts) -> str:
    return ", ".join(f"{counts.verdicts[name]} {name}" for name in _ORDER if counts.verdicts[name]) or "none"


def _complain(text: str) -> None:
    from vadd.report.text import printable

    if sys.stderr is not None:
        sys.stderr.write("".join(f"{printable(line)}\n" for line in f"vadd: {text}".splitlines()))


@contextmanager
def _terminable() -> Iterator[None]:
    """Have SIGTERM end the run as Ctrl-C does: with its workers gone and all that is done kept."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise _TerminatedError

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Progress:
    """One bar with a live count of verdicts, throughput and time left; silent when nobody looks."""

    def __init__(self, total: int, *, wanted: bool) -> None:
        self.done = 0
        self._wanted = wanted and sys.stderr is not None and sys.stderr.isatty()
        self._total, self._next = total, 0.0
        self._bar: Bar | None = None
        self._task: TaskID | None = None

    def __call__(self, counts: Counts) -> None:
        self.done = counts.done
        now = time.monotonic()
        if not self._wanted or (now < self._next and counts.done < counts.total):
            return
        self._next = now + _REFRESH
        if self._bar is None or self._task is None:
            self._open()
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=counts.done, verdicts=_listed(counts))

    def _open(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            TaskProgressColumn,
            TextColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as Bar

        class Speed(TextColumn):
            def render(self, task: Any) -> Any:
                from rich.text import Text

                speed = task.finished_speed or task.speed
                return Text("" if not speed else f"{speed:.1f}/s" if speed >= 1 else f"{60 * speed:.0f}/min")

        self._bar = Bar(
            BarColumn(),
            TaskProgressColumn(),
            MofNCompleteColumn(),
            Speed(""),
            TimeRemainingColumn(),
            TextColumn("{task.fields[verdicts]}", markup=False),
            console=Console(stderr=True),
            transient=True,
            speed_estimate_period=120,
        )
        self._task = self._bar.add_task("", total=self._total, verdicts="")
        self._bar.start()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
