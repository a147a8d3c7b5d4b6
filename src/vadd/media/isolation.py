"""Which promises about the guarded child hold on this system (docs/isolation.md)."""

from __future__ import annotations

from vadd.media.given_up import PROMISES, REQUIRE
from vadd.media.guard import Guard
from vadd.media.limits import Limits

__all__ = ["PROMISES", "REQUIRE", "promises"]


def promises() -> dict[str, list[str]]:
    """Which promises of :data:`PROMISES` hold on this system, as a child finds that it starts now.

    Returns:
        Name → the mechanisms that keep it; an empty list if none does.

    Raises:
        IsolationError: If :data:`REQUIRE` asks for more than this system can keep.
    """
    with Guard(limits=Limits(), jobs=1) as guard:
        guard.run("vadd.media.given_up:nothing", {})
        return guard.promises
