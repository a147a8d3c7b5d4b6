"""Writes a network as an ONNX file: batch norm folded in, half precision stored, single computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from _layers import ConvLayer, Network

OPSET = 17
#: Pinned, so that a newer onnx package writes the same bytes.
IR_VERSION = 8


class Graph:
    """Nodes and constants of a network as they are added."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []

    def node(self, kind: str, inputs: list[str], output: str, **attributes: object) -> str:
        """Adds a node and names what it gives."""
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        """Stores a value."""
        self.tensors.append(numpy_helper.from_array(value, name))
        return name

    def half(self, name: str, value: NDArray[np.floating]) -> str:
        """Stores half the bytes; the runtime folds the cast when it loads the file."""
        stored = self.constant(f"{name}.half", value.astype(np.float16))
        return self.node("Cast", [stored], name, to=TensorProto.FLOAT)

    def conv(self, layer: ConvLayer, source: str, size: tuple[int, int], residual: str | None) -> str:
        """One layer; ``size`` is the height and width of what comes in."""
        factor = layer.scale.astype(np.float64) / np.sqrt(layer.variance.astype(np.float64) + layer.epsilon)
        bias = layer.shift - layer.mean * factor
        kernel = layer.weight.shape[2:]
        pads = [same_padding(n, k, layer.stride) for n, k in zip(size, kernel, strict=True)]
        output = self.node(
            "Conv",
            [
                source,
                self.half(f"{layer.name}.weight", layer.weight * factor[:, None, None, None]),
                self.constant(f"{layer.name}.bias", bias.astype(np.float32)),
            ],
            f"{layer.name}.conv",
            kernel_shape=list(kernel),
            strides=[layer.stride] * 2,
            group=layer.groups,
            pads=[before for before, _ in pads] + [after for _, after in pads],
        )
        if residual is not None:
            output = self.node("Add", [output, residual], f"{layer.name}.sum")
        match layer.activation:
            case "relu":
                return self.node("Relu", [output], f"{layer.name}.relu")
            case "relu6":
                return self.node("Clip", [output, "zero", "six"], f"{layer.name}.relu6")
            case _:
                return output

    def body(self, network: Network, source: str, size: tuple[int, int], activation: str) -> None:
        """Convolutions, pool to ``vector``, dense layer and ``activation`` to ``scores``."""
        if any(layer.activation == "relu6" for layer in network.convs):
            self.constant("zero", np.float32(0))
            self.constant("six", np.float32(6))
        outputs: list[str] = []
        for layer in network.convs:
            residual = None if layer.residual is None else outputs[layer.residual]
            source = self.conv(layer, source, size, residual)
            size = (-(-size[0] // layer.stride), -(-size[1] // layer.stride))
            outputs.append(source)
        pooled = self.node("GlobalAveragePool", [source], "pool")
        self.node("Flatten", [pooled], "vector", axis=1)
        weight = self.half("dense.weight", network.dense_weight.astype(np.float64))
        bias = self.constant("dense.bias", network.dense_bias.astype(np.float32))
        self.node("Gemm", ["vector", weight, bias], "logits", transB=1)
        self.node(activation, ["logits"], "scores", **({"axis": 1} if activation == "Softmax" else {}))

    def embedder(self, name: str, source: onnx.ValueInfoProto, dim: int, classes: int) -> bytes:
        """The file of a network that answers ``vector`` and ``scores``."""
        return self.model(name, source, {"vector": [dim], "scores": [classes]})

    def model(self, name: str, source: onnx.ValueInfoProto, shapes: Mapping[str, Sequence[int]]) -> bytes:
        """The file of a network with float outputs of these shapes after the first axis."""
        outputs = [
            helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", *shape])
            for output, shape in shapes.items()
        ]
        graph = helper.make_graph(self.nodes, name, [source], outputs, initializer=self.tensors)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
        model.ir_version, model.producer_name = IR_VERSION, "vadd"
        onnx.checker.check_model(model, full_check=True)
        return model.SerializeToString(deterministic=True)


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """TensorFlow's "same": the odd pixel of padding goes after, not before."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def write_yamnet(network: Network, frames: int, bands: int) -> bytes:
    """YAMNet from ``patches`` ``(n, frames, bands)`` float32 log-mel energies."""
    graph = Graph()
    axis = graph.constant("channel", np.array([1], np.int64))
    image = graph.node("Unsqueeze", ["patches", axis], "image")
    graph.body(network, image, (frames, bands), "Sigmoid")
    source = helper.make_tensor_value_info("patches", TensorProto.FLOAT, ["n", frames, bands])
    return graph.embedder("yamnet", source, *network.dense_weight.shape[::-1])


def write_efficientnet(network: Network, side: int) -> bytes:
    """EfficientNet-Lite0 from ``frames`` ``(n, side, side, 3)`` uint8 RGB."""
    graph = Graph()
    pixels = graph.node("Cast", ["frames"], "pixels", to=TensorProto.FLOAT)
    centred = graph.node("Sub", [pixels, graph.constant("middle", np.float32(127))], "centred")
    scaled = graph.node("Mul", [centred, graph.constant("scale", np.float32(1 / 128))], "scaled")
    image = graph.node("Transpose", [scaled], "image", perm=[0, 3, 1, 2])
    graph.body(network, image, (side, side), "Softmax")
    source = helper.make_tensor_value_info("frames", TensorProto.UINT8, ["n", side, side, 3])
    return graph.embedder("efficientnet_lite0", source, *network.dense_weight.shape[::-1])
