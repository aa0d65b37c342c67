"""What PSFs at several depths gain over one, in a thick specimen under an oil objective.

Nuclei in water, 12 µm thick, seen through an oil lens of NA 1.3 from the coverslip on. Every plane
is blurred with the PSF of its own depth (scipy, one convolution a plane), 200 photons at the
brightest voxel; restored with the PSF of the first plane, of the middle one, and with several along
z as the panel makes them, by Richardson-Lucy of 10, 20 and 40 iterations. PSNR in dB against the
specimen after an affine fit::

    python -m benchmarks.depth
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from benchmarks._rows import Rows
from napari_ssi import ImageStack, Recipe, run
from napari_ssi.psf.depths import at_depths
from napari_ssi.psf.widefield import WidefieldPSF
from napari_ssi.quality.affine_fit import affine_fit
from napari_ssi.quality.psnr import psnr
from napari_ssi.samples import nuclei_3d

SHAPE, VOXEL, PHOTONS = (40, 64, 64), nuclei_3d.PIXEL, 200
ITERATIONS = (10, 20, 40)
OIL = WidefieldPSF(
    numerical_aperture=1.3, immersion_index=1.515, sample_index=1.33, emission_wavelength=0.52
)
COLUMNS = ("psfs", "iterations", "psnr", "recording", "seconds", "commit")

Volume = NDArray[np.float32]


def main() -> None:
    """Measure what is not yet in the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    folder = Path(__file__).parent / "results"
    parser.add_argument("--out", type=Path, default=folder / "depth.csv")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = Rows(options.out, COLUMNS, 2)
    x, y = simulated()
    recording = psnr(affine_fit(y, x), x, data_range=float(np.ptp(x)))
    cases = [(psfs, str(n)) for psfs in ("first", "middle", "3", "5") for n in ITERATIONS]
    for psfs, iterations in rows.missing(cases):
        began = time.perf_counter()
        image = restored(y, psfs, int(iterations))
        row = {
            "psfs": psfs,
            "iterations": iterations,
            "psnr": f"{psnr(affine_fit(image, x), x, data_range=float(np.ptp(x))):.2f}",
            "recording": f"{recording:.2f}",
            "seconds": f"{time.perf_counter() - began:.0f}",
        }
        rows.put(row)
        print(row, flush=True)


def simulated() -> tuple[Volume, Volume]:
    """The specimen, empty beyond its first and last plane, and the photons that are counted."""
    rng = np.random.default_rng(0)
    depths = np.arange(SHAPE[0]) * VOXEL[0]
    kernels = at_depths(OIL, VOXEL, depths.tolist())
    margin = [n // 2 for n in kernels.shape[2:]]
    wide = (SHAPE[0], *(n + 2 * m for n, m in zip(SHAPE[1:], margin, strict=True)))
    x = nuclei_3d.tissue(wide, rng)
    inner = (slice(None), *(slice(m, m + n) for n, m in zip(SHAPE[1:], margin, strict=True)))
    z = np.zeros(SHAPE, np.float64)
    for plane, kernel in enumerate(kernels):
        blurred = np.stack(
            [fftconvolve(x[plane], slice_, mode="same")[inner[1:]] for slice_ in kernel]
        )
        first = plane - len(kernel) // 2
        low, high = max(0, first), min(SHAPE[0], first + len(kernel))
        z[low:high] += blurred[low - first : high - first]
    counts = rng.poisson(np.maximum(z, 0) * PHOTONS / z.max())
    return x[inner].copy(), counts.astype(np.float32)


def restored(y: Volume, psfs: str, iterations: int) -> Volume:
    """With one PSF, of the ``first`` plane or the ``middle`` one, or so many."""
    last = (SHAPE[0] - 1) * VOXEL[0]
    if psfs.isdigit():
        name, psf = (
            "depth_varying_blur",
            at_depths(OIL, VOXEL, np.linspace(0, last, int(psfs)).tolist()),
        )
    else:
        name, psf = "blur", at_depths(OIL, VOXEL, (0.0, last / 2))[int(psfs == "middle")]
    method = [{"name": "richardson_lucy", "params": {"iterations": iterations}}]
    recipe = Recipe.create(
        physics=name, method=method, noise="poisson", levels={"offset": 0.0}, device="cpu"
    )
    return run(recipe, ImageStack(y, "ZYX", VOXEL), psf=psf).image


if __name__ == "__main__":
    main()
