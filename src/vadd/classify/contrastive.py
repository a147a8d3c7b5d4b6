"""Contrastive fusion: what is seen and what is heard in one second, made to agree.

Two projections are trained so that a second's picture lies nearer to its own sound than to the sound
of other seconds (InfoNCE; van den Oord et al. 2018, in both directions as Radford et al. 2021). Then
the lack of agreement is itself a discrepancy score, and knows no scenes.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from vadd.classify.layers import Standardise, mlp
from vadd.classify.spec import ContrastiveSpec

__all__ = ["ContrastiveNet", "info_nce"]

#: The learnt temperature stays above this, or a few pairs would come to decide the whole loss.
COLDEST = 0.01


class ContrastiveNet(nn.Module):
    """The network of a :class:`ContrastiveSpec`.

    Args:
        spec: What to build.

    Attributes:
        spec: What was built.
        standardise: Holds mean and deviation of the training set; fit it before training.
    """

    def __init__(self, spec: ContrastiveSpec) -> None:
        super().__init__()
        self.spec = spec
        visual, audio = spec.modality_dims
        self.standardise = Standardise(spec.dim)
        self.picture = mlp(visual, spec.hidden, spec.width, spec.dropout)
        self.sound = mlp(audio, spec.hidden, spec.width, spec.dropout)
        self.sharpness = nn.Parameter(torch.tensor(-math.log(spec.temperature)))

    def forward(self, x: Tensor) -> Tensor:
        """How well each second's sound agrees with its picture.

        Args:
            x: ``(samples, dim)`` embeddings as they come.

        Returns:
            ``(samples,)`` cosine similarities in [-1, 1].
        """
        picture, sound = self.project(x)
        return (picture * sound).sum(dim=-1)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Both streams in the common space.

        Args:
            x: ``(samples, dim)``.

        Returns:
            Picture and sound, each ``(samples, width)`` of length 1.
        """
        seen, heard = self.standardise(x).split(list(self.spec.modality_dims), dim=-1)
        return functional.normalize(self.picture(seen), dim=-1), functional.normalize(
            self.sound(heard), dim=-1
        )

    @property
    def temperature(self) -> Tensor:
        """The learnt temperature, a scalar, at least :data:`COLDEST`."""
        return (-self.sharpness).exp().clamp(min=COLDEST)

    def loss(self, x: Tensor, groups: Tensor | None = None) -> Tensor:
        """:func:`info_nce` of a batch at the learnt temperature; ``x`` as for :meth:`forward`."""
        return info_nce(*self.project(x), self.temperature, groups)


def info_nce(
    picture: Tensor, sound: Tensor, temperature: Tensor | float, groups: Tensor | None = None
) -> Tensor:
    """How hard it is to tell a second's sound by its picture and the other way round.

    Args:
        picture: ``(B, width)`` vectors of length 1.
        sound: ``(B, width)``; row i belongs to row i of ``picture``.
        temperature: Over 0.
        groups: ``(B,)`` integers; rows of one group (the seconds of one clip, or of one scene) are not
            held against each other, since their sounds would fit as well. ``None``: every row alone.

    Returns:
        A scalar, the mean cross-entropy of both directions; log B when nothing agrees with anything.
    """
    agreement = picture @ sound.T / temperature
    own = torch.arange(len(picture), device=picture.device)
    if groups is not None:
        kin = groups[:, None] == groups[None, :]
        kin[own, own] = False
        agreement = agreement.masked_fill(kin, -torch.inf)
    return (functional.cross_entropy(agreement, own) + functional.cross_entropy(agreement.T, own)) / 2
