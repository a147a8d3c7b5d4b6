"""Faces, against TensorFlow Lite's own runtime and against boxes reckoned by hand."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import broken
import media
from vadd.embed import faces
from vadd.embed.extract import extract
from vadd.embed.faces import PLACES, SIDE, FaceFinder, face_boxes
from vadd.embed.weights import BLAZEFACE, open_session
from vadd.errors import ModelError

REFERENCE = Path(__file__).parents[1] / "data/blazeface_reference.npz"
#: Logarithmic odds of the least certainty, 0.75.
CERTAIN = np.log(3)


@pytest.fixture(scope="module")
def reference():
    with np.load(REFERENCE) as stored:
        return dict(stored)


@pytest.fixture(scope="module")
def finder():
    return FaceFinder()


@pytest.fixture(scope="module")
def head(reference):
    return reference["frames"][0]


def canvas(size: tuple[int, int], *placed: tuple[np.ndarray, int, int, int]) -> np.ndarray:
    """A grey frame of ``(height, width)`` with pictures scaled to a side and put at (left, top)."""
    frame = np.full((*size, 3), 90, np.uint8)
    for picture, side, left, top in placed:
        scaled = np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.BICUBIC))
        frame[top : top + side, left : left + side] = scaled
    return frame


def test_the_network_answers_as_tensorflow_lite_does(reference):
    boxes, scores = open_session(BLAZEFACE, 1).run(["boxes", "scores"], {"frames": reference["frames"]})
    assert boxes.shape == reference["boxes"].shape == (3, PLACES, 4)
    assert np.allclose(boxes, reference["boxes"], rtol=1e-3, atol=1e-3)
    assert np.allclose(scores, reference["scores"], rtol=1e-3, atol=1e-3)


def test_a_face_is_where_it_is(finder, head):
    (box,) = finder.boxes(head)
    # Brows, chin and cheeks of the photograph, by eye.
    assert box == pytest.approx([0.30, 0.29, 0.70, 0.69], abs=0.04)
    assert finder.share(head) == pytest.approx((box[2] - box[0]) * (box[3] - box[1]), rel=1e-5)


def test_no_face_no_share(finder, reference):
    for frame in (
        reference["frames"][2],
        np.zeros((90, 160, 3), np.uint8),
        np.full((7, 5, 3), 255, np.uint8),
    ):
        assert finder.boxes(frame).shape == (0, 4)
        assert finder.share(frame) == 0


@pytest.mark.parametrize(
    ("size", "left", "top"),
    [
        ((240, 240), 0, 0),
        ((240, 430), 95, 0),
        ((240, 430), 190, 0),
        ((430, 240), 0, 190),
        ((480, 480), 20, 200),
    ],
)
def test_frames_of_any_shape_keep_their_proportions(finder, head, size, left, top):
    want = finder.boxes(head)[0] * 240 + [left, top, left, top]
    (box,) = finder.boxes(canvas(size, (head, 240, left, top)))
    scaled = box * np.array([size[1], size[0]] * 2)
    assert scaled == pytest.approx(want, abs=0.06 * 240)


def test_the_largest_of_several_faces_counts(finder, head):
    small, large = (head[20:105, 20:105], 90, 0, 20), (head[20:105, 20:105], 170, 90, 0)
    both = canvas((170, 260), small, large)
    assert len(finder.boxes(both)) == 2
    alone = [finder.share(canvas((170, 260), each)) for each in (small, large)]
    assert finder.share(both) == pytest.approx(alone[1], rel=0.1)
    assert 0 < alone[0] < 0.5 * alone[1]


def test_faces_side_by_side_are_no_large_face(finder, head):
    places = [(130 * column, 130 * row) for column in range(2) for row in range(2)]
    group = canvas((340, 340), *[(head[20:105, 20:105], 130, *place) for place in places])
    assert len(finder.boxes(group)) == 4
    assert finder.share(group) < 0.06


def test_a_face_that_reaches_the_edges_is_found(finder, head):
    # Without a margin the network would hardly see one in so tight a crop.
    assert finder.share(head[32:96, 32:96]) > 0.4


def numbers(**places: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Boxes and scores of which only the named places ("p17") say something: x, y, width, height, score."""
    raw, scores = np.zeros((PLACES, 4), np.float32), np.full(PLACES, -100, np.float32)
    for name, (*box, score) in places.items():
        raw[int(name[1:])], scores[int(name[1:])] = box, score
    return raw, scores


def test_places_are_told_from_the_centres_of_two_grids():
    # The first of two boxes in row 3, column 5 of 16; the last of six in row 7, column 2 of 8.
    fine, coarse = 2 * (3 * 16 + 5), 512 + 6 * (7 * 8 + 2) + 5
    first, second = face_boxes(
        *numbers(**{f"p{fine}": (4, -8, 16, 24, 5.0), f"p{coarse}": (0, 0, 8, 8, 4.0)})
    )
    x, y = 5.5 * 8 + 4, 3.5 * 8 - 8
    assert first * SIDE == pytest.approx([x - 8, y - 12, x + 8, y + 12])
    x, y = 2.5 * 16, 7.5 * 16
    assert second * SIDE == pytest.approx([x - 4, y - 4, x + 4, y + 4])


def test_boxes_of_one_face_are_averaged_by_their_probabilities():
    found = face_boxes(*numbers(p0=(40, 40, 40, 40, 3.0), p1=(44, 40, 40, 40, 0.5), p2=(90, 90, 20, 20, 2.0)))
    weights = 1 / (1 + np.exp([-3.0, -0.5]))
    assert len(found) == 2
    assert found[0, 0] * SIDE == pytest.approx(np.average([24, 28], weights=weights))
    # Place 2 is of the next square of the grid.
    assert found[1] * SIDE == pytest.approx([92, 84, 112, 104])


@pytest.mark.parametrize(("score", "faces"), [(CERTAIN + 0.01, 1), (CERTAIN - 0.01, 0), (-5, 0)])
def test_what_is_less_certain_is_no_face(score, faces):
    # However many boxes agree: none of them is certain enough.
    found = face_boxes(*numbers(p0=(40, 40, 40, 40, score), p1=(40, 40, 40, 40, score - 0.1)))
    assert len(found) == faces


def test_boxes_without_area_and_huge_numbers_end():
    raw, scores = numbers(p0=(1e4, 1e4, -5, 0, 80.0), p1=(0, 0, 0, 0, 1e4))
    assert np.isfinite(face_boxes(raw, scores)).all()
    assert len(face_boxes(raw, scores)) == 2


def test_damaged_weights_are_refused(monkeypatch, head):
    monkeypatch.setattr(faces, "BLAZEFACE", replace(BLAZEFACE, sha256="0" * 64))
    with pytest.raises(ModelError, match="damaged"):
        FaceFinder().share(head)
    with pytest.raises(ModelError, match="damaged"):
        FaceFinder().open()


def test_no_threads_are_refused():
    with pytest.raises(ValueError, match="threads"):
        FaceFinder(threads=0)


def test_extraction_tells_the_share_of_each_second(tmp_path, finder):
    face, none = broken.face(), np.full((240, 320, 3), 60, np.uint8)
    frames = [(Fraction(at, 10), (face, none, face)[at // 10]) for at in range(30)]
    picture = media.Picture(frames, size=(320, 240))
    clip = media.write(tmp_path / "a.mkv", picture, [media.Sound(media.tone(3))])
    track = extract(clip, clip).picture
    assert track is not None
    assert track.face.tolist() == pytest.approx([finder.share(face), 0, finder.share(face)], abs=0.05)
    assert track.face[0] > 0.2
