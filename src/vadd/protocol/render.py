"""A manifest's trials as clips: every one through the same hands, a failure named, the rest done."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vadd.errors import MediaError, OutputError, ProtocolError, UsageError
from vadd.media.clip_file import Recipe, Written, settings, write_clip
from vadd.media.identity import Identity, check_input
from vadd.media.limits import Limits
from vadd.protocol.manifest import Entry
from vadd.protocol.media_files import ClipFiles, find_clips
from vadd.protocol.rendered import RECORDS, Records, key_of

__all__ = ["Failed", "Rendering", "render"]

#: Fewer missing seconds than this are a frame more or less.
_A_FRAME = 0.1
#: Decibels by which a clip may miss the level without being counted.
_OFF = 0.5
#: Jobs that wait for each one that runs: not all of a million at once.
_AHEAD = 4


@dataclass(frozen=True, slots=True)
class Failed:
    """A trial that could not be rendered.

    Attributes:
        trial: Its name.
        reason: Code of what is wrong, as verdicts have it.
        message: The same for a person.
    """

    trial: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Rendering:
    """What came of a manifest.

    Attributes:
        rendered: Clips written now.
        skipped: Clips that were there already.
        quiet: Clips, of all that are there, whose sound is too quiet to be brought to the level.
        filled: Clips, of all that are there, whose sound was continued at its end.
        failures: Trials that could not be rendered, in the manifest's order.
    """

    rendered: int
    skipped: int
    quiet: int
    filled: int
    failures: tuple[Failed, ...]

    def to_json(self) -> dict[str, Any]:
        """All of it, JSON-ready."""
        failures = [
            {"trial": each.trial, "reason": each.reason, "message": each.message} for each in self.failures
        ]
        counts = {name: getattr(self, name) for name in ("rendered", "skipped", "quiet", "filled")}
        return {**counts, "failed": len(failures), "failures": failures}


def render(
    entries: Sequence[Entry],
    media: Path,
    out: Path,
    *,
    workers: int | None = None,
    limits: Limits | None = None,
    progress: Callable[[int, int], None] | None = None,
    failed: Callable[[Failed], None] | None = None,
) -> Rendering:
    """Write ``OUT/TRIAL.mp4`` for each trial, and a record of each in ``OUT/rendered.jsonl``.

    What is there from the same files with the same settings is skipped. The same call writes the same
    bytes, whether or not it was interrupted between.

    Args:
        entries: The trials.
        media: Folder of the clips, see :func:`vadd.protocol.media_files.find_clips`.
        out: Made if it does not exist.
        workers: Clips in the making at once; one a processor if ``None``.
        limits: What a clip may cost; the defaults if ``None``.
        progress: Called with (trials done, trials in all).
        failed: Called with each failure as it occurs.

    Raises:
        UsageError: If a clip of the manifest is not in ``media``, or ``out`` is where clips are read from.
        ProtocolError: If a trial's name can be no file's.
        OutputError: If ``out`` cannot be written; no clip is left half-written.
    """
    files = find_clips(media, (party.name for each in entries for party in (each.picture, each.sound)))
    _spare(entries, files, media, out)
    studio = _Studio(files, out, limits or Limits())
    failures: dict[str, Failed] = {}
    there: list[Written] = []
    rendered = done = 0
    with Records(out) as records:
        for entry, key, result in studio.results(entries, records, workers or os.cpu_count() or 1):
            done += 1
            if isinstance(result, Failed):
                failures[entry.trial] = result
                # What may be there was made of other files, and would pass for this trial.
                records.drop(entry.trial)
                if failed is not None:
                    failed(result)
            else:
                there.append(result)
                if key is not None:
                    records.add(entry.trial, key, result)
                    rendered += 1
            if progress is not None:
                progress(done, len(entries))
        records.sort()
    level = settings()["level"]
    return Rendering(
        rendered=rendered,
        skipped=len(there) - rendered,
        quiet=sum(each.level < level - _OFF for each in there),
        filled=sum(each.filled > _A_FRAME for each in there),
        failures=tuple(failures[each.trial] for each in entries if each.trial in failures),
    )


class _Studio:
    """Makes clips, several at once, each in a guarded process of its own."""

    def __init__(self, files: dict[str, ClipFiles], out: Path, limits: Limits) -> None:
        self._files, self._out, self._limits = files, out, limits
        self._settings = settings()
        self._stop = threading.Event()
        self._digests: dict[Path, tuple[Identity, str]] = {}

    def results(
        self, entries: Sequence[Entry], records: Records, workers: int
    ) -> Iterator[tuple[Entry, str | None, Written | Failed]]:
        """Each trial once it is settled, with the key of what was made, ``None`` if it was there."""
        waiting: dict[Future[tuple[str | None, Written | Failed]], Entry] = {}
        left = iter(entries)
        pool = ThreadPoolExecutor(workers, thread_name_prefix="render")
        try:
            while True:
                while len(waiting) < _AHEAD * workers and (entry := next(left, None)) is not None:
                    waiting[pool.submit(self._one, entry, records)] = entry
                if not waiting:
                    return
                for ready in wait(waiting, return_when=FIRST_COMPLETED).done:
                    entry = waiting.pop(ready)
                    yield entry, *ready.result()
        finally:
            # At an error or an interrupt the clips in the making are given up, not awaited.
            self._stop.set()
            pool.shutdown(cancel_futures=True)

    def _one(self, entry: Entry, records: Records) -> tuple[str | None, Written | Failed]:
        recipe = self._recipe(entry)
        roles = {"picture": recipe.picture, "sound": recipe.sound}
        if recipe.own is not None:
            roles["own"] = recipe.own
        place = self._out / f"{entry.trial}.mp4"
        try:
            digests = {role: self._digest(path) for role, path in roles.items()}
            spans = ";".join(f"{span.start}-{span.end}" for span in recipe.spans)
            key = key_of(entry.trial, digests, spans, self._settings)
            there = records.written(entry.trial, key)
            if there is not None:
                return None, there

            def intact() -> None:
                for path in dict.fromkeys(roles.values()):
                    self._digests[path][0].verify()

            written = write_clip(place, recipe, limits=self._limits, stopped=self._stop.is_set, intact=intact)
        except MediaError as error:
            return None, Failed(entry.trial, error.reason, f"{entry.trial}: {error}")
        return key, written

    def _recipe(self, entry: Entry) -> Recipe:
        picture, sound = self._files[entry.picture.name], self._files[entry.sound.name]
        # A crossfade of a sound with itself is that sound: a pristine clip needs no spans.
        if not entry.spans or entry.picture.name == entry.sound.name:
            return Recipe(picture.picture, sound.sound)
        return Recipe(picture.picture, sound.sound, picture.sound, entry.spans)

    def _digest(self, path: Path) -> str:
        """SHA-256 of a file, which is read once a run however many trials it is part of."""
        known = self._digests.get(path)
        if known is None:
            try:
                check_input(path)
            except UsageError as error:
                raise MediaError("unreadable", str(error)) from error
            identity = Identity.of(path)
            if identity.size > self._limits.file_bytes:
                raise MediaError("limit", f"{path.name}: larger than {self._limits.file_bytes} bytes")
            known = self._digests[path] = identity, identity.sha256(self._stop.is_set)
        return known[1]


def _spare(entries: Sequence[Entry], files: dict[str, ClipFiles], media: Path, out: Path) -> None:
    """Refuse to write among the clips that are read, and names that are no names of files."""
    inputs = {path.parent.resolve() for each in files.values() for path in (each.picture, each.sound)}
    if out.resolve() in {media.resolve(), *inputs}:
        raise UsageError(f"{out} holds the clips that are read: render into another folder")
    for entry in entries:
        if not entry.trial.isprintable() or len(os.fsencode(entry.trial)) > 200:
            raise ProtocolError(f"the trial {entry.trial!r} has a name that no file can have")
    if out.exists() and not out.is_dir():
        raise OutputError(f"cannot write {out / RECORDS}: {out} is not a folder")
