"""A folder of small clips, and engines that judge nothing, for tests of what a run does around them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

from media import Picture, Sound, seconds_of_colour, tone, write
from vadd.run.engine import Bug, Engine
from vadd.run.job import Done, Job, Judge, keep
from vadd.run.records import KINDS, Results
from vadd.run.settings import Settings


def clip(path: Path, first: int, seconds: float = 1.5) -> Path:
    """A clip that no other number makes."""
    frames = seconds_of_colour(seconds, first=first)
    return write(path, Picture(frames), [Sound(tone(seconds, hertz=300 + 50 * first))])


def folder_of_clips(folder: Path, count: int) -> Path:
    """``count`` clips and what surrounds clips in the wild: a copy, something broken, a text."""
    (folder / "deep").mkdir(parents=True)
    for at in range(count):
        clip(folder / ("deep" if at % 2 else ".") / f"clip {at}.mp4", at)
    (folder / "copy of 0.mp4").write_bytes((folder / "clip 0.mp4").read_bytes())
    (folder / "broken.mp4").write_bytes((folder / "clip 0.mp4").read_bytes()[:900])
    (folder / "empty.mp4").touch()
    (folder / "notes.doc").write_text("no clip")
    return folder


class Inline(Engine):
    """Judges in this process."""

    judged: list[str]

    def run(
        self, jobs: Iterator[Job], settings: Settings, results: Results, total: int
    ) -> Iterator[Done | Bug]:
        self.judged = []
        with Judge(settings, lambda key: results.get("measurement", key)) as judge:
            for job in jobs:
                self.judged.append(job.path)
                yield keep(results, judge(job))


def kept(folder: Path) -> dict[str, bytes]:
    """All that must be the same whenever and wherever it was made: relative path → bytes."""
    names = [name for name, _ in KINDS.values()]
    files = [path for name in names for path in sorted((folder / name).rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in [*files, folder / "run.json"]}


def told(folder: Path) -> dict[str, tuple[str | None, str, str | None]]:
    """Path → (key, outcome, reason) as the ledger has it last."""
    lines = (folder / "ledger.jsonl").read_text().splitlines()
    entries = [json.loads(line) for line in lines]
    return {entry["path"]: (entry["key"], entry["outcome"], entry["reason"]) for entry in entries}


def in_thread(target: object) -> threading.Thread:
    thread = threading.Thread(target=target)  # type: ignore[arg-type]
    thread.start()
    return thread
