"""ONNX Runtime, without its telemetry.

From release 1.29 on the official builds for Linux send usage events to their maker by default, and write an
identifier of the machine into the user's cache folder. vadd promises that nothing leaves the machine; so the
library is only ever loaded here, after it was told to do neither. It reads that once, when it is loaded
(its own Privacy.md), which is why a call afterwards would be too late.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType

from vadd.errors import ModelError

__all__ = ["load_onnxruntime"]

#: The variable that switches off uploader, events and identifier. It must be set before loading.
OPT_OUT = "ORT_DISABLE_TELEMETRY"


def load_onnxruntime() -> ModuleType:
    """The library, silent.

    Raises:
        ModelError: If it was already loaded in this process without the opt-out, which cannot be given later.
    """
    if "onnxruntime" in sys.modules and os.environ.get(OPT_OUT) != "1":
        raise ModelError(
            f"onnxruntime was loaded before vadd with its telemetry on; set {OPT_OUT}=1 before importing it"
        )
    os.environ[OPT_OUT] = "1"
    import onnxruntime

    return onnxruntime  # type: ignore[no-any-return]
