"""Which of two sounds belongs to a picture? Scores each against it; the lower score fits better.

python examples/pair.py PICTURE.mp4 FIRST.wav SECOND.wav
"""

from __future__ import annotations

import sys
from pathlib import Path

import vadd
from vadd.report.text import printable


def main(picture: Path, sounds: list[Path]) -> None:
    """Print a line for each sound, then the one that fits best."""
    detector = vadd.Detector()
    scored = []
    for sound in sounds:
        verdict = detector.check_pair(picture, sound)
        if verdict.score is None:
            print(f"{printable(sound.name)}: no score. {printable(verdict.explanation)}")
        else:
            scored.append((verdict.score, sound.name))
            print(f"{printable(sound.name)}: score {verdict.score:.2f}, {verdict.verdict}")
    if scored:
        print(f"{printable(min(scored)[1])} fits best")


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
