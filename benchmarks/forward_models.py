"""Coarse pixels and missing pixels, against what one would do without a forward model.

``downsampling``: the paper's kernel on the fine grid, means over 2 x 2 pixels, noise of 0.02; against
bicubic upsampling after the best denoising, its kind and strength chosen with the truth.
``inpainting``: 30 % of the pixels missing, noise of 0.02; against scikit-image's biharmonic.
PSNR in dB against the truth in [0, 1], central 256 x 256 pixels::

    python -m benchmarks.forward_models [--methods hessian ssi] [--images cells ...]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.signal import fftconvolve
from skimage.restoration import denoise_nl_means, denoise_tv_chambolle, inpaint_biharmonic
from skimage.transform import resize

from benchmarks._rows import Rows
from benchmarks.paper import centre, images, kernel, truth
from napari_ssi import ImageStack, Recipe, run
from napari_ssi.physics._mask import PackedMask
from napari_ssi.quality.psnr import psnr

IMAGES = ("cells", "drosophilaslice", "fishembryo", "usaf")
SIGMA, SIZE = 0.02, 256
COLUMNS = ("task", "image", "method", "psnr", "reference", "reference psnr", "seconds", "commit")

Image = NDArray[np.float32]


def main() -> None:
    """Measure what is not yet in the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", nargs="+", default=["hessian", "ssi"])
    parser.add_argument("--images", nargs="+", default=list(IMAGES))
    folder = Path(__file__).parent / "results"
    parser.add_argument("--out", type=Path, default=folder / "forward_models.csv")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = Rows(options.out, COLUMNS, 3)
    for name in options.images:
        for task in (coarse, missing):
            wanted = [m for m in options.methods if (task.__name__, name, m) not in rows]
            if not wanted:
                continue
            for row in task(name, wanted):
                rows.put({"task": task.__name__, "image": name, **row})
                print(task.__name__, name, row, flush=True)


def coarse(name: str, methods: list[str]) -> Iterator[dict[str, str]]:
    """2 x 2 binning with blur."""
    whole, psf = truth(images()[name]), kernel()
    part = centre(whole.shape, SIZE)
    x = whole[part]
    z = fftconvolve(whole.astype(np.float64), psf, mode="same")[part]
    y = z.reshape(SIZE // 2, 2, SIZE // 2, 2).mean((1, 3))
    y = (y + np.random.default_rng(0).normal(0, SIGMA, y.shape)).astype(np.float32)
    kind, best = max(
        ((kind, score(resize(d, x.shape, order=3), x)) for kind, d in denoised(y)),
        key=lambda found: found[1],
    )
    for method in methods:
        image, seconds = restored(
            {"name": "downsampling", "params": {"factor": [2]}}, method, y, psf
        )
        yield row(method, score(image, x), f"bicubic after {kind}", best, seconds)


def missing(name: str, methods: list[str]) -> Iterator[dict[str, str]]:
    """30 % of the pixels."""
    whole = truth(images()[name])
    x = whole[centre(whole.shape, SIZE)]
    rng = np.random.default_rng(0)
    y = (x + rng.normal(0, SIGMA, x.shape)).astype(np.float32)
    mask = rng.random(x.shape) < 0.3
    y[mask] = 0
    best = score(inpaint_biharmonic(y, mask), x)
    params = {"mask": PackedMask.of(mask), "single": False, "saturated": False}
    for method in methods:
        used = "noise2self" if method == "ssi" else method
        image, seconds = restored({"name": "inpainting", "params": params}, used, y, None)
        yield row(method, score(image, x), "biharmonic", best, seconds)


def restored(
    physics: dict[str, object], method: str, y: Image, psf: Image | None
) -> tuple[Image, float]:
    """The image, and how long it took."""
    began = time.perf_counter()
    recipe = Recipe.create(physics=physics, method=method, levels={"offset": 0.0}, device="cpu")
    image = run(recipe, ImageStack(y, "YX"), psf=psf).image
    return image, time.perf_counter() - began


def denoised(y: Image) -> Iterator[tuple[str, Image]]:
    """Three kinds of denoising, each at several strengths."""
    for strength in (0.3, 0.4, 0.5, 0.6, 0.8, 1.0):
        yield f"Gaussian {strength}", gaussian_filter(y, strength)
    for strength in (0.01, 0.015, 0.02, 0.03, 0.04, 0.06):
        yield f"total variation {strength}", denoise_tv_chambolle(y, strength)
    for strength in (0.5, 0.7, 0.9, 1.2):
        yield f"non-local means {strength}", denoise_nl_means(y, h=strength * SIGMA, sigma=SIGMA)


def score(image: NDArray[np.floating], x: Image) -> float:
    """PSNR."""
    return float(psnr(image.astype(np.float32), x, data_range=1.0))


def row(method: str, ours: float, reference: str, theirs: float, seconds: float) -> dict[str, str]:
    """As the table has it."""
    return {
        "method": method,
        "psnr": f"{ours:.2f}",
        "reference": reference,
        "reference psnr": f"{theirs:.2f}",
        "seconds": f"{seconds:.0f}",
    }


if __name__ == "__main__":
    main()
