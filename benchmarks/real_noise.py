"""Real recordings with the recommendation as it stands, beside oracle references.

``python -m benchmarks.real_noise [CASE …]`` measures the noise of each recording, follows the
recommendation (what **Use this** sets in the panel) at default effort, and writes
``results/real_noise.csv``, a row a case; a case that is in it is run again only if named.
For comparison ``NAME+sure`` is SURE with the measured noise, ``NAME+blind_spot`` the blind-spot
network, and ``NAME+structured`` hides the neighbours along X as well.

On 256 x 256 centre crops, PSNR after an affine fit to the average of many exposures (or to a
long one), over 255 for 8-bit truths and over the truth's own range for others. Beside it
scikit-image's non-local means, wavelets and total variation, each at the setting that the
truth prefers: better than anyone could choose without it. Wavelets need PyWavelets. Where the network's
restoration is mixed with a classical one, both are scored alone, too.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, shift
from skimage.registration import phase_cross_correlation
from skimage.restoration import denoise_nl_means, denoise_tv_chambolle, denoise_wavelet

from benchmarks import paper
from benchmarks._rows import Rows
from napari_ssi import ImageStack, Recipe, measure_noise, run
from napari_ssi.noise.estimation import recommend
from napari_ssi.quality.affine_fit import affine_fit
from napari_ssi.quality.psnr import psnr
from napari_ssi.training.model import TrainedModel

DATA = paper.FOLDER.parent / "A"
RESULTS = Path(__file__).parent / "results" / "real_noise.csv"
CROP = 256

CASES = {
    "fmd_fish": ("fmd/Confocal_FISH_3_noisy.png", "fmd/Confocal_FISH_3_gt.png"),
    "w2s_020_1": ("w2s_8bit/020_1_avg1.tif", "w2s_8bit/020_1_avg400.tif"),
    "bacteria": ("twophoton_bacteria/noisy_avg1_16bit.png", "twophoton_bacteria/avg_target_16bit.png"),
    "hagen_nucleus": ("hagen_gigadb_8bit/nucleus-lowsnr.png", "hagen_gigadb_8bit/nucleus-highsnr.png"),
    "hagen_mito": (
        "hagen_gigadb_8bit/mito-confocal-lowsnr.png",
        "hagen_gigadb_8bit/mito-confocal-highsnr.png",
    ),
    "fmd_mice": ("fmd/mice_noisy.tif", "fmd/mice_gt.tif"),
    "w2s_044_0": ("w2s_8bit/044_0_avg1.tif", "w2s_8bit/044_0_avg400.tif"),
    "w2s_100_1": ("w2s_8bit/100_1_avg1.tif", "w2s_8bit/100_1_avg400.tif"),
    "fmd_bpae": ("fmd/BPAE_G_noisy.tif", "fmd/BPAE_G_gt.tif"),
}  # fmt: skip
#: What follows the name of a case, in the place of the recommended method.
VARIANTS = {
    "sure": {"name": "sure"},
    "blind_spot": {"name": "blind_spot"},
    "structured": {"name": "noise2self", "params": {"pattern": "structured", "reach": [0, 1]}},
}
#: The truth lies some tenths of a pixel beside the recording, and is moved onto it.
DRIFTED = {"fmd_bpae"}
COLUMNS = tuple(
    "case input ours network classical learned_share method noise nlm_oracle wavelet_oracle tv_oracle "
    "seconds steps best_step sentence commit".split()
)

Image = NDArray[np.number]


def measure(case: str, steps: int | None = None) -> dict[str, str]:
    """One row."""
    name, _, variant = case.partition("+")
    y, x = load(name)
    span = 255.0 if x.dtype == np.uint8 else float(np.ptp(x))

    def score(image: Image) -> float:
        return psnr(affine_fit(image, x), x, data_range=span)

    stack = ImageStack(y, "YX")
    report = measure_noise(stack)
    noise, params, recommended, _ = recommend(report, "denoising")
    recipe = Recipe.create(
        method=[VARIANTS[variant]] if variant else recommended,
        noise={"name": noise, "params": params},
        training={} if steps is None else {"steps": steps},
    )
    began = time.perf_counter()
    result = run(recipe, stack)
    seconds = time.perf_counter() - began
    row = {
        "case": case,
        "input": f"{score(y):.2f}",
        "ours": f"{score(result.image):.2f}",
        "method": recipe.method[0].name,
        "noise": f"{noise} {json.dumps(params)}" if params else noise,
        "seconds": f"{seconds:.0f}",
        "steps": f"{result.estimates['steps']:.0f}",
        "best_step": f"{result.estimates['best_step']:.0f}",
        "sentence": report.sentence,
    }
    fitted = result.models[0].fitted
    if isinstance(fitted, TrainedModel) and fitted.mixture is not None:
        row["learned_share"] = f"{fitted.mixture.share:.2f}"
        for column, share in (("network", 1.0), ("classical", 0.0)):
            alone = replace(fitted, mixture=replace(fitted.mixture, share=share))
            models = [replace(result.models[0], fitted=alone)]
            row[column] = f"{score(run(recipe, stack, models=models).image):.2f}"
    if not variant:
        unit = (y - y.min()) / np.ptp(y)
        for column, candidates in oracles(unit).items():
            row[column] = f"{max(score(make()) for make in candidates):.2f}"
    show(case, y, result.image, x)
    return row


def load(name: str) -> tuple[Image, Image]:
    """The recording as it was stored, and its truth, both cropped."""
    noisy, truth = (imageio.imread(DATA / path) for path in CASES[name])
    noisy, truth = (a if a.ndim == 2 else a[..., 0] for a in (noisy, truth))
    if name in DRIFTED:
        smooth = [gaussian_filter(a.astype(np.float32), 1.5) for a in (noisy, truth)]
        moved, _, _ = phase_cross_correlation(*smooth, upsample_factor=20, normalization=None)
        print(name, "moved by", moved, flush=True)
        truth = shift(truth.astype(np.float32), moved, mode="nearest").clip(0, 255)
        truth = truth.round().astype(np.uint8)
    part = paper.centre(noisy.shape, CROP)
    return noisy[part].copy(), truth[part].copy()


def oracles(y: Image) -> dict[str, Iterator[Callable[[], Image]]]:
    """For each reference the settings among which the truth chooses; ``y`` in [0, 1]."""
    sigma = spread(y)
    size = {"patch_size": 5, "patch_distance": 6, "fast_mode": True}
    return {
        "nlm_oracle": (
            lambda h=h, s=s: denoise_nl_means(y, h=h * sigma, sigma=s * sigma, **size)
            for h, s in itertools.product((0.3, 0.45, 0.6, 0.8, 1.0, 1.3, 1.8, 2.5), (0, 0.7, 1))
        ),
        "wavelet_oracle": (
            lambda m=m, s=s, w=w: denoise_wavelet(
                y, s * sigma, wavelet=w, method=m, rescale_sigma=True
            )
            for m, s, w in itertools.product(
                ("BayesShrink", "VisuShrink"),
                (0.15, 0.25, 0.4, 0.6, 0.8, 1.0, 1.25, 1.6, 2.2),
                ("db2", "sym4", "sym8"),
            )
        ),
        "tv_oracle": (
            lambda w=w: denoise_tv_chambolle(y, w, max_num_iter=100)
            for w in np.geomspace(0.02, 2, 24)
        ),
    }


def spread(y: Image) -> float:
    """Standard deviation of the noise, from second differences."""
    second = np.diff(np.diff(y, axis=0), axis=1) / 2
    return max(float(np.median(np.abs(second)) / 0.6745), float(second.std()) / 4, 1e-4)


def show(name: str, *images: NDArray[np.generic]) -> None:
    """Recording, result and truth side by side, each on its own grey scale."""
    folder = RESULTS.parent / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    panels = []
    for image in images:
        low, high = np.percentile(image, (0.5, 99.7))
        panels.append(np.clip((image - low) / max(high - low, 1e-9), 0, 1))
    imageio.imwrite(folder / f"real-{name}.png", (255 * np.concatenate(panels, 1)).astype(np.uint8))


def main() -> None:
    """Run what is missing, or what is named."""
    parser = argparse.ArgumentParser(description="Real noise with the recommendation.")
    words = f"{', '.join(CASES)}; or one with +{' or +'.join(VARIANTS)}"
    parser.add_argument("case", nargs="*", help=words)
    parser.add_argument("--steps", type=int, help="fewer than the default, to try it out")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    rows = Rows(RESULTS, COLUMNS, 1)
    for case in arguments.case or CASES:
        if arguments.case or (case,) not in rows:
            row = measure(case, arguments.steps)
            print(row, flush=True)
            if arguments.steps is None:
                rows.put(row)


if __name__ == "__main__":
    main()
