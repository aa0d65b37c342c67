"""Every method against every kind of noise, where the truth is known.

``python -m benchmarks.noise_table [PATTERN …]`` restores 192 x 192 centre crops of benchmark
images and writes ``results/noise_table.csv`` (and ``.md``, made from it), a row a cell
``image/noise/task/method``. A cell that is in it is run again only where a pattern such as
``usaf/gaussian/*/sure`` names it, or where another noise model is stated now; combinations that
the registry refuses are left out.

All learned methods get the same number of steps (``--steps``), fewer than the default: a step
of SURE and UNSURE costs about twice that of the others. What they state of the noise is a model
without numbers (``STATED``), so that gain and read noise are measured on the crop itself. Every
image is clipped to [0, 1] before it is scored, the input too. Noise2Noise alone has a second
recording, with other noise, as the second time point; the first is scored.
"""

from __future__ import annotations

import argparse
import fnmatch
import itertools
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import uniform_filter

from benchmarks import paper
from benchmarks._rows import Rows
from napari_ssi import ImageStack, Recipe, registry, run
from napari_ssi.errors import InputError
from napari_ssi.quality.psnr import psnr
from napari_ssi.quality.ssim import ssim

RESULTS = Path(__file__).parent / "results" / "noise_table.csv"
COLUMNS = tuple(
    "image noise task method stated psnr ssim seconds steps best_step measured commit".split()
)
CROP = 192
STEPS = 400
#: Photons at the brightest of a truth in [0, 1], and read noise in photons.
PEAK = 30.0
READ_NOISE = 3.0
SIGMA = 0.1

IMAGES = ("drosophilaslice", "usaf", "fishembryo", "cells")
TASKS = {"denoise": "denoising", "deblur": "blur"}
METHODS = {
    "denoise": ("input", "total_variation", "hessian", "noise2self", "r2r", "sure", "unsure",
                "noise2void", "photon_splitting", "neighbor2neighbor", "noise2score",
                "blind_spot", "deep_image_prior", "autoencoder", "noise2noise"),
    "deblur": ("input", "total_variation", "hessian", "ssi", "r2r", "sure", "unsure",
               "photon_splitting", "noise2noise"),
}  # fmt: skip
#: The noise model that is stated for each simulated noise, its numbers left to be measured.
STATED = {
    "gaussian": "gaussian",
    "poisson": "poisson",
    "poisson_gaussian": "poisson_gaussian",
    "paper": "poisson_gaussian",
    "correlated": "correlated" if "correlated" in registry.entries("noise") else "independent",
}
#: Parameters of a method for one simulated noise, as ``("correlated", "ssi"): {"pattern": …}``.
SETTINGS: Mapping[tuple[str, str], dict[str, object]] = {}


def simulate(image: str, noise: str, task: str, seed: int = 0) -> dict[str, paper.Image]:
    """Truth ``x`` in [0, 1] and recording ``y`` in units of ``scale``, cropped; the ``psf``.

    The whole image is degraded, so that beyond the edges of the crop the specimen goes on.
    """
    x = paper.truth(paper.images()[image])
    psf = paper.kernel() if task == "deblur" else np.ones((1, 1), np.float32)
    y, z = paper.degrade(x, psf, seed)
    z = np.maximum(z, 0)
    rng = np.random.default_rng(seed)
    scale = 1.0
    if noise == "gaussian":
        y = z + SIGMA * rng.standard_normal(z.shape)
    elif noise == "correlated":
        y = z + 3 * SIGMA * uniform_filter(rng.standard_normal(z.shape), 3, mode="wrap")
    elif noise != "paper":
        scale = PEAK
        y = rng.poisson(PEAK * z).astype(np.float64)
        if noise == "poisson_gaussian":
            y += READ_NOISE * rng.standard_normal(z.shape)
    part = paper.centre(x.shape, CROP)
    return {
        "x": x[part].copy(),
        "y": y[part].astype(np.float32),
        "psf": psf,
        "scale": np.float32(scale),
    }


def measure(image: str, noise: str, task: str, method: str, steps: int) -> dict[str, str]:
    """One row."""
    data = simulate(image, noise, task)
    row = {"image": image, "noise": noise, "task": task, "method": method}
    restored = data["y"]
    if method != "input":
        recipe = Recipe.create(
            physics=TASKS[task],
            noise=STATED[noise],
            method=[{"name": method, "params": SETTINGS.get((noise, method), {})}],
            training={"steps": steps},
        )
        began = time.perf_counter()
        psf = data["psf"] if task == "deblur" else None
        stack = ImageStack(data["y"], "YX")
        if method == "noise2noise":
            again = simulate(image, noise, task, seed=1)["y"]
            stack = ImageStack(np.stack([data["y"], again]), "TYX")
        try:
            result = run(recipe, stack, psf=psf)
        except InputError as error:
            return row | {"stated": STATED[noise], "measured": f"refused: {error}"}
        restored = result.image[0] if method == "noise2noise" else result.image
        row |= {
            "stated": STATED[noise],
            "seconds": f"{time.perf_counter() - began:.0f}",
            "measured": result.models[0].noise.describe(),
        }
        if not recipe.is_baseline:
            row |= {key: f"{result.estimates[key]:.0f}" for key in ("steps", "best_step")}
    shown = (restored / data["scale"]).clip(0, 1)
    return row | {"psnr": f"{psnr(shown, data['x']):.2f}", "ssim": f"{ssim(shown, data['x']):.3f}"}


def cells() -> list[tuple[str, str, str, str]]:
    """Those that the registry allows, an image after the other, correlated noise last."""
    known = registry.methods()
    found = [
        (image, noise, task, method)
        for image, noise, task in itertools.product(IMAGES, STATED, TASKS)
        for method in METHODS[task]
        if method == "input"
        or (method in known and not known[method].refusal(physics=TASKS[task], noise=STATED[noise]))
    ]
    return sorted(found, key=lambda cell: cell[1] == "correlated" and cell[0] != IMAGES[0])


def write_md(rows: Rows) -> None:
    """PSNR / SSIM by image, task and noise, one column a method."""
    methods = list(dict.fromkeys(itertools.chain(*METHODS.values())))
    commits = ", ".join(dict.fromkeys(row["commit"] for row in rows.rows.values()))
    lines = [
        "# Methods against kinds of noise",
        "",
        f"PSNR in dB / SSIM on {CROP} x {CROP} centre crops; `python -m benchmarks.noise_table`.",
        f"Noise measured on the crop, {STEPS} steps, one thread of a CPU, one seed. Commit {commits}.",
        "A dash: the method does not go with the noise or the task; empty: not run.",
        "",
        f"| image | task | noise | stated | {' | '.join(methods)} |",
        "|---" * (len(methods) + 4) + "|",
    ]
    allowed = set(cells())
    for image, task, noise in itertools.product(IMAGES, TASKS, STATED):
        entries = []
        for method in methods:
            key = (image, noise, task, method)
            row = rows.rows.get(key, {})
            score = f"{row['psnr']} / {row['ssim']}" if row.get("psnr") else ""
            entries.append(score if key in allowed else "-")
        if any(entry not in ("", "-") for entry in entries):
            lines.append(
                f"| {image} | {task} | {noise} | {STATED[noise]} | {' | '.join(entries)} |"
            )
    rows.path.with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    """Run what is missing, or what is named."""
    parser = argparse.ArgumentParser(description="Methods against kinds of noise.")
    parser.add_argument("pattern", nargs="*", help="IMAGE/NOISE/TASK/METHOD, with * and ?")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--dry", action="store_true", help="only list what would be run")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    rows = Rows(RESULTS, COLUMNS, 4)
    for cell in cells():
        name = "/".join(cell)
        named = any(fnmatch.fnmatch(name, pattern) for pattern in arguments.pattern)
        done = cell in rows and rows.rows[cell]["stated"] in ("", STATED[cell[1]])
        if not named and (arguments.pattern or done):
            continue
        if arguments.dry:
            print(name)
            continue
        row = measure(*cell, arguments.steps)
        print(name, row.get("psnr"), row.get("ssim"), row.get("seconds"), flush=True)
        rows.put(row)
        write_md(rows)


if __name__ == "__main__":
    main()
