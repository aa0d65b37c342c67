"""An epithelium: nuclei with textured chromatin between membranes, as a z-stack."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from ..stack import ImageStack
from .microscope import record, widefield_psf
from .specimen import Sample

SHAPE = (32, 160, 160)
PIXEL = (0.3, 0.13, 0.13)
PSF_SHAPE = (25, 45, 45)


def build(seed: int = 0) -> Sample:
    """A block of 9.6 x 21 x 21 µm in widefield with a water immersion objective."""
    rng = np.random.default_rng(seed)
    psf = widefield_psf(
        PSF_SHAPE, PIXEL, numerical_aperture=1.1, wavelength=0.52, index=1.33, spherical=0.05
    )
    shape = tuple(n + p - 1 for n, p in zip(SHAPE, PSF_SHAPE, strict=True))
    counts, truth = record(tissue(shape, rng), psf, rng)
    return Sample(
        "nuclei_3d",
        ImageStack(counts, "ZYX", PIXEL, name="nuclei 3D"),
        truth,
        psf,
        "Nuclei with chromatin, nucleoli and cell membranes in a widefield z-stack (NA 1.1 water, "
        "520 nm, 130 x 300 nm voxels) with shot noise, read noise and an offset of 100 counts.",
    )


def tissue(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    """Photo-electrons per voxel: one layer of columnar cells, a nucleus in each."""
    z, y, x = (np.arange(n, dtype=np.float32) * p for n, p in zip(shape, PIXEL, strict=True))
    centres = _centres(y[-1], x[-1], rng)
    # Distances to the two nearest cells make the walls between them.
    away = np.stack([np.hypot.outer(y - cy, x - cx) for cy, cx in centres])
    nearest, second = np.sort(away, 0)[:2]
    wall = np.exp(-(((second - nearest) / 0.22) ** 2))
    middle = float(z[-1]) / 2
    height = 1 / (1 + np.exp((np.abs(z - middle) - 4.0) / 0.25))
    volume = 55 * height[:, None, None] * wall + 2.5 * height[:, None, None]
    ripple = _noise(shape, (1.8, 4, 4), rng) * 0.05  # uneven outlines
    chromatin = np.clip(1 + 0.5 * _noise(shape, (1.0, 2.2, 2.2), rng), 0.2, None)
    chromatin += np.clip(_noise(shape, (1.1, 2.6, 2.6), rng) - 1.4, 0, None) * 3.0  # clumps
    nucleoli = _noise(shape, (2.0, 4.5, 4.5), rng)
    chromatin *= 1 - 0.85 / (1 + np.exp(-(nucleoli - 1.35) / 0.1))
    for cy, cx in centres:
        centre = (middle + rng.normal(0, 0.9), cy, cx)
        radii = (rng.uniform(1.9, 2.5), *rng.uniform(2.2, 3.0, 2))
        box = _box(centre, radii, shape)
        if any(part.start >= part.stop for part in box):
            continue
        parts = [(g[b] - c) / r for g, b, c, r in zip((z, y, x), box, centre, radii, strict=True)]
        reach = np.sqrt(
            np.add.outer(np.add.outer(parts[0] ** 2, parts[1] ** 2), parts[2] ** 2)
        ).astype(np.float32)
        reach += ripple[box]
        inside = 1 / (1 + np.exp(np.clip((reach - 1) / 0.03, -40, 40)))
        rim = 0.5 * np.exp(-(((reach - 0.96) / 0.06) ** 2))
        volume[box] += rng.uniform(60, 130) * inside * (chromatin[box] + rim)
    glow: NDArray[np.float32] = (0.8 + volume).astype(np.float32)
    return glow


def _centres(height: float, width: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Positions (y, x) in µm on a jittered hexagonal lattice, 6.4 µm apart."""
    pitch = 6.4
    rows, columns = (int(np.ceil(e / pitch)) + 2 for e in (height / 0.87, width))
    row, column = np.divmod(np.arange(rows * columns), columns)
    points = np.stack([0.87 * row, column + 0.5 * (row % 2) - 0.5], -1) * pitch - 1.0
    return points + rng.normal(0, 0.5, points.shape)


def _box(
    centre: tuple[float, ...], radii: tuple[float, ...], shape: tuple[int, ...]
) -> tuple[slice, ...]:
    """The voxels that may lie within 1.3 radii of a centre (µm)."""
    return tuple(
        slice(max(0, int((c - 1.3 * r) / p)), min(n, int((c + 1.3 * r) / p) + 2))
        for c, r, p, n in zip(centre, radii, PIXEL, shape, strict=True)
    )


def _noise(
    shape: tuple[int, ...], sigma: tuple[float, ...], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Smooth random texture of mean 0 and standard deviation 1."""
    field = gaussian_filter(rng.standard_normal(shape, dtype=np.float32), sigma, truncate=3)
    scaled: NDArray[np.float32] = field / field.std()
    return scaled
