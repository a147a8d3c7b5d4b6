"""A sound's fingerprint: its waveform at a low rate with the spectrum made flat, one byte a sample.

Two copies of one recording keep the shape of their waves through codecs, gains, resampling and whatever is
mixed over one of them; two recordings, even of the same place, share none of it. In a flat spectrum every
frequency counts alike, so that neither a hum nor a bass decides, and chance gets a known spread
(:mod:`vadd.media.align`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vadd.errors import MediaError
from vadd.media import guard as guarded
from vadd.media.identity import Identity, check_input
from vadd.media.limits import Limits
from vadd.media.probe import probe
from vadd.media.sound import SoundReader

if TYPE_CHECKING:
    from vadd.media.child import Channel
    from vadd.media.guard import Guard

__all__ = ["RATE", "VERSION", "Fingerprint", "Whitener", "fingerprint", "work"]

#: Which fingerprints may be compared; to be raised with every change of the numbers below.
VERSION = 1
#: Samples a second. Telephones, 8 kHz files and codecs at low bit rates keep all that is below half of it.
RATE = 4_000
#: Hz between which the spectrum is used: below is rumble, above are the flanks of resampling filters.
LOW, HIGH = 60.0, 1_600.0

_WINDOW, _HOP = 512, 256
#: Frames on either side (half a second) whose power a frame is measured against.
_REACH = 8
#: Power of a frequency below the strongest of its moment that is not raised any more: -60 dB, where codecs
#: and windows leave nothing of the sound.
_RELATIVE = 1e-6
#: What is below -105 dBFS is rounding noise of 16-bit samples.
_ABSOLUTE = 10 ** (-105 / 10) * _WINDOW / 2
#: Frames that are made at once, about a minute; the numbers do not depend on it.
_BLOCK = 1_024
#: Standard deviation of the flat waveform in steps of a byte: four of them fit.
_STEPS = 32.0
#: Seconds between two progress messages, in media time.
_PROGRESS = 20.0


@dataclass(frozen=True, slots=True, eq=False)
class Fingerprint:
    """What is kept of a sound.

    Attributes:
        samples: ``(n,)`` int8 at :data:`RATE`; sample ``i`` is heard ``i / RATE`` seconds after the earlier
            start of the file's streams; 0 throughout where nothing is heard.
        notes: What the reader of a result should know of the sound.
    """

    samples: NDArray[np.int8]
    notes: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """Length of the sound."""
        return len(self.samples) / RATE

    @property
    def sounding(self) -> float:
        """Seconds in which anything is heard."""
        whole = len(self.samples) // _HOP * _HOP
        heard = (self.samples[:whole].reshape(-1, _HOP) != 0).any(axis=1)
        return float(heard.sum()) * _HOP / RATE


def fingerprint(
    path: Path,
    *,
    limits: Limits | None = None,
    progress: Callable[[float, float], None] | None = None,
    guard: Guard | None = None,
) -> Fingerprint | None:
    """Take a file's fingerprint, in a guarded child.

    Args:
        path: The media file.
        limits: What it may cost; the defaults if ``None``.
        progress: Called with (seconds done, seconds in all).
        guard: The guarded child to do it in; one for this call alone if ``None``.

    Returns:
        The fingerprint; ``None`` if the file has no sound.

    Raises:
        UsageError: If the file does not exist, is not a regular file or can't be opened.
        MediaError: If its sound cannot be read.
    """
    check_input(path)
    bounds = limits or Limits()
    before = Identity.of(path)
    arguments = {"path": str(path.absolute()), "limits": bounds.to_json()}
    run = guarded.run if guard is None else guard.run
    header, arrays = run(
        "vadd.media.fingerprint:work", arguments, limits=bounds, progress=progress, readable=[path.absolute()]
    )
    before.verify()
    try:
        return _received(header, arrays, bounds)
    except (KeyError, TypeError, ValueError) as error:
        message = "the decoder's process sent nonsense; it is not trusted any more"
        raise MediaError("crashed", message) from error


def _received(
    header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], limits: Limits
) -> Fingerprint | None:
    """The child's answer; it is checked, as the child may have been taken over."""
    if header["silent"] is True:
        return None
    samples, notes = arrays["samples"], header["notes"]
    if samples.dtype.str != "|u1" or samples.ndim != 1 or len(samples) > 2 * limits.seconds * RATE:
        raise ValueError("no fingerprint")
    if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
        raise ValueError("notes are not a list of texts")
    # Its bytes lie in the message; a copy lets the rest of that go.
    return Fingerprint(samples.view(np.int8).copy(), tuple(" ".join(note.split())[:500] for note in notes))


def work(
    channel: Channel, *, path: str, limits: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The child's job: decode the sound once and flatten it as it comes."""
    bounds, place = Limits.from_json(limits), Path(path)
    info = probe(place, bounds)
    channel.duration(float(info.declared or 0))
    if info.audio is None:
        return {"silent": True}, {}
    zero = min(info.audio.start, info.video.start) if info.video else info.audio.start
    reader = SoundReader(place, info.audio, bounds, zero=zero, rate=RATE)
    whitener, total, told = Whitener(), float(info.declared or 0), 0.0
    pieces: list[NDArray[np.int8]] = []
    for block in reader:
        pieces.extend(whitener.push(block))
        done = float(reader.extent)
        if done >= told + _PROGRESS:
            told = done
            channel.progress(done, max(done, total))
    pieces.extend(whitener.finish())
    if not reader.extent:
        return {"silent": True}, {}
    if reader.coverage < bounds.coverage:
        share = f"only {reader.coverage:.0%} of the declared sound could be decoded"
        raise MediaError("damaged", f"{place.name}: {share}")
    if info.audio.duration is None and info.duration and reader.extent < _most(info.duration, bounds):
        share = f"only {float(reader.extent / info.duration):.0%} of the declared duration is there"
        raise MediaError("damaged", f"{place.name}: {share}")
    samples = np.concatenate(pieces) if pieces else np.zeros(0, np.int8)
    return {"silent": False, "notes": list(reader.notes)}, {"samples": samples.view(np.uint8)}


def _most(duration: Fraction, limits: Limits) -> Fraction:
    return Fraction(limits.coverage) * duration


class Whitener:
    """Makes the spectrum of a sound flat, as it comes, in flat memory.

    Each frequency of each moment is divided by its own root mean power within half a second, so that also
    loud and soft moments count alike.
    """

    def __init__(self) -> None:
        shape = np.sin(np.pi * (np.arange(_WINDOW) + 0.5) / _WINDOW)
        self._window = shape.astype(np.float32)
        hertz = np.fft.rfftfreq(_WINDOW, 1 / RATE)
        self._used = (hertz >= LOW) & (hertz <= HIGH)
        # Bins of power 1 each make a waveform of this standard deviation (two sides of the spectrum, and a
        # window whose square sums up to half its length).
        self._scale = _STEPS / math.sqrt(2 * self._used.sum() / _WINDOW / (_WINDOW / 2))
        # Half a window of silence before the start, so that every sample lies in two frames.
        self._waiting: list[NDArray[np.float32]] = [np.zeros(_HOP, np.float32)]
        self._held, self._length = _HOP, 0
        self._past: NDArray[np.complex64] = np.zeros((0, _WINDOW // 2 + 1), np.complex64)
        self._done = 0  # frames of `_past` that were made flat before
        self._tail = np.zeros(_HOP, np.float32)
        self._first = True

    def push(self, samples: NDArray[np.float32]) -> Iterator[NDArray[np.int8]]:
        """Take ``(n,)`` samples at :data:`RATE`; gives what is flat by now."""
        self._waiting.append(samples)
        self._held += len(samples)
        self._length += len(samples)
        if self._held >= (_BLOCK + 1) * _HOP:
            yield self._flatten(last=False)

    def finish(self) -> Iterator[NDArray[np.int8]]:
        """Give the rest, so that there are as many samples as were taken."""
        self._waiting.append(np.zeros(-self._held % _HOP + _HOP, np.float32))
        yield self._flatten(last=True)

    def _flatten(self, *, last: bool) -> NDArray[np.int8]:
        held = np.concatenate(self._waiting)
        frames = max(0, len(held) // _HOP - 1)
        self._waiting = [held[frames * _HOP :]]
        self._held = len(self._waiting[0])
        if frames:
            rows = np.lib.stride_tricks.sliding_window_view(held, _WINDOW)[: frames * _HOP : _HOP]
            spectra = np.fft.rfft(rows * self._window, axis=1).astype(np.complex64)
            self._past = np.concatenate([self._past, spectra])
        ready = len(self._past) if last else max(self._done, len(self._past) - _REACH)
        flat = self._past[self._done : ready] * self._gains(self._done, ready)
        keep = max(0, ready - _REACH)
        self._past, self._done = self._past[keep:], ready - keep
        return self._joined(flat, last=last)

    def _gains(self, start: int, end: int) -> NDArray[np.float32]:
        """What each frequency of the frames from ``start`` to ``end`` is multiplied with."""
        first = max(0, start - _REACH)
        power = np.square(np.abs(self._past[first : end + _REACH]), dtype=np.float64)
        total = np.concatenate([np.zeros((1, power.shape[1])), np.cumsum(power, axis=0)])
        at = np.arange(start, end) - first
        low, high = np.maximum(0, at - _REACH), np.minimum(len(power), at + _REACH + 1)
        mean = np.maximum(total[high] - total[low], 0) / np.maximum(high - low, 1)[:, None]
        wide = mean.copy()
        wide[:, 1:] += mean[:, :-1]
        wide[:, :-1] += mean[:, 1:]
        wide /= 3
        loudest = wide[:, self._used].max(axis=1, keepdims=True, initial=0.0)
        gains = 1 / np.sqrt(wide + _RELATIVE * loudest + _ABSOLUTE)
        scaled: NDArray[np.float32] = (gains * self._used).astype(np.float32)
        return scaled

    def _joined(self, flat: NDArray[np.complex64], *, last: bool) -> NDArray[np.int8]:
        """Overlapping frames added up and brought into bytes."""
        waves = np.fft.irfft(flat, _WINDOW, axis=1).astype(np.float32) * self._window
        joined = np.zeros((len(waves) + 1, _HOP), np.float32)
        joined[0] = self._tail
        joined[:-1] += waves[:, :_HOP]
        joined[1:] += waves[:, _HOP:]
        self._tail = joined[-1].copy()
        made = joined[:-1].reshape(-1)
        if self._first and len(made):
            made, self._first = made[_HOP:], False  # the silence put before the start
        out: NDArray[np.int8] = np.clip(np.rint(made * self._scale), -127, 127).astype(np.int8)
        self._length -= len(out)
        # The silence put after the end goes too.
        return out[: len(out) + min(0, self._length)] if last else out
