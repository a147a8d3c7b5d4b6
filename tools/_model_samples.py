"""Well-formed stores, cards of classifiers, detectors and weight files; see :mod:`_samples`."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import shutil
import tempfile
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from _samples import SHA256, told
from vadd import __version__


@cache
def _store() -> dict[str, bytes]:
    from vadd.embed.base import Modality
    from vadd.embed.store import EmbedderRecord, Store, StoredClip

    eye, ear = (
        EmbedderRecord("eye", Modality.PICTURE, 6, "e1"),
        EmbedderRecord("ear", Modality.SOUND, 3, "e2"),
    )
    clips = [StoredClip(f"c{at}", SHA256, 4, scene="bus", city="lyon", location="7") for at in range(3)]
    folder = Path(tempfile.mkdtemp())
    try:
        with Store.create(folder / "s", [eye, ear], config={"side": 8}, metadata={"a": 1}) as store:
            store.write(clips, {"eye": np.ones((12, 6)), "ear": np.ones((12, 3))})
        inside = folder / "s"
        return {
            str(path.relative_to(inside)): path.read_bytes() for path in inside.rglob("*") if path.is_file()
        }
    finally:
        shutil.rmtree(folder)


def _shard(files: dict[str, bytes]) -> str:
    return next(name for name in files if name.startswith("shards/"))


def store_files(name: str) -> list[bytes]:
    files = _store()
    return [files[_shard(files) if name == "shard" else name]]


def store_with(folder: Path, name: str, data: bytes) -> None:
    """A store with one file exchanged; the manifest knows the size of a shard that was exchanged."""
    files = dict(_store())
    shard = _shard(files)
    files[shard if name == "shard" else name] = data
    if name == "shard":
        rows = [json.loads(line) for line in files["manifest.jsonl"].splitlines()]
        for row in rows:
            row["size"] = len(data)
        files["manifest.jsonl"] = b"".join(told(row) + b"\n" for row in rows)
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def _spec(modality: str) -> dict[str, Any]:
    from vadd.classify.spec import EmbedderRef, FusionSpec
    from vadd.embed.base import Modality

    eye = EmbedderRef("efficientnet_lite0", 4, Modality.PICTURE, SHA256)
    ear = EmbedderRef("yamnet", 3, Modality.SOUND, SHA256)
    refs = {"joint": (eye, ear), "visual": (eye,), "audio": (ear,)}[modality]
    return asdict(FusionSpec(refs, modality, "tau", width=8, heads=2))  # type: ignore[arg-type]


def _model_card(modality: str) -> bytes:
    from vadd.classify.card import ModelCard
    from vadd.scenes import TAU

    spec = {**_spec(modality), "scenes": TAU.name}
    weights = hashlib.sha256(b"weights").hexdigest()
    told_ = {
        "spec": spec, "scenes": list(TAU.scenes), "recipe": {"name": "none"}, "seed": 1,
        "data": {"clips": 3}, "metrics": {"accuracy": 0.5}, "vadd": __version__,
        "files": {"weights.safetensors": weights},
    }  # fmt: skip
    return ModelCard.model_validate(told_).to_bytes()


def model_cards() -> list[bytes]:
    return [_model_card("joint"), _model_card("visual")]


def calibrations() -> list[bytes]:
    from vadd.scenes import TAU

    def packed(size: int) -> str:
        return base64.b64encode(np.ones(size, "<f4").tobytes()).decode()

    familiar = {side: {"mean": packed(size), "std": packed(size), "bound": 2.0}
                for side, size in (("visual", 4), ("audio", 3))}  # fmt: skip
    curve = {
        "own": [-1.0, -0.5, 0.2], "slope": 2.5, "intercept": 0.4,
        "steps": [[-1.0, 0.1], [0.5, 0.6], [1.5, 0.9]],
        "spans": {"own": [0.0, 1.5], "seconds": 12.5, "slope": 1.25, "intercept": -3.0},
    }  # fmt: skip
    scenes = len(TAU.scenes)
    graded = {"name": "graded", "doubt": 0.1, "prior": [1 / scenes] * scenes}
    side = {"temperature": 1.0, "bias": [0.0] * scenes, "confusions": np.eye(scenes).tolist()}
    confused = {"name": "confusions", "doubt": 0.1, "picture": side, "sound": side}
    whole = {**curve, "format": 2, "temperature": {"visual": 1.0, "audio": 2.0}, "familiar": familiar}
    first = {**curve, "format": 1, "familiar": familiar, "steps": [], "spans": None}
    return [told({**whole, "scorer": graded}), told({**whole, "scorer": confused}), told(first)]


def detector_files(calibration: bytes) -> dict[str, bytes]:
    """A detector of two classifiers with this calibration, whose card goes with it and was sealed with it."""
    from vadd.detect.documents import DetectorDocument
    from vadd.detect.score import REACH
    from vadd.scenes import TAU

    files = {"calibration.json": calibration}
    for side in ("visual", "audio"):
        files[f"{side}/card.json"], files[f"{side}/weights.safetensors"] = _model_card(side), b"weights"
    kind: dict[str, Any] = {"format": 2, "scorer": "graded"}
    if b'"format": 1' in calibration:
        kind = {"format": 1, "doubt": 0.1}
    elif b'"name": "confusions"' in calibration:
        kind["scorer"] = "confusions"
    document = DetectorDocument(
        **kind, scenes=TAU.name, reach=REACH, embedders=(), frame_side=None, stores={"calibration": None},
        synthetic=True,
        files={name: hashlib.sha256(data).hexdigest() for name, data in files.items()}, seed=1,
        counts={"clips": 3, "locations": 2, "swaps": 4, "donors": 1}, described="made by hand",
        vadd=__version__,
    )  # fmt: skip
    return {**files, "card.json": document.to_bytes()}


def detector_cards() -> list[bytes]:
    return [detector_files(calibrations()[0])["card.json"]]


@cache
def _adapted() -> dict[str, bytes]:
    from vadd.detect.adapted import write_adapted
    from vadd.detect.calibrate import Calibration
    from vadd.detect.span_calibration import SpanCalibration

    steps = ((-1.0, 0.1), (0.5, 0.6), (1.5, 0.9))
    spans = SpanCalibration((0.0, 0.0, 1.5, 2.5), 12.5, 1.25, -3.0)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "newsroom"
        write_adapted(place, "everyday", Calibration((-1.0, -0.5, 0.2), 2.5, 0.4, "clips", steps, spans))
        return {path.name: path.read_bytes() for path in place.iterdir()}


def adapted_cards() -> list[bytes]:
    return [_adapted()["card.json"]]


def adapted_curves() -> list[bytes]:
    return [_adapted()["calibration.json"]]


def adapted_with(folder: Path, *, card: bytes | None = None, curve: bytes | None = None) -> None:
    """An adapted detector with one file exchanged; its card knows a curve that was exchanged."""
    files = dict(_adapted())
    if card is not None:
        files["card.json"] = card
    if curve is not None:
        files["calibration.json"] = curve
        document = json.loads(files["card.json"])
        document["files"]["calibration.json"] = hashlib.sha256(curve).hexdigest()
        files["card.json"] = told(document)
    for name, content in files.items():
        (folder / name).write_bytes(content)


@cache
def keras() -> list[bytes]:
    import h5py

    data = io.BytesIO()
    with h5py.File(data, "w") as file:
        file.attrs["layer_names"] = [b"conv"]
        layer = file.create_group("conv")
        layer.attrs["weight_names"] = [b"conv/kernel:0", b"conv/bias:0"]
        layer["conv/kernel:0"] = np.ones((3, 3, 1, 2), np.float32)
        layer["conv/bias:0"] = np.ones(2, np.float32)
    return [data.getvalue(), gzip.compress(data.getvalue())]


@cache
def safetensors() -> list[bytes]:
    import torch
    from safetensors.torch import save

    return [save({"a.weight": torch.ones(3, 4), "a.bias": torch.zeros(3, dtype=torch.float16)})]


@cache
def checkpoints() -> list[bytes]:
    import torch

    made = []
    state = {"module.a": torch.ones(3, 4), "module.b": torch.zeros(3)}
    for modern in (True, False):
        data = io.BytesIO()
        torch.save({"state_dict": state, "epoch": 3}, data, _use_new_zipfile_serialization=modern)
        made.append(data.getvalue())
    return made
