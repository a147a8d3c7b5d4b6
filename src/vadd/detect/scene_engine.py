"""A detector folder at work: two scene classifiers say what is seen and heard, and the two are compared.

The everyday model stays beside them for what they cannot tell: speech or music alone is heard in any
scene, so a sound that is mostly that may never be said to fit. And a clip unlike all that the classifiers
have learnt from is of an unknown scene, whatever they call it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadd.classify.judge import Classifier, Stacked
from vadd.classify.model import load
from vadd.classify.tables import HASHES
from vadd.detect import everyday_engine
from vadd.detect.engine import LIBRARIES, Engine, Observation, Progress, mean_where_apart, observed
from vadd.detect.folder import SIDES, DetectorFolder, Side
from vadd.detect.rules import RULES, rules_sha256
from vadd.detect.scene_vectors import Vectors, embed_again
from vadd.detect.score import SecondScores, smooth
from vadd.detect.temperature import tempered
from vadd.embed import catalog, shelf
from vadd.embed.base import Embedder, Modality
from vadd.embed.extract import DEFAULT_EMBEDDERS, Extraction
from vadd.embed.faces import FACES
from vadd.embed.pipeline import side_for
from vadd.embed.store import EmbedderRecord
from vadd.embed.weights import BLAZEFACE
from vadd.errors import ModelError
from vadd.media.limits import Limits

__all__ = ["SceneEngine"]

_STREAMS: Mapping[Side, str] = {"visual": "picture", "audio": "sound"}


class SceneEngine(Engine):
    """Two classifiers and their calibration.

    Args:
        folder: The detector.

    Raises:
        ModelError: If it was made from vectors of unknown origin, an embedder is not the one that it was
            made with, its weights are not here, or a classifier needs torch and there is none.
    """

    def __init__(self, folder: DetectorFolder) -> None:
        self._folder = folder
        self.card, self.calibration = folder.card, folder.calibration
        document = folder.document
        if document.synthetic:
            raise ModelError(f"{folder.path} was made from synthetic vectors: it judges no file")
        self._classifiers = {side: _classifier(folder, side) for side in SIDES}
        self._embedders = {each.name: _embedder(each.name, folder.path) for each in document.embedders}
        digests = {name: each.card.weights.digest for name, each in self._embedders.items()}
        for classifier in self._classifiers.values():
            classifier.require({ref.name: digests[ref.name] for ref in classifier.embedders})
        for each in document.embedders:
            if EmbedderRecord.of(self._embedders[each.name].card).identity != each.identity:
                raise ModelError(
                    f"{each.name} prepares its input otherwise here than for the vectors that {folder.path} "
                    "was made with"
                )
        self._scorer = folder.scorer
        self._again = {name: each for name, each in self._embedders.items() if not self._measured(each)}

    def _measured(self, embedder: Embedder) -> bool:
        """Whether the vectors of the first pass are those that the classifier was trained on."""
        if embedder.card.name not in DEFAULT_EMBEDDERS:
            return False
        # The pass makes frames as large as its own network needs; a store of larger networks' frames
        # holds vectors that differ a little.
        stored = self._folder.document.frame_side
        return embedder.card.modality is Modality.SOUND or stored in (None, side_for([embedder]))

    def observe(
        self,
        extraction: Extraction,
        picture: Path,
        sound: Path,
        *,
        limits: Limits,
        progress: Progress | None = None,
    ) -> Observation:
        """See :meth:`vadd.detect.engine.Engine.observe`."""
        vectors = self._vectors(extraction, picture, sound, limits, progress)
        there = {side: vectors[side].present for side in SIDES}
        said = {side: self._posteriors(side, vectors[side]) for side in SIDES}
        seen, heard = (smooth(said[side], there[side]) for side in SIDES)
        scores = None
        everyday = everyday_engine.observe(extraction).evidence.scores
        if there["visual"].any() and there["audio"].any() and everyday is not None:
            scored = mean_where_apart(seen, heard, there["visual"], there["audio"])
            scores = SecondScores(self._scorer.seconds(*scored), everyday.unexplained)
        evidence = observed(extraction, there["visual"], there["audio"], scores, neutral=self._scorer.neutral)
        strange: dict[str, float] = {}
        measured: dict[str, float] = {}
        notes = []
        for side in SIDES:
            counted = there[side] & evidence.counted
            familiar = self._folder.familiar[side]
            if counted.any():
                found = familiar.strangeness(self._stacked(side, vectors[side], counted))
                measured[_STREAMS[side]] = found
                if not found <= familiar.bound:
                    strange[_STREAMS[side]] = found
                    notes.append(
                        f"the {_STREAMS[side]} is unlike the clips that the detector was calibrated on: "
                        f"{found:.3g} in their measure, where {familiar.bound:.3g} is the most"
                    )
        words = tuple(scene.replace("_", " ") for scene in self._folder.scenes.scenes)
        return Observation(
            picture=seen,
            sound=heard,
            picture_words=words,
            sound_words=words,
            evidence=replace(evidence, strange=frozenset(strange)),
            notes=tuple(notes),
            strangeness=measured,
        )

    def seconds(self, picture: NDArray[np.float32], sound: NDArray[np.float32]) -> NDArray[np.float64]:
        """See :meth:`vadd.detect.engine.Engine.seconds`."""
        return self._scorer.seconds(picture, sound)

    def bounds(self) -> Mapping[str, float]:
        """See :meth:`vadd.detect.engine.Engine.bounds`."""
        return {_STREAMS[side]: self._folder.familiar[side].bound for side in SIDES}

    def hashes(self) -> Mapping[str, str]:
        """See :meth:`vadd.detect.engine.Engine.hashes`; the everyday model's tables are among them."""
        default = {name: catalog.card(name).weights.digest for name in DEFAULT_EMBEDDERS}
        own = {name: each.card.weights.digest for name, each in self._embedders.items()}
        ours = {**HASHES, RULES: rules_sha256(), FACES: BLAZEFACE.digest}
        return {**ours, **default, **own, **dict(self.card.hashes)}

    def config(self) -> Mapping[str, Any]:
        """See :meth:`vadd.detect.engine.Engine.config`."""
        document = self._folder.document
        return {
            "scenes": document.scenes,
            "scorer": document.scorer,
            "temperature": dict(self._folder.temperature),
            "curve": self.calibration.curve.kind,
            "reach": document.reach,
            **super().config(),
        }

    def libraries(self) -> tuple[str, ...]:
        """See :meth:`vadd.detect.engine.Engine.libraries`; torch is among them where it computes."""
        bundled = all(each.card.weights.bundled for each in self._embedders.values())
        without_torch = bundled and all(self._folder.exported(side) for side in SIDES)
        return LIBRARIES if without_torch else (*LIBRARIES, "torch")

    def _vectors(
        self,
        extraction: Extraction,
        picture: Path,
        sound: Path,
        limits: Limits,
        progress: Progress | None,
    ) -> dict[Side, Vectors]:
        """The vectors of both sides on the grid of the extraction, from it and from a second pass."""
        eyes = [each for each in self._again.values() if each.card.modality is Modality.PICTURE]
        ears = [each for each in self._again.values() if each.card.modality is Modality.SOUND]
        more = embed_again(
            extraction,
            picture,
            sound,
            eyes,
            ears,
            side=self._folder.document.frame_side or side_for(eyes),
            limits=limits,
            progress=progress,
        )
        found: dict[Side, Vectors] = {}
        tracks = (extraction.picture, extraction.sound)
        for side, track, again, nets in zip(SIDES, tracks, more, (eyes, ears), strict=True):
            present = np.zeros(extraction.seconds, np.bool_) if track is None else track.present
            rows = dict(again.rows)
            for ref in self._classifiers[side].embedders:
                if ref.name not in rows:
                    absent = np.zeros((extraction.seconds, ref.dim), np.float32)
                    rows[ref.name] = absent if track is None else track.vectors
            found[side] = Vectors(present & again.present if nets else present, rows)
        return found

    def _posteriors(self, side: Side, vectors: Vectors) -> NDArray[np.float32]:
        """``(T, C)``; rows of absent seconds are zero."""
        found = np.zeros((len(vectors.present), len(self._folder.scenes)), np.float32)
        if vectors.present.any():
            said = self._classifiers[side].posteriors(vectors.rows, counted=vectors.present)
            found[vectors.present] = tempered(said, self._folder.temperature[side])
        return found

    def _stacked(self, side: Side, vectors: Vectors, counted: NDArray[np.bool_]) -> Stacked:
        return Stacked(self._classifiers[side].embedders, vectors.rows, counted)


def _classifier(folder: DetectorFolder, side: Side) -> Classifier:
    if not folder.exported(side) and find_spec("torch") is None:
        raise ModelError(
            f"the {side} classifier of {folder.path} needs torch: pip install 'vadd[paper]', or run `vadd "
            "export` on both classifiers and build the detector anew"
        )
    classifier = load(folder.path / side)
    unknown = [ref.name for ref in classifier.embedders if ref.sha256 is None]
    if unknown:
        raise ModelError(
            f"{folder.path} was made from vectors of {unknown[0]} of unknown origin: it judges no file"
        )
    return classifier


def _embedder(name: str, folder: Path) -> Embedder:
    embedder = catalog.load(name)
    if not shelf.is_there(embedder.card.weights, name):
        how = shelf.how_to_get(embedder.card.weights, name)
        raise ModelError(f"{folder} needs the weights of {name}, which are not here: {how}")
    return embedder
