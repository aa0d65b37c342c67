"""The same for the next field of view: how much training does a model of another field save?

``python -m benchmarks.next_field`` simulates two fields of the sample ``cells_2d`` (seeds 0 and 1,
192 x 192 pixels from the middle), trains at effort quick (one window a step instead of four, to be
short) on the first, and restores the second from scratch, from that start, and with the start as it
is; writes ``results/next_field.csv``. PSNR is in dB, its peak the 99.8th percentile above the least;
seconds are of the processor (of one thread with ``--threads 1``), for the second field.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from benchmarks._rows import Rows
from napari_ssi import ImageStack, Recipe, run
from napari_ssi.quality.psnr import psnr
from napari_ssi.samples.cells_2d import build
from napari_ssi.training.settings import Training

RESULTS = Path(__file__).parent / "results" / "next_field.csv"
COLUMNS = ("method", "training", "steps", "best_step", "held_out", "psnr", "cpu_seconds")
MIDDLE = (slice(160, 352), slice(160, 352))


def field(seed: int) -> tuple[ImageStack, NDArray[np.float32], dict[str, NDArray[np.float32]]]:
    """The recording, the PSF, and what each method aims at: the specimen, or its image without noise."""
    sample = build(seed)
    around = np.pad(sample.truth, sample.psf.shape[0] // 2, "reflect")
    image = fftconvolve(around, sample.psf, "valid")
    aims = {"ssi": sample.truth[MIDDLE], "noise2self": image[MIDDLE]}
    return replace(sample.stack, data=sample.stack.data[MIDDLE]), sample.psf, aims


def main() -> None:
    """Run what is not in the table yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("method", nargs="*", default=["noise2self", "ssi"])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    rows = Rows(RESULTS, COLUMNS, 2)
    first, psf, _ = field(0)
    second, _, aims = field(1)
    quick = Training.STEPS["quick"][0]
    for method in arguments.method:
        given = psf if method == "ssi" else None
        physics = "denoising" if given is None else "blur"
        aim, noisy = aims[method], np.asarray(second.data, np.float32)
        bright = float(np.quantile(aim, 0.998) - aim.min())
        score = psnr(noisy, aim, bright)
        rows.put({"method": method, "training": "recording", "psnr": f"{score:.2f}"})

        def recipe(steps: int, method: str = method, physics: str = physics) -> Recipe:
            training = {"steps": steps, "batch": 1}
            return Recipe.create(method=method, physics=physics, effort="quick", training=training)

        before = run(recipe(quick), first, psf=given)
        for training, steps, start in (
            ("scratch", quick, None),
            ("scratch", quick // 4, None),
            ("start", quick // 4, before.models),
            ("start", 0, before.models),
        ):
            began = time.process_time()
            result = run(recipe(steps), second, psf=given, start=start)
            found = result.estimates
            row = {
                "method": method,
                "training": f"{training}, {steps} steps",
                "steps": f"{found['steps']:.0f}",
                "best_step": f"{found['best_step']:.0f}",
                "held_out": f"{found['held_out']:.5g}",
                "psnr": f"{psnr(result.image, aim, bright):.2f}",
                "cpu_seconds": f"{time.process_time() - began:.0f}",
            }
            print(row, flush=True)
            rows.put(row)


if __name__ == "__main__":
    main()
