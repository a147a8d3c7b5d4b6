"""A distorted copy of a file, written whole or not at all, with the record that repeats it."""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from vadd._version import __version__
from vadd.errors import MediaError, OutputError, UsageError
from vadd.media.identity import Identity, check_input
from vadd.media.limits import Limits
from vadd.media.received import write_received
from vadd.media.rewrite import FORMATS
from vadd.protocol.distort.chain import Chain

__all__ = ["distort"]

#: Bytes that a new file may have for each of the old: what was small may be kept almost without loss now.
_MOST_GROWTH = 100
#: And in any case: ten minutes of two channels without loss, and a short picture.
_MOST_BYTES = 1 << 29


def distort(
    source: Path,
    chain: Chain,
    out: Path,
    *,
    limits: Limits | None = None,
    progress: Callable[[float, float], None] | None = None,
) -> dict[str, Any]:
    """Write a distorted copy of a file: decoded, changed and encoded in a guarded child.

    What no distortion is named for is encoded too, but so that one does not notice
    (:class:`vadd.media.rewrite.Encoding`); more than two channels of sound become one. Metadata, chapters and
    further streams are left out.

    Args:
        source: The file.
        chain: What is done to it; relative paths of recordings are taken from the working folder.
        out: The new file, ``.mkv`` or ``.mp4``; what was there is replaced.
        limits: What the file may cost; the defaults if ``None``.
        progress: Called with (seconds done, seconds in all).

    Returns:
        The record, JSON-ready: ``input`` and ``output`` with SHA-256, ``seed``, ``transforms`` (both as
        :meth:`Chain.to_json`), ``recordings`` with their SHA-256, versions. The same inputs, chain and
        versions give the same bytes.

    Raises:
        UsageError: If an input does not exist, or ``out`` is one or has another suffix.
        OutputError: If ``out`` cannot be written; what was there is untouched.
        MediaError: If a file cannot be used.
    """
    form = FORMATS.get(out.suffix.lower())
    if form is None:
        raise UsageError(f"{out} ends neither with .mkv nor with .mp4")
    bounds = limits or Limits()
    inputs = [source, *map(Path, chain.recordings)]
    for path in inputs:
        check_input(path)
        if out.exists() and out.samefile(path):
            raise UsageError(f"{out} is read, so it cannot be written as well")
    if out.is_dir():
        raise OutputError(f"cannot write {out}: it is a folder")
    if not out.parent.is_dir():
        raise OutputError(f"cannot write {out}: there is no folder {out.parent}")
    before = [Identity.of(path.absolute()) for path in inputs]
    for identity in before:
        if identity.size > bounds.file_bytes:
            raise MediaError("limit", f"{identity.path.name}: larger than {bounds.file_bytes} bytes")
    digests = [identity.sha256() for identity in before]

    def intact() -> None:
        for identity in before:
            identity.verify()

    _, digest = write_received(
        out,
        "vadd.protocol.distort.worker:work",
        {
            "source": str(source.absolute()),
            "form": form,
            "chain": chain.to_json(),
            "folder": str(Path.cwd()),
            "limits": bounds.to_json(),
        },
        limits=bounds,
        most=_MOST_GROWTH * before[0].size + _MOST_BYTES,
        readable=inputs,
        progress=progress,
        intact=intact,
    )
    return {
        "input": {"name": source.name, "sha256": digests[0]},
        "output": {"name": out.name, "sha256": digest},
        **chain.to_json(),
        "recordings": dict(zip(chain.recordings, digests[1:], strict=True)),
        "versions": {"vadd": __version__, "av": metadata.version("av")},
    }
