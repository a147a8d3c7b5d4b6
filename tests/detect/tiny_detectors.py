"""Classifiers whose answers are known, stores of vectors made by hand, and detectors of both."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadd.classify.spec import EmbedderRef, FusionSpec
from vadd.embed import catalog
from vadd.embed.pipeline import side_for
from vadd.embed.store import EmbedderRecord, Store, StoredClip
from vadd.scenes import TAU

EYE, EAR = (EmbedderRecord.of(catalog.card(name)) for name in ("efficientnet_lite0", "yamnet"))
#: Of the frames that the default picture embedder gets.
SIDE = side_for([catalog.load(EYE.name)])
SCENES = ("bus", "park", "street_traffic")
#: Three locations a scene: the first is learnt from, the others are kept apart, the last clip is for tests.
KEPT = ("2", "3")


def place(scene: str, location: str) -> str:
    return f"lyon/{scene}-{location}"


def validation(scenes: tuple[str, ...] = SCENES) -> list[str]:
    return sorted(place(scene, location) for scene in scenes for location in KEPT)


def told(**changes: Any) -> dict[str, Any]:
    """The ``data`` of a card, as training writes it."""
    identities = {record.name: record.identity for record in (EYE, EAR)}
    data = {
        "validation": validation(),
        "store": "s" * 64,
        "synthetic": False,
        "embedder_identities": identities,
    }
    return {**data, **changes}


def reference(record: EmbedderRecord, *, known: bool = True) -> EmbedderRef:
    digest = catalog.card(record.name).weights.digest if known else None
    return EmbedderRef(record.name, record.dim, record.modality, digest)


def linear_classifier(
    folder: Path,
    ref: EmbedderRef,
    vectors: NDArray[np.floating[Any]],
    labels: NDArray[np.int64],
    *,
    export: bool = False,
    data: dict[str, Any] | None = None,
    scenes: str = "tau",
    gain: float = 8.0,
    **changes: Any,
) -> Path:
    """A classifier that is linear in its embedding, by least squares; its hidden units are always on."""
    import torch

    from vadd.classify.model import build, save

    modality = "visual" if ref.modality.value == "picture" else "audio"
    spec = FusionSpec((ref,), modality, scenes, placement="ns", **changes)
    network = build(spec)
    network.standardise.fit(
        torch.from_numpy(vectors.mean(axis=0)).float(),
        torch.from_numpy(vectors.std(axis=0) + 0.1).float(),
    )
    z = network.standardise(torch.from_numpy(vectors).float()).numpy().astype(np.float64)
    targets = np.eye(len(spec.scene_set))[labels]
    # Ridge regression in its dual form: there are fewer seconds than features.
    weights = z.T @ np.linalg.solve(z @ z.T + 0.1 * len(z) * np.eye(len(z)), targets)
    first, last = network.head[0], network.head[3]
    offset, classes = 100.0, weights.shape[1]
    with torch.no_grad():
        for parameter in (first.weight, first.bias, last.weight, last.bias):
            parameter.zero_()
        first.weight[:classes] = torch.from_numpy(weights.T).float()
        first.bias[:classes] = offset
        last.weight[:, :classes] = gain * torch.eye(classes)
        last.bias[:] = -gain * offset
    save(folder, network, recipe={"name": "tiny"}, seed=0, data=data or told(), metrics={})
    if export:
        from vadd.classify.export import export as write_onnx

        write_onnx(folder)
    return folder


@dataclass(frozen=True)
class World:
    """Vectors of three scenes: a direction each, noise, and a little of the clip's own."""

    seed: int = 0
    noise: float = 0.3
    centres: dict[tuple[str, str], NDArray[np.float64]] = field(default_factory=dict)

    def centre(self, record: EmbedderRecord, scene: str) -> NDArray[np.float64]:
        key = (record.name, scene)
        if key not in self.centres:
            rng = np.random.default_rng([self.seed, len(record.name), TAU.index(scene)])
            self.centres[key] = rng.normal(size=record.dim)
        return self.centres[key]

    def vectors(self, record: EmbedderRecord, scene: str, name: str, seconds: int = 4) -> NDArray[np.float32]:
        rng = np.random.default_rng([self.seed, *name.encode(), len(record.name)])
        own = self.noise * rng.normal(size=record.dim)
        moving = self.noise * rng.normal(size=(seconds, record.dim))
        return (self.centre(record, scene) + own + moving).astype(np.float32)


WORLD = World()


def clips(each: int = 3, scenes: tuple[str, ...] = SCENES) -> list[StoredClip]:
    """``each`` clips in each of three training locations and one test location of a scene."""
    return [
        StoredClip(
            f"{scene}-lyon-{location}-{number}", "", 4, scene=scene, city="lyon",
            location=f"{scene}-{location}", split="test" if location == "9" else "train",
        )
        for scene in scenes
        for location in ("1", *KEPT, "9")
        for number in range(each)
    ]  # fmt: skip


def store_of(
    folder: Path, listed: list[StoredClip], *, records: tuple[EmbedderRecord, ...] = (EYE, EAR), **made: Any
) -> Store:
    with Store.create(folder, records, config={"side": SIDE}, **made) as store:
        columns = {
            record.name: np.concatenate(
                [WORLD.vectors(record, clip.scene, clip.name, clip.seconds) for clip in listed]
            )
            for record in records
        }
        store.write(listed, columns)
    return Store.open(folder)


def learnt(record: EmbedderRecord, listed: list[StoredClip]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The seconds and scenes of the clips that are learnt from: the first locations'."""
    mine = [clip for clip in listed if clip.location.endswith("-1")]
    vectors = [WORLD.vectors(record, clip.scene, clip.name, clip.seconds) for clip in mine]
    labels = np.repeat([TAU.index(clip.scene) for clip in mine], [clip.seconds for clip in mine])
    return np.concatenate(vectors), labels.astype(np.int64)


def pair(folder: Path, listed: list[StoredClip], **options: Any) -> tuple[Path, Path]:
    """A visual and an audio classifier."""
    return tuple(
        linear_classifier(folder / side, reference(record), *learnt(record, listed), **options)
        for side, record in (("visual", EYE), ("audio", EAR))
    )  # type: ignore[return-value]
