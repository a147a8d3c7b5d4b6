"""What all tests share: where the shared data is, when there is any."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says more of the machine than of the code.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture
def shared() -> Path:
    """The ``data`` folder of the shared folder; tests that ask for it are skipped where there is none."""
    folder = os.environ.get("VADD_SHARED")
    if not folder:
        pytest.skip("VADD_SHARED names no folder")
    data = Path(folder) / "data"
    assert data.is_dir(), f"VADD_SHARED is set, but {data} is no folder"
    return data
