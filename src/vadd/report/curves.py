"""The course of a training as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from vadd.errors import OutputError

__all__ = ["curves"]


def curves(history: Sequence[Mapping[str, float]], path: Path, title: str, *, synthetic: bool) -> None:
    """Draw loss, validation and learning rate by epoch, into a PNG file.

    Args:
        history: One entry an epoch: ``epoch``, ``loss``, ``rate``, and ``validation_loss`` and
            ``validation_accuracy`` where there was validation.
        path: Of the picture.
        title: What was trained.
        synthetic: Whether the picture has to say that no clip was ever seen.

    Raises:
        OutputError: If it cannot be written.
    """
    # Of the object-oriented interface alone, which opens no window and keeps no state.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.2), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    epochs = [entry["epoch"] for entry in history]
    panels = figure.subplots(1, 3)
    validated = "validation_loss" in history[0]
    panels[0].plot(epochs, [entry["loss"] for entry in history], marker=".", label="training")
    if validated:
        panels[0].plot(
            epochs, [entry["validation_loss"] for entry in history], marker=".", label="validation, by clip"
        )
        panels[0].legend()
    panels[0].set_title("loss")
    if "validation_accuracy" in history[0]:
        panels[1].plot(epochs, [100 * entry["validation_accuracy"] for entry in history], marker=".")
    else:
        panels[1].text(0.5, 0.5, "no validation clips", ha="center", transform=panels[1].transAxes)
        panels[1].set_yticks([])
    panels[1].set_title("validation clips right, %")
    panels[2].plot(epochs, [entry["rate"] for entry in history], marker=".")
    panels[2].set_yscale("log")
    panels[2].set_title("learning rate")
    for panel in panels:
        panel.set_xlabel("epoch")
    figure.suptitle(f"{title} (synthetic data)" if synthetic else title, parse_math=False)
    try:
        figure.savefig(path, metadata={"Software": None})
    except OSError as error:
        raise OutputError(f"cannot write {path}: {(error.strerror or str(error)).lower()}") from error
