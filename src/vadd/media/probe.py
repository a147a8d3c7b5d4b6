"""What a file declares: container, streams in use, start times, durations; checked against the limits.

This is also the only place that opens a container. A file is opened by its absolute path behind
``file:``, with one protocol and a list of real containers allowed: playlists, concat scripts and names
that look like URLs can then make FFmpeg read nothing but the file itself. A file-like object is never
handed over, because FFmpeg then opens what the content names without asking the protocol whitelist.
"""

from __future__ import annotations

import os
import re
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vadd.errors import MediaError
from vadd.media.info import AudioStream, MediaInfo, VideoStream
from vadd.media.limits import Limits

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream

__all__ = ["open_container", "probe", "probe_open"]

#: FFmpeg's names of demuxers that read one self-contained file.
CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,wav,w64,mp3,flac,aac,aiff,caf,au,amr,"
    "ac3,eac3"
)  # fmt: skip

#: Demuxers that guess the duration from the bit rate: it declares nothing that could be missed.
_GUESSED_DURATION = frozenset({"mp3", "aac", "ac3", "eac3", "amr", "mpeg"})

#: First bytes of containers, to tell a damaged media file from something else (RIFF also holds pictures).
_SIGNATURE = re.compile(
    rb".{4}(ftyp|moov|mdat)|\x1a\x45\xdf\xa3|RIFF.{4}(AVI |WAVE)|OggS|FLV\x01|fLaC|ID3"
    rb"|\x30\x26\xb2\x75|\x00\x00\x01\xba",
    re.DOTALL,
)

#: A time of at most 9999 hours; no exponents, which could name numbers that take for ever to compute.
_CLOCK = re.compile(r"([0-9]{1,4}):([0-9]{2}):([0-9]{2}(?:\.[0-9]{1,9})?)")


def open_container(path: Path, *, known: bool = False) -> InputContainer:
    """Open one local media file so that nothing but this file can be read.

    Args:
        path: The file.
        known: Whether its streams have been probed before. FFmpeg then need not decode a frame of each to
            learn what only frames tell (pixel aspect), which is most of the time of opening.

    Raises:
        MediaError: ``not_media``, ``damaged`` (starts like a container but has no readable header),
            ``unreadable`` or ``limit`` (not enough memory).
    """
    import av

    # PyAV's own log callback takes the GIL inside FFmpeg's threads and can hang decoding.
    av.logging.restore_default_callback()
    av.logging.set_libav_level(av.logging.PANIC)
    absolute = os.path.abspath(path)  # noqa: PTH100 - resolve() would follow links and change the name
    options = {"protocol_whitelist": "file", "format_whitelist": CONTAINERS}
    if known:
        options["skip_frame"] = "all"
    try:
        return av.open("file:" + absolute, mode="r", options=options, metadata_errors="replace")
    except MemoryError as error:
        raise MediaError("limit", f"{path.name}: opening it takes more memory than allowed") from error
    except (av.error.FileNotFoundError, av.error.PermissionError) as error:
        raise MediaError("unreadable", f"{path.name}: {error.strerror}") from error
    except av.error.FFmpegError as error:
        if _looks_like_container(path):
            raise MediaError("damaged", f"{path.name}: the header is damaged or missing") from error
        raise MediaError("not_media", f"{path.name}: not a media file of a known kind") from error


def probe(path: Path, limits: Limits) -> MediaInfo:
    """Read what a media file declares and hold it against ``limits``.

    Args:
        path: A regular local file.
        limits: Bounds on size, duration, frame size, streams, channels and rates.

    Raises:
        MediaError: ``unreadable``, ``not_media``, ``damaged`` or ``limit``.
    """
    info, container = probe_open(path, limits)
    container.close()
    return info


def probe_open(path: Path, limits: Limits) -> tuple[MediaInfo, InputContainer]:
    """As :func:`probe`, but the container stays open, at its beginning, for whoever reads on.

    Opening it anew would cost as much as the probe: FFmpeg decodes a few frames to learn their order.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise MediaError("unreadable", f"{path.name}: {error.strerror}") from error
    if size == 0:
        raise MediaError("not_media", f"{path.name}: the file is empty")
    _bound(path, "size", size, limits.file_bytes, "bytes")
    container = open_container(path)
    try:
        return _info(path, size, container, limits), container
    except MediaError:
        container.close()
        raise


def _info(path: Path, size: int, container: InputContainer, limits: Limits) -> MediaInfo:
    _bound(path, "number of streams", len(container.streams), limits.streams, "")
    kind = container.format.name
    declared = None
    if container.duration is not None and kind not in _GUESSED_DURATION:
        declared = Fraction(container.duration, 1_000_000)
    video, video_notes = _choose(list(container.streams.video), "video")
    audio, audio_notes = _choose(list(container.streams.audio), "audio")
    notes = [*video_notes, *audio_notes]
    guessed = kind in _GUESSED_DURATION
    info = MediaInfo(
        name=path.name,
        size=size,
        sha256=None,
        container=kind,
        duration=declared if declared and declared > 0 else None,
        video=None if video is None else _video(video, guessed),
        audio=None if audio is None else _audio(audio, guessed),
        notes=tuple(notes),
    )
    if info.video is None and info.audio is None:
        if any(note.endswith("cannot be decoded") for note in notes):
            raise MediaError("unreadable", f"{path.name}: no decoder for what it holds ({'; '.join(notes)})")
        raise MediaError("not_media", f"{path.name}: it holds neither picture nor sound")
    _check(path, info, limits)
    return info


def _looks_like_container(path: Path) -> bool:
    with path.open("rb") as file:
        return _SIGNATURE.match(file.read(16)) is not None


def _choose(streams: list[Any], kind: str) -> tuple[Any | None, list[str]]:
    """The stream that a player would use, and notes on what was passed over."""
    from av.stream import Disposition

    still = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
    notes: list[str] = []
    usable = []
    for stream in streams:
        if stream.disposition & still:
            notes.append(f"cover art (stream {stream.index}) is not a video")
        elif stream.codec_context is None:
            notes.append(f"{kind} stream {stream.index} cannot be decoded")
        else:
            usable.append(stream)
    if not usable:
        return None, notes
    default = [stream for stream in usable if stream.disposition & Disposition.default]
    chosen = (default or usable)[0]
    if len(usable) > 1:
        others = ", ".join(_describe(stream) for stream in usable if stream is not chosen)
        why = "the default" if default else "the first"
        notes.append(f"{kind} track used: {_describe(chosen)}, {why} of {len(usable)}; ignored: {others}")
    return chosen, notes


def _describe(stream: Stream) -> str:
    facts = [stream.codec_context.name, stream.language, stream.metadata.get("title")]
    return f"stream {stream.index} ({', '.join(fact for fact in facts if fact and fact != 'und')})"


def _video(stream: Any, guessed: bool) -> VideoStream:
    aspect = stream.sample_aspect_ratio
    # Pixel aspects beyond 4:1 are nonsense in the file, and would make absurd frame sizes.
    sane = aspect is not None and Fraction(1, 4) <= aspect <= 4
    return VideoStream(
        index=stream.index,
        codec=stream.codec_context.name,
        width=stream.codec_context.width,
        height=stream.codec_context.height,
        pixel_aspect=aspect if sane else Fraction(1),
        rate=stream.average_rate or None,
        start=_seconds(stream, stream.start_time) or Fraction(0),
        duration=None if guessed else _declared(stream),
    )


def _audio(stream: Any, guessed: bool) -> AudioStream:
    context = stream.codec_context
    return AudioStream(
        index=stream.index,
        codec=context.name,
        rate=context.sample_rate or 0,
        channels=context.channels,
        layout=context.layout.name,
        language=stream.language if stream.language != "und" else None,
        start=_seconds(stream, stream.start_time) or Fraction(0),
        duration=None if guessed else _declared(stream),
    )


def _seconds(stream: Any, ticks: int | None) -> Fraction | None:
    return None if ticks is None or stream.time_base is None else ticks * Fraction(stream.time_base)


def _declared(stream: Any) -> Fraction | None:
    """Declared seconds of a stream; Matroska keeps its end in a tag ``DURATION`` as h:mm:ss.fraction."""
    end = _clock(stream.metadata.get("DURATION", ""))
    if end is None:
        duration = _seconds(stream, stream.duration)
    else:  # before what FFmpeg says, which takes the container's duration for a stream without packets
        duration = end - (_seconds(stream, stream.start_time) or 0)
    return duration if duration and duration > 0 else None


def _clock(tag: str) -> Fraction | None:
    """Seconds of a time as h:mm:ss.fraction; ``None`` if the tag is absent or says something else."""
    parts = _CLOCK.fullmatch(tag)
    if parts is None:
        return None
    return int(parts[1]) * 3600 + int(parts[2]) * 60 + Fraction(parts[3])


def _check(path: Path, info: MediaInfo, limits: Limits) -> None:
    for duration in (info.duration, info.declared):
        if duration is not None:
            _bound(path, "duration", float(duration), limits.seconds, "s")
    if info.video is not None:
        width, height = info.video.width, info.video.height
        _bound(path, "frame side", max(width, height), limits.side, "pixels")
        _bound(path, "frame size", width * height, limits.pixels, "pixels")
        if info.video.rate is not None:
            _bound(path, "frame rate", float(info.video.rate), limits.frame_rate, "a second")
    if info.audio is not None:
        _bound(path, "number of channels", info.audio.channels, limits.channels, "")
        _bound(path, "sample rate", info.audio.rate, limits.max_rate, "Hz")
        if 0 < info.audio.rate < limits.min_rate:
            message = f"sample rate {info.audio.rate} Hz is below the limit of {limits.min_rate} Hz"
            raise MediaError("limit", f"{path.name}: {message}")


def _bound(path: Path, what: str, value: float, limit: float, unit: str) -> None:
    if value > limit:
        text = f"{what} {value:,.10g} is above the limit of {limit:,.10g} {unit}".rstrip()
        raise MediaError("limit", f"{path.name}: {text}")
