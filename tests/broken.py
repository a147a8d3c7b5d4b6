"""Makers of files that cannot be judged, or of which little can be said.

Wherever it can, a file is made of a clip that gets the verdict ``consistent`` as it is: then a test that
it does not get this verdict any more is about what was done to it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw

import media
from vadd.demo import clips
from vadd.detect.verdict import Outcome

#: A clip whose sound belongs to its picture; ten seconds, H.264 and AAC.
GOOD = next(clip.path for clip in clips() if clip.expected is Outcome.CONSISTENT)
#: A clip whose sound does not.
SWAPPED = next(clip.path for clip in clips() if clip.expected is Outcome.DISCREPANT)

#: Pictures with a face, as the tests of the face detector have them.
FACES = Path(__file__).parent / "data/blazeface_reference.npz"

#: The sample rate of the sounds that are made here, Hz.
RATE = 44_100


def copy(path: Path) -> Path:
    """The good clip under another name."""
    return Path(shutil.copyfile(GOOD, path))


def join(path: Path, picture: Path | None = GOOD, sound: Path | None = GOOD, *, seconds: float = 1e9) -> Path:
    """Copy the packets of one file's picture and another's sound, bit for bit.

    Args:
        path: Where to; the container follows the suffix.
        picture: Where the picture is from; ``None`` for a file without any.
        sound: Where the sound is from; ``None`` for a file without any.
        seconds: What is shown or heard later is left out.
    """
    with ExitStack() as open_files:
        new = open_files.enter_context(av.open(str(path), "w"))
        copies = []
        for source, kind in ((picture, "video"), (sound, "audio")):
            if source is not None:
                old = open_files.enter_context(av.open(str(source)))
                stream = getattr(old.streams, kind)[0]
                copies.append((old.demux(stream), new.add_stream_from_template(stream)))
        for packets, copy in copies:
            for packet in packets:
                if packet.size and float(packet.pts * packet.time_base) < seconds:
                    packet.stream = copy
                    new.mux(packet)
    return path


def over(path: Path, samples: np.ndarray, *, start: int = 0, picture: Path = GOOD) -> Path:
    """A clip's picture with these samples (``(channels, n)`` at ``RATE``), unchanged, as its sound."""
    track = media.Sound(samples, RATE, codec="pcm_f32le", start=Fraction(start))
    sound = media.write(path.with_suffix(".sound.mkv"), None, [track])
    return join(path, picture, sound)


def samples_of(source: Path = GOOD, rate: int = RATE) -> np.ndarray:
    """``(1, n)`` float32: the sound of a clip, mono."""
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=rate)
    with av.open(str(source)) as container:
        frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
        frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray() for frame in frames], axis=1)


def frames_of(source: Path = GOOD, *, size: tuple[int, int], rate: int) -> Iterator[np.ndarray]:
    """``(height, width, 3)`` uint8 frames of a clip, ``rate`` a second."""
    with av.open(str(source)) as container:
        step = round(float(container.streams.video[0].average_rate) / rate)
        for at, frame in enumerate(container.decode(video=0)):
            if at % step == 0:
                yield frame.to_ndarray(format="rgb24", width=size[0], height=size[1])


def filmed(path: Path, sounds: list[media.Sound], *, turned: int = 0, told: bool = True) -> Path:
    """A clip's picture encoded anew, smaller and at five frames a second, with other sounds.

    Args:
        path: Where to; the container follows the suffix.
        sounds: Sounds of the new file.
        turned: Degrees by which the pixels are turned.
        told: Whether the file says so, and a player turns them back.
    """
    images = [np.rot90(image, turned // 90) for image in frames_of(size=(320, 180), rate=5)]
    frames = [(Fraction(at, 5), image) for at, image in enumerate(images)]
    height, width = images[0].shape[:2]
    return media.write(
        path, media.Picture(frames, 5, (width, height), rotation=-turned if told else 0), sounds
    )


def still(path: Path, image: np.ndarray, sound: np.ndarray, seconds: float = 6.0) -> Path:
    """One image all the time, over a sound of ``RATE`` samples a second."""
    return shown(path, [image], sound, seconds)


def shown(path: Path, images: Sequence[np.ndarray], sound: np.ndarray, seconds: float = 6.0) -> Path:
    """Images one after the other, each as long, over a sound of ``RATE`` samples a second."""
    height, width = images[0].shape[:2]
    count = round(seconds * 5)
    frames = [(Fraction(at, 5), images[at * len(images) // count]) for at in range(count)]
    picture = media.Picture(frames, rate=5, size=(width, height))
    return media.write(path, picture, [media.Sound(sound[:, : round(seconds * RATE)], RATE)])


def title(size: tuple[int, int] = (320, 240)) -> np.ndarray:
    """White words on a dark ground, as opening titles are."""
    image = Image.new("RGB", size, (16, 24, 60))
    draw = ImageDraw.Draw(image)
    draw.text((size[0] // 6, size[1] // 3), "PART ONE", fill=(255, 255, 255), font_size=36)
    draw.text((size[0] // 6, size[1] // 2), "a film by nobody", fill=(255, 255, 255), font_size=20)
    return np.asarray(image)


def face(size: tuple[int, int] = (320, 240)) -> np.ndarray:
    """A face that covers about a third of the frame; NASA's photograph, see NOTICE."""
    with np.load(FACES) as stored:
        head = Image.fromarray(stored["frames"][0]).crop((25, 25, 102, 102))
    image = Image.new("RGB", size, (90, 90, 90))
    side = size[1]
    image.paste(head.resize((side, side), Image.Resampling.BICUBIC), ((size[0] - side) // 2, 0))
    return np.asarray(image)


def slide(number: int, size: tuple[int, int] = (320, 240)) -> np.ndarray:
    """A slide in three colours, none of which fills half of it: heading, points and a margin."""
    image = Image.new("RGB", size, (250, 250, 250))
    draw = ImageDraw.Draw(image)
    width, height = size
    draw.rectangle((0, 0, width, height // 4), fill=(20, 60, 120))
    draw.rectangle((0, height // 4, width // 3, height), fill=(150, 180, 210))
    draw.text((12, 16), f"Part {number}", fill=(255, 255, 255), font_size=28)
    for line in range(4):
        words = f"{number}.{line} one thing more"
        draw.text((width // 3 + 8, height // 4 + 16 + 36 * line), words, fill=(20, 20, 20), font_size=16)
    return np.asarray(image)


def black(size: tuple[int, int] = (320, 240)) -> np.ndarray:
    """Nothing to be seen."""
    return np.zeros((size[1], size[0], 3), np.uint8)


def noise(seconds: float, decibels: float, seed: int = 1) -> np.ndarray:
    """``(1, n)`` of pink-ish noise with this RMS in dBFS: as much power an octave everywhere."""
    n = round(seconds * RATE)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(n))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    spectrum[0] = 0
    samples = np.fft.irfft(spectrum, n)
    return (samples * 10 ** (decibels / 20) / np.sqrt(np.mean(samples**2))).astype(np.float32)[None]


def chords(seconds: float) -> np.ndarray:
    """``(1, n)`` of plucked major and minor chords, two a second: heard as music."""
    beat = RATE // 2
    since = np.arange(2 * beat) / RATE
    samples = np.zeros(round(seconds * RATE) + 2 * beat)
    progression = ((48, 60, 64, 67), (45, 57, 60, 64), (53, 65, 69, 72), (55, 67, 71, 74))
    for at in range(int(2 * seconds)):
        for note in progression[at // 4 % 4]:
            hertz = 440 * 2 ** ((note - 69) / 12)
            plucked = sum(np.sin(2 * np.pi * k * hertz * since) / k**1.5 for k in range(1, 7))
            samples[at * beat : (at + 2) * beat] += plucked * np.exp(-5 * since)
    samples = samples[: round(seconds * RATE)]
    return (0.3 * samples / np.abs(samples).max()).astype(np.float32)[None]


def voice(seconds: float, seed: int = 1) -> np.ndarray:
    """``(1, n)`` of a voice that babbles: four syllables a second of a hiss and a vowel, with pauses.

    The vowels are a buzz of gliding pitch through three formants (frequencies of the five vowels of a man's
    voice after Peterson and Barney, 1952).
    """
    vowels = np.array([
        (730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410),
    ])  # fmt: skip
    syllable = 0.25
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE)) / RATE
    marks = np.arange(0, seconds + syllable, syllable)
    spoken = vowels[rng.integers(0, len(vowels), len(marks))]
    pitch = np.interp(t, marks, 140 - 20 * (marks % 2) + 25 * rng.standard_normal(len(marks)))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    vowel = np.zeros(len(t))
    for k in range(1, 5000 // 100):
        formants = enumerate(np.interp(t, marks, spoken[:, at]) for at in range(3))
        gain = sum(1 / (1 + ((k * pitch - formant) / (60 + 30 * at)) ** 2) for at, formant in formants)
        vowel += np.where(k * pitch < 5000, gain / k * np.sin(k * phase), 0)
    within = t % syllable / syllable
    vowel *= np.interp(within, [0, 0.2, 0.35, 0.8, 1], [0, 0, 1, 1, 0])
    hiss = np.diff(rng.standard_normal(len(t)), prepend=0)
    hiss *= np.interp(within, [0, 0.05, 0.2, 0.3], [0, 1, 1, 0]) * np.interp(t, marks, rng.random(len(marks)))
    pauses = rng.random(len(marks))[(t / syllable).astype(int)] < 0.15
    samples = np.where(pauses, 0, vowel / np.abs(vowel).max() + 0.075 * hiss)
    return (0.3 * samples / np.abs(samples).max()).astype(np.float32)[None]


def playlist(kind: str, target: Path) -> str:
    """Text that makes FFmpeg, left to itself, read ``target``."""
    return {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{target}\n#EXT-X-ENDLIST\n",
        "concat": f"ffconcat version 1.0\nfile '{target}'\n",
    }[kind]
