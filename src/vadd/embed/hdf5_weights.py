"""The weight files of Keras: HDF5, plain or gzipped, read layer by layer in the order they were saved.

Keras numbers its layers anew in every process (``conv2d_1`` here, ``conv2d_7`` there), and itself loads
such files by order, not by name. So a file is a sequence of layers here, and who loads it compares order,
tensor names and shapes.
"""

from __future__ import annotations

import gzip
import io
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vadd.errors import ModelError

if TYPE_CHECKING:
    import h5py

__all__ = ["KerasLayer", "read_keras_layers"]

_GZIP_MAGIC = b"\x1f\x8b"
#: Bytes that a gzipped file may unfold to; the largest of OpenL3's has 19 million.
MOST_BYTES = 256 << 20
#: What reading a damaged file may raise.
_DAMAGE = (
    OSError, AttributeError, KeyError, OverflowError, TypeError, ValueError, RuntimeError, MemoryError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class KerasLayer:
    """A layer that has weights.

    Attributes:
        name: As saved, e.g. ``"conv2d_1"`` or ``"audio_embedding_layer"``.
        tensors: Short name (``"kernel"``, ``"gamma"``, ...) → float32 array in Keras's layout; the
            kernel of a convolution is (height, width, in, out).
    """

    name: str
    tensors: dict[str, NDArray[np.float32]]


def read_keras_layers(path: Path) -> list[KerasLayer]:
    """The layers with weights of a file that Keras saved, in their order.

    Args:
        path: An ``.h5`` file of ``save_weights`` or ``save``, or one that is gzipped.

    Raises:
        ModelError: If the file cannot be read, is damaged, or was not saved by Keras.
    """
    import h5py  # late: only these weights need it

    data = _plain_bytes(path)
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            group = file.get("model_weights", file)
            layers = [_layer(group, name) for name in _strings(group, "layer_names")]
    except _DAMAGE as error:
        raise ModelError(f"{path} is not a weight file of Keras, or is damaged: {error}") from error
    return [layer for layer in layers if layer.tensors]


def _plain_bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        if data.startswith(_GZIP_MAGIC):
            with gzip.open(io.BytesIO(data)) as unfolded:
                data = unfolded.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ModelError(f"cannot read the weights {path}: {error}") from error
    if len(data) > MOST_BYTES:
        raise ModelError(f"the weights {path} unfold to more than {MOST_BYTES} bytes")
    return data


def _layer(group: h5py.Group, name: str) -> KerasLayer:
    layer = group[name]
    tensors: dict[str, NDArray[np.float32]] = {}
    for path in _strings(layer, "weight_names"):
        short = path.rsplit("/", 1)[-1].split(":", 1)[0]
        tensors[short] = np.asarray(layer[path], np.float32)
    return KerasLayer(name, tensors)


def _strings(group: h5py.Group, attribute: str) -> list[str]:
    values: list[Any] = list(group.attrs[attribute])
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]
