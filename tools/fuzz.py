"""Damage well-formed files at random and see that whoever reads them says so, in time, and does not fall.

Two kinds of targets: every container that may be opened, through the guarded child; and every parser of ours
(lists, records, stores, cards, messages of the child, ...), in a process of its own with limited memory.
Input ``n`` of a target is the same for the same seed, whatever else runs. Findings go to ``--keep``, one
file with the input and one that tells what happened; ``--again`` runs one input once more.

    python tools/fuzz.py --minutes 10 --keep findings
    python tools/fuzz.py --only matroska --only ledger --inputs 1000
    python tools/fuzz.py --only store-head --again 260
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import _containers
import _media_fuzz
from _media_fuzz import Finding
from vadd.media.guard import Guard

#: Inputs of a target in a row: to start a process takes as long as some hundred inputs of a parser.
_PARSED, _DECODED = 1000, 40
#: Private memory that a parser may use, and seconds without a word after which its process is killed.
_MEMORY, _SILENT = 2 * 2**30, 90
#: Of so many damaged media one goes the whole way to a verdict.
_WHOLE = 40


def main() -> int:
    options = _options()
    if options.batch:
        return _batch(options.only, options.seed, options.first, options.inputs)
    names = options.only or [*_containers.SEEDS, *_parser_names()]
    if options.again is not None:
        return _again(names[0], options.seed, options.again)
    fuzz = _Fuzz(names, options)
    try:
        fuzz.run()
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
    return fuzz.told()


class _Fuzz:
    """One run over some targets, in turns, until time or inputs are used up."""

    def __init__(self, names: list[str], options: argparse.Namespace) -> None:
        self.options = options
        self.names = [name for name in names if not self._skipped(name)]
        self.done: Counter[str] = Counter()
        self.outcomes: dict[str, Counter[str]] = {name: Counter() for name in self.names}
        self.found: dict[str, Finding] = {}
        self.times: Counter[str] = Counter()
        self.end = time.monotonic() + 60 * options.minutes if options.minutes else float("inf")

    def _skipped(self, name: str) -> bool:
        if name in _containers.SEEDS:
            return False
        from _parsers import TARGETS

        if missing := TARGETS[name].missing:
            print(f"{name}: left out, {missing} is not installed", file=sys.stderr)
        return bool(missing)

    def run(self) -> None:
        """All targets a batch each, and so on."""
        with tempfile.TemporaryDirectory(prefix="vadd-fuzz-") as folder:
            self.folder = Path(folder)
            self.seeds = _media_fuzz.seeds(self.folder)
            while left := [name for name in self.names if self.done[name] < self.options.inputs]:
                for name in left:
                    if time.monotonic() > self.end:
                        return
                    media = name in _containers.SEEDS
                    count = min(_DECODED if media else _PARSED, self.options.inputs - self.done[name])
                    for number, outcome, finding in (self._media if media else self._parser)(name, count):
                        self.outcomes[name][outcome] += 1
                        if finding is not None:
                            self._keep(finding, number)
                    self.done[name] += count
                    print(f"{name}: {self.done[name]} {dict(self.outcomes[name])}", file=sys.stderr)

    def _media(self, name: str, count: int) -> Iterator[tuple[int, str, Finding | None]]:
        from vadd.detect.detector import Detector

        inputs = {}
        for number in range(self.done[name], self.done[name] + count):
            data, ways = _media_fuzz.media(name, self.seeds, self.options.seed, number)
            path = self.folder / f"{name}-{number}{_containers.SEEDS[name].suffix}"
            path.write_bytes(data)
            inputs[path] = (number, ways, data)
        with Guard(limits=_media_fuzz.LIMITS) as guard:
            answers = list(_media_fuzz.decoded(guard, list(inputs)))
            detector = Detector("everyday", limits=_media_fuzz.LIMITS)
            some = [path for path, (number, _, _) in inputs.items() if number % _WHOLE == 0]
            answers += [_media_fuzz.judged(path, detector, guard) for path in some]
        for answer in answers:
            number, ways, data = inputs[answer.path]
            finding = Finding(name, number, ways, answer.finding, data) if answer.finding else None
            yield number, answer.outcome, finding
        for path in inputs:
            path.unlink()

    def _parser(self, name: str, count: int) -> Iterator[tuple[int, str, Finding | None]]:
        from _parsers import input_of

        number, end, seed = self.done[name], self.done[name] + count, self.options.seed
        while number < end:
            command = [sys.executable, "-W", "ignore", __file__, "--batch", "--only", name]
            command += ["--seed", str(seed), "--first", str(number), "--inputs", str(end - number)]
            with tempfile.TemporaryFile() as errors:
                child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors)
                for _, number, outcome, told in _lines(child):
                    data, ways = input_of(name, seed, number) if told else (b"", "")
                    yield number, outcome, Finding(name, number, ways, told, data) if told else None
                    number += 1
                if number < end:  # code that is not Python's crashed, or did not come back
                    errors.seek(0)
                    status = f"the process ended with {child.returncode}: {errors.read()[-300:].decode()}"
                    data, ways = input_of(name, seed, number)
                    yield number, "died", Finding(name, number, ways, status, data)
                    number += 1

    def _keep(self, finding: Finding, number: int) -> None:
        """Keep the first input of each kind of finding."""
        kind = f"{finding.target}: {re.sub('[0-9]+|/[^ ]*', '#', finding.told)[-160:]}"
        self.times[kind] += 1
        if kind in self.found:
            return
        self.found[kind] = finding
        print(f"FOUND {finding.target} {number} ({finding.ways}): {finding.told[:1500]}", file=sys.stderr)
        if self.options.keep is not None:
            self.options.keep.mkdir(parents=True, exist_ok=True)
            place = self.options.keep / f"{finding.target}-{self.options.seed}-{number}"
            place.with_suffix(".input").write_bytes(finding.data)
            facts = {"target": finding.target, "seed": self.options.seed, "number": number,
                     "ways": finding.ways, "told": finding.told}  # fmt: skip
            place.with_suffix(".json").write_text(json.dumps(facts, indent=1))

    def told(self) -> int:
        """Print what was done; returns the exit status."""
        for name, counts in self.outcomes.items():
            print(f"{name:18} {self.done[name]:8}  {', '.join(f'{k} {n}' for k, n in counts.most_common())}")
        media = sum(self.done[name] for name in self.names if name in _containers.SEEDS)
        print(f"seed {self.options.seed}: {media} media, {sum(self.done.values()) - media} inputs of parsers")
        for kind, finding in self.found.items():
            print(f"FOUND {self.times[kind]} times, first {finding.number}: {kind}")
        return 1 if self.found else 0


def _lines(child: subprocess.Popen[bytes]) -> Iterator[list[Any]]:
    """What a process prints; it is killed when it prints nothing for too long."""
    assert child.stdout is not None
    rest = b""
    with child.stdout as pipe:
        while select.select([pipe], [], [], _SILENT)[0] and (data := os.read(pipe.fileno(), 2**16)):
            *lines, rest = (rest + data).split(b"\n")
            yield from map(json.loads, lines)
    child.kill()
    child.wait()


def _batch(names: list[str], seed: int, first: int, count: int) -> int:
    """In a process of its own: a line of JSON for each input of some parsers."""
    from _parsers import input_of, tried

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
    for name in names:
        for number in range(first, first + count):
            outcome, told = tried(name, input_of(name, seed, number)[0])
            print(json.dumps([name, number, outcome, told]), flush=True)
    return 0


def _again(name: str, seed: int, number: int) -> int:
    """Run one input with its traceback."""
    with tempfile.TemporaryDirectory(prefix="vadd-fuzz-") as folder:
        place = Path(folder)
        if name in _containers.SEEDS:
            data, ways = _media_fuzz.media(name, _media_fuzz.seeds(place), seed, number)
            path = place / f"again{_containers.SEEDS[name].suffix}"
            path.write_bytes(data)
            with Guard(limits=_media_fuzz.LIMITS) as guard:
                print(ways, *_media_fuzz.decoded(guard, [path]))
            return 0
        from _parsers import TARGETS, input_of

        data, ways = input_of(name, seed, number)
        print(ways, len(data), data[:2000])
        print(TARGETS[name].read(data, place))
    return 0


def _parser_names() -> list[str]:
    from _parsers import TARGETS

    return list(TARGETS)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, help="stop after this time")
    parser.add_argument("--inputs", type=int, default=10**9, help="stop after so many inputs of each target")
    parser.add_argument("--seed", type=int, default=1, help="of all damage (1)")
    parser.add_argument("--only", action="append", metavar="NAME", help="this target; may be given again")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="folder for what is found")
    parser.add_argument("--again", type=int, metavar="N", help="run input N of a target, and no other")
    parser.add_argument("--batch", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--first", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    known = [*_containers.SEEDS, *_parser_names()]
    if strange := [name for name in options.only or () if name not in known]:
        parser.error(f"there is no target {strange[0]}; the targets are {', '.join(known)}")
    if not options.minutes and options.inputs == 10**9 and options.again is None:
        parser.error("say for how long with --minutes or --inputs")
    return options


if __name__ == "__main__":
    sys.exit(main())
