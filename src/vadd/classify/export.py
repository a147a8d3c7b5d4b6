"""A trained classifier as ONNX, so that it judges where torch is not installed.

The graph holds everything from the embeddings to the posterior, standardisation included, for any
number of seconds. Before it counts it must give what the network gives.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vadd.classify.card import CARD, ONNX, ModelCard, publish, read_card
from vadd.classify.model import judging, load_network
from vadd.classify.spec import FusionSpec, Spec
from vadd.embed.runtime import load_onnxruntime
from vadd.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from vadd.classify.contrastive import ContrastiveNet
    from vadd.classify.fusion import FusionNet

__all__ = ["TOLERANCE", "export"]

#: Posteriors and similarities of the exported graph differ from the network's by no more than this.
TOLERANCE = 1e-4
#: Seconds (or clips of the full window) on which the two are compared.
PROBES = 64


def export(folder: Path | str) -> ModelCard:
    """Write ``model.onnx`` into the folder of a trained classifier and its SHA-256 into the card.

    Args:
        folder: The classifier; one that was exported already is exported anew.

    Returns:
        The card, as written.

    Raises:
        ModelError: If the classifier is missing, damaged or attends across the batch, the extra
            ``paper`` is not installed, or the graph does not give what the network gives.
        OutputError: If the folder cannot be written.
    """
    folder = Path(folder)
    card = read_card(folder)
    if isinstance(card.spec, FusionSpec) and card.spec.attention == "batch":
        raise ModelError(
            f"{folder} attends across the batch, which is for the record only: it judges no file, "
            "and is not exported"
        )
    network = load_network(folder)
    judge = judging(network)
    probes = _probes(network, card.spec)
    model = _graph(judge, probes)
    _compare(model, judge, probes)
    if ONNX in card.files:
        # Unlist the old graph first: a crash between the two files then leaves a whole classifier.
        weights_only = {name: digest for name, digest in card.files.items() if name != ONNX}
        publish(folder, {CARD: card.model_copy(update={"files": weights_only}).to_bytes()})
    card = card.model_copy(update={"files": {**card.files, ONNX: hashlib.sha256(model).hexdigest()}})
    publish(folder, {ONNX: model, CARD: card.to_bytes()})
    return card


def _probes(network: FusionNet | ContrastiveNet, spec: Spec) -> Tensor:
    """Samples like those of training: the stored mean and deviation, and noise of a fixed seed."""
    import torch

    shape: tuple[int, ...] = (PROBES, spec.dim)
    if isinstance(spec, FusionSpec) and spec.instance == "clip":
        shape = (PROBES, spec.seconds, spec.dim)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    probes: Tensor = network.standardise.mean + noise * network.standardise.std
    return probes


def _graph(judge: nn.Module, probes: Tensor) -> bytes:
    import torch

    sizes = {0: torch.export.Dim("samples")}
    if probes.ndim == 3:
        sizes[1] = torch.export.Dim("seconds", max=probes.shape[1])
    try:
        with torch.no_grad(), _quiet():
            program = torch.onnx.export(
                judge,
                (probes[:3],),
                dynamo=True,
                external_data=False,
                input_names=["vectors"],
                output_names=["answers"],
                dynamic_shapes=(sizes,),
                verbose=False,
            )
    except ImportError as error:
        raise ModelError(f"the export needs {error.name}: pip install 'vadd[paper]'") from error
    if program is None:
        raise ModelError("torch's ONNX export returned no graph")
    model: bytes = program.model_proto.SerializeToString()
    return model


def _compare(model: bytes, judge: nn.Module, probes: Tensor) -> None:
    """Refuse a graph that answers otherwise than the network."""
    onnxruntime = load_onnxruntime()
    import torch

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    with torch.inference_mode():
        expected = judge(probes).numpy()
    difference = float(np.abs(session.run(None, {"vectors": probes.numpy()})[0] - expected).max())
    if not difference <= TOLERANCE:
        raise ModelError(f"the exported graph differs from the network by {difference:.2g}")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's progress out of ours; its errors are raised all the same."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
