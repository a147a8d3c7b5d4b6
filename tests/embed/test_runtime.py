"""Nothing leaves the machine: the library that computes is silenced before it is loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SRC = Path(__file__).parents[2] / "src" / "vadd"


def run(code: str, home: Path) -> subprocess.CompletedProcess[str]:
    # As a user's shell has it: without the opt-out, and not taken for a CI run.
    kept = {name: value for name, value in os.environ.items() if name not in ("ORT_DISABLE_TELEMETRY", "CI")}
    command = [sys.executable, "-c", code]
    kept |= {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}
    return subprocess.run(command, env=kept, capture_output=True, text=True, check=False, timeout=60)


def test_no_identifier_is_written(tmp_path):
    done = run("from vadd.embed import weights as w; w.open_session(w.YAMNET, 1)", tmp_path)
    assert done.returncode == 0, done.stderr
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_library_loaded_before_is_refused_unless_it_was_silenced(tmp_path):
    # A stand-in: the real one would send what this test is about.
    late = (
        "import sys, types\n"
        "sys.modules['onnxruntime'] = types.ModuleType('onnxruntime')\n"
        "from vadd.embed.runtime import load_onnxruntime\n"
        "load_onnxruntime()"
    )
    done = run(late, tmp_path)
    assert "ModelError" in done.stderr
    assert "ORT_DISABLE_TELEMETRY=1" in done.stderr
    done = run("import os; os.environ['ORT_DISABLE_TELEMETRY'] = '1'\n" + late, tmp_path)
    assert done.returncode == 0, done.stderr


def test_no_other_module_loads_it():
    loading = [
        path.relative_to(SRC).as_posix()
        for path in SRC.rglob("*.py")
        if any(
            line.startswith(("    import onnxruntime", "import onnxruntime"))
            for line in path.read_text().splitlines()
        )
    ]
    assert loading == ["embed/runtime.py"]
