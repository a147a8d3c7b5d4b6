"""Words over the picture, as most clips on the web have them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vadd.protocol.distort.transform import Image, PictureTransform, number, whole

__all__ = ["Captions", "words_at"]

#: Seconds that words stay: reading speed is not what is tested, that they change is.
_STAY = 2
_WORDS = (
    "this is what we saw when they came back to the old house by the river and nobody knew why it was so "
    "late in the day before anything could be said about where all of them had been for most of the year"
)
#: Words a line.
_A_LINE = 5
#: Outline of the letters and margin below, shares of the letters' height.
_OUTLINE, _MARGIN = 0.08, 0.5


@dataclass(frozen=True)
class Captions(PictureTransform):
    """Lines of white words with a black outline at the bottom of the picture, others every two seconds."""

    name: ClassVar[str] = "captions"
    identity: ClassVar[Mapping[str, Any] | None] = {"lines": 0}

    lines: int = whole(2, 0, 12, "lines of words")
    percent: float = number(8.0, 2.0, 30.0, "height of a line, % of the frame's")

    def see(self, image: Image, time: float, seed: int) -> Image:
        """Draw the words of this time."""
        if self.lines == 0:
            return image
        height, width = image.shape[:2]
        text = words_at(int(time // _STAY), self.lines, seed)
        rows, ink, mask = _drawn(text, width, height, self.percent)
        changed = image.copy()
        changed[rows] = np.rint(image[rows] * (1 - mask) + ink * mask)
        return changed


def words_at(stretch: int, lines: int, seed: int) -> str:
    """The words of one stretch of time, one row a line."""
    rng = np.random.default_rng([seed, max(0, stretch)])
    return "\n".join(" ".join(rng.choice(_WORDS.split(), _A_LINE)) for _ in range(lines))


@lru_cache(maxsize=4)
def _drawn(
    text: str, width: int, height: int, percent: float
) -> tuple[slice, NDArray[np.float32], NDArray[np.float32]]:
    """The rows that words cover, ``(rows, width, 3)`` ink, ``(rows, width, 1)`` how much of it, 0-1."""
    from PIL import Image as Pictures
    from PIL import ImageDraw, ImageFont

    size = max(4.0, percent / 100 * height)
    font = ImageFont.load_default(size)
    layer = Pictures.new("RGBA", (width, height))
    ImageDraw.Draw(layer).multiline_text(
        (width / 2, height - _MARGIN * size), text, fill="white", font=font, anchor="md", align="center",
        stroke_width=max(1, round(_OUTLINE * size)), stroke_fill="black",
    )  # fmt: skip
    covered = np.flatnonzero(np.asarray(layer)[..., 3].any(axis=1))
    rows = slice(int(covered[0]), int(covered[-1]) + 1) if covered.size else slice(0, 0)
    drawn = np.asarray(layer, np.float32)[rows]
    return rows, drawn[..., :3], drawn[..., 3:] / np.float32(255)
