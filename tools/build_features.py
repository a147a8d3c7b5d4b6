"""Measure the shared media once, so that all that is learnt or scored from it can be repeated without it.

    python tools/build_features.py --shared DIR --stamps DIR --speech DIR

The folders: the shared data (clips, sounds, images); what ``build_tuxpaint.py --out`` unpacked; and any with
spoken descriptions (``*_desc.ogg`` of Tux Paint's stamps), which mask the clips' sounds.
Everything goes through the product's own path: the guarded
extraction for clips and recordings, the catalog's embedders for photographs. The tables hold half-precision
outputs and hand labels by row; no media, and no names of clips.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vadd.detect.blank import blank_seconds
from vadd.embed import catalog
from vadd.embed.extract import extract
from vadd.embed.gain import level_out
from vadd.media.limits import Limits
from vadd.media.probe import probe
from vadd.media.sound import SoundReader

FEATURES = Path(__file__).parent / "features"
RATE = 16_000
#: Decibels of the masker above the scene.
MASKS = (0, 6)
#: scene15/train and /test spell some classes differently.
SPELLING = {"livingRoom": "livingroom"}
Rows = Sequence[NDArray[np.floating]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--stamps", type=Path, required=True)
    parser.add_argument("--speech", type=Path, required=True, help="folder with *_desc.ogg recordings")
    parser.add_argument("--only", choices=("clips", "masked", "joined", "sounds", "images", "stamps"))
    options = parser.parse_args()
    FEATURES.mkdir(exist_ok=True)
    jobs = {
        "clips": lambda: clips(options.shared),
        "masked": lambda: masked(options.shared, options.speech),
        "joined": lambda: joined(options.shared),
        "sounds": lambda: sounds(options.shared),
        "images": lambda: images(options.shared),
        "stamps": lambda: stamps(options.stamps),
    }
    for name, job in jobs.items():
        if options.only in (None, name):
            table = job()
            np.savez_compressed(FEATURES / f"{name}.npz", **table)
            print(name, {key: value.shape for key, value in table.items()})


def originals(shared: Path) -> list[tuple[Path, str]]:
    """Clips whose sound was recorded with their picture, with their kinds, in the list's order."""
    found = []
    with (shared / "clips" / "clips.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["sound"] == "original":
                # The list names clips without an extension, two of which hold a dot of their own.
                paths = [p for p in (shared / "clips").iterdir() if p.name.startswith(row["clip"] + ".")]
                assert len(paths) == 1, row["clip"]
                found.append((paths[0], row["kind"]))
    return found


def clips(shared: Path) -> dict[str, NDArray[np.generic]]:
    rows = originals(shared)
    tracks = [extract(path, path) for path, _ in rows]
    pictures = [track.picture for track in tracks if track.picture]
    heard = [track.sound for track in tracks if track.sound]
    assert len(pictures) == len(heard) == len(rows)
    return {
        "kind": np.array([kind for _, kind in rows]),
        "length": np.array([track.seconds for track in tracks]),
        "seen": np.concatenate([picture.present for picture in pictures]),
        "heard": np.concatenate([sound.present for sound in heard]),
        "blank": np.concatenate([blank_seconds(picture) for picture in pictures]),
        "level": np.concatenate([sound.level for sound in heard]),
        "vectors": _half([picture.vectors for picture in pictures]),
        "classes": _half([picture.scores for picture in pictures]),
        "sounds": _half([sound.scores for sound in heard]),
    }


def masked(shared: Path, speech: Path) -> dict[str, NDArray[np.generic]]:
    """The clips' sounds with speech, or with another clip's music, over them."""
    rng = np.random.default_rng(0)
    rows = originals(shared)
    voices = np.concatenate([wave(path) for path in sorted(speech.rglob("*_desc.ogg"))])
    waves = [wave(path) for path, _ in rows]
    music = [samples for samples, (_, kind) in zip(waves, rows, strict=True) if kind == "music"]
    table = {}
    for decibels in MASKS:
        for name in ("speech", "music"):
            scores = []
            for samples in waves:
                source = voices if name == "speech" else music[rng.integers(len(music))]
                start = rng.integers(max(1, len(source) - len(samples)))
                masker = np.resize(source[start:], len(samples))
                gain = rms(samples) / rms(masker) * 10 ** (decibels / 20)
                scores.append(listen((samples + gain * masker).astype(np.float32)))
            table[f"{name}{decibels}"] = _half(scores)
            table["length"] = np.array([len(score) for score in scores])
    return table


def joined(shared: Path) -> dict[str, NDArray[np.generic]]:
    import joined_clips  # it stands on this module

    return joined_clips.joined(shared, FEATURES / "clips.npz")


def sounds(shared: Path) -> dict[str, NDArray[np.generic]]:
    paths = sorted((shared / "sounds").iterdir())
    scores = [listen(wave(path)) for path in paths]
    return {
        "name": np.array([path.stem for path in paths]),
        "length": np.array([len(score) for score in scores]),
        "sounds": _half(scores),
    }


def images(shared: Path) -> dict[str, NDArray[np.generic]]:
    """Scene photographs; of the SUN categories every third, in order of names, is kept for testing."""
    listed = []
    for folder in sorted((shared / "images").glob("scene15/*/*")):
        listed += [(path, folder, folder.parent.name == "test") for path in sorted(folder.iterdir())]
    for folder in sorted((shared / "images").glob("sun8/*")):
        listed += [(path, folder, at % 3 == 2) for at, path in enumerate(sorted(folder.iterdir()))]
    vectors, classes = look(path for path, _, _ in listed)
    return {
        "scene": np.array([SPELLING.get(f.name, f.name).lower() for _, f, _ in listed]),
        "test": np.array([test for _, _, test in listed]),
        "vectors": vectors,
        "classes": classes,
    }


def stamps(folder: Path) -> dict[str, NDArray[np.generic]]:
    listing = Path(__file__).parents[1] / "benchmarks" / "tuxpaint.csv"
    with listing.open(newline="") as file:
        rows = list(csv.DictReader(file))
    vectors, classes = look(folder / f"{row['name']}.png" for row in rows)
    scores = [listen(wave(folder / f"{row['name']}.ogg")).mean(axis=0) for row in rows]
    return {
        "kind": np.array([row["kind"] for row in rows]),
        "vectors": vectors,
        "classes": classes,
        "sounds": np.stack(scores).astype(np.float16),
    }


def look(paths: Iterable[Path]) -> tuple[NDArray[np.float16], NDArray[np.float16]]:
    frames = (np.asarray(Image.open(path).convert("RGB")) for path in paths)
    seen = list(catalog.load("efficientnet_lite0").embed(frames))
    classes = [second.scores for second in seen if second.scores is not None]
    return np.stack([s.vector for s in seen]).astype(np.float16), np.stack(classes).astype(np.float16)


def listen(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    heard = catalog.load("yamnet").embed(level_out([samples], RATE))
    return np.stack([second.scores for second in heard if second.scores is not None])


def wave(path: Path) -> NDArray[np.float32]:
    limits = Limits()
    audio = probe(path, limits).audio
    assert audio is not None, path
    blocks = list(SoundReader(path, audio, limits, zero=Fraction(0), rate=RATE))
    return np.concatenate(blocks)


def rms(samples: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) + 1e-6


def _half(rows: Rows) -> NDArray[np.float16]:
    return np.concatenate(rows).astype(np.float16)


if __name__ == "__main__":
    sys.modules["build_features"] = sys.modules["__main__"]
    main()
