"""Have a running `vadd serve` judge a file, and print the verdict; needs nothing but Python.

python examples/api_client.py FILE [ADDRESS]
"""

from __future__ import annotations

import json
import os
import sys
import time
import uuid
from itertools import chain
from pathlib import Path
from urllib.request import Request, urlopen


def main(file: Path, server: str = "http://127.0.0.1:8750") -> None:
    """Send ``file``, wait, and print what the server says."""
    token = os.environ.get("VADD_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    mark = uuid.uuid4().hex
    name = file.name.replace('"', "%22")
    what = f'Content-Disposition: form-data; name="file"; filename="{name}"'
    start = f"--{mark}\r\n{what}\r\n\r\n".encode("utf-8", "surrogateescape")
    end = f"\r\n--{mark}--\r\n".encode()
    length = len(start) + file.stat().st_size + len(end)
    form = {"Content-Type": f"multipart/form-data; boundary={mark}", "Content-Length": str(length)}
    with file.open("rb") as data:  # sent piece by piece: a video need not fit into memory
        body = chain([start], iter(lambda: data.read(1 << 20), b""), [end])
        job = json.load(urlopen(Request(f"{server}/api/v1/jobs", body, headers | form)))
    while job["state"] in {"queued", "running"}:
        time.sleep(0.2)
        job = json.load(urlopen(Request(server + job["links"]["self"], headers=headers)))
    print(job["verdict"] or job["state"], job["reason"] or job["message"] or job["probability"])
    if job["links"]["result"]:
        result = json.load(urlopen(Request(server + job["links"]["result"], headers=headers)))
        for span in result["spans"]:
            print(f"  {span['start']:g} to {span['end']:g} s: probability {span['probability']:.2f}")


if __name__ == "__main__":
    if len(sys.argv) not in {2, 3}:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), *sys.argv[2:])
