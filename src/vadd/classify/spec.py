"""What a classifier is before it is trained: its inputs, its scenes, and where it attends.

Specs are plain values, readable without torch: they are what a card stores and what
:mod:`vadd.classify.fusion`, :mod:`~vadd.classify.hybrid` and :mod:`~vadd.classify.contrastive` build
networks from.

A network's input is one vector a second: the embeddings one after another, in the order of
``embedders``, pictures before sounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from vadd.embed.base import Modality
from vadd.errors import ModelError
from vadd.scenes import SceneSet, scene_set

__all__ = ["PLACEMENTS", "ContrastiveSpec", "EmbedderRef", "FusionSpec", "Level", "Spec"]

Level = Literal["es", "ms", "ls"]

#: Name → the stages of attention, in the order in which they run. The paper's table, whole.
PLACEMENTS: Mapping[str, tuple[Level, ...]] = MappingProxyType(
    {
        "ns": (),
        "es": ("es",),
        "ms": ("ms",),
        "ls": ("ls",),
        "es+ls": ("es", "ls"),
        "ms+ls": ("ms", "ls"),
        "es+ms": ("es", "ms"),
        "es+ms+ls": ("es", "ms", "ls"),
    }
)

#: Into how many tokens ES cuts an embedding. A vector alone has nothing to attend to; cut into pieces,
#: each part of it can be weighed by the others. Eight keep a piece (32 of 256, 256 of 2048) meaningful.
PIECES = 8


@dataclass(frozen=True, slots=True)
class EmbedderRef:
    """An embedder as a classifier knows it.

    Attributes:
        name: Catalog name.
        dim: Length of its vector, at least 1.
        modality: Picture or sound.
        sha256: Lower-case hex digest of the weights that made the vectors; ``None`` when they are not
            known, as for imported features: such a classifier judges no file.

    Raises:
        ModelError: If the name is empty, ``dim`` below 1, or the hash no SHA-256.
    """

    name: str
    dim: int
    modality: Modality
    sha256: str | None = None

    def __post_init__(self) -> None:
        if not self.name or self.dim < 1:
            raise ModelError(f"an embedder has a name and at least one dimension: {self.name!r}, {self.dim}")
        if self.sha256 is not None and not self.sha256:
            raise ModelError(f"the weights hash of {self.name} is empty; leave it out if it is not known")


@dataclass(frozen=True, slots=True)
class FusionSpec:
    """A scene classifier over embeddings.

    Attributes:
        embedders: At least one; pictures first, names unique.
        modality: ``joint`` (both streams), ``visual`` or ``audio``; must be what the embedders are.
        scenes: Name of the scene set (:mod:`vadd.scenes`).
        placement: A key of :data:`PLACEMENTS`. With one modality MS and LS are the same thing.
        attention: ``clip``: between the parts of one sample. ``batch``: the published code, whose
            attention runs between the samples of a batch; for the record, never to judge a file.
        instance: ``second``: each second is a sample of its own. ``clip``: the seconds of a clip
            attend to each other as well, told apart by a time code.
        width: Length of a token, at least 1 and a multiple of ``heads``.
        heads: Attention heads, at least 1.
        dropout: Of the head while training, in [0, 1).
        seconds: With ``instance="clip"`` the most seconds that attend to each other, at least 2;
            longer clips are taken in windows of so many.
        family: ``fusion``, or ``hybrid``: the same with a head for each modality beside it, whose
            posteriors are combined by learnt weights (joint only).

    Raises:
        ModelError: If the fields do not fit together; the message says which.
    """

    embedders: tuple[EmbedderRef, ...]
    modality: Literal["joint", "visual", "audio"]
    scenes: str
    placement: str = "ls"
    attention: Literal["clip", "batch"] = "clip"
    instance: Literal["second", "clip"] = "second"
    width: int = 256
    heads: int = 8
    dropout: float = 0.5
    seconds: int = 10
    family: Literal["fusion", "hybrid"] = "fusion"

    def __post_init__(self) -> None:
        _check_embedders(self.embedders, self.modality)
        scene_set(self.scenes)
        if self.placement not in PLACEMENTS:
            raise ModelError(f"there is no placement {self.placement!r}: {', '.join(PLACEMENTS)}")
        if self.heads < 1 or self.width < 1 or self.width % self.heads:
            raise ModelError(f"a token of {self.width} cannot be shared by {self.heads} attention heads")
        _check_dropout(self.dropout)
        if self.seconds < 2:
            raise ModelError(f"a clip's window holds at least 2 seconds, not {self.seconds}")
        if self.family == "hybrid" and self.modality != "joint":
            raise ModelError(f"hybrid fusion combines two modalities; this is {self.modality} alone")
        if self.attention == "batch":
            self._check_batch()

    def _check_batch(self) -> None:
        if self.instance == "clip":
            raise ModelError("attention across the batch takes single seconds, not clips")
        for level in self.levels:
            for group in self.groups(level):
                if sum(group) % self.heads:
                    raise ModelError(
                        f"attention across the batch shares a vector of {sum(group)} between its heads, "
                        f"which {self.heads} heads cannot"
                    )

    @property
    def dim(self) -> int:
        """Length of a second's vector, all embeddings together."""
        return sum(each.dim for each in self.embedders)

    @property
    def scene_set(self) -> SceneSet:
        """The scenes of the outputs."""
        return scene_set(self.scenes)

    @property
    def levels(self) -> tuple[Level, ...]:
        """The stages of attention, in order."""
        return PLACEMENTS[self.placement]

    @property
    def modality_dims(self) -> tuple[int, ...]:
        """Lengths of the visual and the audio part of a second's vector; one length for one modality."""
        return tuple(sum(group) for group in self.groups("ms"))

    def groups(self, level: Level) -> tuple[tuple[int, ...], ...]:
        """Which parts of a second's vector attend to which.

        Args:
            level: ``es``: the pieces of each embedding; ``ms``: the embeddings of each modality;
                ``ls``: all embeddings.

        Returns:
            For each group, in the order of the vector, the lengths of its parts, which become tokens.
            All lengths together are the vector.
        """
        if level == "es":
            return tuple(_pieces(each.dim) for each in self.embedders)
        if level == "ls":
            return (tuple(each.dim for each in self.embedders),)
        by_modality = (tuple(e.dim for e in self.embedders if e.modality is m) for m in Modality)
        return tuple(group for group in by_modality if group)


@dataclass(frozen=True, slots=True)
class ContrastiveSpec:
    """Two projections under which the picture and the sound of one second agree.

    Attributes:
        embedders: At least one of each modality; pictures first, names unique.
        width: Length of the common vectors, at least 2.
        hidden: Length of the layer before, at least 1.
        dropout: Of that layer while training, in [0, 1).
        temperature: Where the learnt temperature starts, over 0.
        family: Always ``contrastive``.

    Raises:
        ModelError: If the fields do not fit together; the message says which.
    """

    embedders: tuple[EmbedderRef, ...]
    width: int = 256
    hidden: int = 512
    dropout: float = 0.1
    temperature: float = 0.07
    family: Literal["contrastive"] = "contrastive"

    def __post_init__(self) -> None:
        _check_embedders(self.embedders, "joint")
        if self.width < 2 or self.hidden < 1:
            raise ModelError(f"layers of {self.hidden} and {self.width} are too narrow to compare anything")
        if not self.temperature > 0:
            raise ModelError(f"a temperature is over 0, not {self.temperature}")
        _check_dropout(self.dropout)

    @property
    def dim(self) -> int:
        """Length of a second's vector, all embeddings together."""
        return sum(each.dim for each in self.embedders)

    @property
    def modality_dims(self) -> tuple[int, int]:
        """Lengths of the visual and the audio part of a second's vector."""
        visual = sum(each.dim for each in self.embedders if each.modality is Modality.PICTURE)
        return visual, self.dim - visual


Spec = FusionSpec | ContrastiveSpec


def _pieces(dim: int) -> tuple[int, ...]:
    """``dim`` in :data:`PIECES` parts as even as can be, the longer first; fewer when it is shorter."""
    count = min(PIECES, dim)
    size, longer = divmod(dim, count)
    return (size + 1,) * longer + (size,) * (count - longer)


def _check_embedders(embedders: tuple[EmbedderRef, ...], modality: str) -> None:
    names = [each.name for each in embedders]
    if len(set(names)) < len(names):
        raise ModelError(f"an embedder stands twice among {', '.join(names)}")
    given = [each.modality for each in embedders]
    if given != sorted(given, key=list(Modality).index):
        raise ModelError(f"the embedders of pictures come before those of sound: {', '.join(names)}")
    needed = {
        "joint": {Modality.PICTURE, Modality.SOUND},
        "visual": {Modality.PICTURE},
        "audio": {Modality.SOUND},
    }
    if set(given) != needed[modality]:
        raise ModelError(f"a {modality} classifier cannot stand on {', '.join(names) or 'no embedder'}")


def _check_dropout(dropout: float) -> None:
    if not 0 <= dropout < 1:
        raise ModelError(f"dropout lies in [0, 1), not {dropout}")
