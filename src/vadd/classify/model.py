"""A trained classifier on disk: written, read again, and put to work.

What torch is needed for is imported where it is needed: a classifier that was exported judges without.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue, ValidationError

from vadd._version import __version__
from vadd.classify.card import CARD, ONNX, WEIGHTS, ModelCard, publish, read_card, read_file
from vadd.classify.judge import Classifier, Matcher, Run
from vadd.classify.spec import ContrastiveSpec, FusionSpec, Spec
from vadd.embed.runtime import load_onnxruntime
from vadd.errors import ModelError, OutputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from vadd.classify.contrastive import ContrastiveNet
    from vadd.classify.fusion import FusionNet

__all__ = ["Classifier", "Matcher", "build", "judging", "load", "load_matcher", "load_network", "save"]

#: Threads that a classifier uses unless told otherwise.
THREADS = 2


def build(spec: Spec) -> FusionNet | ContrastiveNet:
    """The untrained network of a spec, started from torch's global generator.

    Raises:
        ModelError: If torch is not installed.
    """
    _need_torch("to build a classifier")
    if isinstance(spec, ContrastiveSpec):
        from vadd.classify.contrastive import ContrastiveNet

        return ContrastiveNet(spec)
    from vadd.classify.fusion import FusionNet
    from vadd.classify.hybrid import HybridNet

    return HybridNet(spec) if spec.family == "hybrid" else FusionNet(spec)


def save(
    folder: Path,
    network: FusionNet | ContrastiveNet,
    *,
    recipe: Mapping[str, JsonValue],
    seed: int | None,
    data: Mapping[str, JsonValue],
    metrics: Mapping[str, JsonValue],
    overwrite: bool = False,
) -> ModelCard:
    """Write a trained network into a folder, beside whatever else is there.

    Args:
        folder: Made if it does not exist.
        network: Trained, its standardisation fitted; on any device.
        recipe: How it was trained, JSON-ready.
        seed: Of the run, or ``None``.
        data: What it was trained on, JSON-ready.
        metrics: What was measured, JSON-ready, finite.
        overwrite: Replace a classifier that is already there, its ONNX export included.

    Returns:
        The card, as written.

    Raises:
        ModelError: If a weight or a number for the card is not finite, or something is not JSON.
        OutputError: If a classifier is there already, or the folder cannot be written; what was there
            is then still whole.
    """
    if (folder / CARD).exists() and not overwrite:
        raise OutputError(f"{folder} holds a classifier already; name another folder, or overwrite it")
    from safetensors.torch import save as to_safetensors

    state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    for name, tensor in state.items():
        if not tensor.isfinite().all():
            raise ModelError(f"the network's {name} holds a value that is not finite: training went wrong")
    weights = to_safetensors(state)
    spec = network.spec
    try:
        card = ModelCard(
            spec=spec,
            scenes=spec.scene_set.scenes if isinstance(spec, FusionSpec) else (),
            recipe=dict(recipe),
            seed=seed,
            data=dict(data),
            metrics=dict(metrics),
            vadd=__version__,
            files={WEIGHTS: hashlib.sha256(weights).hexdigest()},
        )
    except ValidationError as error:
        raise ModelError(f"the card of the classifier cannot be made: {error}") from error
    # From the moment its card is gone until the new one is there the folder is no classifier; it is
    # never one with another's weights.
    publish(folder, {WEIGHTS: weights, CARD: card.to_bytes()}, retire=(CARD, ONNX))
    return card


def load_network(folder: Path) -> FusionNet | ContrastiveNet:
    """The trained network itself, ready to evaluate, of any kind.

    This is for tables and further training; files are judged by :func:`load`.

    Raises:
        ModelError: If it is missing, damaged, not what its card says, or torch is not installed.
    """
    folder = Path(folder)
    card = read_card(folder)
    _need_torch("to load the weights of a classifier")
    from safetensors import SafetensorError
    from safetensors.torch import load as from_safetensors

    try:
        state = from_safetensors(read_file(folder, card, WEIGHTS))
        network = build(card.spec)
        network.load_state_dict(state)
    except (SafetensorError, RuntimeError) as error:
        summary = " ".join(str(error).split())
        raise ModelError(f"the weights of {folder} do not fit its card: {summary[:300]}") from error
    network.eval()
    return network


def load(folder: Path | str, *, threads: int = THREADS) -> Classifier:
    """A scene classifier that may judge files, run by ONNX Runtime where it was exported, else by torch.

    Args:
        folder: The classifier.
        threads: Threads that ONNX Runtime may use, at least 1; torch keeps its own setting.

    Raises:
        ModelError: If it is missing, damaged, of a kind that judges no files, or was not exported and
            torch is not installed.
        ValueError: If ``threads`` is below 1.
    """
    folder = Path(folder)
    card = read_card(folder)
    return Classifier(card, _runner(folder, card, threads))


def load_matcher(folder: Path | str, *, threads: int = THREADS) -> Matcher:
    """A contrastive model; arguments and errors are those of :func:`load`."""
    folder = Path(folder)
    card = read_card(folder)
    return Matcher(card, _runner(folder, card, threads))


def judging(network: FusionNet | ContrastiveNet) -> nn.Module:
    """A network up to what a judge wants: posteriors of a classifier, similarities of a matcher.

    Args:
        network: Any that :func:`build` makes.

    Returns:
        A network to evaluate, not to train; it shares the weights.
    """
    from torch import nn

    if isinstance(network.spec, ContrastiveSpec):
        return network.eval()
    return nn.Sequential(network, nn.Softmax(dim=-1)).eval()


def _runner(folder: Path, card: ModelCard, threads: int) -> Run:
    if ONNX in card.files:
        return _onnx_runner(folder, card, threads)
    if find_spec("torch") is None:
        raise ModelError(
            f"the classifier {folder} was not exported: run `vadd export {folder}` where it was trained, "
            "or pip install 'vadd[paper]'"
        )
    return _torch_runner(judging(load_network(folder)))


def _onnx_runner(folder: Path, card: ModelCard, threads: int) -> Run:
    from vadd.embed.weights import check_threads

    check_threads(threads)
    model, dim = read_file(folder, card, ONNX), card.spec.dim
    onnxruntime = load_onnxruntime()  # late: cards do without it

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors share no nearer base
        raise ModelError(f"ONNX Runtime cannot load {folder / ONNX}: {error}") from error
    takes = [(each.name, each.shape[-1]) for each in session.get_inputs()]
    if takes != [("vectors", dim)]:
        raise ModelError(f"{folder / ONNX} takes {takes}, where its card needs vectors of {dim}")

    def run(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        outputs: NDArray[np.float32] = session.run(None, {"vectors": vectors})[0]
        return outputs

    return run


def _torch_runner(network: nn.Module) -> Run:
    import torch

    def run(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            outputs: NDArray[np.float32] = network(torch.from_numpy(vectors)).numpy()
        return outputs

    return run


def _need_torch(purpose: str) -> None:
    if find_spec("torch") is None:
        raise ModelError(f"torch is needed {purpose}: pip install 'vadd[paper]'")
