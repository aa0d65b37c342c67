"""UNSURE beside SURE where the truth is known: does η converge to what theory says?

``python -m benchmarks.unsure [IMAGE …] --sigma 0.1 --steps 500`` denoises 256 x 256 centre
crops with Gaussian noise and writes ``results/unsure.csv``: η, the predicted
``σ² / (1 - r)`` with r the error of SURE over σ², and the PSNR of both.
"""

from __future__ import annotations

import argparse
import csv
import math
from pathlib import Path

import numpy as np
import torch

from benchmarks import paper
from napari_ssi import ImageStack, Recipe, run
from napari_ssi.quality.psnr import psnr

RESULTS = Path(__file__).parent / "results" / "unsure.csv"


def measure(name: str, sigma: float, steps: int) -> dict[str, str]:
    """One row."""
    x, _, _ = paper.load(name)
    y = (x + np.random.default_rng(0).normal(0, sigma, x.shape)).astype(np.float32)
    found = {}
    for method, noise in (
        ("sure", {"name": "gaussian", "params": {"sigma": sigma}}),
        ("unsure", {"name": "gaussian"}),
    ):
        recipe = Recipe.create(
            method=method, noise=noise, training={"steps": steps, "mixed": False}
        )
        found[method] = run(recipe, ImageStack(y, "YX"))
    error = float(np.mean((found["sure"].image - x) ** 2))
    ratio = error / sigma**2
    eta = found["unsure"].estimates["sigma_upper"] ** 2
    predicted = sigma**2 / (1 - ratio)
    scores = {method: psnr(result.image, x) for method, result in found.items()}
    return {
        "image": name,
        "sigma": f"{sigma:g}",
        "steps": f"{steps}",
        "eta": f"{eta:.4g}",
        "predicted": f"{predicted:.4g}",
        "eta_over_predicted": f"{eta / predicted:.3f}",
        "sure": f"{scores['sure']:.2f}",
        "unsure": f"{scores['unsure']:.2f}",
        "allowed": f"{scores['sure'] + 10 * math.log10(1 - ratio) - 0.3:.2f}",
    }


def main() -> None:
    """Run and write the rows, keeping those of cases not run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "image", nargs="*", default=["drosophilaslice", "usaf", "fishembryo", "cells"]
    )
    parser.add_argument("--sigma", type=float, nargs="+", default=[0.05, 0.1, 0.2])
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    for sigma in arguments.sigma:
        for name in arguments.image:
            row = measure(name, sigma, arguments.steps)
            print(row, flush=True)
            rows = {}
            if RESULTS.exists():
                with RESULTS.open(newline="") as file:
                    rows = {(r["image"], r["sigma"]): r for r in csv.DictReader(file)}
            rows[row["image"], row["sigma"]] = row
            with RESULTS.open("w", newline="") as file:
                table = csv.DictWriter(file, list(row))
                table.writeheader()
                table.writerows(rows.values())


if __name__ == "__main__":
    main()
