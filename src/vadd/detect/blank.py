"""Seconds whose picture shows no scene: black, blank, a still title, a slide, or a face that fills it."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from vadd.classify.concepts import concepts
from vadd.detect.shots import cuts
from vadd.embed.extract import PictureTrack

__all__ = ["blank_seconds", "face_seconds", "slide_seconds"]

#: Standard deviation of the brightness (0-127.5) below which a frame is blank.
BLANK_CONTRAST = 4.0

#: Mean change of brightness (0-255) from one second to the next below which the picture stands still.
STILL = 0.6

#: A still picture of which this share has one and the same brightness is a title or a slide.
TITLE_FLAT = 0.5

#: So evenly filled between its edges is a slide: of 1,965 photographs of scenes none is, nor is any second
#: of the real clips that stands still, but for those that are flat as well.
SLIDE_DRAWN = 0.75

#: Seconds on either side of which half must stand still: slides change now and then, or are built up.
SLIDE_REACH = 5

#: A face's box of this share of the frame fills it. In a frame of 16:9 the box is then half as high as the
#: frame and reaches from the brows to the chin; the head with its hair is some three quarters as high, and
#: with the shoulders little of the frame is left for a scene.
FACE_FILLS = 0.15

#: Share of the picture's classes from which on something with a sound of its own is seen beside a face. The
#: face of a dog is a face to the detector, and a baby or a guitar close by is the source of what is heard.
SOURCE_SEEN = 0.5

#: What has a sound of its own, among the concepts of ``vadd/classify/data/seen.txt``.
_SOURCES = frozenset({
    "dog", "wolf", "cat", "bigcat", "bear", "rodent", "horse", "pig", "cattle", "sheep", "monkey", "elephant",
    "poultry", "birds", "waterfowl", "waterbird", "frog", "reptile", "snake", "insects", "fish", "whale",
    "guitar", "harp", "drums", "mallets", "piano", "bowed", "brass", "woodwind", "baby",
})  # fmt: skip


def blank_seconds(picture: PictureTrack) -> NDArray[np.bool_]:
    """Which seconds show nothing of the scene.

    Args:
        picture: Measures of ``T`` seconds, with the default embedder's scores.

    Returns:
        ``(T,)`` bool; true where the frame is of one brightness, a still title on an even ground, a slide
        (:func:`slide_seconds`) or filled by a face (:func:`face_seconds`); false where there is no frame.
    """
    title = _still(picture) & (picture.flat > TITLE_FLAT)
    blank: NDArray[np.bool_] = (picture.contrast < BLANK_CONTRAST) | title
    return (blank & picture.present) | slide_seconds(picture) | face_seconds(picture)


def slide_seconds(picture: PictureTrack) -> NDArray[np.bool_]:
    """Which seconds show a slide: drawn, not photographed, and still but for a change now and then.

    Args:
        picture: Measures of ``T`` seconds.

    Returns:
        ``(T,)`` bool; false where there is no frame.
    """
    there = picture.present
    still = _still(picture)[there]
    width = np.ones(2 * SLIDE_REACH + 1)
    # The middle of the full convolution: "same" would be as long as the window where a clip is shorter.
    around = [
        np.convolve(each, width)[SLIDE_REACH : SLIDE_REACH + len(each)] if len(each) else each
        for each in (still, np.ones(len(still)))
    ]
    slides = np.zeros(len(there), np.bool_)
    slides[there] = (picture.drawn[there] > SLIDE_DRAWN) & (around[0] >= around[1] / 2)
    return slides


def face_seconds(picture: PictureTrack) -> NDArray[np.bool_]:
    """Which seconds are filled by a face, and by nothing that has a sound of its own.

    Heads turn and lean back: where a face fills at least half of a shot's seconds, it does all of them, so
    that the rest of the same picture is not all that the clip is judged by.

    Args:
        picture: Measures of ``T`` seconds, with the default embedder's scores.

    Returns:
        ``(T,)`` bool; false where there is no frame.
    """
    there = picture.present
    large = (picture.face >= FACE_FILLS) & there
    if not large.any():
        return large
    alone = there & (picture.scores @ _sources() < SOURCE_SEEN)
    shot = np.cumsum(cuts(picture))
    mostly = np.bincount(shot, weights=large & alone) >= np.bincount(shot, weights=there) / 2
    faces: NDArray[np.bool_] = alone & (large | mostly[shot])
    return faces


def _still(picture: PictureTrack) -> NDArray[np.bool_]:
    """``(T,)``: the frame is as the one before or the one after; false where there is none."""
    # A change is measured against the last frame that was there, so seconds without one are passed over.
    as_before = picture.change[picture.present] < STILL
    # The first frame has none before it (its change is 0 by definition); alone, it does stand still.
    as_before[:1] = len(as_before) == 1
    still = np.zeros(len(picture.present), np.bool_)
    still[picture.present] = as_before | np.append(as_before[1:], False)
    return still


@cache
def _sources() -> NDArray[np.float32]:
    """``(1000,)``: how much of each of the picture's classes has a sound of its own, 0-1."""
    table = concepts()
    own = np.array([name in _SOURCES for name in table.seen])
    shares: NDArray[np.float32] = table.seen_of_class[:, own].sum(axis=1)
    return shares
