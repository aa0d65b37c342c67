"""What equivariant imaging adds to a data term: coarse pixels and missing pixels, with it and without.

The two tasks are those of :mod:`benchmarks.forward_models`, on central 128 x 128 pixels: means over
2 x 2 pixels of the blurred image, or 30 % of the pixels missing, with noise of 0.02. Each method
is trained alone and with the term beside it, from the same seed, for the same number of steps, and without
a classical first guess, as there is none beside the term. ``none`` with the guess is the default
of the method, for comparison. PSNR in dB against the truth in [0, 1], and of the missing pixels alone::

    python -m benchmarks.equivariant [--images cells ...] [--movements none shift ...]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from benchmarks._rows import Rows
from benchmarks.forward_models import SIGMA, score
from benchmarks.paper import FOLDER, centre, images, kernel, truth
from napari_ssi import ImageStack, Recipe, run
from napari_ssi.physics._mask import PackedMask

SIZE, STEPS, WEIGHT = 128, 300, 1.0
#: Data terms: what hides pixels, and what does not.
METHODS = {"coarse": ("ssi", "sure"), "missing": ("noise2self", "sure")}
COLUMNS = ("task", "image", "method", "term", "steps", "psnr", "missing psnr", "seconds", "commit")

Image = NDArray[np.float32]


def main() -> None:
    """Measure what is not yet in the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", nargs="+", default=["cells", "usaf"])
    parser.add_argument("--tasks", nargs="+", default=list(METHODS))
    parser.add_argument("--methods", nargs="+", help="all of the task's by default")
    parser.add_argument("--movements", nargs="+", default=["none", "shift"])
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    folder = Path(__file__).parent / "results"
    parser.add_argument("--out", type=Path, default=folder / "equivariant.csv")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = Rows(options.out, COLUMNS, 5)
    for task in options.tasks:
        for name in options.images:
            for method in options.methods or METHODS[task]:
                for term in options.movements:
                    key = (task, name, method, term, str(options.steps))
                    if key in rows:
                        continue
                    found = measured(options.folder, *key[:4], options.steps)
                    row = dict(zip(COLUMNS, key, strict=False)) | found
                    rows.put(row)
                    print(row, flush=True)


def measured(
    folder: Path, task: str, name: str, method: str, term: str, steps: int
) -> dict[str, str]:
    """One restoration; ``term`` is a movement, ``none``, or ``first guess``, which is none with it."""
    whole = truth(images(folder)[name])
    part = centre(whole.shape, SIZE)
    x = whole[part]
    rng = np.random.default_rng(0)
    psf: Image | None = None
    mask: NDArray[np.bool_] | None = None
    physics: dict[str, Any]
    if task == "coarse":
        psf = kernel(folder)
        z = fftconvolve(whole.astype(np.float64), psf, mode="same")[part]
        z = z.reshape(SIZE // 2, 2, SIZE // 2, 2).mean((1, 3))
        y = (z + rng.normal(0, SIGMA, z.shape)).astype(np.float32)
        physics = {"name": "downsampling", "params": {"factor": [2]}}
    else:
        y = (x + rng.normal(0, SIGMA, x.shape)).astype(np.float32)
        mask = rng.random(x.shape) < 0.3
        y[mask] = 0
        params = {"mask": PackedMask.of(mask), "single": False, "saturated": False}
        physics = {"name": "inpainting", "params": params}
    terms: list[dict[str, Any]] = [{"name": method}]
    if term not in ("none", "first guess"):
        terms.append({"name": "equivariant", "weight": WEIGHT, "params": {"movement": term}})
    # windows of 64 x 64 pixels of the object; those of the camera are coarser
    patch = (32, 32) if task == "coarse" else (64, 64)
    recipe = Recipe.create(
        physics=physics,
        noise={"name": "gaussian", "params": {"sigma": SIGMA}},
        method=terms,
        levels={"offset": 0.0},
        training={
            "steps": steps,
            "patch": patch,
            "batch": 2,
            **({} if term == "first guess" else {"first_guess": "none"}),
        },
        device="cpu",
    )
    began = time.process_time()
    image = run(recipe, ImageStack(y, "YX"), psf=psf).image
    seconds = time.process_time() - began
    return {
        "psnr": f"{score(image, x):.2f}",
        "missing psnr": "" if mask is None else f"{score(image[mask], x[mask]):.2f}",
        "seconds": f"{seconds:.0f}",
    }


if __name__ == "__main__":
    main()
