"""Pictures inside a page: JPEG thumbnails as they are, and a log-mel spectrogram in perceptual colour."""

from __future__ import annotations

import base64
import io
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["colour_map", "jpeg_uri", "spectrogram_uri"]

#: Widest spectrogram in pixels; a page is rarely shown wider.
MAX_WIDTH = 1400

#: Energies outside these percentiles take the end colours, so that one click does not darken the rest.
_RANGE = (3.0, 99.7)

# OKLab to linear sRGB, as published by its author (B. Ottosson, "A perceptual color space", 2020).
_LAB_TO_LMS = np.array([
    [1.0, 0.3963377774, 0.2158037573],
    [1.0, -0.1055613458, -0.0638541728],
    [1.0, -0.0894841775, -1.2914855480],
])  # fmt: skip
_LMS_TO_RGB = np.array([
    [4.0767416621, -3.3077115913, 0.2309699292],
    [-1.2684380046, 2.6097574011, -0.3413193965],
    [-0.0041960863, -0.7034186147, 1.7076147010],
])  # fmt: skip


def jpeg_uri(data: bytes) -> str:
    """A JPEG as a ``data:`` address."""
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode('ascii')}"


@cache
def colour_map() -> NDArray[np.uint8]:
    """256 colours, ``(256, 3)`` uint8 sRGB, from near black over violet to pale yellow.

    Lightness rises in equal steps of OKLab, so equal steps of energy look equally large, also in grey and
    to readers who do not tell red from green.
    """
    position = np.linspace(0.0, 1.0, 256)
    lightness = 0.16 + 0.80 * position
    hue = np.radians(285.0 + 175.0 * position)  # violet, through red, to yellow
    chroma = 0.15 * np.sin(np.pi * (0.12 + 0.74 * position))
    lab = np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], axis=1)
    linear = np.clip(((lab @ _LAB_TO_LMS.T) ** 3) @ _LMS_TO_RGB.T, 0.0, 1.0)
    gamma = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    colours: NDArray[np.uint8] = np.rint(gamma * 255).astype(np.uint8)
    return colours


def spectrogram_uri(energies: NDArray[np.float32]) -> str:
    """A spectrogram as a ``data:`` address of a PNG, time to the right, low bands at the bottom.

    Args:
        energies: ``(columns, bands)`` log energies, both at least 1; ``-inf`` (no energy at all) takes
            the darkest colour.

    Raises:
        ValueError: If the array has another shape or holds NaN.
    """
    if energies.ndim != 2 or 0 in energies.shape or np.isnan(energies).any():
        raise ValueError(f"not a spectrogram: shape {energies.shape}, or NaN inside")
    pooled = _pool(energies)
    finite = pooled[np.isfinite(pooled)]
    low, high = np.percentile(finite, _RANGE) if finite.size else (0.0, 0.0)
    span = float(high - low)
    level = np.clip((pooled - low) / span, 0, 1) if span > 0 else np.zeros_like(pooled)
    image = Image.fromarray(np.rint(level.T[::-1] * 255).astype(np.uint8))
    image.putpalette(colour_map().tobytes())
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode('ascii')}"


def _pool(energies: NDArray[np.float32]) -> NDArray[np.float32]:
    """At most :data:`MAX_WIDTH` columns, each the mean of those it stands for."""
    count = len(energies)
    if count <= MAX_WIDTH:
        return energies
    starts = np.arange(MAX_WIDTH) * count // MAX_WIDTH
    sums: NDArray[np.float32] = np.add.reduceat(energies, starts, axis=0)
    widths = np.diff(np.append(starts, count))[:, None].astype(np.float32)
    return sums / widths
