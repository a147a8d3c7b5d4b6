"""Has cases judged, some at a time by one warm child, and keeps what came of it for all test processes."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import threading
import time
from pathlib import Path
from typing import Any, Self

import numpy as np
from make_references import net
from parts import REFUSED, Case

from vadd.detect.detector import Detector
from vadd.detect.verdict import Verdict
from vadd.embed.extract import Extraction
from vadd.errors import MediaError, UsageError
from vadd.media.guard import Guard

__all__ = ["CHUNK", "Listener", "chunks", "judged"]

#: Cases that one child judges.
CHUNK = 16
#: Thumbnails whose pixels differ by more on the average, of 255, show something else.
_LIKE_PIXELS = 12.0
#: Columns of the spectrogram that differ by more (natural logarithm of energy) are another sound.
_LIKE_ENERGY = 1.0
#: Columns, a hundred a second, by which a sound may come early.
_EARLY = 20


class Listener:
    """Listens on loopback, and counts who comes."""

    def __init__(self) -> None:
        self.came = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._count, daemon=True)

    def _count(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.came += 1
            connection.close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


def chunks(cases: list[Case]) -> list[list[Case]]:
    """The cases in pieces of at most :data:`CHUNK`."""
    return [cases[at : at + CHUNK] for at in range(0, len(cases), CHUNK)]


def judged(number: int, cases: list[Case], shared: Path) -> dict[str, dict[str, Any]]:
    """Name → what came of the case.

    Args:
        number: Of these cases.
        cases: To be judged.
        shared: A folder of all test processes; whoever is first does the work.
    """
    known = shared / f"hostile-{number}.json"
    with (shared / f"hostile-{number}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not known.exists():
            folder = shared / f"hostile-{number}"
            folder.mkdir()
            with Listener() as listener:
                net.port = listener.port
                found = _judge(cases, folder, listener)
            known.with_suffix(".new").write_text(json.dumps(found))
            known.with_suffix(".new").replace(known)
    return json.loads(known.read_text())


def _judge(cases: list[Case], folder: Path, listener: Listener) -> dict[str, dict[str, Any]]:
    paths, wholes = {}, {}
    for at, case in enumerate(cases):
        (folder / str(at)).mkdir()
        paths[case.name] = case.make(folder / str(at))
        if case.whole is not None:
            (folder / f"{at}-whole").mkdir()
            wholes[case.name] = case.whole(folder / f"{at}-whole")
    canaries = [*folder.rglob("canary.*")]
    for canary in canaries:
        os.utime(canary, ns=(1, 1))
    detector, found = Detector(), {}
    files = [path for path in (*paths.values(), *wholes.values()) if path.is_file()]
    measured: dict[bytes, Extraction] = {}
    with Guard(limits=detector.limits, jobs=len(files), readable=files) as guard:
        for name, path in paths.items():
            came, began = listener.came, time.monotonic()
            result, extraction = _check(detector, path, guard)
            result["took"] = time.monotonic() - began
            result["met"] = listener.came - came
            if name in wholes and extraction is not None:
                content = wholes[name].read_bytes()
                if content not in measured:
                    measured[content] = detector.measure(
                        wholes[name], wholes[name], exhibit=True, guard=guard
                    )
                result["whole"] = _alike(extraction, measured[content])
            result["read"] = [
                canary.name
                for canary in canaries
                if canary.stat().st_atime_ns != 1 and canary != path.resolve()
            ]
            found[name] = result
    return found


def _check(detector: Detector, path: Path, guard: Guard) -> tuple[dict[str, Any], Extraction | None]:
    """As ``Detector.check``, but by a child that is there."""
    extraction = None
    try:
        extraction = detector.measure(path, path, exhibit=True, guard=guard)
        verdict = detector.judge(extraction, path, path)
    except UsageError as error:
        return {"gives": REFUSED, "told": str(error)}, None
    except MediaError as error:
        verdict = detector.failed(error, ("both",), (path,))
    return _told(verdict), extraction


def _told(verdict: Verdict) -> dict[str, Any]:
    gives = verdict.verdict.value + (f" ({verdict.reason.value})" if verdict.reason else "")
    return {
        "gives": gives,
        "told": " ".join((verdict.explanation, *verdict.notes)),
        "duration": float(verdict.duration),
        "score": verdict.score,
        "name": verdict.provenance.inputs[0].name,
    }


def _alike(found: Extraction, whole: Extraction) -> tuple[float, float]:
    """The shares (0-1) of a clip's picture and sound that are still there in a damaged copy.

    They are taken from the thumbnails and the spectrogram, which no verdict is made of.
    """
    from io import BytesIO

    from PIL import Image

    def pixels(extraction: Extraction) -> dict[int, np.ndarray]:
        return {at: np.asarray(Image.open(BytesIO(data)), float) for at, data in extraction.thumbnails}

    seen, wanted = pixels(found), pixels(whole)
    kept = [
        at in seen and seen[at].shape == image.shape and np.abs(seen[at] - image).mean() < _LIKE_PIXELS
        for at, image in wanted.items()
    ]
    energy = whole.spectrogram
    assert energy is not None
    heard = np.full_like(energy, np.inf)
    if found.spectrogram is not None:
        heard[: len(found.spectrogram)] = found.spectrogram[: len(energy)]
    # In AVI a sound has no times: what follows a small hole comes a little early.
    near = [np.abs(np.roll(heard, by, axis=0) - energy).mean(axis=1) < _LIKE_ENERGY for by in range(_EARLY)]
    return float(np.mean(kept)), float(np.mean(np.any(near, axis=0)))
