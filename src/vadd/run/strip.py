"""The thumbnail strip of a clip for the index: a picture of pictures, made without decoding any."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import quoteattr

from vadd.report.image import jpeg_uri

__all__ = ["CELLS", "strip"]

#: Thumbnails in a strip: first, last and evenly between.
CELLS = 6
_WIDTH, _HEIGHT, _GAP = 96, 64, 2


def strip(thumbnails: Sequence[tuple[int, bytes]]) -> str | None:
    """A strip as SVG, to be shown as an image.

    Args:
        thumbnails: ``(second, JPEG bytes)`` in order.

    Returns:
        ``None`` without thumbnails. The JPEGs are put in as they are: they come from the guarded child, and
        nothing but the viewer's browser opens them.
    """
    if not thumbnails:
        return None
    count = min(CELLS, len(thumbnails))
    last = len(thumbnails) - 1
    chosen = [thumbnails[round(at * last / max(1, count - 1))] for at in range(count)]
    width = count * (_WIDTH + _GAP) - _GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{_HEIGHT}" '
        f'viewBox="0 0 {width} {_HEIGHT}">'
    ]
    parts += [
        f'<image x="{at * (_WIDTH + _GAP)}" width="{_WIDTH}" height="{_HEIGHT}" '
        f"href={quoteattr(jpeg_uri(data))}/>"
        for at, (_, data) in enumerate(chosen)
    ]
    return "\n".join([*parts, "</svg>", ""])
