"""The fusion classifier: embeddings of a second → attention where the placement says → scene.

Standardised embeddings lie one after another in one vector. Each stage of the placement lets parts of
it attend to each other (:mod:`vadd.classify.attention`): ES the pieces of every embedding, MS the
embeddings of a modality, LS all of them. Then, as in the paper, a layer of half the vector's length,
ReLU, dropout, and a layer to the scenes.
"""

from __future__ import annotations

from torch import Tensor, nn

from vadd.classify.attention import Stage
from vadd.classify.layers import Standardise, mlp
from vadd.classify.spec import PLACEMENTS, EmbedderRef, FusionSpec

__all__ = ["PLACEMENTS", "EmbedderRef", "FusionNet", "FusionSpec"]


class FusionNet(nn.Module):
    """The network of a :class:`FusionSpec`, started as PyTorch starts layers, from the global generator.

    Args:
        spec: What to build.

    Attributes:
        spec: What was built.
        standardise: Holds mean and deviation of the training set; fit it before training.
    """

    def __init__(self, spec: FusionSpec) -> None:
        super().__init__()
        self.spec = spec
        self.standardise = Standardise(spec.dim)
        self.stages = nn.Sequential(*(Stage(spec, level) for level in spec.levels))
        self.head = mlp(spec.dim, max(1, spec.dim // 2), len(spec.scene_set), spec.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Scene logits of each second.

        Args:
            x: ``(samples, dim)`` with ``instance="second"``; ``(clips, T, dim)`` with
                ``instance="clip"``, T at most ``spec.seconds``. Embeddings as they come.

        Returns:
            ``(samples, C)`` or ``(clips, T, C)`` logits; their softmax is the posterior.
        """
        return self.fuse(self.standardise(x))

    def fuse(self, z: Tensor) -> Tensor:
        """:meth:`forward` from standardised embeddings on."""
        logits: Tensor = self.head(self.stages(z))
        return logits
