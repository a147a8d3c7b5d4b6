"""Runs the application: a socket of our own, and a server that is patient with nobody."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from vadd.errors import UsageError
from vadd.web.app import create_app
from vadd.web.config import Config
from vadd.web.process import WORKER

__all__ = ["serve"]

#: Seconds within which the head of a request must be here, and between two requests of a connection.
_HEAD, _KEEP_ALIVE = 15.0, 10
#: Bytes of a head, and connections at the same time besides those that listen to events.
_HEAD_BYTES, _CONNECTIONS = 16 * 1024, 256
#: Connections that may wait to be taken.
_BACKLOG = 512
#: Seconds that answers may take once the server is to end.
_GRACE = 3


class _Protocol(H11Protocol):
    """uvicorn's, which waits for ever for the head of a request, with a clock."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._head: asyncio.TimerHandle | None = self.loop.call_later(_HEAD, self._late)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        waiting = self.conn.their_state is h11.IDLE and (self.cycle is None or self.cycle.response_complete)
        if not waiting:
            self._stop()
        elif self._head is None and self.timeout_keep_alive_task is None:
            self._head = self.loop.call_later(_HEAD, self._late)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def _stop(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _late(self) -> None:
        self._head = None
        self.transport.close()


def serve(
    config: Config, *, ready: Callable[[str], None] = lambda address: None, worker: str = WORKER
) -> None:
    """Run a server until it is told to end (SIGINT or SIGTERM).

    Args:
        config: How it is set up.
        ready: Called with its address once it listens.
        worker: Module whose ``main`` judges.

    Raises:
        UsageError: If it cannot listen there, or another server uses its state.
        OutputError: If its state folder cannot be made.
        StoreError: If its database is damaged.
        ModelError: If the detector is unknown or damaged.
    """
    from vadd.detect.models import find

    find(config.model)
    listening = _listen(config)
    with contextlib.closing(listening):
        port = listening.getsockname()[1]
        app = create_app(replace(config, port=port), worker=worker)
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        # What callers send wrong is told to them.
        logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=_Protocol,
                loop="asyncio",
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                h11_max_incomplete_event_size=_HEAD_BYTES,
                limit_concurrency=_CONNECTIONS + config.max_listeners,
                timeout_keep_alive=_KEEP_ALIVE,
                timeout_graceful_shutdown=_GRACE,
            )
        )
        ready(address(config.host, port))
        server.run(sockets=[listening])


def address(host: str, port: int) -> str:
    """Where a browser finds the server."""
    shown = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(host, host)  # noqa: S104
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{port}/"


def _listen(config: Config) -> socket.socket:
    try:
        found = socket.getaddrinfo(config.host, config.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, where = found[0]
        # With its protocol told, as asyncio sends small answers at once only then.
        listening = socket.socket(family, kind, protocol)
    except (OSError, OverflowError) as error:
        raise _cannot(config, error) from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind(where)
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise _cannot(config, error) from error
    return listening


def _cannot(config: Config, error: Exception) -> UsageError:
    reason = getattr(error, "strerror", None) or str(error)
    return UsageError(f"cannot listen at {config.host}, port {config.port}: {reason.lower()}")
