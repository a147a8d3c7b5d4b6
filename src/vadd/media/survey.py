"""What many files declare, several to a guarded child, so that starting one is not most of the time.

Nothing is decoded. A file that the child dies of is named, and the others go to a new child.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vadd.errors import MediaError
from vadd.media import guard
from vadd.media.info import MediaInfo
from vadd.media.limits import Limits
from vadd.media.probe import probe_open
from vadd.media.wire import WireError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vadd.media.child import Channel

__all__ = ["Surveyed", "survey", "work"]

#: Files a child: starting one costs as much as probing about twenty.
_BATCH = 64


@dataclass(frozen=True, slots=True)
class Surveyed:
    """A file, and what it declares or why that cannot be told.

    Attributes:
        path: The file.
        info: What it declares, without a digest; ``None`` if it cannot be read.
        problem: Why not, for a person; empty if it can.
    """

    path: Path
    info: MediaInfo | None
    problem: str = ""


def survey(paths: Sequence[Path], *, limits: Limits | None = None, workers: int = 1) -> Iterator[Surveyed]:
    """Read what files declare.

    Args:
        paths: Local files.
        limits: What a file may cost; the defaults if ``None``.
        workers: Children at a time.

    Yields:
        One result a file; those of a child together and in order, children as they end.
    """
    bounds = limits or Limits()
    lots = [paths[at : at + _BATCH] for at in range(0, len(paths), _BATCH)]
    pool = ThreadPoolExecutor(workers)
    try:
        for future in as_completed([pool.submit(_lot, lot, bounds) for lot in lots]):
            yield from future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _lot(paths: Sequence[Path], limits: Limits) -> list[Surveyed]:
    done: list[Surveyed] = []

    def take(header: dict[str, Any], _: dict[str, NDArray[Any]]) -> None:
        if len(done) == len(paths) or header.get("at") != str(paths[len(done)].absolute()):
            raise WireError("the child answers what it was not asked")
        facts = header.get("info")
        try:
            info = None if facts is None else MediaInfo.from_json(facts)
        except (ValueError, AttributeError) as error:
            raise WireError("the child's answer is malformed") from error
        problem = " ".join(str(header.get("problem", "")).split())[:500]
        done.append(Surveyed(paths[len(done)], info, problem))

    while len(done) < len(paths):
        rest = [str(path.absolute()) for path in paths[len(done) :]]
        try:
            guard.run(
                "vadd.media.survey:work",
                {"files": rest, "limits": limits.to_json()},
                limits=limits,
                part=take,
                readable=paths[len(done) :],
            )
            problem = "the child left it out"
        except MediaError as error:
            problem = str(error)
        if len(done) < len(paths):
            path = paths[len(done)]
            done.append(Surveyed(path, None, f"{path.name}: {problem}"))
    return done


def work(
    channel: Channel, *, files: list[str], limits: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The child's job: probes the files in order and sends what each declares ahead."""
    bounds = Limits.from_json(limits)
    for number, name in enumerate(files, 1):
        answer: dict[str, Any] = {"at": name}
        try:
            answer["info"] = _declared(Path(name), bounds).to_json()
        except MediaError as error:
            answer["problem"] = str(error)
        channel.part(answer, {})
        # Every file earns the time that some seconds of media may take.
        channel.progress(number, len(files))
    return {}, {}


def _declared(path: Path, limits: Limits) -> MediaInfo:
    """What a file declares.

    Raises:
        MediaError: If it cannot be read, or ends before the last frame that its index names.
    """
    info, container = probe_open(path, limits)
    with container:
        for stream in container.streams:
            entries = stream.index_entries
            if len(entries) and entries[-1].pos + entries[-1].size > info.size:
                raise MediaError("damaged", f"{path.name}: it ends before its last frame")
    return info
