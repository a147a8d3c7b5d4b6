"""``vadd evaluate``: a trained classifier on the clips of a store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from vadd.classify.evaluate import Evaluation

__all__ = ["evaluate"]


@click.command(short_help="Try a trained classifier on a store.")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--store", "place", required=True, type=click.Path(path_type=Path), metavar="DIR")
@click.option("--split", type=click.Choice(["test", "train"]), default="test", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON document and nothing else.")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="PATH",
    help="Also write the posteriors: a CSV with a row for each clip.",
)  # fmt: skip
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True)
def evaluate(folder: Path, place: Path, split: str, as_json: bool, out: Path | None, threads: int) -> int:
    """Say how often the classifier in DIR is right on the test fold of a store.

    By the vote of a clip's seconds, as in the paper, with a bootstrap interval over locations; by their
    mean posterior; by second; log-loss and expected calibration error; and the confusion matrix. Of a
    contrastive network: how well it tells a second's own sound from another's.
    """
    from vadd.classify.card import read_card
    from vadd.classify.evaluate import check_vectors, samples_of
    from vadd.classify.evaluate import evaluate as run
    from vadd.classify.lesson import scenes_of
    from vadd.classify.model import load_network
    from vadd.cli.terminal import emit
    from vadd.embed.checkpoint import require_extra
    from vadd.embed.store import Store
    from vadd.report.output import write

    require_extra("torch", "safetensors", "pyarrow")
    import torch

    from vadd.classify.contrastive import ContrastiveNet

    torch.set_num_threads(threads)
    card = read_card(folder)
    store = Store.open(place)
    identities: Any = card.data.get("embedder_identities", {})
    check_vectors(store, identities)
    network = load_network(folder)
    samples = samples_of(store, card.spec, scenes_of(card.spec), split)
    head: dict[str, Any] = {
        "classifier": str(folder), "store": str(place), "split": split, "synthetic": store.synthetic,
        "weights_sha256": card.files["weights.safetensors"], "vadd": card.vadd,
    }  # fmt: skip
    if isinstance(network, ContrastiveNet):
        from vadd.classify.match import match

        figures = match(network, samples).document()
        table = None
    else:
        found = run(network, samples)
        figures, table = found.document(), _table(found)
    if as_json:
        emit(json.dumps({**head, **figures}) + "\n")
    else:
        _tell(head, figures)
    if out is not None:
        if table is None:
            raise click.UsageError("a contrastive network has no posteriors to write")
        write(out, table)
    return 0


def _tell(head: dict[str, Any], figures: dict[str, Any]) -> None:
    from vadd.cli.terminal import say

    if head["synthetic"]:
        say("synthetic: made-up vectors, no clip was ever seen")
    for name, value in figures.items():
        if name == "confusion":
            continue
        if name == "scenes":
            say(f"{len(value)} scenes: {', '.join(value)}")
        elif name == "most_confused":
            say("most confused: " + (", ".join(f"{a}/{b} {n}" for a, b, n in value) or "none"))
        elif isinstance(value, list):
            say(f"{name.replace('_', ' ')}: {value[0]:.2%} to {value[1]:.2%}")
        elif isinstance(value, int):
            say(f"{name}: {value}")
        elif "accuracy" in name or name == "area_under_curve":
            say(f"{name.replace('_', ' ')}: {value:.2%}")
        else:
            say(f"{name.replace('_', ' ')}: {value:.4f}")


def _table(found: Evaluation) -> str:
    import csv
    import io

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["clip", "scene", "answer", *found.scenes.scenes])
    for clip, truth, answer, mean in zip(
        found.clips, found.score.truth, found.score.answers, found.score.means, strict=True
    ):
        shares = [f"{share:.6f}" for share in mean]
        writer.writerow([clip.name, found.scenes.scenes[truth], found.scenes.scenes[answer], *shares])
    return text.getvalue()
