"""What the guarded child does for a distorted file: decode, change, encode, send the file's bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vadd.errors import MediaError
from vadd.media.channels import read_channels, read_mono
from vadd.media.film import FilmReader, Shot
from vadd.media.info import MediaInfo
from vadd.media.limits import Limits
from vadd.media.mux import Sink
from vadd.media.probe import probe
from vadd.media.rewrite import write
from vadd.protocol.distort.chain import Chain
from vadd.protocol.distort.transform import Sound

if TYPE_CHECKING:
    from vadd.media.child import Channel

__all__ = ["LONGEST", "made", "work"]

#: Seconds of sound that are held in memory: ten minutes of stereo are 230 MB, and a change needs some copies.
LONGEST = 600
#: Frames a second of a picture that declares none.
_GUESSED_RATE = Fraction(25)
#: Seconds of media between two words of progress.
_STEP = 1.0


def work(
    channel: Channel,
    *,
    source: str,
    form: str,
    chain: dict[str, Any],
    folder: str,
    limits: dict[str, Any],
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Send a new file; the job behind :func:`vadd.protocol.distort.file.distort`.

    Args:
        channel: Takes parts ``{"at": offset}`` with ``data``.
        source: The file to be distorted.
        form: FFmpeg's name of the container to be written.
        chain: As :meth:`Chain.to_json` gives it.
        folder: Where relative paths of recordings start.
        limits: As :meth:`vadd.media.limits.Limits.to_json` gives them.

    Returns:
        Nothing beside what was sent.
    """
    bounds = Limits.from_json(limits)
    path = Path(source)
    info = probe(path, bounds)
    total = float(info.declared or 0)
    channel.duration(total)
    told = 0.0

    def progress(seconds: float) -> None:
        nonlocal told
        if seconds - told >= _STEP:
            told = seconds
            channel.progress(seconds, max(total, seconds))

    def send(at: int, data: bytes) -> None:
        channel.part({"at": at}, {"data": np.frombuffer(data, np.uint8)})

    made(Sink(send), path, info, form, Chain.from_json(chain), bounds, folder=Path(folder), progress=progress)
    return {}, {}


def made(
    sink: Sink,
    path: Path,
    info: MediaInfo,
    form: str,
    chain: Chain,
    limits: Limits,
    *,
    side: int | None = None,
    folder: Path = Path(),
    progress: Callable[[float], None] = lambda seconds: None,
) -> None:
    """Decode a file, change it, encode it into ``sink``.

    Args:
        sink: Takes the new file.
        path: The file.
        info: What it declares; a stream that is ``None`` there is left out.
        form: FFmpeg's name of the container to be written.
        chain: What to do.
        limits: What the file may cost.
        side: The picture is scaled down before anything else, to so many pixels on its shorter side.
        folder: Where relative paths of recordings start.
        progress: Called with the seconds written.

    Raises:
        MediaError: If the file cannot be used, or lacks the stream that a distortion is for.
    """
    for each in chain.transforms:
        if (info.video if each.side == "picture" else info.audio) is None:
            raise MediaError("unreadable", f"{path.name}: there is no {each.side} in it for {each.name}")
    zero = min(stream.start for stream in (info.video, info.audio) if stream)
    sound = None
    if info.audio is not None:
        samples = read_channels(path, info.audio, limits, zero=zero, longest=LONGEST)
        heard = chain.hear(
            Sound(samples, info.audio.rate), lambda name, rate: _recording(folder / name, rate, limits)
        )
        sound = heard.samples, heard.rate
    film = None if info.video is None else FilmReader(path, info.video, limits, zero=zero, side=side)
    rate = (info.video and info.video.rate) or _GUESSED_RATE
    shots = None if film is None else _seen(film, chain)
    write(sink, form, shots, sound, chain.encoding, rate=rate, progress=progress)
    if film is not None and film.coverage < limits.coverage:
        share = f"only {film.coverage:.0%} of the declared picture could be decoded"
        raise MediaError("damaged", f"{path.name}: {share}")


def _seen(film: FilmReader, chain: Chain) -> Iterator[Shot]:
    size: tuple[int, ...] | None = None
    for shot in film:
        if size is None:
            size = shot.image.shape
        if shot.image.shape != size:
            raise MediaError("unreadable", "the picture changes its size, which is not supported here")
        yield Shot(shot.time, chain.see(shot.image, float(shot.time)))


def _recording(path: Path, rate: int, limits: Limits) -> NDArray[np.float32]:
    audio = probe(path, limits).audio
    if audio is None:
        raise MediaError("unreadable", f"{path.name}: there is no sound in it")
    return read_mono(path, audio, limits, rate=rate, longest=LONGEST)
