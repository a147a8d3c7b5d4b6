"""A detector with a calibration of one's own: another camera's clips are not exchangeable with ours.

Of a built-in detector the folder has ``calibration.json`` and a ``card.json`` that names the detector and all
that it computed with. Of a detector folder it is a copy of that folder with another calibration. Both are
detectors like others: ``--model DIR`` judges with them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vadd._version import __version__
from vadd.classify.card import CARD
from vadd.detect.built_in import BUILT_IN, built_in
from vadd.detect.calibrate import Calibration
from vadd.detect.documents import (
    CALIBRATION,
    AbstentionDocument,
    AdaptationDocument,
    AdaptedDocument,
    CurveDocument,
    Side,
    SpansDocument,
    compare,
    kind_of,
    parsed,
    read,
)
from vadd.detect.engine import DetectorCard, Engine
from vadd.detect.folder import read_detector
from vadd.detect.install import install, require_room
from vadd.errors import ModelError

__all__ = [
    "AdaptedFolder",
    "is_adapted",
    "load_adapted",
    "read_adapted",
    "read_adapted_card",
    "write_adapted",
]


@dataclass(frozen=True, slots=True)
class AdaptedFolder:
    """An adapted built-in detector that was read and found whole.

    Attributes:
        path: Where it lies.
        document: Its card as it is written.
        card: For people and for provenance.
        calibration: What its scores mean on the clips that it was adapted to.
    """

    path: Path
    document: AdaptedDocument
    card: DetectorCard
    calibration: Calibration


def is_adapted(folder: Path) -> bool:
    """Whether a folder has the card of an adapted built-in detector; whether it is whole is not looked at."""
    return kind_of(folder) == "adapted"


def write_adapted(
    out: Path,
    base: str,
    calibration: Calibration,
    *,
    bounds: Mapping[Side, float] | None = None,
    adaptation: AdaptationDocument | None = None,
    overwrite: bool = False,
) -> None:
    """Write a detector that is another one with this calibration.

    Args:
        out: Folder of the new detector; what else is in it stays.
        base: Name of a built-in detector, or folder of a detector; one that was adapted already counts as
            what it was made of.
        calibration: Own scores, curve and description; the scores are the base's own.
        bounds: Of a detector of two classifiers: how strange a clip may be to either side, where that is to
            be another than the base's (:func:`vadd.detect.familiar.bound_of`).
        adaptation: What the calibration was made of, for the card.
        overwrite: Replace a detector that is there.

    Raises:
        ModelError: If the base is missing or damaged, or has no such bounds.
        OutputError: If there is a detector already, or the folder cannot be written.
    """
    require_room(out, overwrite=overwrite)
    if base not in BUILT_IN and is_adapted(Path(base)):
        base = read_adapted(Path(base)).document.base
    if base in BUILT_IN:
        if bounds:
            raise ModelError(f"the detector {base} has no bounds of what its classifiers are used to")
        install(out, _of_built_in(base, calibration, adaptation))
    else:
        install(out, _of_folder(Path(base), calibration, bounds or {}, adaptation))


def read_adapted_card(folder: Path) -> AdaptedDocument:
    """The card of an adapted detector; nothing else is looked at.

    Raises:
        ModelError: If it is missing or cannot be used.
    """
    return parsed(AdaptedDocument, read(folder / CARD, f"{folder} is no detector: "), folder / CARD)


def read_adapted(folder: Path) -> AdaptedFolder:
    """Read an adapted detector, compare its calibration with its hash and its base with this version's.

    Raises:
        ModelError: If the folder is none, is damaged, or was adapted from a detector that computes otherwise.
    """
    data = read(folder / CARD, f"{folder} is no detector: ")
    document = parsed(AdaptedDocument, data, folder / CARD)
    if document.base not in BUILT_IN:
        raise ModelError(
            f"{folder} was adapted from {document.base!r}, and there is no such detector; the detectors are "
            f"{', '.join(BUILT_IN)}"
        )
    base = BUILT_IN[document.base]()
    now, then = _made_with(base), document.made_with
    other = sorted(name for name in {*now, *then} if now.get(name) != then.get(name))
    if other:
        raise ModelError(
            f"{folder} was adapted from a detector {document.base} that computes otherwise than that of this "
            f"version ({', '.join(name if name in now else repr(name) for name in other)}): adapt it anew"
        )
    compare(folder / CALIBRATION, document.files["calibration.json"])
    stored = read(folder / CALIBRATION)
    if hashlib.sha256(stored).hexdigest() != document.files["calibration.json"]:
        raise ModelError(f"{folder / CALIBRATION} changed while it was read")
    learnt = parsed(CurveDocument, stored, folder / CALIBRATION)
    digest = hashlib.sha256(data).hexdigest()
    # The calibration that comes with the base has no part in what this one says.
    tables = tuple((name, each) for name, each in base.hashes if name in document.made_with)
    card = replace(
        base,
        name=folder.resolve().name,
        summary=f"{document.base}, calibrated on clips of one's own",
        calibrated_on=document.described,
        hashes=(*tables, *sorted(document.files.items()), (CARD, digest)),
    )
    return AdaptedFolder(folder, document, card, learnt.calibration(document.described))


def load_adapted(folder: Path) -> Engine:
    """An adapted detector ready to judge.

    Raises:
        ModelError: As :func:`read_adapted`; also if its networks cannot run here.
    """
    found = read_adapted(folder)
    engine = built_in(found.document.base)
    engine.card, engine.calibration = found.card, found.calibration
    return engine


def _made_with(card: DetectorCard) -> dict[str, str]:
    """All that a built-in detector computes scores with: its tables and its networks."""
    from vadd.detect.calibrate import CALIBRATION as ITS_CALIBRATION
    from vadd.embed import catalog

    networks = {name: catalog.card(name).weights.digest for name in card.embedders}
    tables = {name: digest for name, digest in card.hashes if name != ITS_CALIBRATION}
    return {**tables, **networks}


def _curve(calibration: Calibration) -> dict[str, Any]:
    return {
        "own": calibration.own,
        "slope": calibration.slope,
        "intercept": calibration.intercept,
        "steps": calibration.steps,
        "spans": SpansDocument.of(calibration.spans) if calibration.spans else None,
        "abstention": AbstentionDocument.of(calibration.abstention),
    }


def _of_built_in(
    base: str, calibration: Calibration, adaptation: AdaptationDocument | None
) -> dict[str, bytes]:
    stored = CurveDocument.model_validate(_curve(calibration)).to_bytes()
    document = AdaptedDocument(
        base=base,
        made_with=_made_with(BUILT_IN[base]()),
        files={"calibration.json": hashlib.sha256(stored).hexdigest()},
        described=calibration.described,
        vadd=__version__,
        adaptation=adaptation,
    )
    return {CALIBRATION: stored, CARD: document.to_bytes()}


def _of_folder(
    base: Path,
    calibration: Calibration,
    bounds: Mapping[Side, float],
    adaptation: AdaptationDocument | None,
) -> dict[str, bytes]:
    from vadd.detect.scorers.document import ScorerDocument

    found = read_detector(base)
    files: dict[str, bytes] = {}
    for name, digest in found.document.files.items():
        files[name] = read(base / name)
        if hashlib.sha256(files[name]).hexdigest() != digest:
            raise ModelError(f"{base / name} changed while it was read")
    stored = found.stored.model_copy(
        update={
            **_curve(calibration),
            "format": 2,
            "temperature": dict(found.temperature),
            "scorer": ScorerDocument.of(found.scorer),
            "familiar": {
                side: each.model_copy(update={"bound": bounds.get(side, each.bound)})
                for side, each in found.stored.familiar.items()
            },
        }
    )
    files[CALIBRATION] = type(stored).model_validate(stored.model_dump()).to_bytes()
    document = found.document.model_copy(
        update={
            "format": 2,
            "doubt": None,
            "counts": None,
            "described": calibration.described,
            "vadd": __version__,
            "adaptation": adaptation,
            "adapted_from": hashlib.sha256(read(base / CARD)).hexdigest(),
            "files": {
                **found.document.files,
                "calibration.json": hashlib.sha256(files[CALIBRATION]).hexdigest(),
            },
        }
    )
    return {**files, CARD: type(document).model_validate(document.model_dump()).to_bytes()}
