"""All hostile files, in the order of the table in ``docs/hostile.md``."""

from __future__ import annotations

import make_container
import make_names
import make_picture
import make_references
import make_sound
import make_streams
import make_time
from parts import Case

__all__ = ["CASES", "GROUPS", "SYSTEM"]

#: Group → what it is about.
GROUPS = {
    "container": "Not media, cut, or damaged at random",
    "references": "Files that name other files or addresses",
    "streams": "Streams missing, empty, too many",
    "time": "Times that jump, are missing or wrong",
    "picture": "Pictures of any shape and form",
    "sound": "Sounds of any rate, layout and value",
    "names": "Names",
    "system": "What happens around a file",
}

CASES: list[Case] = [
    *make_container.CASES,
    *make_references.CASES,
    *make_streams.CASES,
    *make_time.CASES,
    *make_picture.CASES,
    *make_sound.CASES,
    *make_names.CASES,
]

#: What happens → what it comes to; each is a test of ``test_system.py`` of this name.
SYSTEM: dict[str, tuple[str, str]] = {
    "read_only_output": ("the output is on a read-only file system", "status 2 and one line"),
    "disk_full": ("the disk is full before the results are written", "status 2 and one line"),
    "standard_output_full": ("the standard output takes nothing (`/dev/full`)", "status 2 and one line"),
    "output_is_no_place_for_it": (
        "the output is a file, or a folder",
        "status 2 and one line; it stays as it is",
    ),
    "the_parent_is_stopped": ("Ctrl-C, SIGTERM, `kill -9`", "130, 143, -9; the child is gone; no traceback"),
    "the_child_is_killed": ("`kill -9` of the child", "failed (crashed)"),
    "memory_limit": ("less memory than the networks take", "failed (limit)"),
    "wall_clock": ("a file that takes too long", "failed (timeout)"),
    "a_clock_that_goes_back": ("the clock goes back by an hour at each look", "the same verdict"),
    "files_of_another_time": ("files of 1960, 1970 and 2242", "judged once, known again"),
    "one_after_another_is_as_each_alone": ("a bad file between two good ones", "each as if it were alone"),
}
