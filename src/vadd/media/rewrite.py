"""Writes a picture and a sound that were decoded, and maybe changed, into a new file.

The same frames, samples and settings give the same bytes on any number of cores: one thread encodes, and
nothing of the moment or the machine gets in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vadd.errors import MediaError
from vadd.media.film import Shot

if TYPE_CHECKING:
    from av.container import OutputContainer

    from vadd.media.mux import Sink

__all__ = ["FORMATS", "Encoding", "paced", "write"]

#: FFmpeg's name of the container by the suffix of the file.
FORMATS = {".mkv": "matroska", ".mp4": "mp4"}
#: Ticks a second of the picture's timestamps: what MPEG uses, whole for all common frame rates.
_TICKS = 90_000
#: Samples handed to the encoder at once, where it does not want a number of its own.
_FRAME = 1024


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a file is written.

    By default so that the encoding itself is not noticed: FFmpeg's H.264 guide calls a rate factor of 17
    visually lossless, and FLAC keeps 24 bits of a sample.

    Attributes:
        crf: H.264's constant rate factor, 0-51; higher is coarser.
        preset: x264's preset.
        frame_rate: Frames a second to which the picture is thinned or repeated; ``None``: as they come.
        codec: FFmpeg's name of the sound's encoder.
        bit_rate: Of the sound, bits a second; ``None`` for a codec without loss.
    """

    crf: int = 12
    preset: str = "veryfast"
    frame_rate: Fraction | None = None
    codec: str = "flac"
    bit_rate: int | None = None


def write(
    sink: Sink,
    form: str,
    shots: Iterable[Shot] | None,
    sound: tuple[NDArray[np.float32], int] | None,
    encoding: Encoding,
    *,
    rate: Fraction,
    progress: Callable[[float], None] = lambda seconds: None,
) -> None:
    """Write one file.

    Args:
        sink: Takes the file.
        form: FFmpeg's name of the container (:data:`FORMATS`).
        shots: The picture in rising order of time, all of one size; ``None``: no picture. An odd last row or
            column is cut off, as the encoder halves the colours.
        sound: ``(channels, n)`` float32 in [-1, 1] from second 0 on, one channel or two, and its samples a
            second; ``None``: no sound.
        encoding: How.
        rate: Frames a second that the picture is declared with.
        progress: Called with the seconds written.

    Raises:
        MediaError: ``damaged`` if there is neither a frame nor a sample.
    """
    import av

    film = iter(() if shots is None else shots)
    if encoding.frame_rate is not None:
        film, rate = paced(film, encoding.frame_rate), encoding.frame_rate
    first = next(film, None)
    samples = None if sound is None or not sound[0].shape[1] else sound
    if first is None and samples is None:
        raise MediaError("damaged", "there is neither a frame nor a sample to be written")
    # A file-like object is no danger here: this is a file to be written, and these containers open no other.
    with av.open(sink, "w", format=form, options={"fflags": "+bitexact"}) as out:
        voice = None
        picture = None if first is None else _Picture(out, first, rate, encoding)
        if samples is not None:
            voice = _Voice(out, *samples, encoding)
        if picture is not None and first is not None:
            for shot in chain([first], film):
                if voice is not None:
                    voice.until(shot.time)
                picture.add(shot)
                progress(float(shot.time))
            picture.end()
        if voice is not None:
            voice.until(None)
    sink.flush()


def paced(shots: Iterable[Shot], rate: Fraction) -> Iterator[Shot]:
    """The frames that a camera of another rate would have: at each of its ticks what is shown then.

    Args:
        shots: In rising order of time.
        rate: Frames a second.

    Yields:
        One shot a tick from the first frame on, up to the time of the last one; one at least if there is one.
    """
    before: Shot | None = None
    first = tick = 0
    for shot in shots:
        if before is None:
            first = tick = -(-shot.time * rate // 1)  # the first tick that is not before it
        while before is not None and tick / rate < shot.time:
            yield Shot(tick / rate, before.image)
            tick += 1
        before = shot
    if before is not None and (tick == first or tick / rate <= before.time):
        yield Shot(tick / rate, before.image)


class _Picture:
    """The picture's track."""

    def __init__(self, out: OutputContainer, first: Shot, rate: Fraction, encoding: Encoding) -> None:
        from av.codec.context import Flags

        stream: Any = out.add_stream("libx264", rate=rate)
        stream.height, stream.width = (side - side % 2 for side in first.image.shape[:2])
        if not (stream.height and stream.width):
            raise MediaError("unreadable", "a picture of one pixel cannot be encoded")
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, _TICKS)
        stream.codec_context.options = {"crf": str(encoding.crf), "preset": encoding.preset}
        # Other numbers of threads give other bytes.
        stream.codec_context.thread_count = 1
        stream.codec_context.flags |= Flags.bitexact
        self._out, self._stream, self._length = out, stream, round(_TICKS / rate)
        self._last = -1

    def add(self, shot: Shot) -> None:
        from av.video.frame import VideoFrame

        image = np.ascontiguousarray(shot.image[: self._stream.height, : self._stream.width])
        frame = VideoFrame.from_ndarray(image, format="rgb24")
        frame.pts = self._last = max(self._last + 1, round(shot.time * _TICKS))
        frame.time_base, frame.duration = Fraction(1, _TICKS), self._length
        self._out.mux(self._stream.encode(frame))

    def end(self) -> None:
        self._out.mux(self._stream.encode(None))


class _Voice:
    """The sound's track, encoded no further than the picture has come."""

    def __init__(
        self, out: OutputContainer, samples: NDArray[np.float32], rate: int, encoding: Encoding
    ) -> None:
        from av.audio.codeccontext import AudioCodecContext
        from av.audio.resampler import AudioResampler
        from av.codec.context import Flags

        self._layout = "mono" if len(samples) == 1 else "stereo"
        rates = AudioCodecContext.create(encoding.codec, "w").codec.audio_rates
        stream: Any = out.add_stream(encoding.codec, rate=_taken(rate, rates), layout=self._layout)
        if encoding.bit_rate is not None:
            stream.codec_context.bit_rate = encoding.bit_rate
        if encoding.codec == "flac":
            stream.codec_context.format = "s32"  # of which it keeps 24 bits
        stream.codec_context.flags |= Flags.bitexact
        stream.codec_context.open()
        self._out, self._stream, self._samples, self._rate = out, stream, samples, rate
        self._resampler = AudioResampler(
            format=stream.format.name,
            layout=self._layout,
            rate=stream.rate,
            frame_size=stream.codec_context.frame_size or _FRAME,
        )
        self._position = 0

    def until(self, seconds: Fraction | None) -> None:
        """Write the sound that begins before ``seconds``, or all that is left."""
        from av.audio.frame import AudioFrame

        total = self._samples.shape[1]
        end = total if seconds is None else min(total, -(-seconds * self._rate // 1))
        while self._position < end:
            block = np.ascontiguousarray(self._samples[:, self._position : self._position + _FRAME])
            frame = AudioFrame.from_ndarray(block, format="fltp", layout=self._layout)
            frame.sample_rate, frame.pts = self._rate, self._position
            frame.time_base = Fraction(1, self._rate)
            self._mux(frame)
            self._position += block.shape[1]
        if seconds is None:
            self._mux(None)
            self._out.mux(self._stream.encode(None))

    def _mux(self, frame: Any) -> None:
        for part in self._resampler.resample(frame):
            self._out.mux(self._stream.encode(part))


def _taken(rate: int, rates: Any) -> int:
    """The rate itself, or the next one up that the encoder takes, or its highest."""
    if not rates or rate in rates:
        return rate
    return int(min((each for each in rates if each > rate), default=max(rates)))
