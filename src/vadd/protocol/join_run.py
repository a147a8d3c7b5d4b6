"""From a plan to files: the joined clips, and every sound made long enough to be lent to them."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from vadd.errors import MediaError, ProtocolError, UsageError
from vadd.media.clip_file import Stopped, Written
from vadd.media.identity import Identity
from vadd.media.info import MediaInfo
from vadd.media.join import Cut, Frame
from vadd.media.join_file import settings, write_joined, write_repeated
from vadd.media.limits import Limits
from vadd.media.survey import survey
from vadd.protocol.join import Joined, Stock
from vadd.protocol.media_files import ClipFiles
from vadd.protocol.rendered import Records, key_of

__all__ = ["LENT", "Joining", "Measured", "join", "measured"]

#: Folder of the repeated sounds, in that of the joined clips.
LENT = "lent"


@dataclass(frozen=True, slots=True)
class Measured:
    """What there is of a list.

    Attributes:
        pictured: Clips with picture and sound, and for how many seconds both last.
        lenders: All with a sound, clips and recordings.
    """

    pictured: tuple[tuple[Stock, Fraction], ...]
    lenders: tuple[Stock, ...]


@dataclass(frozen=True, slots=True)
class Joining:
    """What came of a plan.

    Attributes:
        made: Files written now, joined clips and repeated sounds.
        skipped: Files that were there already.
        failures: Name and message of those that could not be made, sorted.
    """

    made: int
    skipped: int
    failures: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Job:
    """One file to be made."""

    name: str
    words: str
    inputs: tuple[Path, ...]
    write: Callable[[_Digests, Callable[[], None]], Written]


def measured(
    stock: Sequence[Stock], files: Mapping[str, ClipFiles], *, limits: Limits | None = None, workers: int = 1
) -> Measured:
    """Find out what each clip of a list has, in guarded children.

    Raises:
        ProtocolError: If a file cannot be read or has no sound: what is drawn depends on all of the list.
    """
    paths = dict.fromkeys(path for each in files.values() for path in (each.picture, each.sound))
    found = {each.path: each for each in survey(list(paths), limits=limits, workers=workers)}
    pictured = []
    for each in stock:
        here = found[files[each.name].picture], found[files[each.name].sound]
        for one in here:
            if one.info is None:
                raise ProtocolError(f"the clip {each.name} cannot be used: {one.problem}")
        picture, sound = here[0].info, here[1].info
        if sound is None or sound.audio is None:
            raise ProtocolError(f"the clip {each.name} cannot be used: there is no sound in it")
        if picture is not None and picture.video is not None:
            pictured.append((each, _both(picture, sound)))
    return Measured(tuple(pictured), tuple(stock))


def join(
    clips: Sequence[Joined],
    lenders: Sequence[Stock],
    files: Mapping[str, ClipFiles],
    out: Path,
    *,
    frame: Frame | None = None,
    workers: int | None = None,
    limits: Limits | None = None,
    progress: Callable[[int, int], None] | None = None,
    failed: Callable[[str], None] | None = None,
) -> Joining:
    """Write ``OUT/CLIP.mp4`` for each joined clip, and ``OUT/lent/NAME.mp4`` for each sound that may be lent.

    The sounds are repeated until they are as long as the longest clip. What is there from the same files
    with the same settings is skipped; the same call gives the same bytes, whether or not it was interrupted.

    Args:
        clips: As planned.
        lenders: Whose sounds may be lent.
        files: Name of a clip or lender → its files.
        out: Made if it does not exist.
        frame: The picture that all are brought to; the default if ``None``.
        workers: Files in the making at once; one a processor if ``None``.
        limits: What a file may cost; the defaults if ``None``.
        progress: Called with (files done, files in all).
        failed: Called with each message of a failure as it occurs.

    Raises:
        UsageError: If ``out`` is where clips are read from.
        OutputError: If ``out`` cannot be written; no file is left half-written.
    """
    canvas, bounds = frame or Frame(), limits or Limits()
    places = {path.parent.resolve() for each in files.values() for path in (each.picture, each.sound)}
    if {out.resolve(), (out / LENT).resolve()} & places:
        raise UsageError(f"{out} holds the clips that are read: join into another folder")
    whole = max((math.ceil(clip.seconds) for clip in clips), default=1)
    shelves = [
        (out, [_joined_job(clip, files, out, canvas, bounds) for clip in clips]),
        (out / LENT, [_lent_job(each, files, out, whole, bounds) for each in lenders]),
    ]
    total = sum(len(jobs) for _, jobs in shelves)
    done = made = 0
    failures = []
    digests = _Digests(bounds)
    for folder, jobs in shelves:
        with Records(folder) as records:
            for job, result in _results(jobs, records, digests, settings(canvas), workers):
                done += 1
                if isinstance(result, str):
                    failures.append((job.name, result))
                    records.drop(job.name)
                    if failed is not None:
                        failed(result)
                elif result is not None:
                    records.add(job.name, *result)
                    made += 1
                if progress is not None:
                    progress(done, total)
            records.sort()
    return Joining(made, done - made - len(failures), tuple(sorted(failures)))


def _results(
    jobs: Sequence[_Job], records: Records, digests: _Digests, facts: dict[str, object], workers: int | None
) -> Iterator[tuple[_Job, tuple[str, Written] | str | None]]:
    """Each job once it is settled: key and file, ``None`` if it was there, or why it could not be made."""

    def one(job: _Job) -> tuple[str, Written] | str | None:
        try:
            found = {f"input {at}": digests(path) for at, path in enumerate(job.inputs)}
            key = key_of(job.name, found, job.words, facts)
            if records.written(job.name, key) is not None:
                return None
            return key, job.write(digests, lambda: digests.verify(job.inputs))
        except MediaError as error:
            return f"{job.name}: {error}"

    pool = ThreadPoolExecutor(workers or os.cpu_count() or 1, thread_name_prefix="join")
    try:
        futures = {pool.submit(one, job): job for job in jobs}
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BaseException:
        digests.stop()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


class _Digests:
    """SHA-256 of the files that are read, each read once; and whether the work was given up."""

    def __init__(self, limits: Limits) -> None:
        self._limits, self._known = limits, dict[Path, tuple[Identity, str]]()
        self._stop = threading.Event()
        self.stopped, self.stop = self._stop.is_set, self._stop.set

    def __call__(self, path: Path) -> str:
        known = self._known.get(path)
        if known is None:
            identity = Identity.of(path)
            if identity.size > self._limits.file_bytes:
                raise MediaError("limit", f"{path.name}: larger than {self._limits.file_bytes} bytes")
            known = self._known[path] = identity, identity.sha256(self.stopped)
        return known[1]

    def verify(self, paths: Sequence[Path]) -> None:
        """Raise if a file is not any more what it was."""
        for path in paths:
            self._known[path][0].verify()


def _joined_job(
    clip: Joined, files: Mapping[str, ClipFiles], out: Path, frame: Frame, limits: Limits
) -> _Job:
    cuts = [
        Cut(here.picture, here.sound, piece.start, piece.span.duration)
        for piece in clip.pieces
        for here in [files[piece.source.name]]
    ]

    def write(digests: _Digests, intact: Callable[[], None]) -> Written:
        def go_on(done: float, total: float) -> None:
            if digests.stopped():
                raise Stopped

        place = out / f"{clip.name}.mp4"
        return write_joined(place, cuts, frame, limits=limits, progress=go_on, intact=intact)

    inputs = tuple(path for cut in cuts for path in (cut.picture, cut.sound))
    return _Job(clip.name, ";".join(f"{cut.start}+{cut.seconds}" for cut in cuts), inputs, write)


def _lent_job(lender: Stock, files: Mapping[str, ClipFiles], out: Path, seconds: int, limits: Limits) -> _Job:
    sound = files[lender.name].sound

    def write(digests: _Digests, intact: Callable[[], None]) -> Written:
        place = out / LENT / f"{lender.name}.mp4"
        return write_repeated(place, sound, Fraction(seconds), limits=limits, intact=intact)

    return _Job(lender.name, f"repeated {seconds}", (sound,), write)


def _both(picture: MediaInfo, sound: MediaInfo) -> Fraction:
    """For how many seconds, from the first frame on, there are a picture and a sound."""
    film, voice = picture.video, sound.audio
    assert film is not None and voice is not None  # noqa: S101, PT018 - asked before
    zero = (sound.video or voice).start
    heard = voice.start - zero + (voice.duration or sound.duration or 0)
    return Fraction(min(film.duration or picture.duration or 0, heard))
