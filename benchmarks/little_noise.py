"""What giving detail back does: much where there is little noise, next to nothing where there is much.

Noise2Self with independent noise, 800 steps, central 224 x 224 pixels: its estimate alone, and combined with the
recording (:mod:`napari_ssi.training.given_back`). Images of the SSI paper with Gaussian noise of 0.02,
and recordings of :mod:`benchmarks.real_noise`; PSNR in dB, for the latter after an affine fit::

    python -m benchmarks.little_noise [CASE ...]
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import real_noise
from benchmarks._rows import Rows
from benchmarks.paper import centre, images, truth
from napari_ssi import ImageStack, Recipe, run
from napari_ssi.quality.affine_fit import affine_fit
from napari_ssi.quality.psnr import psnr

SIGMA, SIZE, STEPS = 0.02, 224, 800
SIMULATED = ("newyork", "usaf", "fishembryo")
REAL = ("bacteria", "fmd_mice", "w2s_044_0", "hagen_mito")
COLUMNS = ("case", "input", "estimate alone", "given back", "share", "commit")

Image = NDArray[np.number]


def main() -> None:
    """Measure what is not yet in the table, or what is named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", nargs="*", help=f"{', '.join(SIMULATED + REAL)}")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = Rows(Path(__file__).parent / "results" / "little_noise.csv", COLUMNS, 1)
    cases = ((case,) for case in options.case or SIMULATED + REAL)
    for (case,) in rows.missing(cases, again=bool(options.case)):
        row = measured(case)
        rows.put(row)
        print(row, flush=True)


def measured(case: str) -> dict[str, str]:
    """One recording."""
    y, x, span = simulated(case) if case in SIMULATED else real(case)
    fits = case in REAL

    def score(image: Image) -> str:
        return f"{psnr(affine_fit(image, x) if fits else image, x, data_range=span):.2f}"

    levels = {} if fits else {"offset": 0.0}
    recipe = Recipe.create(
        method="noise2self", training={"steps": STEPS, "mixed": False}, levels=levels, device="cpu"
    )
    stack = ImageStack(y, "YX")
    result = run(recipe, stack)
    (model,) = result.models
    plain = replace(model, fitted=replace(model.fitted, noise=None))  # type: ignore[type-var]
    return {
        "case": case,
        "input": score(y),
        "estimate alone": score(run(recipe, stack, models=[plain]).image),
        "given back": score(result.image),
        "share": f"{result.estimates['given_back']:.3f}",
    }


def simulated(case: str) -> tuple[Image, Image, float]:
    """Recording, truth and the range that PSNR is of."""
    whole = truth(images()[case])
    x = whole[centre(whole.shape, SIZE)]
    y = x + np.random.default_rng(0).normal(0, SIGMA, x.shape)
    return y.astype(np.float32), x, 1.0


def real(case: str) -> tuple[Image, Image, float]:
    """The same of a recording."""
    y, x = real_noise.load(case)
    part = centre(y.shape, SIZE)
    return y[part].copy(), x[part].copy(), 255.0 if x.dtype == np.uint8 else float(np.ptp(x))


if __name__ == "__main__":
    main()
