"""From what a user asks for to the spec of a network, on the embedders that a store has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from vadd.classify.dataset import embedder_refs
from vadd.classify.spec import PLACEMENTS, ContrastiveSpec, FusionSpec, Spec
from vadd.embed.base import Modality
from vadd.embed.store import Store
from vadd.errors import UsageError
from vadd.scenes import by_size

__all__ = ["FUSIONS", "MODALITIES", "modality_embedders", "spec_for"]

#: What ``--fusion`` takes: a placement of attention, or another kind of network.
FUSIONS = (*PLACEMENTS, "hybrid", "contrastive")
#: Modality of a classifier → the streams that it needs.
MODALITIES = {
    "joint": (Modality.PICTURE, Modality.SOUND),
    "visual": (Modality.PICTURE,),
    "audio": (Modality.SOUND,),
}


def modality_embedders(store: Store, modality: str) -> tuple[str, ...]:
    """The embedders of a store that a modality uses, in the store's order.

    Raises:
        UsageError: If the modality is unknown, or the store has no embedder for one of its streams.
    """
    if modality not in MODALITIES:
        raise UsageError(f"there is no modality {modality!r}: {', '.join(MODALITIES)}")
    streams = MODALITIES[modality]
    found = tuple(name for name, record in store.embedders.items() if record.modality in streams)
    for stream in streams:
        if not any(store.embedders[name].modality is stream for name in found):
            raise UsageError(f"{store.folder} has no embedder of {stream.value}s, which {modality} needs")
    return found


def spec_for(
    store: Store,
    *,
    modality: Literal["joint", "visual", "audio"] = "joint",
    classes: int = 10,
    fusion: str = "ls",
    attention: Literal["clip", "batch"] = "clip",
    instance: Literal["second", "clip"] = "second",
    embedders: Sequence[str] = (),
    dropout: float = 0.5,
) -> Spec:
    """The network for a request.

    Args:
        store: Whose embedders it stands on.
        modality: ``joint``, ``visual`` or ``audio``; a contrastive network is always joint.
        classes: 10, 3 or 2; of no effect on a contrastive network.
        fusion: One of :data:`FUSIONS`.
        attention: ``clip``, or ``batch`` for the record.
        instance: ``second``, or ``clip``: seconds attend to each other as well.
        embedders: Names; all that the modality uses if none is given.
        dropout: Of the head.

    Raises:
        UsageError: If an argument is none of these.
        ModelError: If they do not fit together.
        StoreError: If the store lacks an embedder.
    """
    if fusion not in FUSIONS:
        raise UsageError(f"there is no fusion {fusion!r}: {', '.join(FUSIONS)}")
    refs = embedder_refs(store, embedders or modality_embedders(store, modality))
    if fusion == "contrastive":
        if modality != "joint":
            raise UsageError(f"a contrastive network compares two modalities; this is {modality} alone")
        return ContrastiveSpec(refs, dropout=min(dropout, 0.1))
    hybrid = fusion == "hybrid"
    return FusionSpec(
        refs,
        modality,
        by_size(classes).name,
        placement="ls" if hybrid else fusion,
        attention=attention,
        instance=instance,
        dropout=dropout,
        family="hybrid" if hybrid else "fusion",
    )
