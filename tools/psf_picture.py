"""The picture of a bead PSF in the documents: python tools/psf_picture.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.signal import fftconvolve

from napari_ssi.cli.psf_inspect import draw
from napari_ssi.psf.beads import distil
from napari_ssi.psf.inspection import inspect
from napari_ssi.samples.microscope import widefield_psf

VOXEL = (0.2, 0.08, 0.08)


def main() -> None:
    """Nine beads with primary spherical aberration, distilled and drawn."""
    rng = np.random.default_rng(0)
    psf = widefield_psf(
        (31, 61, 61), VOXEL, numerical_aperture=1.2, wavelength=0.52, index=1.33, spherical=0.08
    )
    points = np.zeros((61, 200, 200))
    for y in (45, 100, 155):
        for x in (45, 100, 155):
            points[30, y + rng.integers(-3, 4), x + rng.integers(-3, 4)] = 90_000
    light = np.maximum(fftconvolve(points, psf, mode="valid"), 0)
    counts = (100 + rng.poisson(light) + rng.normal(0, 2, light.shape)).astype(np.uint16)
    found = distil(counts, VOXEL, window=(5.0, 2.4, 2.4))
    images = Path(__file__).parents[1] / "docs" / "images"
    draw(inspect(found.psf, VOXEL), images / "psf_inspect.png")


if __name__ == "__main__":
    main()
