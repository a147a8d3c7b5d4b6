"""Stands in for the worker of the server: the same words, no judging. What it does the file says itself.

The first words of the (first) file: ``slow SECONDS``, ``crash``, ``crash once``, ``bug``, ``error``,
``unread``;
any other file is discrepant.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "report"))


def main(request: dict[str, Any]) -> None:
    from vadd.media.child import die_with
    from vadd.run.records import Record, Results

    die_with(request["parent"])
    out = os.fdopen(os.dup(1), "w")
    results = Results(Path(request["folder"]), request["scratch"])

    def say(**answer: Any) -> None:
        out.write(json.dumps(answer) + "\n")
        out.flush()

    for line in sys.stdin:
        told = json.loads(line)
        data = [Path(path).read_bytes() for path in told["files"]]
        digests = [hashlib.sha256(each).hexdigest() for each in data]
        keys = [
            hashlib.sha256(f"{digests}{what}".encode()).hexdigest() for what in (told["false_alarms"], "m")
        ]
        say(begun={"sha256": digests, "claims": keys})
        assert json.loads(sys.stdin.readline()) == "go"
        words = data[0][:40].decode("latin-1").split()
        if words[:1] == ["slow"]:
            for step in range(10):
                say(progress=["reading", step / 10])
                time.sleep(float(words[1]) / 10)
        elif words[:2] == ["crash", "once"]:
            mark = Path(request["folder"]) / f"crashed-{digests[0]}"
            if not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        elif words[:1] == ["crash"]:
            os.kill(os.getpid(), signal.SIGKILL)
        elif words[:1] == ["bug"]:
            say(bug="Traceback: a mistake at /secret/place")
            continue
        elif words[:1] == ["error"]:
            say(error="cannot write /secret/place: no space left")
            continue
        elif words[:1] == ["unread"]:
            say(done={"key": None, "outcome": "failed", "reason": "changed", "score": None,
                      "probability": None, "message": "The file changed.", "weight": 0})  # fmt: skip
            continue
        results.put("measurement", keys[1], _measured(digests))
        result = _result(told["files"], digests)
        results.put("record", keys[0], Record(keys[0], tuple(digests), keys[1], result).to_bytes())
        say(done={"key": keys[0], "outcome": result["verdict"], "reason": None, "score": result["score"],
                  "probability": result["probability"], "message": None, "weight": 100})  # fmt: skip


def _measured(digests: list[str]) -> bytes:
    """Two pictures and a spectrogram, of no real clip."""
    import io
    from fractions import Fraction

    import numpy as np
    from PIL import Image

    from vadd.embed.extract import Extraction
    from vadd.embed.extraction_file import pack
    from vadd.media.info import MediaInfo

    jpeg = io.BytesIO()
    Image.new("RGB", (8, 6), "red").save(jpeg, "JPEG")
    info = MediaInfo("the file", 1, digests[0], "avi", None, None, None, ())
    return pack(
        Extraction(
            inputs=(("both", info),),
            duration=Fraction(10),
            picture=None,
            sound=None,
            notes=(),
            thumbnails=((0, jpeg.getvalue()), (5, jpeg.getvalue())),
            spectrogram=np.zeros((20, 8), np.float32),
            columns_per_second=2.0,
        )
    )


def _result(files: list[str], digests: list[str]) -> dict[str, Any]:
    from samples import discrepant

    from vadd.report.document import document

    result = document(discrepant())
    roles = ["both"] if len(files) == 1 else ["picture", "sound"]
    result["provenance"]["inputs"] = [
        {
            "role": role,
            "name": "the file",
            "sha256": digest,
            "size": Path(file).stat().st_size,
            "media": {"container": "mov,mp4,m4a,3gp,3g2,mj2", "name": "the file", "video": {"codec": "h264"}},
        }
        for role, digest, file in zip(roles, digests, files, strict=True)
    ]
    return result
