"""``vadd export``: a trained classifier as ONNX, which runs without torch."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["export"]


@click.command(short_help="Write a trained classifier as ONNX.")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
def export(folder: Path) -> int:
    """Write model.onnx into the classifier's folder DIR, after making sure that it gives the same answers.

    From then on it runs without torch.
    """
    from vadd.classify.export import export as run
    from vadd.cli.terminal import say
    from vadd.embed.checkpoint import require_extra

    require_extra("torch", "onnx", "onnxscript", "safetensors")
    card = run(folder)
    say(f"{folder / 'model.onnx'}: SHA-256 {card.files['model.onnx']}")
    return 0
