"""A benchmark of real clips, made, rendered, audited and judged in one go: the everyday model's table on it.

    python benchmarks/clips_protocol.py            needs VADD_SHARED; writes docs/benchmark-clips.md
    python benchmarks/clips_protocol.py --work DIR keeps manifests, rendered clips and results there

The clips are those of ``data/clips`` whose sound was recorded with the picture. Their classes are groups of
kinds that are near each other (``kinds_near.txt``, joined), so that a sound of another class is clearly
foreign. Five designs: every clip with its own and with a foreign sound; the same with the foreign sound in
one span only; sounds of the same class, which a detector of editing would flag and vadd should not; and the
first two again with the ambient recordings of ``data/sounds`` as foreign sounds. ``sounds_near.txt`` says
which of these are not clearly foreign to a class, and why. All go the same way from the manifest on.

One draw has too few trials for the audit: it is repeated on further draws, which are not judged.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from lenders import lend
from vadd.cli import main as vadd
from vadd.media.limits import Limits
from vadd.media.probe import probe

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "benchmark-clips.md"
OPENING = """# VADD on real clips

Written by `python benchmarks/clips_protocol.py`: real clips whose sound was recorded with the picture,
swapped by `vadd protocol make`, rendered by `vadd protocol render`, audited, and judged by `vadd protocol
run` with the `everyday` model at its default settings. The model was calibrated on these same clips, with
their own sound and swapped, each scored without its kind; here it is used as it ships, so **these figures
flatter it**. They show the protocol at work; the cross-validated ones stand in
[benchmark-everyday.md](benchmark-everyday.md). Nothing of it was fitted to the ambient recordings, but it
was measured on them all along.

Every sound, a clip's own too, is brought to one level and one peak, both as a player gets them. With one
level alone the peak told the spliced clips: recordings differ in how far their peaks stand out, and of two
in one clip the higher counts.

"""
#: Name of a design on the page → what `vadd protocol make` is told.
PAIRED = ["--design", "paired"]
SPLICED = [*PAIRED, "--splice", "1", "--seconds", "8"]
DESIGNS = {
    "paired": PAIRED,
    "spliced": SPLICED,
    "control": ["--design", "control"],
    "paired, ambience": PAIRED,
    "spliced, ambience": SPLICED,
}
#: What is said of the designs whose foreign sounds are recordings without a picture.
AMBIENCE = """The foreign sounds are ambient recordings, each lent once. None is heard in a pristine trial, so
whoever knows the names of the sounds, or can tell a produced recording from a camera's, knows the answer:
models of the audit that know those names are left out.
"""
SEED = 1
#: Draws that the audit is repeated on.
DRAWS = range(1, 4)
#: Lengths, in seconds, of the clips that take part: alike, so that a sound is about as long as any picture.
SHORTEST, LONGEST = 8, 12
#: Figure → its name on the page.
FIGURES = {
    "f1": "F1", "precision": "precision", "recall": "recall", "false_alarm_rate": "false alarms",
    "auc": "area under the curve", "average_precision": "average precision",
    "equal_error_rate": "equal error rate",
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, help="folder that is kept, and gone on with")
    options = parser.parse_args()
    data = Path(os.environ["VADD_SHARED"]) / "data"
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        work.mkdir(exist_ok=True, parents=True)
        listed = work / "clips.csv"
        count = write_list(data / "clips" / "clips.csv", listed)
        parts = [
            OPENING + f"{count} clips of {SHORTEST} to {LONGEST} s, in {len(read_classes(listed))} classes.\n"
        ]
        parts += [design(name, listed, data, work) for name in DESIGNS]
        parts.append(repeated(listed, data, work))
    PAGE.write_text("\n".join(parts))


def design(name: str, listed: Path, data: Path, work: Path) -> str:
    """Make, render, audit and judge one design; returns its part of the page."""
    folder, failed = audited(name, SEED, listed, data, work)
    manifest, out = folder / "manifest.csv", folder / "judged"
    done(["protocol", "run", str(manifest), "--rendered", str(folder / "rendered"), "--out", str(out)],
         also=4)  # fmt: skip
    origin = json.loads(manifest.with_name("manifest.csv.json").read_text())
    figures = json.loads((out / "score.json").read_text())
    return told(name, origin, figures, findings(folder), failed)


def audited(name: str, seed: int, listed: Path, data: Path, work: Path) -> tuple[Path, bool]:
    """Make, render and audit one draw of a design; returns where it is, and whether a trial failed."""
    folder = work / f"{name.replace(', ', '-')}-{seed}"
    folder.mkdir(exist_ok=True)
    manifest, rendered = folder / "manifest.csv", folder / "rendered"
    done(["protocol", "make", "--clips", str(listed), "--classes", "own", "--split", "all",
          "--seed", str(seed), *DESIGNS[name], "--out", str(manifest)])  # fmt: skip
    if "ambience" in name:
        lend(manifest, data / "sounds", seed)
    failed = done(["protocol", "render", str(manifest), "--media", str(data), "--out", str(rendered)], also=4)
    done(["protocol", "audit", str(manifest), "--media", str(rendered), "--out", str(folder / "audit")])
    return folder, failed == 4


def findings(folder: Path) -> list[dict[str, Any]]:
    """What the audit of a draw found."""
    found: list[dict[str, Any]] = json.loads((folder / "audit" / "audit.json").read_text())["findings"]
    ambience = "ambience" in folder.name
    return [
        each
        for each in found
        if each["auc"] is not None and not (ambience and "of the sound" in each["model"])
    ]


def repeated(listed: Path, data: Path, work: Path) -> str:
    """The part of the page on what metadata tells, over several draws."""
    lines = [
        "## What metadata tells", "",
        f"The audit of {len(DRAWS)} draws (seeds {DRAWS[0]} to {DRAWS[-1]}): mean area under the curve, and",
        "its standard deviation among draws, which share the clips' own sounds and so are not independent.",
        "\"Ranked\" takes a number as it is, \"single\" in ten bins, \"boosted\" all of them together.",
        "Models that know both the scene and the level are left out: they are crude classifiers of sound.",
        "The audit takes differences within 1.5 standard errors for none: 0.500 means that none was found.",
        "",
    ]  # fmt: skip
    names = [name for name in DESIGNS if name != "control"]
    table: dict[tuple[str, str], dict[str, list[float]]] = {}
    for name in names:
        for seed in DRAWS:
            folder, _ = audited(name, seed, listed, data, work)
            for each in findings(folder):
                if not each["crude"] and each["kind"] != "pair":
                    row = table.setdefault((each["model"], each["kind"]), {})
                    row.setdefault(name, []).append(each["auc"])
    lines += ["| model | " + " | ".join(names) + " |", "| --- |" + " ---: |" * len(names)]
    for (model, kind), row in table.items():
        cells = [spread(row[name]) if name in row else "–" for name in names]
        lines.append(f"| {model}, {kind} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def spread(areas: list[float]) -> str:
    """Mean and standard deviation."""
    return f"{np.mean(areas):.3f} ± {np.std(areas, ddof=1):.3f}" if len(areas) > 1 else f"{areas[0]:.3f}"


def told(
    name: str,
    origin: dict[str, Any],
    figures: dict[str, Any],
    tried: list[dict[str, Any]],
    some_failed: bool,
) -> str:
    """A design's part of the page."""
    lines = [f"## {name.capitalize()}", ""]
    if "ambience" in name:
        lines += [AMBIENCE]
    abstained = figures["abstained"]
    lines.append(
        f"{figures['trials']} trials, {figures['manipulated']} manipulated; {figures['locations']} places; "
        f"seed {origin['seed']}; {abstained['share']:.0%} left open."
        + (" Some could not be rendered and count as failed." if some_failed else "")
    )
    lines += ["", "| | all trials | answered ones |", "| --- | ---: | ---: |"]
    for key, words in FIGURES.items():
        every = interval(figures["figures"]["all"][key])
        lines.append(f"| {words} | {every} | {interval(figures['figures']['answered'][key])} |")
    for key, value in (figures["spans"] or {"figures": {}})["figures"].items():
        lines.append(f"| {key} | {interval(value)} | |")
    rules = ", ".join(
        f"{each['name']} {each['f1']:.1%}" for each in figures["baselines"] if each["f1"] is not None
    )
    lines += ["", f"F1 of rules that look at no clip: {rules}."]
    verdicts = ("consistent", "discrepant", "inconclusive", "failed")
    lines += ["", "| sound | " + " | ".join(verdicts) + " |", "| --- |" + " ---: |" * 4]
    for kind, words in (("pristine", "own"), ("manipulated", "foreign")):
        lines.append(f"| {words} | " + " | ".join(str(abstained[kind][each]) for each in verdicts) + " |")
    said = "; ".join(
        f"{each['model']} {each['auc']:.3f}" for each in sorted(tried, key=lambda each: -each["auc"])[:3]
    )
    halves = figures["manipulated"], figures["trials"] - figures["manipulated"]
    error = (sum(halves) + 1) / 12 / halves[0] / halves[1]
    lines += [
        "",
        f"Audit: of {len(tried)} models on metadata alone the highest areas under the curve: {said}. With so "
        f"many trials the standard error of a single area is {error**0.5:.3f}.",
    ]
    return "\n".join([*lines, ""])


def interval(figure: dict[str, float | None]) -> str:
    """A share in percent with its interval; nothing where it is not defined."""
    if figure["value"] is None:
        return "–"
    if figure["low"] is None:
        return f"{figure['value']:.1%}"
    return f"{figure['value']:.1%} ({figure['low']:.1%} to {figure['high']:.1%})"


def done(arguments: list[str], also: int = 0) -> int:
    """Run a command of vadd; any other status than 0 or ``also`` ends all."""
    print("vadd", *arguments, flush=True)
    status = vadd(arguments)
    if status not in (0, also):
        raise SystemExit(f"it ended with {status}")
    return status


def write_list(source: Path, target: Path) -> int:
    """The clips as `vadd protocol make` takes them; returns how many there are."""
    groups: dict[str, str] = {}
    for line in (HERE / "kinds_near.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            one, two = (groups.get(kind, kind) for kind in line.split())
            joined = min(one, two)
            groups |= {kind: joined for kind, group in groups.items() if group in (one, two)}
            groups |= dict.fromkeys(line.split(), joined)
    rows = [
        {**row, "class": groups.get(row["kind"], row["kind"])}
        for row in csv.DictReader(source.open(encoding="utf-8"))
        if row["sound"] == "original" and SHORTEST <= seconds(source.parent, row["clip"]) <= LONGEST
    ]
    sizes = Counter(row["class"] for row in rows)
    rows = [row for row in rows if sizes[row["class"]] > 1]  # or there is no sound of the same class
    with target.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["clip", "scene", "city", "location", "fold1"])
        for row in rows:
            collection, _, rest = row["clip"].partition("__")
            # The street recordings name their place; of the others each is a place of its own.
            place = rest.split("_")[0] if collection == "beasteers" else rest
            table.writerow([row["clip"], row["class"], collection, place, "test"])
    return len(rows)


def read_classes(listed: Path) -> set[str]:
    """The classes of the list."""
    return {row["scene"] for row in csv.DictReader(listed.open(encoding="utf-8"))}


def seconds(folder: Path, name: str) -> float:
    """Length of a clip."""
    path = next(each for each in folder.iterdir() if each.stem == name)
    return float(probe(path, Limits()).duration or 0)


if __name__ == "__main__":
    main()
