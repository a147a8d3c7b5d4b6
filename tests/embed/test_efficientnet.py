from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vadd.embed import efficientnet as module
from vadd.embed.efficientnet import SIDE, EfficientNetLite0

REFERENCE = Path(__file__).parents[1] / "data/efficientnet_lite0_reference.npz"


class Recorder:
    """Stands in for the network: keeps what it is shown."""

    def __init__(self) -> None:
        self.shown: list[np.ndarray] = []

    def run(self, outputs, inputs):
        frames = inputs["frames"]
        self.shown.append(frames)
        return np.zeros((len(frames), 1280), np.float32), np.zeros((len(frames), 1000), np.float32)


@pytest.fixture
def recorder(monkeypatch):
    recorder = Recorder()
    monkeypatch.setattr(module, "open_session", lambda weights, threads: recorder)
    return recorder


def seen(recorder: Recorder, view: str, frame: np.ndarray) -> np.ndarray:
    assert len(list(EfficientNetLite0(view).embed([frame]))) == 1
    (batch,) = recorder.shown
    assert batch.shape == (1, SIDE, SIDE, 3)
    assert batch.dtype == np.uint8
    return batch[0]


def ramp(height: int, width: int, axis: int) -> np.ndarray:
    """Brightness rises evenly from 0 to 255 along an axis."""
    values = np.linspace(0, 255, (height, width)[axis]).round().astype(np.uint8)
    line = values[:, None, None] if axis == 0 else values[None, :, None]
    return np.broadcast_to(line, (height, width, 3))


def test_agrees_with_the_reference():
    with np.load(REFERENCE) as reference:
        # 224 px frames go through "squeeze" as they are.
        seconds = list(EfficientNetLite0("squeeze").embed(reference["frames"]))
        vectors, scores = reference["vectors"], reference["scores"]
    assert len(seconds) == len(vectors) == 3
    # The weights are stored in half precision, 11 bits; measured on photographs 0.5-0.8 % over the 50
    # layers. Stored in single precision, the same graph is within 1e-6 of these references.
    for second, vector, score in zip(seconds, vectors, scores, strict=True):
        assert second.vector.dtype == second.scores.dtype == np.float32
        assert np.linalg.norm(second.vector - vector) < 0.015 * np.linalg.norm(vector)
        np.testing.assert_allclose(second.scores, score, rtol=0.05, atol=1e-4)
        assert second.scores.argmax() == score.argmax()
        assert second.scores.sum() == pytest.approx(1, abs=1e-4)


def test_centre_cuts_the_published_margin(recorder):
    frame = np.random.default_rng(1).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    assert np.array_equal(seen(recorder, "centre", frame), frame[16:240, 16:240])


def bicubic(length: int) -> np.ndarray:
    """``(SIDE, length)``: Keys' kernel (a = -1/2), as wide as the shrinking asks for."""
    scale = length / SIDE
    x = np.abs((np.arange(length) + 0.5 - (np.arange(SIDE)[:, None] + 0.5) * scale) / scale)
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    weights = np.where(x < 1, near, np.where(x < 2, far, 0))
    return weights / weights.sum(axis=1, keepdims=True)


def test_frames_are_shrunk_by_an_antialiased_bicubic(recorder):
    frame = np.random.default_rng(4).integers(60, 190, (360, 640, 3), dtype=np.uint8)
    expected = np.einsum("ih,hwc,jw->ijc", bicubic(360), frame.astype(float), bicubic(640), optimize=True)
    # Half a level of rounding after each of the two directions.
    np.testing.assert_allclose(seen(recorder, "squeeze", frame).astype(float), expected, atol=1.2)


@pytest.mark.parametrize("axis", [0, 1])
def test_centre_of_a_wide_frame_is_where_it_should_be(recorder, axis):
    square = seen(recorder, "centre", ramp(720, 1280, axis))
    # A resize by any symmetric kernel that reproduces straight lines leaves a ramp a ramp.
    kept, length = 720 * 224 / 256, (720, 1280)[axis]
    at = (length - kept) / 2 + (np.arange(SIDE) + 0.5) * kept / SIDE - 0.5
    across = square[:, SIDE // 2, 0] if axis == 0 else square[SIDE // 2, :, 0]
    np.testing.assert_allclose(across.astype(float), at * 255 / (length - 1), atol=1.01)


def test_squeeze_shows_the_sides(recorder):
    across = seen(recorder, "squeeze", ramp(720, 1280, 1))[100, :, 0].astype(float)
    at = (np.arange(SIDE) + 0.5) * 1280 / SIDE - 0.5
    np.testing.assert_allclose(across[2:-2], (at * 255 / 1279)[2:-2], atol=1.01)


def test_cards_tell_the_view():
    centre, squeeze = EfficientNetLite0("centre").card, EfficientNetLite0("squeeze").card
    assert dict(centre.preprocessing)["view"] != dict(squeeze.preprocessing)["view"]
    assert (centre.frame_side, squeeze.frame_side) == (256, 224)
    assert centre.weights == squeeze.weights


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 700, 3), (700, 2, 3), (224, 224, 3), (1080, 1920, 3)])
@pytest.mark.parametrize("view", ["centre", "squeeze"])
def test_any_size_of_one_colour_stays_that_colour(recorder, shape, view):
    assert (seen(recorder, view, np.full(shape, 77, np.uint8)) == 77).all()


def test_strided_frames_are_read_right(recorder):
    frame = np.random.default_rng(2).integers(0, 256, (224, 448, 6), dtype=np.uint8)[:, ::2, ::-2]
    assert np.array_equal(seen(recorder, "squeeze", frame), frame)


def test_batches_and_threads_do_not_change_a_bit():
    frames = np.random.default_rng(3).integers(0, 256, (5, 230, 300, 3), dtype=np.uint8)
    alone = [second for frame in frames for second in EfficientNetLite0(threads=1).embed([frame])]
    for options in ({"batch": 1}, {"batch": 2}, {"batch": 5}, {"threads": 2, "batch": 8}):
        for a, b in zip(alone, EfficientNetLite0(**options).embed(frames), strict=True):
            assert np.array_equal(a.vector, b.vector)
            assert np.array_equal(a.scores, b.scores)


def test_frames_are_taken_a_batch_at_a_time(recorder):
    taken = 0

    def video():
        nonlocal taken
        for _ in range(100):
            taken += 1
            yield np.zeros((8, 8, 3), np.uint8)

    next(EfficientNetLite0(batch=4).embed(video()))
    assert taken == 4


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((8, 8, 3), np.float32),
        np.full((8, 8, 3), np.nan),
        np.zeros((0, 8, 3), np.uint8),
        np.zeros((1, 8, 8, 3), np.uint8),
    ],
    ids=lambda frame: f"{frame.shape}-{frame.dtype}",
)
def test_bad_frames_are_refused(frame):
    with pytest.raises(ValueError, match="a frame is"):
        list(EfficientNetLite0().embed([frame]))


@pytest.mark.parametrize("options", [{"view": "left"}, {"threads": 0}, {"batch": 0}])
def test_bad_options_are_refused(options):
    (name,) = options
    with pytest.raises(ValueError, match=f"{name} must be"):
        EfficientNetLite0(**options)
