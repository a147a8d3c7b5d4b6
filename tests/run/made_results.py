"""Results folders made by hand, as a run would leave them, without any decoding."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from vadd.detect.verdict import Verdict
from vadd.embed.extraction_file import FORM
from vadd.report.document import document
from vadd.report.page import page
from vadd.report.seal import seal
from vadd.run.ledger import Entry, Ledger, State
from vadd.run.many import CARD, SCHEMA
from vadd.run.records import Record, Results
from vadd.run.settings import Keys, canonical
from vadd.run.strip import strip

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))

from samples import consistent, discrepant, failed, inconclusive, provenance

#: Name of a file → the verdict on it, for a folder with one of each.
CLIPS = {
    "a/fits.mp4": consistent,
    "a/foreign.mp4": discrepant,
    "b/speech.mp4": inconclusive,
    "broken.mp4": failed,
}
MEASURED = {"form": FORM}


def keys(**changed: Any) -> Keys:
    """The keys of the detector that the samples say they were judged by."""
    told = document(consistent())
    judged = {
        "schema": told["schema"],
        "version": told["provenance"]["version"],
        "model": told["provenance"]["model"],
        "hashes": dict(provenance().hashes),
        "config": told["provenance"]["config"],
    }
    return Keys(MEASURED, {**judged, **changed})


def write_card(results: Results, made_by: Keys | None = None) -> None:
    made_by = made_by or keys()
    told = {
        "schema": SCHEMA, "model": "everyday", "reports": "all", "judged": made_by.judged,
        "measured": made_by.measured,
    }  # fmt: skip
    results.write(CARD, canonical(told) + b"\n")


def measurement(key: str) -> bytes:
    body = f"what was measured for {key}".encode()
    return f"{FORM}\n{hashlib.sha256(body).hexdigest()}\n".encode() + body


def put(results: Results, content: bytes, verdict: Verdict, *, pages: bool = True) -> Record:
    """Keep a verdict on a file that holds ``content``."""
    sha256 = hashlib.sha256(content).hexdigest()
    key, measured = keys().record(sha256), keys().measurement(sha256)
    record = Record(key, (sha256,), measured, document(verdict))
    if pages:
        results.put("measurement", measured, measurement(measured))
        results.put("page", key, seal(page(verdict)))
        if verdict.exhibit is not None:
            drawn = strip([(int(second), data) for second, data in verdict.exhibit.thumbnails])
            results.put("strip", key, seal(drawn))
    results.put("record", key, record.to_bytes())
    return record


def build(folder: Path, media: Path | None = None) -> Path:
    """A folder with a verdict of each kind, a second file with the bytes of the first, and one unreadable.

    Args:
        folder: Where.
        media: A folder in which the files that were judged are made; ``None`` makes none.
    """
    results = Results(folder)
    results.create()
    write_card(results)
    with Ledger(folder) as ledger:
        for number, (name, verdict) in enumerate({**CLIPS, "copy.mp4": consistent}.items()):
            content = b"a/fits.mp4" if name == "copy.mp4" else name.encode()
            path = name if media is None else str(media / name)
            if media is not None:
                (media / name).parent.mkdir(parents=True, exist_ok=True)
                (media / name).write_bytes(content)
            record = put(results, content, verdict())
            state = State(len(content), 1_700_000_000_000_000_000 + number, 1000 + number)
            told = record.result
            ledger.add(Entry(path, state, record.sha256[0], record.key, told["verdict"], told["reason"]))
        ledger.add(Entry("gone.mp4", None, None, None, "failed", "unreadable", "there is no file gone.mp4"))
    results.clear(done=True)
    return folder


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("ascii").splitlines()]
