"""The main job on real and simulated recordings, at default settings, beside oracle references.

``python -m benchmarks.main_job [CASE …]`` runs the cases named (all by default) one after the
other and writes ``results/main_job.csv``, a row a case, keeping the rows of cases not run:

``deblur-NAME``, ``control-NAME``
    SSI, and SSI without masking and with the last weights (the paper's control), on the
    256 x 256 centre crop of a benchmark image with the paper's degradation.
``denoise-NAME``
    Noise2Self on one exposure against the average of many, after an affine fit; beside it the
    best Gaussian filter and the best total variation, at the setting that the truth prefers.
``volume-NAME-PEAK``
    SSI in 3D on a specimen blurred by a simulated widefield PSF, photon noise at a peak of
    PEAK; beside it Richardson-Lucy at the iteration that the truth prefers.
``grid``
    SSI in 3D on the confocal grid (no truth): time, and how much the line contrast grows.
"""

from __future__ import annotations

import argparse
import csv
import math
import platform
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import numpy as np
import tifffile
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.signal import fftconvolve
from skimage.restoration import denoise_tv_chambolle

from benchmarks import paper
from napari_ssi import ImageStack, Recipe, io, run
from napari_ssi.physics.blur import Blur
from napari_ssi.quality.affine_fit import affine_fit
from napari_ssi.quality.psnr import psnr
from napari_ssi.samples.microscope import widefield_psf

DATA = paper.FOLDER.parent
RESULTS = Path(__file__).parent / "results"
PICTURES = RESULTS / "pictures"

DENOISE = {
    "fish": ("A/fmd/Confocal_FISH_3_noisy.png", "A/fmd/Confocal_FISH_3_gt.png"),
    "mice": ("A/fmd/mice_noisy.tif", "A/fmd/mice_gt.tif"),
    **{
        f"w2s_{name}": (f"A/w2s_8bit/{name}_avg1.tif", f"A/w2s_8bit/{name}_avg400.tif")
        for name in ("020_1", "044_0", "100_1")
    },
}
VOLUMES = {
    "bars": ("B/flowdec/bars-25pct_actual.tif", (0.2, 0.1, 0.1)),
    "nuclei": ("B/napari_bio/nuclei_cells3d.tif", (0.29, 0.26, 0.26)),
}
PEAKS = (20, 100, 1000)


def deblur(name: str, **options: Any) -> dict[str, float]:
    """PSNR of SSI on [0, 1] data."""
    x, y, psf = paper.load(name)
    recipe = Recipe.create(physics="blur", **{"method": "ssi", **options})
    result = run(recipe, ImageStack(y, "YX"), psf=psf)
    show(f"{'control' if options else 'deblur'}-{name}", y, result.image.clip(0, 1), x)
    return {
        "input": psnr(y, x),
        "ours": psnr(result.image.clip(0, 1), x),
        **facts(result),
    }


def control(name: str) -> dict[str, float]:
    """The paper's control: no masking, last weights, no held-out selection."""
    return deblur(
        name,
        method=[{"name": "ssi", "params": {"density": 0}}],
        training={"select": False},
    )


def denoise(name: str) -> dict[str, float]:
    """PSNR on the 8-bit scale, after an affine fit."""
    noisy, truth = (DATA / path for path in DENOISE[name])
    stack = io.read(noisy)
    y = np.asarray(stack.data).astype(np.float32)
    x = imageio.imread(truth).astype(np.float32)
    x = x if x.ndim == 2 else x[..., 0]

    def score(image: NDArray[np.floating]) -> float:
        return psnr(affine_fit(image, x), x, data_range=255.0)

    sigmas = np.arange(0.4, 4, 0.2)
    weights = np.geomspace(0.02, 2, 24)
    result = run(Recipe.create(method="noise2self"), stack)
    show(f"denoise-{name}", y, result.image, x)
    return {
        "input": score(y),
        "ours": score(result.image),
        "gaussian_oracle": max(score(gaussian_filter(y, s)) for s in sigmas),
        "tv_oracle": max(
            score(denoise_tv_chambolle(y / 255, w, max_num_iter=100)) for w in weights
        ),
        **facts(result),
    }


def volume(name: str, peak: int) -> dict[str, float]:
    """PSNR over the range of the truth, in photons."""
    path, pixel_size = VOLUMES[name]
    x = tifffile.imread(DATA / path).astype(np.float64)
    x = np.maximum(x - np.percentile(x, 1), 0)
    psf = (
        widefield_psf((31, 41, 41), pixel_size, numerical_aperture=1.0, wavelength=0.52, index=1.33)
        if name == "bars"
        else widefield_psf(
            (21, 31, 31), pixel_size, numerical_aperture=0.5, wavelength=0.52, index=1.33
        )
    )
    z = np.maximum(fftconvolve(x, psf, mode="same"), 0)
    x, z = x * peak / z.max(), z * peak / z.max()
    y = np.random.default_rng(0).poisson(z).astype(np.uint16)
    stack = ImageStack(y, "ZYX", pixel_size)
    result = run(Recipe.create(physics="blur", method="ssi"), stack, psf=psf)
    span = float(x.max())
    show(f"volume-{name}-{peak}", y[len(y) // 2], result.image[len(y) // 2], x[len(y) // 2])
    best, at = richardson_lucy_oracle(y.astype(np.float32), psf, x)
    return {
        "input": psnr(y, x, data_range=span),
        "ours": psnr(result.image, x, data_range=span),
        "rl_oracle": best,
        "rl_oracle_iteration": at,
        **facts(result),
    }


def richardson_lucy_oracle(
    y: NDArray[np.float32], psf: NDArray[np.float32], x: NDArray[np.float64], limit: int = 3000
) -> tuple[float, int]:
    """Plain Richardson-Lucy with the edges treated as unknown, at its best iteration."""
    blur = Blur.from_array(psf, y.shape)
    data = torch.from_numpy(y)[None, None]
    estimate = torch.full((1, 1, *blur.object_shape(y.shape)), float(y.mean()))
    norm = blur.A_adjoint(torch.ones_like(data)).clamp_min(1e-3)
    best, at, span = -math.inf, 0, float(x.max())
    for iteration in range(1, limit + 1):
        ratio = data / blur.A(estimate).clamp_min(1e-6)
        estimate = estimate * blur.A_adjoint(ratio).clamp_min(0) / norm
        score = psnr(blur.crop(estimate)[0, 0].numpy(), x, data_range=span)
        if score > best:
            best, at = score, iteration
        elif iteration > at + 20:
            break
    return best, at


def grid() -> dict[str, float]:
    """Michelson-like contrast: spread of the lateral profile over its mean, before and after."""
    stack = io.read(DATA / "B/confocal_grid/grid_1AU.tif")
    psf = tifffile.imread(DATA / "C/confocal_grid_avg_psf_45cube.tif")
    result = run(Recipe.create(physics="blur", method="ssi"), stack, psf=psf)
    y = np.asarray(stack.data).astype(np.float32)
    show("grid", y[len(y) // 2], result.image[len(y) // 2])

    def spread(image: NDArray[np.float32]) -> float:
        middle = image[len(image) // 2 - 2 : len(image) // 2 + 3].mean(0)
        return float(middle.std() / middle.mean())

    return {"contrast_input": spread(y), "contrast_ours": spread(result.image), **facts(result)}


def facts(result: Any) -> dict[str, float]:
    """What every row says of the run."""
    keys = ("steps", "best_step", "held_out", "flux_ratio", "offset")
    return {k: result.estimates[k] for k in keys} | {"seconds": result.provenance["seconds"]}


def show(name: str, *images: NDArray[Any]) -> None:
    """Input, result and truth side by side, on the last one's grey scale."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    panels = []
    for image in images:
        low, high = np.percentile(image, (0.5, 99.7))
        panels.append(np.clip((image - low) / max(high - low, 1e-9), 0, 1))
    joined = np.concatenate(panels, 1)
    imageio.imwrite(PICTURES / f"{name}.png", (255 * joined).astype(np.uint8))


def cases() -> dict[str, Callable[[], dict[str, float]]]:
    """All cases by name, in the order in which they run."""
    found: dict[str, Callable[[], dict[str, float]]] = {}
    for name in ("drosophilaslice", "usaf", "fishembryo"):
        found[f"deblur-{name}"] = lambda n=name: deblur(n)
    for name in DENOISE:
        found[f"denoise-{name}"] = lambda n=name: denoise(n)
    for peak in PEAKS:
        for name in VOLUMES:
            found[f"volume-{name}-{peak}"] = lambda n=name, p=peak: volume(n, p)
    found["grid"] = grid
    for name in ("drosophilaslice", "usaf", "fishembryo"):
        found[f"control-{name}"] = lambda n=name: control(n)
    return found


def main() -> None:
    """Run the cases and write the table after each."""
    known = cases()
    parser = argparse.ArgumentParser(description="The main job at default settings.")
    parser.add_argument("case", nargs="*", help=", ".join(known))
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    path = RESULTS / "main_job.csv"
    for name in arguments.case or known:
        began = time.perf_counter()
        row = {key: f"{value:.4g}" for key, value in known[name]().items()}
        row |= {
            "total_seconds": f"{time.perf_counter() - began:.0f}",
            "commit": _git("describe", "--always", "--dirty"),
            "machine": f"{platform.machine()}, {arguments.threads} threads, torch {torch.__version__}",
        }
        print(name, row, flush=True)
        rows: dict[str, dict[str, str]] = {}
        if path.exists():
            with path.open(newline="") as file:
                rows = {r["case"]: r for r in csv.DictReader(file)}
        rows[name] = {"case": name, **row}
        columns = list(dict.fromkeys(key for r in rows.values() for key in r))
        order = [c for c in known if c in rows]
        with path.open("w", newline="") as file:
            table = csv.DictWriter(file, columns, restval="")
            table.writeheader()
            table.writerows(rows[c] for c in order)


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip()


if __name__ == "__main__":
    main()
