"""What the networks answer, computed a second time in PyTorch, in double precision.

Shares nothing with what it checks: the spectrogram comes from ``torch.stft``; YAMNet is computed from
the variables in TensorFlow's own layout, tap by tap; EfficientNet-Lite0 is a module that loads the
``.pth`` by torch's own reader under its published names. The inputs are made here and stored with the
answers, so the tests need neither torch nor this file.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

SEED = 20240611
RATE = 16_000
#: First frames of the patches of a clip of 2.5 s: the whole ones, and the one moved back to the end.
PATCH_STARTS = (0, 48, 96, 144, 152)

YAMNET_LAYER = "layer-1/layer/_func/_yamnet/layer_with_weights-{}/{}/.ATTRIBUTES/VARIABLE_VALUE"
YAMNET_DOWN = (1, 3, 5, 11)  # separable layers that halve the picture

#: EfficientNet-Lite0's blocks as published for B0: repeats, kernel, stride, expansion, channels in, out.
BLOCKS = (
    (1, 3, 1, 1, 32, 16), (2, 3, 2, 6, 16, 24), (2, 5, 2, 6, 24, 40), (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112), (4, 5, 2, 6, 112, 192), (1, 3, 1, 6, 192, 320),
)  # fmt: skip


def sound_reference(variables: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[Any]]:
    """2.5 s of sound as int16, its log-mel energies, and the vectors and scores of its patches."""
    rng = np.random.default_rng(SEED)
    time = np.arange(RATE * 5 // 2) / RATE
    sweep = 0.4 * np.sin(2 * np.pi * (200 * time + 900 * time**2)) * (time < 1.5)
    noise = rng.normal(0, 0.1, time.size) * (np.sin(2 * np.pi * 3 * time) > 0) * (time > 0.8)
    samples = np.round((sweep + noise).clip(-1, 1) * 32767).astype(np.int16)
    mel = _log_mel(torch.from_numpy(samples / 32768))
    patches = torch.stack([mel[i : i + 96] for i in PATCH_STARTS])
    vectors, scores = _yamnet(patches, {k: torch.from_numpy(v.astype(float)) for k, v in variables.items()})
    return {
        "samples": samples, "log_mel": _single(mel), "patch_starts": np.array(PATCH_STARTS),
        "vectors": _single(vectors), "scores": _single(scores),
    }  # fmt: skip


def picture_reference(pth: bytes) -> dict[str, NDArray[Any]]:
    """Three 224 px pictures as uint8, and their vectors and scores."""
    rng = np.random.default_rng(SEED)
    coarse = rng.integers(0, 256, (3, 7, 7, 3))
    ramp = np.linspace(-40, 40, 224)[:, None, None]
    mosaic = np.kron(coarse, np.ones((1, 32, 32, 1))) + ramp
    frames = mosaic.clip(0, 255).astype(np.uint8)
    network = _EfficientNetLite0()
    network.load_state_dict(torch.load(io.BytesIO(pth), map_location="cpu", weights_only=True))
    vectors, scores = network.double().eval()((torch.from_numpy(frames).double() - 127) / 128)
    return {"frames": frames, "vectors": _single(vectors), "scores": _single(scores)}


def _single(tensor: Tensor) -> NDArray[np.float32]:
    return tensor.detach().numpy().astype(np.float32)


def _log_mel(samples: Tensor) -> Tensor:
    # torch centres the 400-sample window in the 512-point frame; the shift leaves magnitudes alone.
    padded = functional.pad(samples, (56, 56))
    window = torch.hann_window(400, periodic=True, dtype=torch.float64)
    spectrum = torch.stft(padded, 512, 160, 400, window, center=False, return_complex=True).abs()

    def mel(hertz: Any) -> Any:
        return 2595 * np.log10(1 + hertz / 700)

    edges = np.linspace(mel(125.0), mel(7500.0), 66)
    bins = mel(np.arange(257) * RATE / 512)
    bank = np.stack([np.interp(bins, edges[i : i + 3], [0, 1, 0], left=0, right=0) for i in range(64)])
    return torch.log(torch.from_numpy(bank) @ spectrum + 0.001).T


def _yamnet(patches: Tensor, variables: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    def variable(layer: int, name: str) -> Tensor:
        return variables[YAMNET_LAYER.format(layer, name)]

    def norm(x: Tensor, layer: int) -> Tensor:
        mean, variance = variable(layer, "moving_mean"), variable(layer, "moving_variance")
        return torch.relu((x - mean) / torch.sqrt(variance + 1e-4) + variable(layer, "beta"))

    def taps(x: Tensor, stride: int) -> list[list[Tensor]]:
        """The picture ``(n, height, width, channels)`` as each of the 3x3 taps of a kernel sees it."""
        height, width = x.shape[1:3]
        before = 1 if stride == 1 else 0  # "same" of an even size at stride 2 pads only after
        padded = functional.pad(x, (0, 0, before, 1, before, 1))
        return [
            [padded[:, i : i + height : stride, j : j + width : stride] for j in range(3)] for i in range(3)
        ]

    kernel = variable(0, "kernel")
    seen = taps(patches[..., None], 2)
    x = norm(sum(seen[i][j] @ kernel[i, j] for i in range(3) for j in range(3)), 1)
    for separable in range(13):
        at = 2 + 4 * separable
        kernel = variable(at, "depthwise_kernel")[..., 0]
        seen = taps(x, 2 if separable in YAMNET_DOWN else 1)
        x = norm(sum(seen[i][j] * kernel[i, j] for i in range(3) for j in range(3)), at + 1)
        x = norm(x @ variable(at + 2, "kernel")[0, 0], at + 3)
    vectors = x.mean(dim=(1, 2))
    return vectors, torch.sigmoid(vectors @ variable(54, "kernel") + variable(54, "bias"))


def _conv(inward: int, outward: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inward, outward, kernel, stride, groups=groups, bias=False)


def _apply(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """A convolution with TensorFlow's "same" padding."""
    pads: list[int] = []
    for size, kernel, stride in zip(reversed(x.shape[2:]), conv.kernel_size, conv.stride, strict=True):
        total = max(kernel - stride if size % stride == 0 else kernel - size % stride, 0)
        pads += [total // 2, total - total // 2]
    return conv(functional.pad(x, pads))


class _Block(nn.Module):
    def __init__(self, inward: int, outward: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        self._residual = stride == 1 and inward == outward
        middle = inward * expansion
        if expansion != 1:
            self._expand_conv, self._bn0 = _conv(inward, middle), nn.BatchNorm2d(middle, eps=1e-3)
        self._depthwise_conv = _conv(middle, middle, kernel, stride, middle)
        self._bn1 = nn.BatchNorm2d(middle, eps=1e-3)
        self._project_conv, self._bn2 = _conv(middle, outward), nn.BatchNorm2d(outward, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu6(self._bn0(self._expand_conv(x))) if hasattr(self, "_expand_conv") else x
        y = functional.relu6(self._bn1(_apply(self._depthwise_conv, y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self._residual else y


class _EfficientNetLite0(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self._conv_stem, self._bn0 = _conv(3, 32, 3, 2), nn.BatchNorm2d(32, eps=1e-3)
        blocks = []
        for repeats, kernel, stride, expansion, inward, outward in BLOCKS:
            blocks.append(_Block(inward, outward, kernel, stride, expansion))
            blocks += [_Block(outward, outward, kernel, 1, expansion) for _ in range(repeats - 1)]
        self._blocks = nn.Sequential(*blocks)
        self._conv_head, self._bn1 = _conv(320, 1280), nn.BatchNorm2d(1280, eps=1e-3)
        self._fc = nn.Linear(1280, 1000)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        x = functional.relu6(self._bn0(_apply(self._conv_stem, frames.permute(0, 3, 1, 2))))
        x = functional.relu6(self._bn1(self._conv_head(self._blocks(x))))
        vectors = x.mean(dim=(2, 3))
        return vectors, torch.softmax(self._fc(vectors), dim=1)
