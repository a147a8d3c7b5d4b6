"""The job of a survey, in a child that some files are the end of."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from vadd.media.survey import work


def deadly(channel, *, files, limits):
    """Dies of files whose names begin with c, and answers nonsense for those with d."""
    for name in files:
        if Path(name).name.startswith("c"):
            os.kill(os.getpid(), signal.SIGSEGV)
        if Path(name).name.startswith("d"):
            channel.part({"at": "another"}, {})
        work(channel, files=[name], limits=limits)
    return {}, {}
