"""Published weight files, read as tensors and nothing else, and laid into a network only if they fit it."""

from __future__ import annotations

import pickle
import struct
import zipfile
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vadd.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["EXTRA", "fill", "read_state", "require_extra"]

#: What somebody without the heavy libraries is told.
EXTRA = "this needs the extra: pip install 'vadd[paper]'"
#: Where training scripts put the tensors beside their own records.
_WRAPPERS = ("state_dict", "model")
#: What a network wrapped for several cards writes before every name.
_PARALLEL = "module."
#: The counter of batches seen, which files older than torch 0.4.1 lack and no evaluation reads.
_COUNTER = "num_batches_tracked"
#: What torch says of a pickle that wants to import, build or call something: "Trying to load ...".
_CODE = "Trying to "
#: What torch and the zip and pickle readers below it raise at damaged files.
_DAMAGE = (
    ArithmeticError, AssertionError, AttributeError, EOFError, ImportError, LookupError, MemoryError, OSError,
    RuntimeError, TypeError, ValueError, struct.error, zipfile.BadZipFile,
)  # fmt: skip


def require_extra(*modules: str) -> None:
    """Make sure that the heavy libraries are there.

    Args:
        modules: Names of the top-level modules that are about to be imported.

    Raises:
        ModelError: If one is missing; the message is the command that brings it.
    """
    from importlib.util import find_spec

    if any(find_spec(module) is None for module in modules):
        raise ModelError(EXTRA)


def read_state(path: Path, *, unwrap: bool = False) -> dict[str, Tensor]:
    """The tensors of a weight file by name, on the CPU; no code in the file is ever run.

    Args:
        path: A ``.safetensors`` file, or one that ``torch.save`` wrote, old or new format, under any
            other ending (``.pth``, ``.pt``, ``.bin``, ``.pth.tar``).
        unwrap: Whether the tensors may lie in a ``state_dict`` or ``model`` beside other records, and under
            names that all start with ``module.``.

    Returns:
        Name → tensor; new-format files are mapped into memory, not copied.

    Raises:
        ModelError: If the file is missing, damaged, or holds anything but tensors by name.
    """
    if path.suffix == ".safetensors":
        state: Any = _read_safetensors(path)
    else:
        state = _read_torch(path)
    if unwrap and isinstance(state, Mapping):
        state = next((state[name] for name in _WRAPPERS if isinstance(state.get(name), Mapping)), state)
    if not isinstance(state, Mapping) or not state:
        raise ModelError(f"{path} holds no tensors by name")
    from torch import Tensor, strided

    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise ModelError(f"{path} holds {name!r}, which is no tensor; expected tensors by name alone")
        if value.is_meta or value.layout != strided or value.is_complex():
            raise ModelError(f"{path} holds {name!r}, which is no plain tensor of numbers")
    if unwrap and all(name.startswith(_PARALLEL) for name in state):
        return {name.removeprefix(_PARALLEL): value for name, value in state.items()}
    return dict(state)


def fill(network: nn.Module, state: Mapping[str, Tensor], what: str) -> None:
    """Lay tensors into a network of exactly their names and shapes.

    Args:
        network: On the CPU, which gets copies, or on the meta device, which is then only compared.
        state: Name → tensor.
        what: What the tensors are, for the message.

    Raises:
        ModelError: If a name is missing or too much, or a shape differs.
    """
    own = network.state_dict()
    missing = [name for name in own if name not in state and not name.endswith(_COUNTER)]
    strange = [name for name in state if name not in own]
    wrong = [
        f"{name} {tuple(value.shape)} for {tuple(own[name].shape)}"
        for name, value in state.items()
        if name in own and value.shape != own[name].shape
    ]
    for problem, names in (("lacks", missing), ("also has", strange), ("has shapes that differ,", wrong)):
        if names:
            raise ModelError(f"{what} does not fit the network: it {problem} {_some(names)}")
    if any(value.is_meta for value in own.values()):
        return
    from torch import no_grad

    with no_grad():
        for name, value in state.items():
            own[name].copy_(value)


def _some(names: Iterable[str], most: int = 3) -> str:
    listed = list(names)
    rest = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(islice(listed, most)) + rest


def _read_torch(path: Path) -> object:
    require_extra("torch")
    import torch

    try:
        modern = zipfile.is_zipfile(path)
        return torch.load(path, map_location="cpu", weights_only=True, mmap=modern)
    except FileNotFoundError as error:
        raise ModelError(f"there is no file {path}") from error
    except pickle.UnpicklingError as error:
        if _CODE in str(error):
            raise ModelError(f"{path} holds code or objects beside tensors, so it is not read") from error
        raise ModelError(f"{path} is damaged or no weight file") from error
    except _DAMAGE as error:
        raise ModelError(f"{path} is damaged or no weight file") from error


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    require_extra("torch", "safetensors")
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state: dict[str, Tensor] = load_file(path)
    except FileNotFoundError as error:
        raise ModelError(f"there is no file {path}") from error
    except (SafetensorError, *_DAMAGE) as error:
        raise ModelError(f"{path} is damaged or no weight file") from error
    return state
