"""Pictures in the page, read back and compared with what went in."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from vadd.report.image import MAX_WIDTH, colour_map, spectrogram_uri


def pixels(uri: str) -> np.ndarray:
    head, data = uri.split(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))


def lightness(rgb: np.ndarray) -> np.ndarray:
    """CIE L*, computed apart from the map's own OKLab."""
    c = rgb / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    y = linear @ [0.2126, 0.7152, 0.0722]
    return np.where(y > (6 / 29) ** 3, 116 * np.cbrt(y) - 16, y * (29 / 3) ** 3)


def test_colour_map_rises_evenly_from_dark_to_light():
    light = lightness(colour_map().astype(float))
    assert colour_map().shape == (256, 3)
    assert light[0] < 12
    assert light[-1] > 90
    smooth = np.diff(light[::8])
    assert (smooth > 0).all()
    assert smooth.max() / smooth.min() < 2.5


def test_low_bands_are_at_the_bottom_and_time_goes_right():
    energies = np.zeros((4, 3), np.float32)
    energies[2, 0] = 1.0
    shown = pixels(spectrogram_uri(energies)).sum(axis=2)
    assert shown.shape == (3, 4)
    assert np.unravel_index(shown.argmax(), shown.shape) == (2, 2)


def test_long_sound_is_averaged():
    rng = np.random.default_rng(0)
    energies = rng.normal(size=(5 * MAX_WIDTH, 2)).astype(np.float32)
    pooled = energies.reshape(MAX_WIDTH, 5, 2).mean(axis=1)
    assert (pixels(spectrogram_uri(energies)) == pixels(spectrogram_uri(pooled))).all()


def test_no_energy_at_all_is_darkest():
    energies = np.full((3, 2), -np.inf, np.float32)
    assert (pixels(spectrogram_uri(energies)) == colour_map()[0]).all()
    energies[1] = [0.0, 1.0]
    shown = pixels(spectrogram_uri(energies))
    assert (shown[:, 0] == colour_map()[0]).all()
    assert (shown[0, 1] == colour_map()[-1]).all()


@pytest.mark.parametrize("bad", [np.zeros(3), np.zeros((0, 4)), np.full((2, 2), np.nan)])
def test_what_is_no_spectrogram_is_refused(bad):
    with pytest.raises(ValueError, match="not a spectrogram"):
        spectrogram_uri(bad.astype(np.float32))
