"""A matrix of numbers between two lists of names, as a picture."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vadd.errors import OutputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["drawn", "matrix"]

#: Fields darker than this have white numbers.
_DARK = 0.55


def matrix(path: Path, **content: Any) -> None:
    """Draw it into a PNG file.

    Args:
        path: Of the picture.
        **content: Of :func:`drawn`.

    Raises:
        OutputError: If it cannot be written; there is then no picture of that name, or the old one.
    """
    picture = drawn(**content)
    temporary = path.with_name(f".{path.name}.part")
    try:
        temporary.write_bytes(picture)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OutputError(f"cannot write {path}: {(error.strerror or str(error)).lower()}") from error


def drawn(
    *,
    title: str,
    down: str,
    across: str,
    rows: Sequence[str],
    columns: Sequence[str],
    values: NDArray[Any],
    shades: NDArray[Any],
    decimals: int = 0,
    synthetic: bool,
) -> bytes:
    """Draw it, as PNG.

    Args:
        title: What it shows.
        down: What the rows are.
        across: What the columns are.
        rows: Their names.
        columns: Their names.
        values: ``(rows, columns)`` numbers to write; nothing is written where it is not a number.
        shades: The same shape, from 0 (light) to 1 (dark).
        decimals: Of the numbers.
        synthetic: Whether the picture has to say that no clip was ever seen.
    """
    # Of the object-oriented interface alone, which opens no window and keeps no state.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    side = 2.2 + 0.62 * max(len(rows), len(columns))
    figure = Figure(figsize=(max(5.0, side + 0.8), max(4.0, side)), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.imshow(shades, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(columns)), columns, rotation=45, ha="right", parse_math=False)
    axes.set_yticks(range(len(rows)), rows, parse_math=False)
    axes.set_xlabel(across)
    axes.set_ylabel(down)
    for row in range(len(rows)):
        for column in range(len(columns)):
            value = float(values[row, column])
            if value == value:  # a number
                axes.text(
                    column, row, f"{value:.{decimals}f}", ha="center", va="center", fontsize=8,
                    color="white" if shades[row, column] > _DARK else "black",
                )  # fmt: skip
    axes.set_title(f"{title}\n(synthetic data)" if synthetic else title, parse_math=False, fontsize=10)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None})
    return picture.getvalue()
