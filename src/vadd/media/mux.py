"""Writes MP4: a picture's packets as they are in their file, and one track of sound encoded anew.

Nothing else gets in: no title, date, language, name of a program, chapter, cover or further track. What the
container says of the sound follows from the picture's length alone, so that two files with the same picture
differ in the bytes of the sound and their sizes only.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vadd.errors import MediaError
from vadd.media.info import VideoStream
from vadd.media.limits import Limits
from vadd.media.probe import open_container

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet

__all__ = ["BIT_RATE", "CODEC", "RATE", "Sink", "Track", "dress", "framed", "frames", "survey", "write"]

#: The sound of every clip that is written: mono, so that a second channel cannot tell where it came from.
CODEC, RATE, BIT_RATE = "aac", 48_000, 128_000
#: Samples a frame of AAC.
_FRAME = 1024
#: Bytes that are handed on together; the muxer writes a packet at a time.
_LOT = 1 << 20
#: Frames a second where a stream does not say.
_GUESSED_RATE = 25
#: HEVC has two names in MP4 and some players know this one only; what had it keeps it.
_KEPT_TAGS = frozenset({"hvc1"})


@dataclass(frozen=True, slots=True)
class Track:
    """A picture as its packets tell it.

    Attributes:
        zero: Presentation time of its first frame in its file, seconds.
        length: Seconds from there to the end of the last frame, greater than 0.
        decoding: Decoding times in ticks, one a packet, where the file does not tell all of them; else
            ``None``.
    """

    zero: Fraction
    length: Fraction
    decoding: NDArray[np.int64] | None


class Sink:
    """The file that the muxer believes to write: every stretch of bytes is handed on with its place.

    Args:
        send: Takes the offset and the bytes.
    """

    def __init__(self, send: Callable[[int, bytes], None]) -> None:
        self._send = send
        self._held = bytearray()
        self._start = 0
        self._end = 0

    def write(self, data: bytes) -> int:
        """Take bytes for where the last ones ended, or the last :meth:`seek` went."""
        self._held += data
        if len(self._held) >= _LOT:
            self.flush()
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to another place, as :meth:`io.IOBase.seek` does."""
        base = (0, self.tell(), max(self._end, self.tell()))[whence]
        self.flush()
        self._start = base + offset
        return self._start

    def tell(self) -> int:
        """Where the next byte goes."""
        return self._start + len(self._held)

    def flush(self) -> None:
        """Hand on what is held back."""
        if self._held:
            self._send(self._start, bytes(self._held))
            self._start += len(self._held)
            self._end = max(self._end, self._start)
            self._held.clear()


def survey(path: Path, stream: VideoStream, container: InputContainer, limits: Limits) -> Track:
    """Read all packets of a picture, decode none, and tell where it begins and ends.

    Args:
        path: The file, for messages.
        stream: Its video stream.
        container: The file, open at its beginning.
        limits: Bounds on the duration and on what may be missing.

    Raises:
        MediaError: ``damaged`` if packets are broken or missing, ``unreadable`` if they carry no times or
            MP4 cannot hold them, ``limit`` if the picture is too long.
    """
    end, told = stream.start, True
    times = array("q")
    source: Any = container.streams[stream.index]
    for packet in _packets(path, container, source):
        shown = _shown(path, packet, source)
        end = max(end, (shown + _duration(packet, stream)) * packet.time_base)
        times.append(shown)
        told = told and packet.dts is not None
        if end - stream.start > limits.seconds:
            raise MediaError("limit", f"{path.name}: the picture is longer than {limits.seconds} s")
    length = end - stream.start
    if not times or length <= 0:
        raise MediaError("damaged", f"{path.name}: the picture is empty")
    if stream.duration is not None and length < Fraction(limits.coverage) * stream.duration:
        share = f"only {float(length / stream.duration):.0%} of the declared picture is there"
        raise MediaError("damaged", f"{path.name}: {share}")
    return Track(stream.start, length, None if told else _decoding(np.array(times, np.int64)))


def write(
    sink: Sink,
    path: Path,
    stream: VideoStream,
    track: Track,
    sound: Iterable[NDArray[np.float32]],
    progress: Callable[[float], None],
) -> None:
    """Write one clip.

    Args:
        sink: Takes the file.
        path: Where the picture is.
        stream: Its video stream.
        track: The same as :func:`survey` found it; its first frame comes at 0.
        sound: Blocks of mono samples at :data:`RATE`, within [-1, 1], from the first frame on.
        progress: Called with the seconds written.

    Raises:
        MediaError: ``unreadable`` if MP4 cannot hold the picture, ``damaged`` if its times make no sense.
    """
    import av

    with open_container(path) as container:
        source: Any = container.streams[stream.index]
        options = {"fflags": "+bitexact", "write_btrt": "0"}
        # A file-like object is no danger here: this is a file to be written, and MP4 opens no other.
        with av.open(sink, "w", format="mp4", options=options, buffer_size=1 << 18) as out:
            film = _film(path, out, source)
            voice = _Voice(out, sound)
            ahead = round(track.zero / source.time_base)
            try:
                for at, packet in enumerate(_packets(path, container, source)):
                    shown = _shown(path, packet, source)
                    decoded = packet.dts if track.decoding is None else _at(path, track.decoding, at)
                    packet.duration = _duration(packet, stream)
                    packet.pts, packet.dts = shown - ahead, (shown if decoded is None else decoded) - ahead
                    seconds = packet.dts * packet.time_base
                    voice.until(seconds)
                    packet.stream = film
                    out.mux(packet)
                    progress(max(0.0, float(seconds)))
                voice.until(None)
            except av.error.FFmpegError as error:
                raise MediaError(
                    "damaged",
                    f"{path.name}: the picture's packets cannot be written to MP4 ({error.strerror})",
                ) from error
    sink.flush()


def dress(encoder: Any) -> None:
    """Give an encoder of sound the settings that every clip has."""
    from av.codec.context import Flags

    encoder.bit_rate = BIT_RATE
    # A tenth of the power of white noise lies above where the encoder would cut: rain would lose more of
    # its level than speech.
    encoder.options = {"cutoff": str(RATE // 2)}
    # Without it the encoder writes its name and version into the first frame.
    encoder.flags |= Flags.bitexact


class _Voice:
    """The sound's track: encoded no further than the picture has come."""

    def __init__(self, out: OutputContainer, sound: Iterable[NDArray[np.float32]]) -> None:
        stream: Any = out.add_stream(CODEC, rate=RATE, layout="mono")
        dress(stream.codec_context)
        self._out, self._stream = out, stream
        self._frames = frames(sound)
        self._position = 0

    def until(self, seconds: Fraction | None) -> None:
        """Write the sound that begins before ``seconds``, or all that is left."""
        while seconds is None or self._position < seconds * RATE:
            samples = next(self._frames, None)
            if samples is None:
                break
            self._out.mux(self._stream.encode(framed(samples, self._position)))
            self._position += len(samples)
        if seconds is None:
            self._out.mux(self._stream.encode(None))


def framed(samples: NDArray[np.float32], position: int) -> AudioFrame:
    """Samples as an encoder takes them, ``position`` samples from the start."""
    from av.audio.frame import AudioFrame

    frame = AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = RATE, position, Fraction(1, RATE)
    return frame


def frames(sound: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    """The samples in the portions that the encoder takes; only the last may be shorter."""
    rest = np.zeros(0, np.float32)
    for block in sound:
        rest = np.concatenate([rest, block])
        whole = len(rest) // _FRAME * _FRAME
        for at in range(0, whole, _FRAME):
            yield np.ascontiguousarray(rest[at : at + _FRAME])
        rest = rest[whole:]
    if len(rest):
        yield rest


def _film(path: Path, out: OutputContainer, source: Any) -> Any:
    """The picture's track: codec, rotation and pixel aspect of its source, and none of its metadata."""
    try:
        # "opaque" takes the stream as it is; otherwise an encoder of the codec would be looked for.
        film: Any = out.add_stream_from_template(source, opaque=True)
    except ValueError as error:
        name = source.codec_context.name
        raise MediaError("unreadable", f"{path.name}: MP4 cannot hold a picture in {name}") from error
    if source.codec_context.codec_tag in _KEPT_TAGS:
        film.codec_context.codec_tag = source.codec_context.codec_tag
    return film


def _packets(path: Path, container: InputContainer, source: Any) -> Iterator[Packet[Any]]:
    """The packets of the picture, up to the end or to where the file can't be read on."""
    import av

    try:
        for packet in container.demux(source):
            if packet.is_corrupt:
                raise MediaError("damaged", f"{path.name}: packets of the picture are broken")
            if packet.size:
                yield packet
    except MemoryError as error:
        raise MediaError("limit", f"{path.name}: reading it takes more memory than allowed") from error
    except av.error.FFmpegError:
        return  # the length tells what is missing


def _shown(path: Path, packet: Packet[Any], source: Any) -> int:
    """Presentation time of a packet in ticks; AVI tells only the order of decoding."""
    if packet.pts is not None:
        return int(packet.pts)
    if packet.dts is None or source.codec_context.has_b_frames:
        raise MediaError("unreadable", f"{path.name}: packets of the picture do not say when they are shown")
    return int(packet.dts)


def _decoding(shown: NDArray[np.int64]) -> NDArray[np.int64]:
    """Decoding times for ``(n,)`` presentation times in the order of decoding.

    Matroska keeps presentation times only. The same times in rising order, so much earlier that no frame is
    shown before it is decoded, are what an encoder would have written.
    """
    rising = np.sort(shown)
    return rising - max(0, int((rising - shown).max()))


def _at(path: Path, decoding: NDArray[np.int64], at: int) -> int:
    if at >= len(decoding):
        raise MediaError("changed", f"{path.name}: it changed while it was read")
    return int(decoding[at])


def _duration(packet: Packet[Any], stream: VideoStream) -> int:
    """Ticks that a packet lasts, at least 1; some containers leave that of the last one open."""
    if packet.duration:
        return int(packet.duration)
    return max(1, round(1 / ((stream.rate or _GUESSED_RATE) * Fraction(packet.time_base))))
