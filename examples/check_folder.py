"""Judge all videos of a folder and keep one JSON document of each beside it.

python examples/check_folder.py FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import vadd
from vadd.report.text import printable

VIDEOS = {".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm"}


def main(folder: Path) -> None:
    """Judge what lies in ``folder`` itself, not in folders inside it."""
    # Made once: its tables are read once. The networks are not: each file gets a process of its own, which
    # loads them anew, so that no file can harm the judging of another.
    detector = vadd.Detector()
    for path in sorted(path for path in folder.iterdir() if path.suffix.lower() in VIDEOS):
        verdict = detector.check(path)
        # The whole name is kept: a.mp4 and a.mov may lie side by side.
        path.with_name(f"{path.name}.vadd.json").write_text(json.dumps(vadd.document(verdict), indent=1))
        print(f"{printable(path.name)}: {verdict.verdict}. {printable(verdict.explanation)}")
        for found in verdict.spans:
            print(f"  {found.span}: does not fit")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
