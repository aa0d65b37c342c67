"""Distil a PSF from simulated beads, look at it, and deconvolve with it.

python examples/psf_from_beads.py [ITERATIONS]
"""

import sys

import numpy as np
from scipy.signal import fftconvolve

from napari_ssi import ImageStack, Recipe, run
from napari_ssi.psf.beads import distil
from napari_ssi.psf.inspection import inspect
from napari_ssi.samples.microscope import widefield_psf

VOXEL = (0.25, 0.1, 0.1)
OPTICS = {"numerical_aperture": 1.1, "wavelength": 0.52, "index": 1.33}
rng = np.random.default_rng(0)

# what a microscope shows of nine points, and of a specimen of rods
true_psf = widefield_psf((13, 41, 41), VOXEL, **OPTICS)
points = np.zeros((25, 136, 136))
for y in (34, 68, 102):
    for x in (34, 68, 102):
        points[12, y + rng.integers(-3, 4), x + rng.integers(-3, 4)] = 60_000 * rng.uniform(
            0.7, 1.3
        )
specimen = np.full((28, 104, 104), 2.0)
for y in range(10, 95, 9):
    specimen[rng.integers(8, 20), y, 10 : rng.integers(40, 95)] = 800


def recorded(x: np.ndarray) -> np.ndarray:
    light = np.maximum(fftconvolve(x, true_psf, mode="valid"), 0)
    return (100 + rng.poisson(light) + rng.normal(0, 2, light.shape)).astype(np.uint16)


found = distil(recorded(points), VOXEL)
print(*found.notes, sep="\n")
for name, width, spread in zip("ZYX", found.fwhm, found.spread, strict=True):
    print(f"FWHM along {name}: {width:.3f} ± {spread:.3f} µm")
print(*inspect(found.psf, VOXEL, **OPTICS).describe(), sep="\n")

iterations = int(sys.argv[1]) if len(sys.argv) > 1 else 30
method = [{"name": "richardson_lucy", "params": {"iterations": iterations}}]
recipe = Recipe.create(physics="blur", method=method)
result = run(recipe, ImageStack(recorded(specimen), "ZYX", VOXEL), psf=found.psf)
print(*result.notes, sep="\n")
