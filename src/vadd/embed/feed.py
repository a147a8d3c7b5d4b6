"""A file as it comes out of the guarded child: frames in a bounded queue, sound in a nameless file.

The decoder runs beside whoever takes the frames and waits when too many are waiting, so that memory stays
flat; the sound, which every net hears from its beginning, lies on disk meanwhile.
"""

from __future__ import annotations

import contextlib
import queue
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from vadd.errors import MediaError, OutputError
from vadd.media.guard import run
from vadd.media.limits import Limits

__all__ = ["Feed", "Heading"]

#: Frames that may wait: a second of a large picture is some megabytes.
_WAITING = 32
#: Samples a block of sound that is read back.
_BLOCK = 1 << 18
#: Seconds after which a decoder that waits looks whether it is still wanted.
_PATIENCE = 0.1
#: Two hours at most, and twice that would still be nonsense: what a child may claim.
_MOST_SECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Heading:
    """What is known of a file once it is decoded.

    Attributes:
        seconds: Length of its grid.
        pictures: The seconds that have a picture.
        sounds: The seconds that have sound.
        sha256: Of the file, or of both.
        notes: Facts for the reader of a result.
    """

    seconds: int
    pictures: frozenset[int]
    sounds: frozenset[int]
    sha256: tuple[str, ...]
    notes: tuple[str, ...]


class _NotWantedError(Exception):
    """Whoever took the frames has stopped."""


class Feed:
    """One file, or one file's picture and another's sound, decoded in a thread and a child of its own.

    Args:
        picture: The file whose picture is wanted.
        sound: The file whose sound is wanted; the same for one file.
        side: Shorter side of the frames, pixels; 0 if no picture is wanted.
        rates: Sample rates that the sound is wanted at; none if it is not wanted.
        limits: What the files may cost.
    """

    def __init__(
        self, picture: Path, sound: Path, *, side: int, rates: Sequence[int], limits: Limits
    ) -> None:
        self._files = (picture.absolute(), sound.absolute())
        self._arguments = {
            "picture": str(self._files[0]),
            "sound": str(self._files[1]),
            "side": side,
            "rates": list(rates),
            "limits": limits.to_json(),
        }
        self._limits = limits
        self._frames: queue.Queue[tuple[int, NDArray[np.uint8]] | None] = queue.Queue(_WAITING)
        self._sound: dict[int, IO[bytes]] = {rate: tempfile.TemporaryFile() for rate in rates}  # noqa: SIM115
        self._stopped = threading.Event()
        self._heading: Heading | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._decode, name="decode", daemon=True)
        self._thread.start()

    def frames(self) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Second and ``(height, width, 3)`` uint8 of each frame, once, in order; ends early on an error."""
        while (item := self._frames.get()) is not None:
            yield item

    def heading(self) -> Heading:
        """What came of it; to be asked for after the frames were taken.

        Raises:
            MediaError: If the file cannot be judged.
            OutputError: If its sound cannot be held.
        """
        self._thread.join()
        if self._error is not None:
            raise self._error
        if self._heading is None:
            raise RuntimeError("the decoder ended without a word")
        return self._heading

    def sound(self, rate: int) -> Iterator[NDArray[np.float32]]:
        """The sound at one of the rates in blocks, from the beginning, as often as you like."""
        file = self._sound[rate]
        file.seek(0)
        while data := file.read(4 * _BLOCK):
            yield np.frombuffer(data, np.float32)

    def close(self) -> None:
        """Stop decoding and let go of the sound."""
        self._stopped.set()
        self._thread.join()
        for file in self._sound.values():
            file.close()

    def _decode(self) -> None:
        try:
            header, _ = run(
                "vadd.embed.decode:work",
                self._arguments,
                limits=self._limits,
                part=self._take,
                readable=self._files,
            )
            self._heading = _received(header)
        except _NotWantedError:
            pass
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            self._error = OutputError(f"cannot hold the sound in {tempfile.gettempdir()}: {reason}")
        except BaseException as error:  # noqa: BLE001 - raised again where the heading is asked for
            self._error = error
        finally:
            with contextlib.suppress(_NotWantedError):
                self._put(None)

    def _take(self, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """A part from the child, which may have been taken over: nothing in it is believed unseen."""
        if header.get("what") == "frame":
            image, second = arrays.get("image"), header.get("second")
            if image is None or image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
                raise _nonsense()
            if type(second) is not int or not 0 <= second < _MOST_SECONDS:
                raise _nonsense()
            self._put((second, image))
            return
        samples, rate = arrays.get("samples"), header.get("rate")
        if rate not in self._sound or samples is None or samples.ndim != 1 or samples.dtype != np.float32:
            raise _nonsense()
        if not np.isfinite(samples).all():
            raise _nonsense()
        if self._stopped.is_set():
            raise _NotWantedError
        self._sound[rate].write(samples.tobytes())

    def _put(self, item: tuple[int, NDArray[np.uint8]] | None) -> None:
        while not self._stopped.is_set():
            try:
                return self._frames.put(item, timeout=_PATIENCE)
            except queue.Full:
                continue
        raise _NotWantedError


def _nonsense() -> MediaError:
    return MediaError("crashed", "the decoder's process sent nonsense; it is not trusted any more")


def _received(header: Mapping[str, Any]) -> Heading:
    try:
        seconds = header["seconds"]
        if type(seconds) is not int or not 0 < seconds < _MOST_SECONDS:
            raise _nonsense()
        there = [frozenset(at for at in header[name] if 0 <= at < seconds) for name in ("pictures", "sounds")]
        digests = tuple(str(digest) for digest in header["sha256"])
        return Heading(seconds, there[0], there[1], digests, tuple(str(note) for note in header["notes"]))
    except (KeyError, TypeError) as error:
        raise _nonsense() from error
