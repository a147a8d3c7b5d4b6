"""``vadd protocol score``: what predictions are worth, and what stands beside them."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from vadd.protocol.predictions import Predictions
    from vadd.protocol.scoring import Options
    from vadd.protocol.truth import Truth

__all__ = ["score_", "tell", "whole_number"]

PAGE, DOCUMENT, PICTURE = "score.md", "score.json", "confusion.png"
#: Classes beyond which a picture of all pairs of them cannot be read.
_MOST_CLASSES = 40


def whole_number(context: click.Context, option: click.Parameter, value: float) -> float:
    """A threshold that is a number."""
    if not math.isfinite(value):
        raise click.BadParameter(f"{value} is no number")
    return value


@click.command("score", short_help="Score predictions against a manifest.")
@click.argument("predictions", type=click.Path(path_type=Path), metavar="PREDICTIONS")
@click.argument("manifest", type=click.Path(path_type=Path), metavar="MANIFEST")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR",
    help="Write score.md, score.json and a picture into a folder.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Write one JSON document and nothing else.")
@click.option(
    "--format", "form", type=click.Choice(["csv", "avdeepfake1m"]), default="csv", show_default=True,
    help="Of the predictions.",
)  # fmt: skip
@click.option(
    "--threshold", type=float, callback=whole_number, default=0.5, show_default=True, metavar="SCORE",
    help="From which on a trial is flagged, if the predictions have no verdicts.",
)  # fmt: skip
@click.option(
    "--bootstraps", type=click.IntRange(0, 100_000), default=1_000, show_default=True, metavar="N",
    help="Draws behind the intervals.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of all that is drawn.")
def score_(
    predictions: Path, manifest: Path, out: Path | None, as_json: bool, form: str, threshold: float,
    bootstraps: int, seed: int,
) -> int:  # fmt: skip
    """Score PREDICTIONS of the trials of MANIFEST.

    PREDICTIONS is a CSV with the columns trial and score (higher: more discrepant), and, if the tool has
    them, verdict (consistent, discrepant, inconclusive, failed), probability and spans
    (1-2.5:0.8;6-8:0.4, start-end:score in seconds). Beside the figures stands what needs no skill: flagging
    all, a coin, rules that read file names, and what metadata alone tells of the benchmark.
    """
    from vadd.protocol.manifest import read_manifest
    from vadd.protocol.predictions import read_avdeepfake1m, read_predictions
    from vadd.protocol.scoring import Options
    from vadd.protocol.truth import truth_of

    if out is not None:
        from vadd.report.output import prepare_folder

        prepare_folder(out)
    truth = truth_of(read_manifest(manifest))
    read = read_predictions if form == "csv" else read_avdeepfake1m
    answers = read(predictions, truth)
    tell(
        truth, answers, Options(threshold, bootstraps, seed), manifest=manifest, predictions=predictions,
        out=out, as_json=as_json,
    )  # fmt: skip
    return 0


def tell(
    truth: Truth, answers: Predictions, options: Options, *, manifest: Path, predictions: Path,
    out: Path | None, as_json: bool, about: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    """Score, write and say; what both commands that score do.

    Args:
        truth: The benchmark.
        answers: To its trials.
        options: How to score.
        manifest: The benchmark's file.
        predictions: That of the answers.
        out: Folder for the pages, if any; it exists.
        as_json: Whether to say it as JSON.
        about: More about what was scored.

    Raises:
        OutputError: If something cannot be written.
    """
    from vadd.cli.terminal import emit, say
    from vadd.protocol.audit import audit, name_features
    from vadd.protocol.manifest import read_origin
    from vadd.protocol.predictions import to_avdeepfake1m
    from vadd.protocol.rules import rules
    from vadd.protocol.score_page import score_document, score_page, summary
    from vadd.protocol.scoring import score_predictions

    origin = read_origin(manifest)
    document = score_document(
        score_predictions(truth, answers, options),
        rules(truth, seed=options.seed),
        audit(name_features(truth), truth, seed=options.seed),
        {
            "manifest": manifest.name, "manifest_sha256": _digest(manifest), "predictions": predictions.name,
            "predictions_sha256": _digest(predictions),
            "design": {name: origin[name] for name in ("design", "seed", "classes") if name in origin},
            **(about or {}),
        },
    )  # fmt: skip
    notes = []
    if out is not None:
        from vadd.classify.card import publish

        picture, why = _draw(document["cells"])
        notes += [why] if picture is None else []
        files = {} if picture is None else {PICTURE: picture}
        texts = to_avdeepfake1m(answers, truth) if answers.spans is not None else {}
        texts[PAGE] = score_page(document, None if picture is None else PICTURE)
        # The document comes last: where it lies, all the others are there and of the same score.
        texts[DOCUMENT] = json.dumps(document, indent=1, allow_nan=False) + "\n"
        files |= {name: text.encode("utf-8") for name, text in texts.items()}
        publish(out, files, retire=(DOCUMENT, PICTURE), what="the score into")
        notes.append(f"page: {out / PAGE}")
    if as_json:
        emit(json.dumps(document, allow_nan=False) + "\n")
        return
    for line in [*summary(document), *(f"WARNING: {line}" for line in document["warnings"]), *notes]:
        say(line)


def _draw(cells: dict[str, Any]) -> tuple[bytes | None, str]:
    """Draw what share is flagged, by class of picture and of sound, as PNG; or say why not."""
    import numpy as np

    if max(len(cells["picture"]), len(cells["sound"])) > _MOST_CLASSES:
        return None, f"no picture: there are more than {_MOST_CLASSES} classes"
    try:
        from vadd.report.matrix import drawn

        trials, flagged = (
            np.array([cells[kind][what] for kind in ("pristine", "manipulated")]).sum(axis=0)
            for what in ("trials", "flagged")
        )
        share = np.divide(flagged, trials, out=np.full(trials.shape, np.nan), where=trials > 0)
        picture = drawn(
            title="flagged, % of the trials", down="class of the picture", across="class of the sound",
            rows=cells["picture"], columns=cells["sound"], values=100 * share, shades=np.nan_to_num(share),
            decimals=0, synthetic=False,
        )  # fmt: skip
    except ModuleNotFoundError:
        return None, "no picture: drawing needs matplotlib, which comes with the extra vadd[paper]"
    return picture, ""


def _digest(path: Path) -> str:
    from vadd.errors import UsageError

    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
