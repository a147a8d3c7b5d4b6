"""What the tests of written clips look at: boxes, packets, decoded sound and picture."""

from __future__ import annotations

import hashlib
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

#: Boxes that hold other boxes.
_HOLDERS = {b"moov", b"trak", b"edts", b"mdia", b"minf", b"dinf", b"stbl"}
#: What may differ between two clips with one picture: the sizes of the sound's packets and where they lie.
SOUND_BYTES = {"stsz", "stco", "esds", "mdat"}


def boxes(path: Path) -> list[tuple[str, int, bytes]]:
    """Name with those around it, size and content of each box of an MP4; sound's description split."""
    return list(_boxes(path.read_bytes(), ""))


def _boxes(data: bytes, within: str):
    at = 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + size]
        name = f"{within}/{kind.decode('latin-1')}"
        if kind in _HOLDERS:
            yield name, 0, b""
            yield from _boxes(body, name)
        elif kind == b"stsd" and body[12:16] == b"mp4a":
            yield name, len(body), body[:44]
            yield f"{name}/esds", len(body) - 44, body[44:]
        else:
            yield name, len(body), body
        at += size


def structure(path: Path) -> list[tuple[str, int, bytes]]:
    """The boxes without what follows from the bytes of the sound."""
    told = []
    for name, size, body in boxes(path):
        last = name.rpartition("/")[2]
        told.append((name, 0 if last == "mdat" else size, b"" if last in SOUND_BYTES else body))
    return told


def pictures(path: Path) -> tuple[list[str], list[Fraction]]:
    """Digest of each packet of the picture, in order, and the times from the first that is shown on."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        times = [packet.pts * packet.time_base for packet in packets]
        return [hashlib.sha256(bytes(packet)).hexdigest() for packet in packets], [
            time - min(times) for time in times
        ]


def shown(path: Path) -> list[tuple[float, int, bytes]]:
    """Time from the first on, rotation and digest of each decoded frame."""
    with av.open(str(path)) as container:
        frames = [
            (frame.time, frame.rotation, hashlib.sha256(frame.to_ndarray().tobytes()).digest())
            for frame in container.decode(video=0)
        ]
    return [(round(time - frames[0][0], 4), rotation, digest) for time, rotation, digest in frames]


def heard(path: Path) -> np.ndarray:
    """The samples that a player plays."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        blocks = [frame.to_ndarray() for frame in container.decode(audio=0)]
        return np.concatenate(blocks, axis=1)[0, : round(stream.duration * stream.time_base * stream.rate)]


def level(samples: np.ndarray) -> float:
    """dBFS of the RMS."""
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-20))


def pitch(samples: np.ndarray, rate: int = 48_000) -> float:
    """Hertz of the strongest partial."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * rate / len(samples))


def strength(samples: np.ndarray, hertz: float, rate: int = 48_000) -> float:
    """Share (0-1) of the power that lies within 30 Hz of a frequency."""
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    at = np.arange(len(power)) * rate / len(samples)
    return float(power[np.abs(at - hertz) < 30].sum() / power.sum())
