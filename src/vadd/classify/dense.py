"""A linear layer that can take its own step of gradient descent while the gradient is computed.

Without momentum a step needs a gradient only once, and only to add it to the weights. A matrix product can
do that as it goes. The gradient of the large layers here, 95 MB of the paper's first one, is then never
allocated, written and read again, which is most of the time of a step at the paper's batch of 32.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, autograd, nn
from torch.nn import functional

__all__ = ["Dense"]


class Dense(nn.Linear):
    """``torch.nn.Linear`` with the same parameters, names and results.

    While :attr:`step` is set and the layer trains, the backward pass moves the weights and leaves no
    gradient; the layer must then be used once in a forward pass.

    Attributes:
        step: ``(learning rate, weight decay)``, or ``None`` to leave the step to an optimizer.
    """

    step: tuple[float, float] | None = None

    def forward(self, x: Tensor) -> Tensor:
        """``(..., in)`` to ``(..., out)``."""
        if self.training and self.step is not None:
            moved: Tensor = _Step.apply(x, self.weight, self.bias, *self.step)
            return moved
        return functional.linear(x, self.weight, self.bias)


class _Step(autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, rate: float, decay: float) -> Tensor:
        ctx.saved, ctx.rate, ctx.decay = (x, weight, bias), rate, decay
        return functional.linear(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias = ctx.saved
        (gradient,) = gradients
        # What goes on to the layer before is by the weights as they were.
        onward = gradient @ weight if ctx.needs_input_grad[0] else None
        flat = gradient.reshape(-1, gradient.shape[-1])
        keep = 1 - ctx.rate * ctx.decay
        weight.addmm_(flat.T, x.reshape(-1, x.shape[-1]), beta=keep, alpha=-ctx.rate)
        bias.mul_(keep).sub_(flat.sum(dim=0), alpha=ctx.rate)
        ctx.saved = None
        return onward, None, None, None, None
