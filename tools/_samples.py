"""Well-formed inputs of every parser that ``tools/fuzz.py`` tries, and the forms around their insides."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import shutil
import tempfile
from dataclasses import asdict, fields, replace
from fractions import Fraction
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from vadd.embed import catalog
from vadd.embed.extract import DEFAULT_EMBEDDERS, Extraction, PictureTrack, SoundTrack
from vadd.media.info import AudioStream, MediaInfo, VideoStream
from vadd.media.limits import Limits

KEY, SHA256 = "0123456789abcdef" * 4, "fedcba9876543210" * 4
_SECONDS = 2


def told(value: Any) -> bytes:
    """A value as JSON."""
    return json.dumps(value).encode()


# --- many files -----------------------------------------------------------------------------------


def paths() -> list[bytes]:
    return [b"a.mp4\nsub/b c.mkv\n/somewhere/\xc3\xa9.webm\n", b"a.mp4\0with\nline.mp4\0\xff\xfe.mov\0"]


def _entry(path: str, **changes: Any) -> dict[str, Any]:
    from vadd.run.ledger import Entry, State

    return {**Entry(path, State(9, 10**18, 77), SHA256, KEY, "consistent").to_json(), **changes}


def ledger() -> bytes:
    """Of one file, whose record has :data:`KEY`."""
    return told(_entry("a.mp4")) + b"\n"


def ledgers() -> list[bytes]:
    lost = _entry("b/\udcff.mp4", key=None, sha256=None, state=None, outcome="failed", reason="unreadable")
    return [b"".join(told(each) + b"\n" for each in (_entry("a.mp4"), lost, _entry("a.mp4", message="x")))]


def records() -> list[bytes]:
    from vadd.run.records import Record

    return [Record(KEY, (SHA256,), SHA256, json.loads(each)).to_bytes() for each in results()]


def cards() -> list[bytes]:
    from vadd.run.many import SCHEMA

    judged = {"model": "everyday", "version": "1", "config": {"false_alarms": 0.1}, "hashes": {"a": SHA256}}
    return [told({"schema": SCHEMA, "model": "everyday", "judged": judged, "measured": {"form": "x"}})]


@cache
def results() -> list[bytes]:
    """Documents of a discrepant and of a failed verdict."""
    from vadd.detect import verdict as v
    from vadd.report.document import document
    from vadd.timeline import Span, grid

    some = (v.Concept("sea and shore", 0.71), v.Concept("sand", 0.14))
    spans = grid(Fraction(3))
    record = v.InputRecord(role="both", name="a.mp4", sha256=SHA256, size=9, media={"container": "mov"})
    provenance = v.Provenance(
        inputs=(record,), version="1", model="everyday", hashes={"a": SHA256},
        config={"false_alarms": 0.1}, libraries={"ffmpeg": "8"},
    )  # fmt: skip
    seconds = tuple(v.SecondFinding(span, 0.9, 0.8, None, some, some, -20.0) for span in spans)
    against = (v.Contribution("sound", "sand", 0.14, 1.3),)
    discrepant = v.Verdict(
        verdict=v.Outcome.DISCREPANT, reason=None, explanation="The sound is of another place.", score=0.9,
        probability=0.9, prior=0.5, false_alarms=0.1, threshold=0.6, duration=Fraction(3), seconds=seconds,
        spans=(v.SpanFinding(Span(Fraction(1), Fraction(3)), 0.9, 0.9, some, some, some, against),),
        shots=(v.ShotFinding(Span(Fraction(0), Fraction(3)), 0.9, None, some, some),), picture=some,
        sound=some,
        notes=("a note",), provenance=provenance, exhibit=None,
    )  # fmt: skip
    failed = replace(
        discrepant, verdict=v.Outcome.FAILED, reason=v.Reason.DAMAGED, score=None, probability=None,
        duration=None, seconds=(), spans=(), shots=(), picture=(), sound=(),
    )  # fmt: skip
    return [told(document(each)) for each in (discrepant, failed)]


@cache
def match_entries() -> list[bytes]:
    from vadd.detect.verdict import Concept, Reason
    from vadd.media.fingerprint import Fingerprint
    from vadd.run import match_cache
    from vadd.run.measured import Measured, Side

    rows = np.full((2, 4), 0.25, np.float32)
    side = Side(rows, rows, (Concept("sea", 0.5),))
    none = Side.without(Reason.NO_AUDIO)
    heard = Fingerprint(np.arange(64, dtype=np.int16), ("a note",))
    whole = Measured("", SHA256, side, side, heard, None)
    silent = Measured("", SHA256, side, none, None, (Reason.NO_AUDIO, "no"))
    made = []
    with tempfile.TemporaryDirectory() as folder:
        for number, found in enumerate((whole, silent)):
            place = Path(folder) / "x" / f"{number}.npz"
            match_cache._write(place, found)
            made.append(place.read_bytes())
    return made


# --- what was measured, and what the child says ------------------------------------------------------


def _info(name: str = "a.mp4", size: int = 1) -> MediaInfo:
    picture = VideoStream(0, "h264", 64, 48, Fraction(1), Fraction(10), Fraction(0), Fraction(2))
    sound = AudioStream(1, "aac", 16_000, 1, "mono", "eng", Fraction(0), Fraction(2))
    return MediaInfo(name, size, SHA256, "mov,mp4", Fraction(2), picture, sound, ("a note",))


def infos() -> list[bytes]:
    return [told(_info().to_json()), told(replace(_info(), video=None, duration=None).to_json())]


def limits() -> list[bytes]:
    return [told(Limits().to_json()), told({"seconds": 10, "coverage": 0.5})]


@cache
def _extraction() -> Extraction:
    sizes = {name: (catalog.card(name).dim, len(catalog.card(name).scores)) for name in DEFAULT_EMBEDDERS}

    def track(kind: Any, embedder: str, **rest: Any) -> Any:
        dim, classes = sizes[embedder]
        columns: dict[str, Any] = {field.name: np.full(_SECONDS, 0.25, np.float32) for field in fields(kind)}
        columns |= {
            "embedder": embedder, "present": np.ones(_SECONDS, np.bool_), "coverage": 1.0,
            "vectors": np.zeros((_SECONDS, dim), np.float32),
            "scores": np.zeros((_SECONDS, classes), np.float32),
        }  # fmt: skip
        return kind(**{**columns, **rest})

    return Extraction(
        inputs=(("both", _info()),),
        duration=Fraction(_SECONDS),
        picture=track(PictureTrack, DEFAULT_EMBEDDERS[0], rotation=0),
        sound=track(SoundTrack, DEFAULT_EMBEDDERS[1], level=np.full(_SECONDS, -20.0, np.float32)),
        notes=("a note",),
        thumbnails=((0, b"jpeg"), (1, b"another")),
        spectrogram=np.zeros((4, 64), np.float32),
        columns_per_second=2.0,
    )


@cache
def extractions() -> list[bytes]:
    from vadd.embed.extraction_file import pack

    return [pack(_extraction()), pack(replace(_extraction(), picture=None, thumbnails=(), spectrogram=None,
                                              columns_per_second=0.0))]  # fmt: skip


def extraction_bodies() -> list[bytes]:
    return [each.split(b"\n", 2)[2] for each in extractions()]


def sealed_extraction(body: bytes) -> bytes:
    """A body with the two lines that go before it."""
    from vadd.embed.extraction_file import FORM

    return f"{FORM}\n{hashlib.sha256(body).hexdigest()}\n".encode() + body


def extraction_headers() -> list[bytes]:
    with np.load(io.BytesIO(extraction_bodies()[0])) as arrays:
        return [arrays["header"].tobytes()]


@cache
def _columns() -> dict[str, Any]:
    with np.load(io.BytesIO(extraction_bodies()[0])) as arrays:
        return dict(arrays)


def extraction_with(header: bytes) -> bytes:
    """The extraction with another header."""
    archive = io.BytesIO()
    np.savez(archive, **{**_columns(), "header": np.frombuffer(header, np.uint8)})
    return sealed_extraction(archive.getvalue())


@cache
def messages() -> list[bytes]:
    """What a child sends in one job."""
    from vadd.media.wire import encode

    rows = {"seconds": np.arange(2), "vectors": np.zeros((2, 3), np.float32), "ok": np.ones(2, np.bool_)}
    part = b"".join(encode({"kind": "part", "side": "picture", "job": 1}, rows))
    lines: list[dict[str, Any]] = [
        {"kind": "duration", "seconds": 2.0}, {"kind": "progress", "done": 1, "total": 2},
        {"kind": "result", "value": {"a": [1, None]}}, {"kind": "ready"},
        {"kind": "media_error", "reason": "damaged", "message": "a.mp4: it ends early"},
        {"kind": "error", "name": "ModelError", "message": "no"}, {"kind": "bug", "traceback": "x\n\x1b[2J"},
    ]  # fmt: skip
    made = [b"".join(encode({**line, "job": 1})) for line in lines]
    whole = b"".join([made[0], part, made[1], made[2], made[3]])
    return [whole, part, *made, b"".join(encode({"kind": "result", "value": {}, "job": 1}, rows)) + made[3]]


def headers() -> list[bytes]:
    """The header of a child's result, without what the file itself says."""
    value = json.loads(extraction_headers()[0])
    value["inputs"] = [info for _, info in value["inputs"]]
    for side in ("picture", "sound"):
        value[side] = {"coverage": 1.0, "rotation": 0}
    return [told(value)]


class _Lying:
    """A guard whose child sends all that it should, under any header."""

    def __init__(self, header: dict[str, Any]) -> None:
        self.header = header

    def run(self, job: str, arguments: object, *, part: Any, **rest: object) -> tuple[Any, Any]:
        whole = _extraction()
        arrays: dict[str, Any] = {"thumbnails": np.frombuffer(b"jpeganother", np.uint8)}
        arrays["spectrogram"] = whole.spectrogram
        for side, track in (("picture", whole.picture), ("sound", whole.sound)):
            columns = asdict(track)  # type: ignore[arg-type]
            seconds = np.arange(_SECONDS, dtype=np.int64)
            part(
                {"side": side},
                {"seconds": seconds, "vectors": columns["vectors"], "scores": columns["scores"]},
            )
            arrays |= {
                f"{side}_{name}": value
                for name, value in columns.items()
                if isinstance(value, np.ndarray) and value.ndim == 1
            }
        return self.header, arrays

    def close(self) -> None:
        pass


def received(header: dict[str, Any]) -> Extraction:
    """The extraction of a file whose child says this."""
    from vadd.embed.extract import extract

    folder = Path(tempfile.mkdtemp())
    try:
        path = folder / "a.mp4"
        path.write_bytes(b"x")
        for info in header["inputs"] if isinstance(header.get("inputs"), list) else ():
            if isinstance(info, dict) and info.get("sha256") == SHA256:
                info["sha256"] = hashlib.sha256(b"x").hexdigest()
        return extract(path, path, guard=_Lying(header))  # type: ignore[arg-type]
    finally:
        shutil.rmtree(folder)


# --- benchmarks -------------------------------------------------------------------------------------


def _trials() -> list[Any]:
    from vadd.protocol.manifest import Entry, Party, read_spans

    one, two = Party("c1", "bus", "bus", "lyon", "1"), Party("c2", "park", "park", "oslo", "2")
    part = read_spans("1-2.5;6-8", "here")
    return [Entry("t1", one, one, False), Entry("t2", one, two, True), Entry("t3", two, one, True, part)]


def manifests() -> list[bytes]:
    from vadd.protocol.manifest import write_manifest

    with tempfile.TemporaryDirectory() as folder:
        write_manifest(Path(folder) / "m.csv", _trials(), {"seed": 1})
        return [(Path(folder) / "m.csv").read_bytes()]


def origins() -> list[bytes]:
    return [told({"manifest": "vadd.manifest/1", "sha256": SHA256, "seed": 1, "left_out": {"a": 1}})]


@cache
def truth() -> Any:
    from vadd.protocol.truth import truth_of

    return truth_of(_trials())


def predictions() -> list[bytes]:
    return [
        b"trial,score,verdict,probability,spans\nt1,0.1,consistent,0.2,\nt2,0.9,discrepant,0.8,1-2.5:0.8;6-8:0.4\n"
        b"t3,,failed,,\n",
        b"trial;score\nt1;0.1\nt2;1e3\nt3;-4\n",
    ]


def proposals() -> list[bytes]:
    return [told({"t1.mp4": [], "t2.mp4": [[0.9, 0.0, 1.5], [0.2, 3, 4]], "t3": [[1, 2, 3]]})]


_NAMES = ("airport-lyon-1-1-a", "bus-lisbon-2-2-a", "park-vienna-3-3-a")


def listed() -> bytes:
    return "".join(f"['{name}.mp4', '{name.split('-')[0]}']\n" for name in _NAMES).encode()


def swapped() -> bytes:
    return "".join(f"('{one}.mp4', '{two}.mp4')\n" for one, two in pairwise(_NAMES)).encode()


def tau() -> list[bytes]:
    lines = [
        f"{name},{name.split('-')[0]},{name.split('-')[1]},{name.split('-')[2]},train" for name in _NAMES
    ]
    return [("clip,scene,city,location,fold1\n" + "\n".join(lines) + "\n").encode()]


def tau_lists(*, test: bool = False) -> list[bytes]:
    """A list of the training fold, or of the test fold, which names other clips."""
    names = ("tram-oslo-9-9-a",) if test else _NAMES
    lines = [f"audio/{name}.wav\tvideo/{name}.mp4\t{name.split('-')[0]}" for name in names]
    return [("filename_audio\tfilename_video\tscene_label\n" + "\n".join(lines) + "\n").encode()]


def pickles() -> list[bytes]:
    matrix = np.arange(20, dtype=np.float32).reshape(5, 4)
    values: list[Any] = [matrix, list(matrix), [matrix, matrix[:2]], np.asfortranarray(matrix.astype(">f8"))]
    return [pickle.dumps(value, protocol) for value in values for protocol in (0, 2, 4, 5)]
