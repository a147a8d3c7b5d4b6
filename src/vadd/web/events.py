"""A job's changes as server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator

from starlette.responses import StreamingResponse

from vadd.web.jobs import Job

__all__ = ["MEDIA_TYPE", "stream"]

MEDIA_TYPE = "text/event-stream"
#: Seconds of silence after which a comment is sent, so that nobody on the way takes the connection for dead.
_SILENCE = 15.0


def stream(watched: AsyncGenerator[Job, None]) -> StreamingResponse:
    """An answer that tells of every change, and ends when the job is final or deleted.

    Args:
        watched: The job as it is, and again whenever it changes.
    """
    return StreamingResponse(_events(watched), media_type=MEDIA_TYPE)


async def _events(watched: AsyncGenerator[Job, None]) -> AsyncIterator[bytes]:
    following = asyncio.ensure_future(_next(watched))
    try:
        while True:
            done, _ = await asyncio.wait({following}, timeout=_SILENCE)
            if not done:
                yield b": still here\n\n"
                continue
            job = following.result()
            if job is None:
                return
            yield f"event: job\ndata: {json.dumps(job.to_json())}\n\n".encode()
            following = asyncio.ensure_future(_next(watched))
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await watched.aclose()


async def _next(watched: AsyncIterator[Job]) -> Job | None:
    return await anext(watched, None)
