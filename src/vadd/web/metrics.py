"""What a server counts, as Prometheus reads it (text format 0.0.4): numbers only, no names."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping

__all__ = ["MEDIA_TYPE", "Metrics"]

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
#: Upper ends of the classes of seconds that a job took.
_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0)
_VERDICTS = ("consistent", "discrepant", "inconclusive", "failed")


class Metrics:
    """Counts since the start.

    Attributes:
        verdicts: Of each outcome.
        failures: Jobs that ended by our own fault.
        deaths: Workers that died with a job in hand.
        received: Bytes of uploads, also of those that were refused in the end.
        refused: Status → requests that were answered with it, from 400 on.
        disk: Bytes that jobs take now.
        uploads: Uploads that come in now.
    """

    def __init__(self) -> None:
        self.verdicts: Counter[str] = Counter()
        self.failures = self.deaths = self.received = self.disk = self.uploads = 0
        self.refused: Counter[int] = Counter()
        self._classes = [0] * (len(_SECONDS) + 1)
        self._sum = 0.0

    def judged(self, outcome: str, seconds: float, weight: int) -> None:
        """A job was done.

        Args:
            outcome: The verdict in one word.
            seconds: From when it was begun.
            weight: Bytes that its results take.
        """
        self.verdicts[outcome] += 1
        self.disk += weight
        self._classes[bisect_left(_SECONDS, seconds)] += 1
        self._sum += max(0.0, seconds)

    def text(self, states: Mapping[str, int], listeners: int) -> str:
        """All of it.

        Args:
            states: State → jobs that are in it.
            listeners: Connections that listen to events.
        """
        return "\n".join([*self._lines(states, listeners), ""])

    def _lines(self, states: Mapping[str, int], listeners: int) -> Iterator[str]:
        yield from _metric(
            "jobs", "gauge", "Jobs by state.", {f'{{state="{s}"}}': n for s, n in states.items()}
        )
        yield from _metric("queue_length", "gauge", "Jobs that wait.", {"": states.get("queued", 0)})
        counts = {f'{{verdict="{v}"}}': self.verdicts[v] for v in _VERDICTS}
        yield from _metric("verdicts_total", "counter", "Verdicts since the start.", counts)
        yield from _metric(
            "job_failures_total", "counter", "Jobs that failed by our fault.", {"": self.failures}
        )
        yield from _metric("worker_deaths_total", "counter", "Workers that died at work.", {"": self.deaths})
        yield from _metric("upload_bytes_total", "counter", "Bytes received.", {"": self.received})
        yield from _metric("uploads", "gauge", "Uploads that come in now.", {"": self.uploads})
        yield from _metric("disk_bytes", "gauge", "Bytes that jobs take.", {"": self.disk})
        yield from _metric("listeners", "gauge", "Connections that listen to events.", {"": listeners})
        refused = {f'{{status="{status}"}}': n for status, n in sorted(self.refused.items())}
        yield from _metric("refused_total", "counter", "Requests refused, by status.", refused)
        yield "# HELP vadd_job_seconds Seconds from the begin of a job to its verdict."
        yield "# TYPE vadd_job_seconds histogram"
        total = 0
        for end, count in zip((*map(str, _SECONDS), "+Inf"), self._classes, strict=True):
            total += count
            yield f'vadd_job_seconds_bucket{{le="{end}"}} {total}'
        yield f"vadd_job_seconds_sum {round(self._sum, 6)}"
        yield f"vadd_job_seconds_count {total}"


def _metric(name: str, kind: str, text: str, values: Mapping[str, int]) -> Iterator[str]:
    yield f"# HELP vadd_{name} {text}"
    yield f"# TYPE vadd_{name} {kind}"
    yield from (f"vadd_{name}{labels} {value}" for labels, value in values.items())
