"""What the embedders on PyTorch share: building late, batching, precision, and weights or none.

Networks stay exactly as published, names included; an embedder adds what goes in before and what is
taken out behind.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from math import sqrt
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from vadd.embed import shelf
from vadd.embed.base import Embedder, EmbedderCard, SecondEmbedding
from vadd.embed.checkpoint import fill, read_state, require_extra
from vadd.embed.weights import THREADS, check_threads
from vadd.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["BATCH", "Precision", "TorchEmbedder", "native_bf16"]

#: ``"auto"`` is bf16 where the hardware computes in it and fp32 elsewhere.
Precision = Literal["auto", "bf16", "fp32"]
#: Seconds that go through a network together.
BATCH = 16
#: What processors call their own bf16 arithmetic.
_BF16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}


class TorchEmbedder(Embedder):
    """An embedder whose network runs on PyTorch; it is built, and its weights read, when first used.

    Args:
        threads: Threads that the network may use on the CPU, at least 1.
        device: ``"cpu"``, ``"cuda"``, ``"cuda:1"``...; ``"auto"`` takes CUDA when it is there.
        precision: Arithmetic of the network: see :data:`Precision`.
        batch: Seconds that go through the network together, at least 1; if ``None``, :data:`BATCH`, or on
            the CPU fewer where more would only crowd its caches.

    Raises:
        ValueError: If an argument is not one of these.
    """

    #: Whether the network may be built on the meta device and then filled: spares a large network its
    #: initial values. Only for networks without buffers that are computed when they are built.
    _built_empty: ClassVar[bool] = False
    #: Seconds that go through the network together on the CPU, unless told otherwise.
    _cpu_batch: ClassVar[int] = BATCH
    #: Top-level modules that the network needs.
    _needs: ClassVar[tuple[str, ...]] = ("torch",)

    card: EmbedderCard

    def __init__(
        self,
        *,
        threads: int = THREADS,
        device: str = "auto",
        precision: Precision = "auto",
        batch: int | None = None,
    ) -> None:
        check_threads(threads)
        if precision not in get_args(Precision):
            raise ValueError(f"precision must be one of {', '.join(get_args(Precision))}, not {precision!r}")
        if batch is not None and batch < 1:
            raise ValueError(f"batch must be at least 1, not {batch}")
        self._threads, self._device, self._precision, self._wanted = threads, device, precision, batch
        self._seed: int | None = None
        self._lock = Lock()
        self._built: nn.Module | None = None
        self._lowered: nn.Module | None = None
        self.card = replace(self.card, weights=shelf.pinned(self.card.weights, self.card.name))

    @classmethod
    def with_random_weights(cls, seed: int, **options: Any) -> Self:
        """An embedder whose weights are drawn instead of read, for parity tests and benchmarks.

        The card says so: its hash is ``random-<seed>``, which no model knows.

        Args:
            seed: Of the draw; equal seeds give equal weights.
            options: As for the constructor.
        """
        embedder = cls(**options)
        drawn = replace(
            embedder.card.weights, file="", sha256=f"random-{seed}", source="drawn at random", url=None
        )
        embedder.card = replace(embedder.card, weights=drawn)
        embedder._seed = seed
        return embedder

    @abstractmethod
    def _network(self) -> nn.Module:
        """The whole published architecture, with parameters of any values."""

    @abstractmethod
    def _prepare(self, inputs: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
        """One array a grid second, all of one shape and type; checks the inputs."""

    def _load(self, network: nn.Module, path: Path) -> None:
        """Fill the network from its published file; on the meta device only compare.

        Raises:
            ModelError: If the file is damaged or does not fit.
        """
        fill(network, read_state(path), str(path))

    def _trim(self, network: nn.Module) -> nn.Module:
        """The network up to its embedding: maps a batch of :meth:`_encode` to ``(batch, dim)``."""
        return network

    def _lower(self, network: nn.Module) -> nn.Module:
        """What :meth:`_trim` gave, made ready for bf16; may give the same numbers with less work."""
        from vadd.embed.lowered import lowered

        return lowered(network, self.device)

    def _encode(self, batch: Tensor) -> Tensor:
        """From stacked :meth:`_prepare` arrays, on the device, to what the network takes; in fp32."""
        return batch

    def check(self, path: Path) -> None:
        """Make sure that a weight file fits this embedder's network; computes nothing.

        Raises:
            ModelError: If it is damaged or does not fit.
        """
        require_extra(*self._needs)
        import torch

        with torch.device("meta"):
            network = self._network()
        self._load(network, path)

    @property
    def device(self) -> str:
        """Where the network runs, ``"auto"`` resolved."""
        require_extra(*self._needs)
        import torch

        if self._device == "auto":
            return "cuda" if torch.cuda.is_available() else "cpu"
        return self._device

    @property
    def precision(self) -> str:
        """``"bf16"`` or ``"fp32"``, ``"auto"`` resolved."""
        if self._precision == "auto":
            return "bf16" if native_bf16(self.device) else "fp32"
        return self._precision

    @property
    def batch(self) -> int:
        """Seconds that go through the network together, the default resolved."""
        if self._wanted is not None:
            return self._wanted
        return self._cpu_batch if self.device == "cpu" else BATCH

    def network(self) -> nn.Module:
        """The published network with its weights, up to the embedding, for evaluation in single precision.

        It is built at the first call, beside the one that :meth:`forward` runs if that is bf16.

        Raises:
            ModelError: If the weights or the libraries are missing or do not fit.
        """
        with self._lock:
            if self._built is None:
                self._built = self._build()
            return self._built

    def _runner(self) -> nn.Module:
        """What :meth:`forward` runs."""
        if self.precision == "fp32":
            return self.network()
        with self._lock:
            if self._lowered is None:
                self._lowered = self._build(half=True)
            return self._lowered

    def open(self) -> None:
        """Build the network and read its weights; see :meth:`vadd.embed.base.Embedder.open`."""
        self._runner()

    def forward(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        """``(n, dim)`` float32 embeddings of ``n`` stacked :meth:`_prepare` arrays, in one run."""
        import torch

        network, device = self._runner(), self.device
        # Per thread: a new thread would take whatever number the process has.
        torch.set_num_threads(self._threads)
        half = self.precision == "bf16"
        kind = torch.device(device).type
        with torch.inference_mode(), torch.autocast(kind, torch.bfloat16, enabled=half):
            vectors = network(self._encode(torch.from_numpy(batch).to(device)))
        found: NDArray[np.float32] = vectors.float().cpu().numpy()
        return found

    def embed(self, inputs: Iterable[NDArray[Any]]) -> Iterator[SecondEmbedding]:
        """Embed a stream; see :meth:`vadd.embed.base.Embedder.embed`.

        While a batch is in the network the next one is taken from ``inputs``, so that a decoder behind
        them works at the same time.
        """
        seconds = self._prepare(inputs)
        with ThreadPoolExecutor(1, thread_name_prefix=self.card.name) as runner:
            running: Future[NDArray[np.float32]] | None = None
            while batch := list(islice(seconds, self.batch)):
                following = runner.submit(self.forward, np.stack(batch))
                if running is not None:
                    yield from _results(running)
                running = following
            if running is not None:
                yield from _results(running)

    def _build(self, *, half: bool = False) -> nn.Module:
        require_extra(*self._needs)
        import torch

        # Looked for before the network is built, which may take seconds and gigabytes.
        path = None
        if self._seed is None:
            # The record as published: an instance's card has the hash of the file that was added.
            path = shelf.weights_path(type(self).card.weights, self.card.name)
        if self._built_empty:
            with torch.device("meta"):
                network = self._network()
            network = network.to_empty(device="cpu")
        else:
            network = self._network()
        if path is None:
            _draw(network, torch.Generator().manual_seed(self._seed or 0))
        else:
            self._load(network, path)
        network = self._trim(network.eval())
        if half:
            network = self._lower(network)
        return network.requires_grad_(False).to(device=self.device, memory_format=torch.channels_last)


def native_bf16(device: str) -> bool:
    """Whether a device computes in bf16 itself, so that it is worth using."""
    import torch

    if torch.device(device).type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split()
    except FileNotFoundError:  # not Linux: nothing tells
        return False
    return not _BF16_FLAGS.isdisjoint(flags)


def _results(running: Future[NDArray[np.float32]]) -> Iterator[SecondEmbedding]:
    for vector in running.result():
        yield SecondEmbedding(vector=vector, scores=None)


def _draw(network: nn.Module, generator: Any) -> None:
    """Random weights under which every layer matters and activations keep a moderate size.

    The initial values of the published networks will not do: some heads start as zeros. What is not
    learnt (``requires_grad`` off, buffers but batch norms' running ones) is kept.
    """
    import torch
    from torch import nn

    with torch.no_grad():
        for name, value in network.named_parameters():
            if not value.requires_grad:
                continue
            if value.ndim == 1:
                value.normal_(1.0 if name.endswith("weight") else 0.0, 0.1, generator=generator)
            else:
                value.normal_(0.0, 1 / sqrt(value[0].numel()), generator=generator)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                if module.running_mean is None or module.running_var is None:
                    raise ModelError("a batch norm without running values has no evaluation")
                module.running_mean.normal_(0.0, 0.1, generator=generator)
                module.running_var.uniform_(0.5, 1.5, generator=generator)
                if module.num_batches_tracked is not None:
                    module.num_batches_tracked.zero_()
