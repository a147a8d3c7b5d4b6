"""Joins a visual and an audio classifier into a detector, calibrated on clips that both were kept from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadd._version import __version__
from vadd.classify.card import CARD, ONNX, WEIGHTS, FileName, read_card, read_file
from vadd.classify.dataset import place, store_identity
from vadd.classify.judge import Classifier
from vadd.classify.model import load
from vadd.detect.curve import choose_curve
from vadd.detect.documents import (
    CALIBRATION,
    SIDES,
    CalibrationDocument,
    Counts,
    DetectorDocument,
    EmbedderDocument,
    FamiliarDocument,
    Side,
)
from vadd.detect.familiar import bound_of
from vadd.detect.folder import packed
from vadd.detect.held_out import hold_out
from vadd.detect.install import install, require_room
from vadd.detect.score import REACH
from vadd.detect.scorers import kind
from vadd.detect.scorers.document import ScorerDocument
from vadd.detect.validation import DONORS, Moments, Shown, judged, validation_clips
from vadd.embed.checkpoint import require_extra
from vadd.embed.store import Store
from vadd.errors import ModelError

__all__ = ["Built", "build"]


@dataclass(frozen=True, slots=True)
class Built:
    """What came of building a detector.

    Attributes:
        clips: Clips that it was calibrated on.
        locations: Where they were recorded.
        swaps: Foreign sounds that it was calibrated on.
        lowest: The lowest false-alarm rate that it can promise, in (0, 1).
        synthetic: Whether no clip was ever seen; such a detector judges no file.
    """

    clips: int
    locations: int
    swaps: int
    lowest: float
    synthetic: bool


def build(
    visual: Path,
    audio: Path,
    store: Store,
    out: Path,
    *,
    scorer: str = "graded",
    seed: int = 0,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Built:
    """Calibrate two classifiers on validation clips and write them as a detector.

    Args:
        visual: Folder of the visual classifier.
        audio: Folder of the audio classifier, of the same scenes.
        store: Holds the vectors of clips that both were kept from; the test fold is never looked at.
        out: Folder of the detector; what else is in it stays.
        scorer: Name of the scorer (:func:`vadd.detect.scorers.kind`).
        seed: Of the draw of foreign sounds and of the folds of cross-validation, at least 0.
        overwrite: Replace a detector that is there.
        progress: Called with (clips done, clips in all).

    Raises:
        ModelError: If a classifier is missing, damaged, of the wrong modality or kind, does not fit the
            other or the store, or there are no clips to calibrate on.
        StoreError: If vectors are missing or damaged.
        UsageError: If a clip in the store has no scene, or there is no such scorer.
        OutputError: If there is a detector already, or the folder cannot be written.
    """
    kind(scorer)  # an unknown name is told before anything is read
    require_room(out, overwrite=overwrite)
    require_extra("safetensors", "pyarrow")
    folders: dict[Side, Path] = {"visual": visual, "audio": audio}
    classifiers = {side: _classifier(side, folders[side]) for side in SIDES}
    if classifiers["visual"].scenes != classifiers["audio"].scenes:
        raise ModelError(
            f"the classifiers know other scenes: {visual} those of {classifiers['visual'].scenes.name}, "
            f"{audio} those of {classifiers['audio'].scenes.name}"
        )
    embedders = tuple(each for side in SIDES for each in _embedders(store, classifiers[side], folders[side]))
    files = {f"{side}/{name}": data for side in SIDES for name, data in _files(folders[side]).items()}
    moments = {side: _moments(files[f"{side}/{WEIGHTS}"], folders[side]) for side in SIDES}

    clips = validation_clips(store, classifiers, folders)
    shown = judged(store, clips, classifiers, moments, progress)
    learnt = hold_out(shown, scorer, seed=seed)
    curve = choose_curve(learnt.own, learnt.swapped, learnt.own_places, learnt.swapped_places, seed=seed)
    calibration = CalibrationDocument(
        own=tuple(sorted(learnt.own)),
        slope=curve.slope,
        intercept=curve.intercept,
        steps=curve.steps,
        temperature=dict(learnt.temperature),
        scorer=ScorerDocument.of(learnt.scorer),
        familiar={side: _familiar(side, shown, moments[side]) for side in SIDES},
    )
    files[CALIBRATION] = calibration.to_bytes()

    cards = {side: classifiers[side].card.data for side in SIDES}
    synthetic = store.synthetic or any(bool(data.get("synthetic")) for data in cards.values())
    counts = Counts(
        clips=len(clips),
        locations=len({place(clip) for clip in clips}),
        swaps=len(learnt.swapped),
        donors=DONORS,
    )
    digests: Any = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    document = DetectorDocument(
        scenes=classifiers["visual"].scenes.name,
        scorer=calibration.scorer.name if calibration.scorer else "graded",
        reach=REACH,
        embedders=embedders,
        frame_side=_frame_side(store),
        files=digests,
        stores={
            "calibration": store_identity(store, clips),
            "visual": _text(cards["visual"].get("store")),
            "audio": _text(cards["audio"].get("store")),
        },
        synthetic=synthetic,
        seed=seed,
        counts=counts,
        described=_described(counts, synthetic=synthetic),
        vadd=__version__,
    )
    install(out, {**files, CARD: document.to_bytes()})
    return Built(counts.clips, counts.locations, counts.swaps, 1 / (len(learnt.own) + 1), synthetic)


def _classifier(side: Side, folder: Path) -> Classifier:
    classifier = load(folder)
    if classifier.spec.modality != side:
        raise ModelError(f"{folder} is a classifier of {classifier.spec.modality} data, not {side}")
    return classifier


def _embedders(store: Store, classifier: Classifier, folder: Path) -> tuple[EmbedderDocument, ...]:
    """The classifier's embedders, after making sure that the store's vectors are of the same kind."""
    known: Any = classifier.card.data.get("embedder_identities")
    found = []
    for ref in classifier.embedders:
        record = store.embedders.get(ref.name)
        if record is None:
            there = ", ".join(store.embedders) or "none"
            raise ModelError(f"{folder} needs {ref.name}, which {store.folder} lacks; it has {there}")
        if not isinstance(known, Mapping) or ref.name not in known:
            raise ModelError(f"the card of {folder} does not say what made its vectors of {ref.name}")
        if (record.identity, record.dim, record.modality) != (known[ref.name], ref.dim, ref.modality):
            raise ModelError(
                f"the vectors of {ref.name} in {store.folder} were made otherwise than those that {folder} "
                "was trained on"
            )
        found.append(
            EmbedderDocument(
                name=ref.name, dim=ref.dim, modality=ref.modality, sha256=ref.sha256, identity=record.identity
            )
        )
    return tuple(found)


def _files(folder: Path) -> dict[str, bytes]:
    """A classifier's files, each as its card says it is."""
    card = read_card(folder)
    names: tuple[FileName, ...] = (WEIGHTS, ONNX) if ONNX in card.files else (WEIGHTS,)
    found: dict[str, bytes] = {name: read_file(folder, card, name) for name in names}
    written = (folder / CARD).read_bytes()
    if read_card(folder) != card:
        raise ModelError(f"{folder} was changed while it was read")
    return {**found, CARD: written}


def _moments(weights: bytes, folder: Path) -> Moments:
    """What the classifier's inputs are standardised with."""
    from safetensors import SafetensorError
    from safetensors.numpy import load as arrays

    try:
        state: dict[str, NDArray[Any]] = arrays(weights)
        found = state["standardise.mean"], state["standardise.std"]
    except (SafetensorError, KeyError) as error:
        raise ModelError(f"the weights of {folder} do not say how its inputs are standardised") from error
    return found[0].astype(np.float32), found[1].astype(np.float32)


def _familiar(side: Side, shown: tuple[Shown, ...], moments: Moments) -> FamiliarDocument:
    bound = bound_of([each.strange[side] for each in shown])
    return FamiliarDocument(mean=packed(moments[0]), std=packed(moments[1]), bound=bound)


def _frame_side(store: Store) -> int | None:
    """How large the frames were that the store's vectors were made from, where it says so."""
    side = store.recipe.get("config", {}).get("side")
    return side if isinstance(side, int) and side > 0 else None


def _described(counts: Counts, *, synthetic: bool) -> str:
    told = (
        f"{counts.clips} clips from {counts.locations} locations that neither classifier has learnt from, "
        f"and {counts.swaps} swaps with sounds of other scenes from other locations"
    )
    return f"synthetic vectors, no clip was ever seen: {told}" if synthetic else told


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
