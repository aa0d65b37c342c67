"""The risk of a prediction where neighbours share noise, and the settings it leads to."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, uniform_filter
from torch.nn.functional import avg_pool2d

from napari_ssi import ImageStack, Recipe, run
from napari_ssi.baselines._stein import DOUBT, Stein
from napari_ssi.noise.correlated import Correlated
from napari_ssi.quality.psnr import psnr

BOX = [[1, 2, 3, 2, 1], [2, 4, 6, 4, 2], [3, 6, 9, 6, 3], [2, 4, 6, 4, 2], [1, 2, 3, 2, 1]]
ROUND = (np.array(BOX) / 9).tolist()
SIGMA = 0.1


def shared(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """White noise averaged over 3 x 3 pixels, of standard deviation ``SIGMA``."""
    white = np.random.default_rng(seed).normal(size=shape)
    return 3 * SIGMA * uniform_filter(white, (0,) * (len(shape) - 2) + (3, 3), mode="wrap")


def smooth(y: torch.Tensor) -> torch.Tensor:
    return avg_pool2d(y, 3, stride=1, padding=1, count_include_pad=False)


@pytest.mark.parametrize("rho", [ROUND, [[1.0]]])
def test_it_is_the_squared_error_and_a_constant(rho: list[list[float]]) -> None:
    """Only with the covariance that the noise has: else it is far off. It is taken for a little more."""
    rng = np.random.default_rng(0)
    z = torch.from_numpy(gaussian_filter(rng.random((1, 1, 64, 64)), (0, 0, 2, 2))).float()
    sigma = SIGMA / DOUBT**0.5
    noise = Correlated(sigma=sigma, row_sigma=0.0, column_sigma=0.0, autocorrelation=rho)
    generator = torch.Generator().manual_seed(0)
    estimates, errors = [], []
    for seed in range(100):
        y = z + torch.from_numpy(shared((64, 64), seed)).float()
        stein = Stein(y, noise, generator)
        predictions = smooth(stein.data)
        estimates.append(float(stein.losses(predictions).mean()) - SIGMA**2)
        errors.append(float((predictions[:1] - z).square().mean()))
    off = abs(np.mean(estimates) / np.mean(errors) - 1)
    assert off < 0.02 if len(rho) > 1 else off > 0.5


def scene(kind: str, n: int = 160) -> np.ndarray:
    """In two levels: wide and narrow bars, or as fine as the noise."""
    y, x = np.mgrid[:n, :n]
    if kind == "bars":
        return 0.2 + 0.6 * ((x // (2 + y // 16)) % 2 == 0)
    grain = gaussian_filter(np.random.default_rng(5).normal(size=(n, n)), 1.5)
    return 0.2 + 0.6 * (grain > 0.1)


@pytest.mark.parametrize("kind", ["bars", "grain"])
@pytest.mark.parametrize("method", ["total_variation", "hessian"])
def test_neither_all_nor_nothing_is_taken_away(method: str, kind: str) -> None:
    """Held-out pixels prefer nearly nothing of grain: what is hidden with them is too wide to look across."""
    x = scene(kind)
    y = (x + shared(x.shape, 0)).astype(np.float32)
    given = {"sigma": SIGMA, "row_sigma": 0.0, "column_sigma": 0.0, "autocorrelation": ROUND}

    def restored(**params: float) -> float:
        recipe = Recipe.create(
            physics="denoising",
            noise={"name": "correlated", "params": given},
            method=[{"name": method, "params": params}],
        )
        return psnr(run(recipe, ImageStack(y, "YX")).image, x)

    tuned, recorded = restored(), psnr(y, x)
    best = max(restored(weight=weight) for weight in (0.01, 0.02, 0.04, 0.08, 0.16))
    assert tuned > best - 0.5
    # total variation suits two levels; of second derivatives there are too many for much to be gained
    assert tuned > recorded + (1.5 if method == "total_variation" else 0.2)
