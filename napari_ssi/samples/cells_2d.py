"""Cells with a network of microtubules, vesicles and a haze, in widefield."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from ..stack import ImageStack
from .filaments import blob, fibres, splat
from .microscope import record, widefield_psf
from .specimen import Sample

SIZE = 512
PIXEL = 0.065
PSF_SIZE = 41


def build(seed: int = 0) -> Sample:
    """Three cells on a camera of 6.5 µm pixels behind a 100x 1.3 NA objective."""
    rng = np.random.default_rng(seed)
    psf = widefield_psf(
        (PSF_SIZE, PSF_SIZE),
        (PIXEL, PIXEL),
        numerical_aperture=1.3,
        wavelength=0.61,
        index=1.515,
        spherical=0.05,
    )
    side = SIZE + PSF_SIZE - 1
    image = np.full((side, side), 1.5)  # medium
    for centre in ((150.0, 190.0), (395.0, 130.0), (330.0, 430.0)):
        image += cell((side, side), centre, rng)
    image *= 0.4  # a short exposure, as a living cell allows
    counts, truth = record(image.astype(np.float32), psf, rng)
    return Sample(
        "cells_2d",
        ImageStack(counts, "YX", (PIXEL, PIXEL), name="cells 2D"),
        truth,
        psf,
        "Microtubules, vesicles and cytoplasm of three cells, in widefield (NA 1.3, 610 nm, 65 nm "
        "pixels) with shot noise, read noise and an offset of 100 counts.",
    )


def cell(
    shape: tuple[int, int], centre: tuple[float, float], rng: np.random.Generator
) -> NDArray[np.float64]:
    """One cell, in photo-electrons per pixel."""
    turn = float(rng.uniform(0, np.pi))
    body = blob(shape, centre, (float(rng.uniform(115, 145)), 190.0), turn, 0.06)
    nucleus = blob(shape, centre, (38.0, 52.0), turn, 0.05)
    n, steps = 95, 620
    # They grow outwards from around the nucleus, most from the centrosome beside it.
    beside = np.array(centre) + 40 * np.array([np.cos(turn), -np.sin(turn)])
    near = rng.random(n) < 0.6
    start = np.where(near[:, None], beside, np.array(centre))
    start = start + np.where(near, 9.0, 42.0)[:, None] * rng.normal(0, 0.7, (n, 2))
    outwards = np.arctan2(*(start - np.array(centre)).T)
    angle = outwards + rng.normal(0, 0.9, n)
    curves = fibres(start, angle, steps, 38.0, rng)
    length = rng.integers(steps // 3, steps, n)
    alive = np.arange(steps)[None] < length[:, None]
    strength = rng.uniform(45, 85, n)[:, None] * alive
    network = splat(shape, curves.reshape(-1, 2), (strength * 0.5).ravel())
    network = gaussian_filter(network, 0.5) * body * (1 - 0.55 * nucleus)
    spots = np.array(centre) + rng.normal(0, 62, (70, 2))
    vesicles = splat(shape, spots, rng.lognormal(6.8, 0.6, 70))
    vesicles = gaussian_filter(vesicles, 1.3) * body * (1 - nucleus)
    texture = gaussian_filter(rng.normal(0, 1, shape), 7) * 14
    haze = 10 * gaussian_filter(body, 10) * np.clip(1 + 0.25 * texture, 0.3, None)
    glow: NDArray[np.float64] = network + vesicles + haze * (1 - 0.45 * nucleus)
    return glow
