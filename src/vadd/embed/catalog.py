"""The one table of embedders: a name, and where its class is."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module

from vadd.embed.base import Embedder, EmbedderCard
from vadd.embed.weights import THREADS
from vadd.errors import ModelError

__all__ = ["card", "load", "names", "opened"]

#: Name → module and class; imported only when asked for, as some pull in large libraries. Every class
#: can be made with ``threads`` alone.
_TABLE = {
    "clip_h14_laion2b": ("vadd.embed.open_clip_vit", "ClipH14Laion2b"),
    "densenet161_places365": ("vadd.embed.places365", "DenseNet161Places365"),
    "efficientnet_lite0": ("vadd.embed.efficientnet", "EfficientNetLite0"),
    "efficientnet_v2_l": ("vadd.embed.efficientnet_v2", "EfficientNetV2L"),
    "iov_cnn420": ("vadd.embed.sound_embedders", "IovCnn420"),
    "openl3_music_mel256": ("vadd.embed.sound_embedders", "OpenL3MusicMel256"),
    "pann_cnn10": ("vadd.embed.sound_embedders", "PannCnn10"),
    "pann_wavegram_logmel_cnn14": ("vadd.embed.sound_embedders", "PannWavegramLogmelCnn14"),
    "resnet50_places365": ("vadd.embed.places365", "ResNet50Places365"),
    "vit_h14_swag": ("vadd.embed.vit_swag", "VitH14Swag"),
    "wideresnet18_places365": ("vadd.embed.places365", "WideResNet18Places365"),
    "yamnet": ("vadd.embed.yamnet", "YamNet"),
}


def names() -> tuple[str, ...]:
    """The names of all embedders, sorted."""
    return tuple(sorted(_TABLE))


def card(name: str) -> EmbedderCard:
    """The card of an embedder; neither its weights nor its runtime is loaded.

    Raises:
        ModelError: If there is no such embedder.
    """
    return _embedder(name).card


def load(name: str, *, threads: int = THREADS) -> Embedder:
    """An embedder with its default settings; its weights are read when it first embeds.

    Args:
        name: One of :func:`names`.
        threads: Threads that its network may use, at least 1.

    Raises:
        ModelError: If there is no such embedder.
        ValueError: If ``threads`` is below 1.
    """
    make: Callable[..., Embedder] = _embedder(name)
    return make(threads=threads)


@cache
def opened(name: str) -> Embedder:
    """The embedder of this process: one thread, its weights read. A child that does several jobs reads once.

    Raises:
        ModelError: If there is no such embedder, or its weights are missing or damaged.
    """
    embedder = load(name, threads=1)
    embedder.open()
    return embedder


def _embedder(name: str) -> type[Embedder]:
    if name not in _TABLE:
        raise ModelError(f"there is no embedder {name!r}; the embedders are {', '.join(names())}")
    module, attribute = _TABLE[name]
    found: type[Embedder] = getattr(import_module(module), attribute)
    return found
