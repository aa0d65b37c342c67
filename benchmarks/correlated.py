"""Noise that neighbours share: what plain methods make of it, and those that know of it.

``python -m benchmarks.correlated [IMAGE …] --case box rows blur --steps 400`` restores 192 x 192
centre crops and writes ``results/correlated.csv``, PSNR in dB; what is there already is not run
again. ``box`` is Gaussian noise after a 3 x 3 box filter, of standard deviation 0.1 afterwards;
``rows`` is white noise of 0.05 with 0.05 more that all pixels of a row share; ``blur`` is as
``box``, on the image blurred with the paper's kernel, which is to be undone.

A method is ``loss/noise model``; ``correlated`` measures everything on the recording, ``true``
is told the covariance.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.ndimage import uniform_filter

from benchmarks import paper
from napari_ssi import ImageStack, Recipe, registry, run
from napari_ssi.quality.psnr import psnr

RESULTS = Path(__file__).parent / "results" / "correlated.csv"
COLUMNS = ("image", "case", "steps", "method", "psnr", "input", "sigma_upper", "seconds")
DENOISING = (
    "noise2self/independent",
    "noise2self/correlated",
    "unsure/gaussian",
    "unsure/correlated",
    "sure/correlated",
    "sure/true",
    "r2r/correlated",
    "total_variation/independent",
    "total_variation/correlated",
    "hessian/independent",
    "hessian/correlated",
)
METHODS = {
    "box": DENOISING,
    "rows": DENOISING,
    "blur": (
        "ssi/independent",
        "ssi/correlated",
        "hessian/independent",
        "hessian/correlated",
        "richardson_lucy/independent",
        "richardson_lucy/correlated",
    ),
}
TENT = [1 / 3, 2 / 3, 1.0, 2 / 3, 1 / 3]
TRUE: dict[str, dict[str, Any]] = {
    "box": {
        "sigma": 0.1,
        "row_sigma": 0.0,
        "column_sigma": 0.0,
        "autocorrelation": np.outer(TENT, TENT).tolist(),
    },
    "rows": {
        "sigma": 0.05,
        "row_sigma": 0.05,
        "column_sigma": 0.0,
        "autocorrelation": [[1.0]],
    },
}


def noise(case: str, shape: tuple[int, ...]) -> np.ndarray:
    """One draw."""
    rng = np.random.default_rng(0)
    white = rng.normal(0, 1, shape)
    if case != "rows":
        return 0.3 * uniform_filter(white, 3, mode="wrap")
    return 0.05 * (white + rng.normal(0, 1, (shape[0], 1)))


def measure(image: str, case: str, method: str, steps: int) -> dict[str, str]:
    """One row."""
    blurred = case == "blur"
    found = paper.load_all(image, 192)
    x, psf = found["x"], found["psf"]
    y = ((found["z"] if blurred else x) + noise(case, x.shape)).astype(np.float32)
    first, name = method.split("/")
    model = {"name": name} if name != "true" else {"name": "correlated", "params": TRUE[case]}
    # the losses are compared, not what a classical method adds
    training = {"steps": steps, "mixed": False} if registry.methods()[first].kind == "loss" else {}
    physics = "blur" if blurred else "denoising"
    recipe = Recipe.create(physics=physics, method=first, noise=model, training=training)
    began = time.monotonic()
    restored = run(recipe, ImageStack(y, "YX"), psf=psf if blurred else None)
    upper = restored.estimates.get("sigma_upper")
    values = (
        image,
        case,
        str(steps),
        method,
        f"{psnr(restored.image, x):.2f}",
        f"{psnr(y, x):.2f}",
        "" if upper is None else f"{upper:.3f}",
        f"{time.monotonic() - began:.0f}",
    )
    return dict(zip(COLUMNS, values, strict=True))


def main() -> None:
    """Run what is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("image", nargs="*", default=["fishembryo", "drosophilaslice", "usaf"])
    parser.add_argument("--case", nargs="+", choices=sorted(METHODS), default=sorted(METHODS))
    parser.add_argument("--method", nargs="+", help="some of them only, as noise2self/correlated")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    rows: list[dict[str, str]] = []
    if RESULTS.exists():
        with RESULTS.open(newline="") as file:
            rows = list(csv.DictReader(file))
    done = {tuple(row[c] for c in COLUMNS[:4]) for row in rows}
    for image in arguments.image:
        for case in arguments.case:
            for method in METHODS[case]:
                wanted = arguments.method is None or method in arguments.method
                if not wanted or (image, case, str(arguments.steps), method) in done:
                    continue
                rows.append(measure(image, case, method, arguments.steps))
                print(rows[-1], flush=True)
                with RESULTS.open("w", newline="") as file:
                    table = csv.DictWriter(file, COLUMNS)
                    table.writeheader()
                    table.writerows(rows)


if __name__ == "__main__":
    main()
