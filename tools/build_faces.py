"""Makes the face detector's ONNX file from the published BlazeFace, and checks it.

    python tools/build_faces.py build                          the ONNX file
    python tools/build_faces.py references --photograph FILE   the tests' reference answers
    python tools/build_faces.py check [--references]           builds again and compares; changes nothing

The published file is inside the wheel of mediapipe, which is downloaded, checked against the hash below
and read as an archive; nothing in it is installed or run. ``--wheels DIR`` takes it from a folder
instead. Needs ``pip install . onnx tflite``. The references are what TensorFlow Lite's own runtime answers
and need ``pip install ai-edge-litert`` too; their photograph is ``astronaut.png`` of scikit-image
(``skimage/data``), NASA's portrait of Eileen Collins.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper

from _onnx import Graph
from _tflite import Lite
from build_weights import DATA, REFERENCES, Wheel
from vadd.embed.faces import PLACES, SIDE
from vadd.embed.weights import BLAZEFACE

WHEEL = Wheel(
    "mediapipe==0.10.14",
    "mediapipe-0.10.14-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    "a807328339e7356fda0bb14df12fedbf1d33bdf81649c5f8666b0026b1cc30b4",
    tags=("--python-version", "3.11", "--platform", "manylinux2014_x86_64", "--only-binary", ":all:"),
)
FILE = "mediapipe/modules/face_detection/face_detection_short_range.tflite"
REFERENCE = "blazeface_reference.npz"
PHOTOGRAPH_SHA256 = "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5"
#: Left, top, right, bottom of the photograph's head and shoulders.
HEAD = (96, 0, 352, 256)
SEED = 20251125
#: Both runtimes compute in single precision, in an order of their own.
TOLERANCE = 1e-3


def write_blazeface(lite: Lite) -> bytes:
    """BlazeFace from ``frames`` ``(n, side, side, 3)`` uint8 RGB to the boxes and scores of its places."""
    graph = Graph()
    pixels = graph.node("Cast", ["frames"], "pixels", to=TensorProto.FLOAT)
    scaled = graph.node("Div", [pixels, graph.constant("middle", np.float32(127.5))], "scaled")
    centred = graph.node("Sub", [scaled, graph.constant("one", np.float32(1))], "centred")
    image = graph.node("Transpose", [centred], "image", perm=[0, 3, 1, 2])
    outputs = lite.convert(graph, image)
    graph.node("Identity", [outputs["regressors"]], "boxes")
    graph.node("Identity", [outputs["classificators"]], "scores")
    source = helper.make_tensor_value_info("frames", TensorProto.UINT8, ["n", SIDE, SIDE, 3])
    return graph.model("blazeface", source, {"boxes": [PLACES, 4], "scores": [PLACES, 1]})


def frames_of(photograph: Path) -> NDArray[np.uint8]:
    """A face, the same smaller and in a corner, and a mosaic without one."""
    from PIL import Image

    data = photograph.read_bytes()
    if hashlib.sha256(data).hexdigest() != PHOTOGRAPH_SHA256:
        raise SystemExit(f"{photograph.name} is another photograph than the references were made with")
    with Image.open(photograph) as image:
        head = image.convert("RGB").crop(HEAD)
    near = np.asarray(head.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    far = np.full_like(near, 90)
    far[:64, 64:] = np.asarray(head.resize((64, 64), Image.Resampling.BICUBIC))
    coarse = np.random.default_rng(SEED).integers(0, 256, (8, 8, 3))
    return np.stack([near, far, np.kron(coarse, np.ones((16, 16, 1))).astype(np.uint8)])


def answers(data: bytes, frames: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
    """What TensorFlow Lite's runtime makes of frames: the four numbers of each box, and the scores."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=data)
    interpreter.allocate_tensors()
    (source,) = interpreter.get_input_details()
    places = {each["name"]: each["index"] for each in interpreter.get_output_details()}
    boxes, scores = [], []
    for frame in frames:
        interpreter.set_tensor(source["index"], (frame[None] / 127.5 - 1).astype(np.float32))
        interpreter.invoke()
        boxes.append(interpreter.get_tensor(places["regressors"])[0, :, :4])
        scores.append(interpreter.get_tensor(places["classificators"])[0])
    return {"boxes": np.stack(boxes), "scores": np.stack(scores)}


def reference_faults(data: bytes) -> list[str]:
    """Where the committed references differ from what TensorFlow Lite's runtime answers here."""
    with np.load(REFERENCES / REFERENCE) as stored:
        again = answers(data, stored["frames"])
        return [
            f"{REFERENCE}: {name} differ from what was computed"
            for name, values in again.items()
            if not np.allclose(stored[name], values, rtol=TOLERANCE, atol=TOLERANCE)
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("command", choices=["build", "references", "check"])
    parser.add_argument("--photograph", type=Path, metavar="FILE", help="for `references`")
    parser.add_argument("--wheels", type=Path, metavar="DIR", help="folder that holds the wheel")
    parser.add_argument("--references", action="store_true", help="check the references too")
    options = parser.parse_args()
    with WHEEL.open(options.wheels) as wheel:
        published = wheel.read(FILE)

    if options.command == "references":
        if options.photograph is None:
            parser.error("references needs --photograph")
        frames = frames_of(options.photograph)
        np.savez_compressed(REFERENCES / REFERENCE, frames=frames, **answers(published, frames))
        print(f"wrote {REFERENCE}")
        return
    data, faults = write_blazeface(Lite(published)), []
    if options.command == "build":
        (DATA / BLAZEFACE.file).write_bytes(data)
    elif (DATA / BLAZEFACE.file).read_bytes() != data:
        faults.append(f"{BLAZEFACE.file} differs from what was built")
    digest = hashlib.sha256(data).hexdigest()
    print(f"{BLAZEFACE.file}: {len(data)} bytes, SHA-256 {digest}")
    if (digest, len(data)) != (BLAZEFACE.sha256, BLAZEFACE.size):
        faults.append(f'{BLAZEFACE.file}: weights.py should say sha256="{digest}", size={len(data)}')
    if options.references:
        faults += reference_faults(published)
    if faults:
        raise SystemExit("\n".join(faults))


if __name__ == "__main__":
    main()
