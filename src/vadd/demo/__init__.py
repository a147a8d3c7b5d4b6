"""Two example clips that come with the install: one with its own sound, one with another thing's.

``tools/build_demo.py`` makes them; ``NOTICE`` says of which photographs and recordings, and whose.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vadd.detect.verdict import Outcome

__all__ = ["DemoClip", "clips"]


@dataclass(frozen=True, slots=True)
class DemoClip:
    """An example clip and what vadd should say of it.

    Attributes:
        name: Short name, also the stem of the file.
        path: Where the mp4 lies.
        expected: The verdict that it should get.
        caption: What is to be seen and heard, one sentence.
    """

    name: str
    path: Path
    expected: Outcome
    caption: str


def clips() -> tuple[DemoClip, ...]:
    """The example clips: first the consistent one, then the discrepant one."""
    here = Path(__file__).parent
    return (
        DemoClip(
            name="sheep",
            path=here / "sheep.mp4",
            expected=Outcome.CONSISTENT,
            caption="A sheep on a meadow, and a sheep's bleat.",
        ),
        DemoClip(
            name="fire_engine",
            path=here / "fire_engine.mp4",
            expected=Outcome.DISCREPANT,
            caption="A fire engine, and the lowing of a cow that was put over it.",
        ),
    )
