"""The files of the everyday model, each recognised by its SHA-256 whenever it is read."""

from __future__ import annotations

import hashlib
from importlib.resources import files

from vadd.errors import ModelError

__all__ = ["HASHES", "read_table"]

#: File in ``vadd/classify/data`` → SHA-256 (lower-case hex); ``tools/learn_everyday.py`` keeps them in step.
HASHES = {
    "seen.txt": "519e818ce34b0f75cf5b86f76344eb40e710f1f56d25ab1fcd821bc2cf05d220",
    "heard.txt": "a7443c9de55c6d73192c817c2b74d6aa40e66bbb38c830ca62b0564c404a59b9",
    "base.txt": "7433736790fa54bd03cbe26df8969c4104eae02f7db6b77c425ac92d37908d70",
    "generic.txt": "89e9e78ac504ee2b70a84bff0318701fef73f6655e16969c530eb4dec1c83338",
    "everyday.npz": "0961a314b14ac7a29f0ede05dce1479c612c20442210578f16e1b20e46a342c1",
}


def read_table(name: str) -> bytes:
    """The content of one of the files in :data:`HASHES`.

    Raises:
        ModelError: If it cannot be read, or is not the one that this version was built with.
    """
    try:
        content = files("vadd.classify").joinpath("data", name).read_bytes()
    except OSError as error:
        raise ModelError(f"the everyday model's file {name} cannot be read: {error}") from error
    if hashlib.sha256(content).hexdigest() != HASHES[name]:
        raise ModelError(f"the everyday model's file {name} is damaged: its SHA-256 is not the expected one")
    return content
