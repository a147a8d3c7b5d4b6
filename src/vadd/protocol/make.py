"""From a list of clips to a benchmark: which clips take part, what is drawn, and how it is told."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vadd.errors import ProtocolError, UsageError
from vadd.protocol.designs import DESIGNS, Drawn, draw
from vadd.protocol.manifest import Entry, Party, entry
from vadd.protocol.splice import Splice
from vadd.protocol.tau import TauClip
from vadd.scenes import TAU, by_size, coarsen

__all__ = ["CLASSES", "OWN", "Made", "Order", "made", "party", "summary"]

#: Classes that are the labels of the list as they stand.
OWN = "own"
CLASSES = ("10", "3", "2", OWN)


@dataclass(frozen=True, slots=True)
class Order:
    """What is ordered.

    Attributes:
        classes: One of :data:`CLASSES`: how many of TAU's, or the labels of the list.
        design: A name of :data:`vadd.protocol.designs.DESIGNS`.
        seed: Of everything that is drawn.
        split: The fold whose clips take part, ``train`` or ``test``; ``all``: both.
        reuse: How often a sound may be lent to foreign pictures, at least 1.
        splice: Where the foreign sound is heard; ``None``: everywhere.
    """

    classes: str
    design: str
    seed: int
    split: str = "test"
    reuse: int = 1
    splice: Splice | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """A benchmark and how it was made.

    Attributes:
        entries: Its trials.
        origin: JSON-ready; the same for the same clips and order.
    """

    entries: tuple[Entry, ...]
    origin: Mapping[str, Any]


def made(clips: Iterable[TauClip], order: Order) -> Made:
    """Make a benchmark.

    Args:
        clips: The list, in any order.
        order: What is wanted.

    Raises:
        UsageError: If the order makes no sense.
        ProtocolError: If the clips make none, or cannot be made into this; says why.
    """
    if order.design not in DESIGNS:
        raise UsageError(f"there is no design {order.design!r}; there are {', '.join(DESIGNS)}")
    if order.reuse < 1:
        raise UsageError(f"a sound is used once at least, not {order.reuse} times")
    listed = list(clips)
    chosen = [clip for clip in listed if order.split in ("all", clip.split)]
    if not chosen:
        raise ProtocolError(f"none of the {len(listed)} clips is of the {order.split} fold")
    parties = _parties(chosen, order)
    drawn = draw(DESIGNS[order.design], parties, order.seed, reuse=order.reuse)
    entries = [entry(clip, clip, order.seed, manipulated=False) for clip in drawn.pristine]
    for clip, sound in drawn.manipulated:
        spans = order.splice.draw(order.seed, f"{clip.name}\n{sound.name}") if order.splice else ()
        entries.append(entry(clip, sound, order.seed, manipulated=True, spans=spans))
    scenes_out = Counter(clip.scene for clip in chosen)
    scenes_out.subtract(clip.scene for clip in parties)
    return Made(tuple(entries), {
        "design": order.design,
        "classes": order.classes,
        "seed": order.seed,
        "split": order.split,
        "reuse": order.reuse,
        "splice": _splice(order.splice),
        "donors": DESIGNS[order.design].where,
        "clips": len(chosen),
        "clips_sha256": _digest(parties),
        "scenes_left_out": {scene: count for scene, count in sorted(scenes_out.items()) if count > 0},
        **_counts(drawn),
    })  # fmt: skip


def party(clip: TauClip, label: str) -> Party:
    """A clip of a list as it stands in a manifest."""
    return Party(clip.name, label, clip.scene, clip.city, clip.location)


def summary(origin: Mapping[str, Any]) -> list[str]:
    """The origin in sentences for people."""
    told = [
        f"{origin['trials']} trials of {origin['clips']} clips: {origin['pristine']} as they are, "
        f"{origin['manipulated']} with the sound of {origin['donors']}"
    ]
    scenes = origin["scenes_left_out"]
    if scenes:
        told.append(
            f"{sum(scenes.values())} clips of {', '.join(scenes)} are of none of the classes and left out"
        )
    lacking = origin["without_donor"]
    if lacking["clips"]:
        beside = f", and {lacking['counterparts']} like them" if lacking["counterparts"] else ""
        told.append(
            f"no sound is left for {lacking['clips']} pictures ({_list(lacking['by_class'])}; "
            f"{_list(lacking['by_city'])}): they are left out{beside}"
        )
    often = {int(times): count for times, count in origin["sounds_lent"].items() if int(times) > 1}
    if often:
        told.append(
            f"{sum(often.values())} sounds are lent more than once, up to {max(often)} times: the sounds' "
            "classes alone now tell something"
        )
    return told


def _parties(clips: Sequence[TauClip], order: Order) -> list[Party]:
    """The clips that are of one of the classes."""
    labels = _labels(order.classes)
    parties: dict[str, Party] = {}
    for clip in clips:
        if clip.name in parties:
            raise ProtocolError(f"the clip {clip.name} is there twice")
        label = clip.scene if labels is None else labels.get(clip.scene, "")
        if not label:
            if not clip.scene:
                raise ProtocolError(f"the clip {clip.name} has no scene")
            raise ProtocolError(
                f"the clip {clip.name} has the scene {clip.scene!r}, which is none of TAU's; with classes "
                f"'{OWN}' any label will do"
            )
        if label == _NONE:
            continue
        if not clip.location:
            raise ProtocolError(f"it is not known where the clip {clip.name} was recorded")
        if order.design == "same-city" and not clip.city:
            raise ProtocolError(f"it is not known in which city the clip {clip.name} was recorded")
        parties[clip.name] = party(clip, label)
    return list(parties.values())


#: Stands for the class of a scene that the classes leave out; no label of TAU's.
_NONE = "-"


def _labels(classes: str) -> dict[str, str] | None:
    """TAU scene → class; ``None``: the scenes are the classes."""
    if classes == OWN:
        return None
    if classes not in CLASSES:
        raise UsageError(f"there are no {classes!r} classes; there are {', '.join(CLASSES)}")
    scenes = by_size(int(classes))
    into = coarsen(TAU, scenes)
    return {
        scene: _NONE if at is None else scenes.scenes[at] for scene, at in zip(TAU.scenes, into, strict=True)
    }


def _counts(drawn: Drawn) -> dict[str, Any]:
    lent = Counter(Counter(sound.name for _, sound in drawn.manipulated).values())
    return {
        "trials": len(drawn.pristine) + len(drawn.manipulated),
        "pristine": len(drawn.pristine),
        "manipulated": len(drawn.manipulated),
        "by_class": _by(clip.label for clip, _ in drawn.manipulated),
        "sounds_lent": {str(times): count for times, count in sorted(lent.items())},
        "without_donor": {
            "clips": len(drawn.surplus),
            "counterparts": len(drawn.partners),
            "by_class": _by(clip.label for clip in drawn.surplus),
            "by_city": _by(clip.city for clip in drawn.surplus),
        },
    }


def _by(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))


def _list(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name or 'no city'} {count}" for name, count in counts.items())


def _splice(splice: Splice | None) -> dict[str, Any] | None:
    if splice is None:
        return None
    spans = [[float(span.start), float(span.end)] for span in splice.spans]
    return {"seconds": float(splice.seconds), "drawn": splice.count, "spans": spans}


def _digest(parties: Iterable[Party]) -> str:
    """SHA-256 of the clips that took part with all that is known of them."""
    digest = hashlib.sha256()
    for clip in sorted(parties, key=lambda clip: clip.name):
        line = "\t".join((clip.name, clip.label, clip.scene, clip.city, clip.location))
        digest.update(line.encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()
