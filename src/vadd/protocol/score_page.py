"""A score and an audit as they are told: Markdown, and lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from vadd.protocol.audit import LIMIT, Finding, warnings
from vadd.protocol.rules import Rule
from vadd.protocol.scoring import FIGURES

__all__ = ["FORM", "audit_document", "audit_page", "score_document", "score_page", "summary"]

#: Name and version of the JSON documents.
FORM = "vadd.score/1"
AUDIT_FORM = "vadd.audit/1"
_NAMES = {
    "precision": "precision", "recall": "recall", "f1": "F1", "balanced_accuracy": "balanced accuracy",
    "false_alarm_rate": "false alarms (of pristine trials)", "auc": "AUC",
    "average_precision": "average precision", "equal_error_rate": "equal error rate",
    "false_alarms_at_95_recall": "false alarms at 95 % recall", "calibration_error": "calibration error",
}  # fmt: skip
#: What a page says of where figures come from.
_ABOUT = ("manifest", "predictions", "model", "media")
#: Groups that a page lists; a JSON document has all.
_MOST = 60


def score_document(
    scored: Mapping[str, Any], rules: Sequence[Rule], findings: Sequence[Finding], about: Mapping[str, Any]
) -> dict[str, Any]:
    """All that is known of a result, JSON-ready.

    Args:
        scored: Of :func:`vadd.protocol.scoring.score_predictions`.
        rules: What needs no skill.
        findings: The audit of the benchmark.
        about: What was scored: files and their hashes.
    """
    return {
        "score": FORM, **about, **scored, "baselines": [asdict(each) for each in rules],
        "audit": _findings(findings), "warnings": warnings(findings),
    }  # fmt: skip


def audit_document(findings: Sequence[Finding], about: Mapping[str, Any]) -> dict[str, Any]:
    """An audit, JSON-ready."""
    told = {"findings": _findings(findings), "limit": LIMIT, "warnings": warnings(findings)}
    return {"audit": AUDIT_FORM, **about, **told}


def summary(document: Mapping[str, Any]) -> list[str]:
    """A score in a few lines."""
    figures = document["figures"]
    lines = [
        f"{document['trials']} trials, {document['manipulated']} manipulated "
        f"({_percent(document['prevalence'])} %), {document['locations']} locations; {_by(document)}"
    ]
    for name in FIGURES:
        if figures["all"][name]["value"] is not None:
            answered = figures.get("answered", {}).get(name)
            rest = f"   answered only: {_with_interval(answered)}" if answered else ""
            lines.append(f"{_NAMES[name]}: {_with_interval(figures['all'][name])}{rest}")
    if "answered" in figures:
        lines.append(f"abstained: {_percent(document['abstained']['share'])} % of the trials")
    if document["spans"] is not None:
        lines += [f"{name}: {_with_interval(each)}" for name, each in document["spans"]["figures"].items()]
    lines.append("")
    lines += [
        f"{each['name']}: F1 {_percent(each['f1'])}, AUC {_number(each['auc'])}"
        for each in document["baselines"]
    ]
    return lines


def score_page(document: Mapping[str, Any], picture: str | None = None) -> str:
    """A score as Markdown.

    Args:
        document: Of :func:`score_document`.
        picture: File name of the confusion picture, if one was drawn.
    """
    parts = [
        "# Score\n",
        f"{document['trials']} trials, {document['manipulated']} of them manipulated (prevalence "
        f"{_percent(document['prevalence'])} %), pictures from {document['locations']} locations. "
        f"{_by(document).capitalize()}. Figures in percent; in brackets 95 % bootstrap intervals over the "
        f"pictures' locations ({document['bootstrap']['draws']} draws, seed "
        f"{document['bootstrap']['seed']}).\n",
        *(f"- {name}: `{document[name]}`" for name in _ABOUT if name in document),
        "",
        _figures(document),
        _spans(document),
        "\n## What needs no skill\n",
        "Rules that read file names learn from four fifths of the trials and answer the last. Below chance "
        "is what comes of believing small differences in a balanced benchmark.\n",
        _table(
            ("rule", "F1", "precision", "recall", "accuracy", "AUC"),
            (
                (each["name"], *(_percent(each[name]) for name in ("f1", "precision", "recall", "accuracy")),
                 _number(each["auc"]))
                for each in document["baselines"]
            ),
        ),
        "\n## What metadata alone tells\n",
        *(f"**Warning:** {line}.\n" for line in document["warnings"]),
        _audit_table(document["audit"]),
        "\n## Verdicts\n",
        _verdicts(document),
        *([f"\n![Share flagged, by class of picture and sound]({picture})"] if picture else []),
        *(
            f"\n## By {title}\n\n{_groups(document[name])}"
            for title, name in (("class of the picture", "classes"), ("city", "cities"))
            if len(document[name]) > 1
        ),
    ]  # fmt: skip
    return "\n".join(parts) + "\n"


def audit_page(document: Mapping[str, Any]) -> str:
    """An audit as Markdown."""
    warned = [f"**Warning:** {line}." for line in document["warnings"]]
    return "\n\n".join([
        "# Audit",
        f"Whether metadata alone tells manipulated from pristine: `{document['manifest']}`, "
        f"{document['trials']} trials, seed {document['seed']}.",
        *(warned or [f"No model is above AUC {LIMIT}."]),
        _audit_table(document["findings"]),
        *(f"- not measured: {line}" for line in document.get("problems", [])),
    ]) + "\n"  # fmt: skip


def _findings(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    return [{**asdict(each), "warns": each.warns} for each in findings]


def _by(document: Mapping[str, Any]) -> str:
    if document["flagged_by"] == "verdict":
        return "flagged by the tool's own verdicts"
    return f"flagged from the score {document['threshold']:g} on"


def _figures(document: Mapping[str, Any]) -> str:
    figures = document["figures"]
    heads = {"all": "all, abstentions not flagged", "answered": "answered only"}
    share = _percent(document["abstained"]["share"])
    rows = [
        (_NAMES[name], *(_with_interval(each[name]) for each in figures.values()))
        for name in FIGURES
        if figures["all"][name]["value"] is not None
    ]
    head = [heads[name] for name in figures] if len(figures) > 1 else ["all"]
    parts = [_table(("figure", *head), rows)]
    if len(figures) > 1:
        parts.append(f"\nThe tool abstained on {share} % of the trials.")
    if document["without_score"]:
        parts.append(f"\n{document['without_score']} trials have no score and rank below all others.")
    if document["probabilities"] is not None:
        parts.append(f"\nThe calibration error is that of the column `{document['probabilities']}`.")
    return "\n".join(parts)


def _spans(document: Mapping[str, Any]) -> str:
    if document["spans"] is None:
        return ""
    rows = [(name, _with_interval(each)) for name, each in document["spans"]["figures"].items()]
    return (
        "\n## When\n\nTemporal overlap, after the conventions of AV-Deepfake1M, over the "
        f"{document['spans']['trials']} trials that are pristine or manipulated in spans.\n\n"
        f"{_table(('figure', 'value'), rows)}"
    )


def _audit_table(findings: Sequence[Mapping[str, Any]]) -> str:
    def row(each: Mapping[str, Any]) -> tuple[str, ...]:
        bounds = "" if each["low"] is None else f"{each['low']:.3f} to {each['high']:.3f}"
        mark = "crude classifier of sound" if each["crude"] else "above the limit"
        auc = _number(each["auc"])
        return each["model"], each["kind"], each["folds"], auc, bounds, mark if each["warns"] else ""

    return _table(("model", "kind", "held out by", "AUC", "interval", ""), map(row, findings))


def _verdicts(document: Mapping[str, Any]) -> str:
    counts = {kind: document["abstained"][kind] for kind in ("pristine", "manipulated")}
    names = list(counts["pristine"])
    rows = [(kind, *(str(found[name]) for name in names)) for kind, found in counts.items()]
    return _table(("truth", *names), rows)


def _groups(groups: Sequence[Mapping[str, Any]]) -> str:
    shares = ("precision", "recall", "false_alarm_rate")
    rows = [
        (
            each["name"] or "not known",
            str(each["trials"]),
            str(each["manipulated"]),
            _with_interval(each["f1"]),
            *(_percent(each[name]) for name in shares),
            _number(each["auc"]),
        )
        for each in groups[:_MOST]
    ]
    head = ("", "trials", "manipulated", "F1", "precision", "recall", "false alarms", "AUC")
    more = len(groups) - len(rows)
    return _table(head, rows) + (f"\n\n{more} more are in the JSON document." if more > 0 else "")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(
        f"| {' | '.join(' '.join(cell.split()).replace('|', chr(92) + '|') for cell in line)} |"
        for line in lines
    )


def _with_interval(figure: Mapping[str, float | None]) -> str:
    told = _percent(figure["value"])
    if figure["low"] is None or figure["high"] is None:
        return told
    return f"{told} ({100 * figure['low']:.2f} to {100 * figure['high']:.2f})"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.2f}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
