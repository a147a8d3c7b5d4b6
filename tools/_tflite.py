"""Turns BlazeFace's TensorFlow Lite file into an ONNX graph, operator by operator.

Only what that network consists of is known; anything else stops the conversion. Activations are
``(n, height, width, channels)`` in TensorFlow Lite and ``(n, channels, height, width)`` here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tflite
from numpy.typing import NDArray

from _onnx import Graph, same_padding

_TYPES = {tflite.TensorType.FLOAT32: "<f4", tflite.TensorType.FLOAT16: "<f2", tflite.TensorType.INT32: "<i4"}
_AXES = (0, 3, 1, 2)  # to channels first
#: Of a place's 16 numbers the first four are the box; the others are eyes, nose, mouth and ears.
_NUMBERS, _BOX = 16, 4


class Lite:
    """A TensorFlow Lite file with one graph."""

    def __init__(self, data: bytes) -> None:
        self._model = tflite.Model.GetRootAsModel(data, 0)
        assert self._model.SubgraphsLength() == 1
        self._graph = self._model.Subgraphs(0)
        self._codes = {code: name for name, code in vars(tflite.BuiltinOperator).items() if name.isupper()}

    def shape(self, tensor: int) -> tuple[int, ...]:
        """The shape of a tensor as the file says it."""
        return tuple(int(n) for n in self._graph.Tensors(tensor).ShapeAsNumpy())

    def name(self, tensor: int) -> str:
        """The name of a tensor."""
        return str(self._graph.Tensors(tensor).Name().decode())

    def constant(self, tensor: int) -> NDArray[Any]:
        """The values of a tensor that the file holds."""
        found = self._graph.Tensors(tensor)
        values = self._model.Buffers(found.Buffer()).DataAsNumpy()
        return np.frombuffer(values.tobytes(), _TYPES[found.Type()]).reshape(self.shape(tensor))

    def convert(self, graph: Graph, source: str) -> dict[str, str]:
        """Add all operators to a graph, but leave out what tells where in a face eyes, nose and mouth are.

        Args:
            graph: Where the nodes go.
            source: The graph's name for the file's input, channels first.

        Returns:
            The graph's names for the file's outputs, by the file's own.
        """
        names = {int(self._graph.InputsAsNumpy()[0]): source}
        halves: dict[int, NDArray[np.float16]] = {}
        joined: dict[str, str] = {}
        heads = self._heads()

        def rows(out: int, values: NDArray[np.float16]) -> NDArray[np.float16]:
            """The rows of a weight or bias that are kept: of those that tell boxes and points, the boxes."""
            if out not in heads:
                return values
            return values.reshape(-1, _NUMBERS, *values.shape[1:])[:, :_BOX].reshape(-1, *values.shape[1:])

        def convolution(out: int, inputs: list[int], options: Any, *, deep: bool) -> str:
            kernel = halves[inputs[1]].shape[1:3]
            strides = [options.StrideH(), options.StrideW()]
            size = self.shape(inputs[0])[1:3]
            pads = [(0, 0), (0, 0)]
            if options.Padding() == tflite.Padding.SAME:
                pads = [same_padding(n, k, s) for n, k, s in zip(size, kernel, strides, strict=True)]
            assert options.FusedActivationFunction() == tflite.ActivationFunctionType.NONE
            # A depthwise kernel is (1, height, width, channels), an ordinary one (out, height, width, in).
            weight = rows(out, halves[inputs[1]]).transpose((3, 0, 1, 2) if deep else _AXES)
            bias = rows(out, halves[inputs[2]])
            constants = [graph.half(f"t{out}.weight", weight), graph.half(f"t{out}.bias", bias)]
            return graph.node(
                "Conv", [names[inputs[0]], *constants], f"t{out}",
                kernel_shape=list(kernel), strides=strides, group=self.shape(inputs[0])[3] if deep else 1,
                pads=[before for before, _ in pads] + [after for _, after in pads],
            )  # fmt: skip

        def pool(out: int, inputs: list[int], options: Any) -> str:
            size = [options.FilterHeight(), options.FilterWidth()]
            strides = [options.StrideH(), options.StrideW()]
            assert size == strides, "squares that overlap would need padding"
            return graph.node("MaxPool", [names[inputs[0]]], f"t{out}", kernel_shape=size, strides=strides)

        def pad(out: int, inputs: list[int], _: Any) -> str:
            amounts = self.constant(inputs[1])[list(_AXES)].T.reshape(-1).astype(np.int64)
            return graph.node("Pad", [names[inputs[0]], graph.constant(f"t{out}.pads", amounts)], f"t{out}")

        def add(out: int, inputs: list[int], options: Any) -> str:
            assert options.FusedActivationFunction() == tflite.ActivationFunctionType.NONE
            return graph.node("Add", [names[each] for each in inputs], f"t{out}")

        def reshape(out: int, inputs: list[int], _: Any) -> str:
            # The values of a place, then the places row by row: channels last, as in the file.
            last = graph.node("Transpose", [names[inputs[0]]], f"t{out}.last", perm=[0, 2, 3, 1])
            _, places, numbers = self.shape(out)
            shape = np.array([-1, places, min(numbers, _BOX)], np.int64)
            return graph.node("Reshape", [last, graph.constant(f"t{out}.shape", shape)], f"t{out}")

        def join(out: int, inputs: list[int], _: Any) -> str:
            joined[self.name(out)] = f"t{out}"
            return graph.node("Concat", [names[each] for each in inputs], f"t{out}", axis=1)

        handlers: dict[str, Callable[[int, list[int], Any], str]] = {
            "CONV_2D": lambda *call: convolution(*call, deep=False),
            "DEPTHWISE_CONV_2D": lambda *call: convolution(*call, deep=True),
            "MAX_POOL_2D": pool,
            "PAD": pad,
            "ADD": add,
            "RELU": lambda out, inputs, _: graph.node("Relu", [names[inputs[0]]], f"t{out}"),
            "RESHAPE": reshape,
            "CONCATENATION": join,
        }
        for at in range(self._graph.OperatorsLength()):
            operator = self._graph.Operators(at)
            inputs, (out,) = operator.InputsAsNumpy().tolist(), operator.OutputsAsNumpy().tolist()
            kind = self._kind(operator)
            if kind == "DEQUANTIZE":  # of half precision: single precision is what the graph computes in
                halves[out] = self.constant(inputs[0])
            else:
                names[out] = handlers[kind](out, inputs, self._options(kind, operator))
        return joined

    def _heads(self) -> set[int]:
        """The tensors that hold boxes and points."""
        operators = [self._graph.Operators(at) for at in range(self._graph.OperatorsLength())]
        return {
            int(each.InputsAsNumpy()[0])
            for each in operators
            if self._kind(each) == "RESHAPE" and self.shape(each.OutputsAsNumpy()[0])[-1] == _NUMBERS
        }

    def _kind(self, operator: Any) -> str:
        code = self._model.OperatorCodes(operator.OpcodeIndex())
        return str(self._codes[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())])

    @staticmethod
    def _options(kind: str, operator: Any) -> Any:
        tables = {
            "CONV_2D": tflite.Conv2DOptions, "DEPTHWISE_CONV_2D": tflite.DepthwiseConv2DOptions,
            "MAX_POOL_2D": tflite.Pool2DOptions, "ADD": tflite.AddOptions,
        }  # fmt: skip
        if kind not in tables:
            return None
        options, table = tables[kind](), operator.BuiltinOptions()
        options.Init(table.Bytes, table.Pos)
        return options
