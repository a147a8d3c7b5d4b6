"""The way of a frame into a picture network, as its publishers evaluate it: resize, centre square, scale."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from vadd.embed.torch_embedder import TorchEmbedder

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["CLIP", "IMAGENET", "Evaluation", "TorchPictureEmbedder"]

Colour = tuple[float, float, float]

#: Mean and standard deviation of the colours of ImageNet, and of OpenAI's CLIP data.
IMAGENET: tuple[Colour, Colour] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CLIP: tuple[Colour, Colour] = (
    (0.48145466, 0.4578275, 0.40821073),
    (0.26862954, 0.26130258, 0.27577711),
)
#: Frames longer than this many times their shorter side are cut before they are scaled: a sliver scaled
#: up as a whole, as the publishers would, could take all memory.
_LONGEST = 8


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A published evaluation transform.

    Attributes:
        resize: Pixels that the shorter side is scaled to.
        crop: Side of the centre square, in pixels, at most ``resize``.
        interpolation: Of the scaling, antialiased.
        mean: Subtracted from colours in 0-1.
        std: What the difference is divided by.
    """

    resize: int
    crop: int
    interpolation: Literal["bilinear", "bicubic"]
    mean: Colour
    std: Colour

    def described(self) -> tuple[tuple[str, Any], ...]:
        """The steps as an embedder's card names them."""
        return (
            ("resize", f"shorter side to {self.resize}, {self.interpolation}, antialiased"),
            ("crop", f"centre {self.crop}x{self.crop}"),
            ("mean", self.mean),
            ("std", self.std),
        )

    def square(self, frame: NDArray[Any]) -> NDArray[np.uint8]:
        """``(crop, crop, 3)`` uint8 of a ``(height, width, 3)`` uint8 RGB frame of any size.

        Raises:
            ValueError: If the frame has another shape or type.
        """
        if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8 or not frame.size:
            raise ValueError(f"a frame is (height, width, 3) uint8, not {frame.shape} {frame.dtype}")
        from PIL import Image  # late: a card is read without it

        height, width = frame.shape[:2]
        short, long = min(height, width), max(height, width)
        if long > _LONGEST * short:
            kept = _LONGEST * short
            left, top = (max(0, side - kept) // 2 for side in (width, height))
            frame = frame[top : top + kept, left : left + kept]
            height, width = frame.shape[:2]
            long = kept
        scaled = int(self.resize * long / short)
        size = (self.resize, scaled) if width <= height else (scaled, self.resize)
        picture = Image.fromarray(np.ascontiguousarray(frame))
        if size != picture.size:
            picture = picture.resize(size, Image.Resampling[self.interpolation.upper()])
        left, top = (round((side - self.crop) / 2) for side in size)
        return np.asarray(picture.crop((left, top, left + self.crop, top + self.crop)))


class TorchPictureEmbedder(TorchEmbedder):
    """An embedder of frames on PyTorch."""

    #: What is done with a frame; its steps stand on the card too.
    evaluation: ClassVar[Evaluation]
    _needs = ("torch", "torchvision")

    def _prepare(self, inputs: Iterable[NDArray[Any]]) -> Iterator[NDArray[np.uint8]]:
        return (self.evaluation.square(frame) for frame in inputs)

    def _encode(self, batch: Tensor) -> Tensor:
        import torch

        # Seen as (n, 3, height, width) without a copy, the bytes stay in the order that channels_last means.
        # Scaled in the publishers' order of steps, so that the numbers are theirs to the last bit.
        pixels = batch.permute(0, 3, 1, 2).to(torch.float32).div(255)
        mean = torch.tensor(self.evaluation.mean, device=batch.device)
        std = torch.tensor(self.evaluation.std, device=batch.device)
        return pixels.sub(mean[:, None, None]).div(std[:, None, None])
