"""What the guarded child does for a clip joined of several: every piece through one path, then one encoder.

At a join the picture and the sound change together, on a frame. Each piece is brought to one picture size
and frame rate (as much of it as there is, black beside it) and to the level and peak that a rendered clip of
it alone would have; the sounds meet in the crossfade that a splice has. So neither how loud a piece is nor
how it was encoded tells a join from a splice.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vadd.errors import MediaError
from vadd.media.film import FilmReader, Shot
from vadd.media.info import MediaInfo, fraction
from vadd.media.limits import Limits
from vadd.media.loudness import Histogram, make_up, shaped
from vadd.media.mix import FADE, MOST_GAIN
from vadd.media.mux import RATE, Sink
from vadd.media.probe import probe
from vadd.media.rewrite import Encoding, write
from vadd.media.sound import SoundReader

if TYPE_CHECKING:
    from vadd.media.child import Channel

__all__ = ["FORM", "Cut", "Frame", "level", "levelled", "work"]

#: FFmpeg's name of the container of what is joined.
FORM = "mp4"
#: Seconds of a piece whose frames may be missing at its end: then the last one stays.
_SHORT = Fraction(1, 2)
#: Seconds of media between two words of progress.
_STEP = 1.0

Samples = NDArray[np.float32]
Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Cut:
    """A stretch of a clip.

    Attributes:
        picture: The file with its picture.
        sound: The file with its sound; the same for one file.
        start: Seconds from the first frame on, and from where a sound's own file begins, at least 0.
        seconds: Its length, above 0.
    """

    picture: Path
    sound: Path
    start: Fraction
    seconds: Fraction

    @property
    def end(self) -> Fraction:
        """Where it ends in the clip."""
        return self.start + self.seconds

    def to_json(self) -> dict[str, str]:
        """As :meth:`from_json` takes it."""
        start, seconds = (f"{time.numerator}/{time.denominator}" for time in (self.start, self.seconds))
        files = {"picture": str(self.picture.absolute()), "sound": str(self.sound.absolute())}
        return {**files, "start": start, "seconds": seconds}

    @classmethod
    def from_json(cls, facts: Mapping[str, str]) -> Cut:
        """A cut as another process names it."""
        times = fraction(facts["start"]), fraction(facts["seconds"])
        return cls(Path(facts["picture"]), Path(facts["sound"]), *times)


@dataclass(frozen=True, slots=True)
class Frame:
    """The picture that all pieces are brought to.

    Attributes:
        width: Pixels, even.
        height: Pixels, even.
        rate: Frames a second.
    """

    width: int = 640
    height: int = 360
    rate: int = 25


def work(
    channel: Channel, *, cuts: list[dict[str, str]], frame: dict[str, int], limits: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Send a clip joined of cuts; the job behind :func:`vadd.media.join_file.write_joined`.

    Args:
        channel: Takes parts ``{"what": "bytes", "at": offset}`` with ``data``.
        cuts: In order, as :meth:`Cut.to_json` gives them; their lengths are whole numbers of frames.
        frame: Fields of :class:`Frame`.
        limits: As :meth:`vadd.media.limits.Limits.to_json` gives them.

    Returns:
        ``seconds`` of the clip and the ``level`` of its sound; no arrays.

    Raises:
        MediaError: If a file cannot be used, or ends before its cut does.
    """
    bounds, canvas = Limits.from_json(limits), Frame(**frame)
    pieces = [Cut.from_json(each) for each in cuts]
    total = sum((piece.seconds for piece in pieces), Fraction(0))
    infos = {
        path: probe(path, bounds)
        for path in dict.fromkeys(path for piece in pieces for path in (piece.picture, piece.sound))
    }
    # What comes before a cut is decoded too, picture and sound.
    channel.duration(float(sum((2 * piece.end for piece in pieces), total)))
    sounds = []
    for piece in pieces:
        sounds.append(_sound(piece, infos[piece.sound], bounds))
        channel.progress(0.0, float(total))
    sound = _joined(pieces, sounds)
    told = 0.0

    def progress(seconds: float) -> None:
        nonlocal told
        if seconds - told >= _STEP:
            told = seconds
            channel.progress(seconds, float(total))

    write(
        Sink(lambda at, data: channel.part({"what": "bytes", "at": at}, {"data": _bytes(data)})),
        FORM,
        _shots(pieces, infos, canvas, bounds),
        (sound[None], RATE),
        Encoding(),
        rate=Fraction(canvas.rate),
        progress=progress,
    )
    return {"seconds": float(total), "level": level(sound)}, {}


def _sound(cut: Cut, info: MediaInfo, limits: Limits) -> Samples:
    """``(n,)`` samples at :data:`RATE`, levelled, of a cut and of a crossfade's length behind it."""
    name = cut.sound.name
    if info.audio is None:
        raise MediaError("unreadable", f"{name}: there is no sound in it")
    zero = (info.video or info.audio).start
    first, last = round(cut.start * RATE), round((cut.end + FADE) * RATE)
    reader = SoundReader(cut.sound, info.audio, limits, zero=zero, rate=RATE, until=-(-last // RATE))
    samples = np.concatenate([np.zeros(0, np.float32), *reader])[first:last]
    if len(samples) < last - first:
        raise MediaError("damaged", f"{name}: its sound ends before {float(cut.end):.2f} s")
    if reader.coverage < limits.coverage:
        share = f"only {reader.coverage:.0%} of the sound up to there could be decoded"
        raise MediaError("damaged", f"{name}: {share}")
    return levelled(samples)


def levelled(samples: Samples) -> Samples:
    """Samples as loud, and with as high a peak, as a rendered clip has them."""
    heard = Histogram()
    heard.add(samples)
    if heard.peak <= 0:
        return samples
    factor = 10 ** (make_up(heard, -MOST_GAIN, MOST_GAIN) / 20)
    return shaped(samples * np.float32(factor), heard.peak * factor).astype(np.float32, copy=False)


def level(samples: Samples) -> float:
    """RMS in dBFS, :attr:`Histogram.FLOOR` at least."""
    power = float(np.mean(np.square(samples, dtype=np.float64)))
    return max(Histogram.FLOOR, 10 * math.log10(power)) if power > 0 else Histogram.FLOOR


def _joined(pieces: Sequence[Cut], sounds: Sequence[Samples]) -> Samples:
    """The sounds one after the other, each fading in over what the one before goes on with."""
    fade = round(FADE * RATE)
    angle = (np.arange(fade, dtype=np.float32) + 0.5) / fade * np.float32(np.pi / 2)
    parts: list[Samples] = []
    before: Samples | None = None
    for piece, sound in zip(pieces, sounds, strict=True):
        length = round(piece.seconds * RATE)
        part = sound[:length].copy()
        if before is not None:
            part[:fade] = np.sin(angle) * part[:fade] + np.cos(angle) * before
        before = sound[length : length + fade]
        parts.append(part)
    return np.clip(np.concatenate(parts), -1, 1)


def _shots(
    pieces: Sequence[Cut], infos: Mapping[Path, MediaInfo], canvas: Frame, limits: Limits
) -> Iterator[Shot]:
    """The frames of all pieces, one a tick."""
    images = (image for piece in pieces for image in _frames(piece, infos[piece.picture], canvas, limits))
    for tick, image in enumerate(images):
        yield Shot(Fraction(tick, canvas.rate), image)


def _frames(cut: Cut, info: MediaInfo, canvas: Frame, limits: Limits) -> Iterator[Picture]:
    """What is seen of a cut at each tick of the canvas's rate; a picture is scaled when it is first shown."""
    name = cut.picture.name
    if info.video is None:
        raise MediaError("unreadable", f"{name}: there is no picture in it")
    wanted, shown = round(cut.seconds * canvas.rate), 0
    fitter = _Fitter(canvas)
    reader = FilmReader(cut.picture, info.video, limits, zero=info.video.start)
    seen: Picture | None = None  # what is seen at the tick, as it was decoded
    scaled: Picture | None = None  # the same, once it was shown
    for shot in reader:
        while shown < wanted and cut.start + Fraction(shown, canvas.rate) < shot.time:
            seen = shot.image if seen is None else seen  # before the first frame, that is what is seen
            scaled = fitter(seen) if scaled is None else scaled
            yield scaled
            shown += 1
        if reader.errors:
            # The frame before would stay: a picture that stands still, which others do not.
            raise MediaError("damaged", f"{name}: some of its picture cannot be decoded")
        if shown == wanted:
            return
        seen, scaled = shot.image, None
    if seen is None or reader.end + _SHORT < cut.end:
        raise MediaError("damaged", f"{name}: its picture ends before {float(cut.end):.2f} s")
    last = fitter(seen) if scaled is None else scaled
    for _ in range(shown, wanted):
        yield last


class _Fitter:
    """Scales pictures to fit the canvas, whole, in its middle."""

    def __init__(self, canvas: Frame) -> None:
        from av.video.reformatter import VideoReformatter

        self._canvas = canvas
        self._scaler: Any = VideoReformatter()

    def __call__(self, image: Picture) -> Picture:
        from av.video.frame import VideoFrame

        height, width = image.shape[:2]
        factor = min(self._canvas.width / width, self._canvas.height / height)
        wide, high = max(2, round(width * factor)), max(2, round(height * factor))
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        way = "AREA" if factor < 1 else "BICUBIC"
        scaled = self._scaler.reformat(frame, width=wide, height=high, format="rgb24", interpolation=way)
        whole = np.zeros((self._canvas.height, self._canvas.width, 3), np.uint8)
        top, left = (self._canvas.height - high) // 2, (self._canvas.width - wide) // 2
        whole[top : top + high, left : left + wide] = scaled.to_ndarray()
        return whole


def _bytes(data: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(data, np.uint8)
