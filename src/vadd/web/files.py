"""The files of a job for the player: its media, its thumbnails, its spectrogram; nothing else."""

from __future__ import annotations

import asyncio
import base64
import os
import re
from collections.abc import AsyncIterator, Mapping
from io import FileIO
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from vadd.report.image import spectrogram_uri
from vadd.web.problem import NotFound, Problem
from vadd.web.roots import open_stamped
from vadd.web.security import SEALED_POLICY

if TYPE_CHECKING:
    from vadd.web.jobs import Job
    from vadd.web.server import Server

__all__ = ["media_type", "router"]

router = APIRouter(include_in_schema=False)

#: FFmpeg's name of a container → media type of a file with a picture, and of one without.
_TYPES: Mapping[str, tuple[str, str]] = {
    "mov,mp4,m4a,3gp,3g2,mj2": ("video/mp4", "audio/mp4"),
    "matroska,webm": ("video/x-matroska", "audio/x-matroska"),
    "avi": ("video/x-msvideo", "video/x-msvideo"),
    "mpegts": ("video/mp2t", "video/mp2t"),
    "mpeg": ("video/mpeg", "video/mpeg"),
    "flv": ("video/x-flv", "video/x-flv"),
    "asf": ("video/x-ms-asf", "audio/x-ms-wma"),
    "ogg": ("video/ogg", "audio/ogg"),
    "wav": ("audio/wav", "audio/wav"),
    "w64": ("audio/wav", "audio/wav"),
    "mp3": ("audio/mpeg", "audio/mpeg"),
    "flac": ("audio/flac", "audio/flac"),
    "aac": ("audio/aac", "audio/aac"),
    "aiff": ("audio/aiff", "audio/aiff"),
    "caf": ("audio/x-caf", "audio/x-caf"),
    "au": ("audio/basic", "audio/basic"),
    "amr": ("audio/amr", "audio/amr"),
    "ac3": ("audio/ac3", "audio/ac3"),
    "eac3": ("audio/eac3", "audio/eac3"),
}
#: Codecs that WebM allows; Matroska with others is not called so.
_WEBM = frozenset({"vp8", "vp9", "av1", "opus", "vorbis"})
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_CHUNK = 256 * 1024
#: Seconds within which a reader must take a piece: a player that stands asks again when it goes on.
_PATIENCE = 120.0


def media_type(media: Mapping[str, Any]) -> str | None:
    """What a file is served as.

    Args:
        media: As the probe found it (``provenance.inputs[].media`` of a result).

    Returns:
        A fixed media type, whatever the file says of itself; ``None`` if it is not served.
    """
    container = media.get("container")
    if not isinstance(container, str) or container not in _TYPES:
        return None
    codecs = {stream["codec"] for side in ("video", "audio") if (stream := media.get(side))}
    if container == "matroska,webm" and codecs <= _WEBM:
        return "video/webm" if media.get("video") else "audio/webm"
    return _TYPES[container][0 if media.get("video") else 1]


@router.get("/jobs/{id_}/media")
async def media(request: Request, id_: str) -> Response:
    """The file, or the file with the picture of a pair."""
    return _media(request, id_, 0)


@router.get("/jobs/{id_}/media/sound")
async def sound(request: Request, id_: str) -> Response:
    """The file with the sound of a pair."""
    return _media(request, id_, 1)


@router.get("/jobs/{id_}/thumbnails/{number}.jpg")
async def thumbnail(request: Request, id_: str, number: str) -> Response:
    """The picture of this number, counted from 0."""
    server, job = _asked(request, id_)
    exhibit = await asyncio.to_thread(server.exhibit, job)
    if exhibit is None or not number.isdecimal() or len(number) > 4 or int(number) >= len(exhibit.thumbnails):
        raise NotFound("there is no such picture")
    return _picture(exhibit.thumbnails[int(number)][1], "image/jpeg")


@router.get("/jobs/{id_}/spectrogram.png")
async def spectrogram(request: Request, id_: str) -> Response:
    """The spectrogram of the whole sound."""
    server, job = _asked(request, id_)
    exhibit = await asyncio.to_thread(server.exhibit, job)
    if exhibit is None or exhibit.spectrogram is None:
        raise NotFound("there is no spectrogram")
    uri = await asyncio.to_thread(spectrogram_uri, exhibit.spectrogram)
    return _picture(base64.b64decode(uri.partition(",")[2]), "image/png")


def _asked(request: Request, id_: str) -> tuple[Server, Job]:
    server: Server = request.app.state.vadd
    return server, server.job(id_)


def _picture(data: bytes, kind: str) -> Response:
    # What is under this address does not change as long as the job is there.
    headers = {"content-security-policy": SEALED_POLICY, "cache-control": "private, max-age=600"}
    return Response(data, media_type=kind, headers=headers)


def _media(request: Request, id_: str, which: int) -> Response:
    server, job = _asked(request, id_)
    inputs = server.record(job).result["provenance"]["inputs"]
    if which >= len(inputs):
        raise NotFound("this job has one file")
    kind = media_type(inputs[which]["media"])
    if kind is None:
        raise NotFound("this file cannot be played")
    file = os.fdopen(open_stamped(server.path(job, which), job.stamps[which]), "rb", buffering=0)
    return _ranged(file, kind, request.headers.get("range"))


def _ranged(file: FileIO, kind: str, asked: str | None) -> Response:
    """The file, or the one range of it that is asked for; the file is closed in the end."""
    size = os.fstat(file.fileno()).st_size
    headers = {
        "content-security-policy": SEALED_POLICY,
        "accept-ranges": "bytes",
        # A player ignores this; who opens the address gets a file, not a page.
        "content-disposition": "attachment",
        "cache-control": "private, no-cache",
    }
    found = _RANGE.fullmatch(asked or "")
    start, end, status = 0, size, 200
    if found is not None and (found[1] or found[2]):
        if found[1]:
            start = int(found[1])
            end = min(size, int(found[2]) + 1) if found[2] else size
        else:
            start = max(0, size - int(found[2]))
        if start >= end:
            file.close()
            raise Problem(416, "the file has no such bytes", {"content-range": f"bytes */{size}"})
        status, headers["content-range"] = 206, f"bytes {start}-{end - 1}/{size}"
    headers["content-length"] = str(end - start)
    return _FileResponse(_pieces(file, start, end), status, headers, media_type=kind)


class _FileResponse(StreamingResponse):
    async def stream_response(self, send: Any) -> None:
        async def patient(message: Any) -> None:
            async with asyncio.timeout(_PATIENCE):
                await send(message)

        await super().stream_response(patient)


async def _pieces(file: FileIO, start: int, end: int) -> AsyncIterator[bytes]:
    try:
        while start < end:
            data = await asyncio.to_thread(os.pread, file.fileno(), min(_CHUNK, end - start), start)
            if not data:  # it was cut off meanwhile: the connection breaks, as the length was promised
                return
            start += len(data)
            yield data
    finally:
        file.close()
