"""Small sets in TAU's form, a record of them, and a server on this machine that serves it."""

from __future__ import annotations

import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import media

OWN = "TAU-urban-audio-visual-scenes-2021-development"
TRAIN = ("park-lyon-12-9", "bus-lyon-2-1")
TEST = ("bus-prague-7-3", "tram-paris-8-4")


def lists(train: Sequence[str] = TRAIN, test: Sequence[str] = TEST) -> dict[str, str]:
    """The three official lists."""

    def table(names: Sequence[str], *, scenes: bool) -> str:
        head = "filename_audio\tfilename_video" + "\tscene_label" * scenes
        body = [
            f"audio/{name}.wav\tvideo/{name}.mp4" + (f"\t{name.partition('-')[0]}" if scenes else "")
            for name in names
        ]
        return "\n".join([head, *body]) + "\n"

    return {
        "fold1_train.csv": table(train, scenes=True),
        "fold1_test.csv": table(test, scenes=False),
        "fold1_evaluate.csv": table(test, scenes=True),
    }


def write_lists(folder: Path, train: Sequence[str] = TRAIN, test: Sequence[str] = TEST) -> Path:
    """The folder of the lists, below a data set's folder; no train list if there is no clip to train on."""
    setup = folder / "meta" / "evaluation_setup"
    setup.mkdir(parents=True)
    for name, text in lists(train, test).items():
        if train or name == "fold1_test.csv":
            (setup / name).write_text(text)
    return setup


def write_clips(folder: Path, names: Sequence[str] = (*TRAIN, *TEST), seconds: float = 10.0) -> None:
    """A picture and a sound for each clip."""
    for kind in ("video", "audio"):
        (folder / kind).mkdir()
    for name in names:
        frames = media.seconds_of_colour(seconds, rate=2)
        media.write(folder / "video" / f"{name}.mp4", media.Picture(frames, rate=2, size=(32, 32)))
        sound = media.Sound(media.tone(seconds, 8_000), 8_000, codec="pcm_s16le")
        media.write(folder / "audio" / f"{name}.wav", None, [sound])


def zipped(files: dict[str, bytes]) -> bytes:
    """An archive of these files."""
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return into.getvalue()


def archives() -> dict[str, bytes]:
    """The parts of a record whose media are noise."""
    noise = [bytes((at * 37 + step) % 256 for step in range(30_000)) for at in range(8)]
    names = (*TRAIN, *TEST)
    meta = {f"{OWN}.meta/evaluation_setup/{name}": text.encode() for name, text in lists().items()}
    return {
        f"{OWN}.meta.zip": zipped({f"{OWN}.meta/meta.csv": b"x\n", **meta}),
        f"{OWN}.audio.1.zip": zipped({f"audio/{name}.wav": noise[at] for at, name in enumerate(names)}),
        f"{OWN}.video.1.zip": zipped(
            {f"video/{name}.mp4": noise[at + 4] for at, name in enumerate(names[:2])}
        ),
        f"{OWN}.video.2.zip": zipped(
            {f"{OWN}/video/{n}.mp4": noise[at + 6] for at, n in enumerate(names[2:])}
        ),
        "LICENSE.txt": b"free\n",
    }


class Server(BaseHTTPRequestHandler):
    """Serves a record and its files, with the faults that a test asks for.

    Attributes:
        files: Name → bytes sent.
        listing: The record's JSON.
        breaks: Name → bytes after which each of the first answers breaks off, in turn.
        ranges: Whether parts of files are sent when asked for.
        moved: Path → address that is sent instead.
        asked: Paths and ranges that were asked for.
    """

    files: dict[str, bytes]
    listing: bytes
    breaks: dict[str, list[int]]
    moved: dict[str, str]
    ranges = True
    asked: list[tuple[str, str | None]]

    def do_GET(self) -> None:
        kind = type(self)
        wanted = self.headers.get("Range")
        kind.asked.append((self.path, wanted))
        if self.path in kind.moved:
            self.send_response(302)
            self.send_header("Location", kind.moved[self.path])
            self.end_headers()
            return
        name = self.path.removeprefix("/files/")
        body = kind.listing if self.path == "/api/records/1" else kind.files.get(name)
        if body is None:
            self.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and kind.ranges else 0
        if start >= len(body) > 0:
            self.send_error(416)
            return
        body = body[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if kind.breaks.get(name):
            body = body[: kind.breaks[name].pop(0)]
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


def listing(files: dict[str, bytes], base: str, **changes: object) -> dict:
    """A record's JSON, as far as vadd reads it, and some more."""
    told = [
        {
            "id": "x",
            "key": name,
            "size": len(data),
            "checksum": f"md5:{hashlib.md5(data, usedforsecurity=False).hexdigest()}",
            "links": {"self": f"{base}/files/{name}"},
        }
        for name, data in files.items()
    ]
    return {"id": 1, "doi": "10.0/1", "metadata": {"title": "A set\nof clips"}, "files": told, **changes}


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[type[Server]]:
    """A server for a record of these files; ``url`` is the record's address, ``base`` the host's."""
    kind = type("Fresh", (Server,), {"files": dict(files), "breaks": {}, "moved": {}, "asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        kind.base = f"http://127.0.0.1:{running.server_port}"
        kind.url = f"{kind.base}/api/records/1"
        kind.listing = json.dumps(listing(files, kind.base)).encode()
        yield kind
        running.shutdown()
        thread.join()
