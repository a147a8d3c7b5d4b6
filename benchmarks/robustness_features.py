"""Clips, one side of each distorted, as the product's networks see and hear them; measured once and kept.

A clip's picture or sound is distorted in this process (the shared data is trusted; users' files go through
the guarded child), written to a file of its own, and measured by :func:`vadd.embed.extract.extract`. What is
kept has the columns of ``tools/features/clips.npz``: no change of the decision needs a new measurement.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tools")]

from vadd.detect.blank import blank_seconds  # noqa: E402
from vadd.embed.extract import extract  # noqa: E402
from vadd.media.limits import Limits  # noqa: E402
from vadd.media.mux import Sink  # noqa: E402
from vadd.media.probe import probe  # noqa: E402
from vadd.protocol.distort.catalog import parse  # noqa: E402
from vadd.protocol.distort.chain import Chain  # noqa: E402
from vadd.protocol.distort.worker import made  # noqa: E402

#: Larger pictures are first scaled down to this shorter side: the network takes 224 pixels, and full ones
#: would take five times as long.
SIDE = 360
#: How pictures are written that are not about that: as finely as by default, in half the time and more bytes.
_QUICK = "h264:crf=12,preset=ultrafast"
#: Stands in a setting for a recording: the speech, or another clip that is music.
SPEECH, MUSIC = "SPEECH", "MUSIC"
Table = dict[str, NDArray[np.generic]]


@dataclass(frozen=True)
class Setting:
    """One distortion at one strength.

    Attributes:
        row: Which line of the table it belongs to.
        strength: In words.
        side: ``picture`` or ``sound``.
        text: As ``vadd protocol distort --with`` takes it; empty: encoded anew and nothing else.
    """

    row: str
    strength: str
    side: str
    text: str

    @property
    def folder(self) -> str:
        """A name for what was measured; another text has another."""
        digest = hashlib.sha256(json.dumps([self.side, self.text, SIDE]).encode()).hexdigest()
        return f"{self.text.split(':')[0] or 'anew'}-{digest[:10]}"


def measured(
    settings: Sequence[Setting],
    clips: Sequence[tuple[Path, str]],
    speech: Path | None,
    work: Path,
    workers: int,
) -> Iterator[tuple[int, int]]:
    """Measure what is not kept yet.

    Args:
        settings: What is done to the clips.
        clips: File and kind of each.
        speech: Recording that speaks; without it settings with speech must be there.
        work: Folder where the tables are kept, ``SETTING/CLIP.npz``.
        workers: Processes.

    Yields:
        How many of how many are done.
    """
    music = [at for at, (_, kind) in enumerate(clips) if kind == "music"]
    jobs = []
    # Sounds first: they take a quarter of the time, and what is there can be looked at.
    for setting in sorted(settings, key=lambda each: each.side, reverse=True):
        for at, (path, _) in enumerate(clips):
            place = work / setting.folder / f"{at:02}.npz"
            if not place.exists():
                others = [other for other in music if other != at]
                other = others[int(np.random.default_rng(at).integers(len(others)))]
                text = setting.text.replace(MUSIC, str(clips[other][0])).replace(SPEECH, str(speech))
                jobs.append((setting.side, text, at, path, place))
    if not jobs:
        return
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        for done, job in enumerate(as_completed([pool.submit(_one, *job) for job in jobs]), 1):
            job.result()
            yield done, len(jobs)


def table(setting: Setting, clean: Table, work: Path) -> Table:
    """The clips' table with the setting's side in place of the clean one, second for second.

    Seconds that a distorted clip lacks count as not seen or not heard.
    """
    columns = (
        {"seen": False, "blank": False, "vectors": 0, "classes": 0}
        if setting.side == "picture"
        else {"heard": False, "level": -160, "sounds": 0}
    )
    changed: dict[str, list[NDArray[np.generic]]] = {name: [] for name in columns}
    for at, length in enumerate(clean["length"]):
        with np.load(work / setting.folder / f"{at:02}.npz", allow_pickle=False) as stored:
            for name, absent in columns.items():
                rows = stored[name][:length]
                lacking = np.full((length - len(rows), *rows.shape[1:]), absent, rows.dtype)
                changed[name].append(np.concatenate([rows, lacking]))
    return {**clean, **{name: np.concatenate(parts) for name, parts in changed.items()}}


def _one(side: str, text: str, seed: int, path: Path, place: Path) -> None:
    texts = [text] if text else []
    if side == "picture" and not text.startswith("h264"):
        texts.append(_QUICK)
    chain = Chain(tuple(map(parse, texts)), seed)
    info = probe(path, Limits())
    alone = replace(info, audio=None) if side == "picture" else replace(info, video=None)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "distorted.mkv"
        with file.open("wb") as out:

            def put(at: int, data: bytes) -> None:
                out.seek(at)
                out.write(data)

            made(Sink(put), path, alone, "matroska", chain, Limits(), side=SIDE)
        track = extract(file, file)
    if side == "picture":
        assert track.picture is not None
        columns = {
            "seen": track.picture.present,
            "blank": blank_seconds(track.picture),
            "vectors": track.picture.vectors.astype(np.float16),
            "classes": track.picture.scores.astype(np.float16),
        }
    else:
        assert track.sound is not None
        columns = {
            "heard": track.sound.present,
            "level": track.sound.level,
            "sounds": track.sound.scores.astype(np.float16),
        }
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = place.with_name(f".{place.stem}-{os.getpid()}.npz")
    np.savez(temporary, **columns)
    temporary.replace(place)
