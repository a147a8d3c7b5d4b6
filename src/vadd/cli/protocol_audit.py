"""``vadd protocol audit``: whether a benchmark gives itself away."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

__all__ = ["audit_"]

PAGE, DOCUMENT = "audit.md", "audit.json"


@click.command("audit", short_help="Ask whether metadata alone tells what is manipulated.")
@click.argument("manifest", type=click.Path(path_type=Path), metavar="MANIFEST")
@click.option(
    "--media", type=click.Path(path_type=Path), metavar="DIR",
    help="The rendered clips: lengths, levels, codecs and sizes are looked at as well.",
)  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Write audit.md and audit.json.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON document and nothing else.")
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True, help="Files read at once.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of all that is drawn.")
def audit_(
    manifest: Path, media: Path | None, out: Path | None, as_json: bool, workers: int, seed: int
) -> int:
    """Ask whether a cheap model that sees and hears nothing tells the manipulated trials of MANIFEST.

    Every feature alone, every pair of them and small boosted models answer trials that they did not learn
    from. A line warns of an AUC above 0.55; the exit status is 0 all the same.
    """
    from vadd.classify.card import publish
    from vadd.cli.terminal import Progress, emit, say
    from vadd.protocol.audit import audit, name_features
    from vadd.protocol.manifest import read_manifest
    from vadd.protocol.score_page import audit_document, audit_page
    from vadd.protocol.truth import truth_of
    from vadd.report.output import prepare_folder

    if out is not None:
        prepare_folder(out)
    truth = truth_of(read_manifest(manifest))
    features = name_features(truth)
    about: dict[str, Any] = {"manifest": manifest.name, "trials": len(truth), "seed": seed}
    if media is not None:
        from vadd.protocol.audit_media import media_features, rendered_files

        found = rendered_files(media, truth.trials)
        with Progress(media, wanted=not as_json) as progress:
            measured, problems = media_features(
                [found.get(trial) for trial in truth.trials], workers=workers, progress=progress
            )
        features += measured
        about |= {"files": len(found), "problems": problems}
    document = audit_document(audit(features, truth, seed=seed), about)
    if out is not None:
        texts = {PAGE: audit_page(document), DOCUMENT: json.dumps(document, indent=1, allow_nan=False) + "\n"}
        files = {name: text.encode("utf-8") for name, text in texts.items()}
        publish(out, files, retire=(DOCUMENT,), what="the audit into")
    if as_json:
        emit(json.dumps(document, allow_nan=False) + "\n")
        return 0
    if media is not None:
        bad = len(about["problems"])
        say(f"{about['files']} of {len(truth)} trials have a file, {bad} cannot be measured")
    for each in document["findings"]:
        bounds = "" if each["low"] is None else f"  ({each['low']:.3f} to {each['high']:.3f})"
        say(f"{each['auc']:.3f}{bounds}  {each['kind']}: {each['model']}")
    for line in document["warnings"]:
        say(f"WARNING: {line}")
    if not document["warnings"]:
        say(f"no model is above AUC {document['limit']}")
    return 0
