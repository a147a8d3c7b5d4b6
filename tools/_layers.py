"""The two networks as lists of layers, from the published tensors: what the ONNX writer writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

YAMNET_ROOT = "layer-1/layer/_func/_yamnet/layer_with_weights-"
VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
#: Stride of each of MobileNetV1's depthwise-separable layers.
YAMNET_STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
YAMNET_EPSILON = 1e-4

#: EfficientNet-B0's stages: (blocks, stride of the first).
EFFICIENTNET_STAGES = ((1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1))
EFFICIENTNET_EPSILON = 1e-3


@dataclass(frozen=True)
class ConvLayer:
    """A convolution without bias, its batch norm, and what follows.

    Attributes:
        weight: ``(out, in / groups, height, width)``.
        scale: Batch norm's gamma, ``(out,)``.
        shift: Batch norm's beta.
        mean: Running mean.
        variance: Running variance.
        epsilon: Batch norm's epsilon.
        stride: In both directions; padding is TensorFlow's "same".
        groups: 1, or the number of channels of a depthwise convolution.
        activation: ``"relu"``, ``"relu6"`` or ``""``.
        residual: Index of the layer whose output is added to this one's, or ``None``.
    """

    name: str
    weight: Array
    scale: Array
    shift: Array
    mean: Array
    variance: Array
    epsilon: float
    stride: int
    groups: int
    activation: str
    residual: int | None = None


@dataclass(frozen=True)
class Network:
    """Convolutions, global average pool (the vector), one dense layer ``(classes, dim)`` (the scores)."""

    convs: tuple[ConvLayer, ...]
    dense_weight: Array
    dense_bias: Array


def yamnet(variables: Mapping[str, Array]) -> Network:
    """YAMNet (MobileNetV1 body) from the SavedModel's variables."""

    def variable(layer: int, name: str) -> Array:
        return variables[f"{YAMNET_ROOT}{layer}/{name}{VALUE}"]

    def conv(layer: int, depthwise: bool, stride: int) -> ConvLayer:
        kernel = variable(layer, "depthwise_kernel" if depthwise else "kernel")  # height, width, in, out
        weight = kernel.transpose((2, 3, 0, 1) if depthwise else (3, 2, 0, 1))
        shift = variable(layer + 1, "beta")
        return ConvLayer(
            name=f"layer{layer:02d}", weight=np.ascontiguousarray(weight),
            scale=np.ones_like(shift), shift=shift,  # this batch norm has no gamma
            mean=variable(layer + 1, "moving_mean"), variance=variable(layer + 1, "moving_variance"),
            epsilon=YAMNET_EPSILON, stride=stride, groups=len(shift) if depthwise else 1, activation="relu",
        )  # fmt: skip

    convs = [conv(0, depthwise=False, stride=2)]
    for i, stride in enumerate(YAMNET_STRIDES):
        convs.append(conv(2 + 4 * i, depthwise=True, stride=stride))
        convs.append(conv(4 + 4 * i, depthwise=False, stride=1))
    dense = 2 + 4 * len(YAMNET_STRIDES)
    return Network(tuple(convs), np.ascontiguousarray(variable(dense, "kernel").T), variable(dense, "bias"))


def efficientnet_lite0(state: Mapping[str, NDArray[Any]]) -> Network:
    """EfficientNet-Lite0 (no squeeze-and-excite, ReLU6) from the state dict."""

    def conv(
        weight: str, norm: str, *, stride: int = 1, act: str = "relu6", residual: int | None = None
    ) -> ConvLayer:
        tensor = state[f"{weight}.weight"]
        return ConvLayer(
            name=weight.strip("_").replace("._", "."), weight=tensor,
            scale=state[f"{norm}.weight"], shift=state[f"{norm}.bias"],
            mean=state[f"{norm}.running_mean"], variance=state[f"{norm}.running_var"],
            epsilon=EFFICIENTNET_EPSILON, stride=stride,
            groups=tensor.shape[0] if "depthwise" in weight else 1, activation=act, residual=residual,
        )  # fmt: skip

    convs = [conv("_conv_stem", "_bn0", stride=2)]
    block = 0
    for blocks, first_stride in EFFICIENTNET_STAGES:
        for repeat in range(blocks):
            at, entry = f"_blocks.{block}.", len(convs) - 1
            if block:  # the first block expands by 1, so has no expansion
                convs.append(conv(f"{at}_expand_conv", f"{at}_bn0"))
            stride = 1 if repeat else first_stride
            convs.append(conv(f"{at}_depthwise_conv", f"{at}_bn1", stride=stride))
            convs.append(conv(f"{at}_project_conv", f"{at}_bn2", act="", residual=entry if repeat else None))
            block += 1
    convs.append(conv("_conv_head", "_bn1"))
    return Network(tuple(convs), state["_fc.weight"], state["_fc.bias"])
