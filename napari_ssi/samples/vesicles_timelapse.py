"""Vesicles that run along microtubules: two channels over time."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from ..stack import ImageStack
from .filaments import fibres, splat
from .microscope import record, widefield_psf
from .specimen import Sample

FRAMES = 8
SIZE = 192
PIXEL = 0.08
PSF_SIZE = 31


def build(seed: int = 0) -> Sample:
    """Eight time points of 15 x 15 µm at the edge of a cell."""
    rng = np.random.default_rng(seed)
    psf = widefield_psf(
        (PSF_SIZE, PSF_SIZE),
        (PIXEL, PIXEL),
        numerical_aperture=1.3,
        wavelength=0.58,
        index=1.515,
    )
    side = SIZE + PSF_SIZE - 1
    n, steps = 30, 620
    start = np.stack([rng.uniform(-20, side + 20, n), np.full(n, -15.0)], -1)
    tracks = fibres(start, rng.normal(0, 0.3, n), steps, 55.0, rng)
    network = splat((side, side), tracks.reshape(-1, 2), np.full(n * steps, 18.0))
    network = gaussian_filter(network, 0.5)
    riders = 60
    on, at = rng.integers(0, n, riders), rng.uniform(30, 520, riders)
    speed = rng.choice([0.0, 9.0, -9.0, 16.0], riders)
    size = rng.lognormal(6.3, 0.45, riders)
    counts = np.empty((FRAMES, 2, SIZE, SIZE), np.uint16)
    truth = np.empty(counts.shape, np.float32)
    for t in range(FRAMES):
        where = np.clip((at + speed * t).astype(int), 0, steps - 1)
        spots = gaussian_filter(splat((side, side), tracks[on, where], size), 1.1)
        for c, image in enumerate((network + 4, spots + 3)):
            counts[t, c], truth[t, c] = record(image.astype(np.float32), psf, rng)
    stack = ImageStack(
        counts, "TCYX", (PIXEL, PIXEL), ("microtubules", "vesicles"), "vesicles time-lapse"
    )
    return Sample(
        "vesicles_timelapse",
        stack,
        truth,
        psf,
        "Vesicles moving along microtubules, eight time points of two channels in widefield "
        "(NA 1.3, 580 nm, 80 nm pixels) with shot noise, read noise and an offset of 100 counts.",
    )
