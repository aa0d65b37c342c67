"""The risk of a prediction where neighbours share noise, and the settings it leads to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from imageio.v3 import imread
from scipy.ndimage import gaussian_filter, uniform_filter
from torch.nn.functional import avg_pool2d

from napari_ssi import ImageStack, Recipe, background, registry, run
from napari_ssi.noise.correlated import Correlated
from napari_ssi.quality.psnr import psnr
from napari_ssi.stein import Stein

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
    """Only with the covariance that the noise has: else it is far off."""
    rng = np.random.default_rng(0)
    z = torch.from_numpy(gaussian_filter(rng.random((1, 1, 64, 64)), (0, 0, 2, 2))).float()
    lines = {"row_sigma": 0.0, "column_sigma": 0.0}
    noise = Correlated(sigma=SIGMA, gain=0.0, **lines, autocorrelation=rho)
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


@pytest.mark.parametrize("method", ["total_variation", "hessian"])
def test_nothing_done_is_not_taken_for_the_best(method: str, shared_data: Path) -> None:
    """Held-out pixels alone prefer that here: what is hidden with them is too wide to look across."""
    x = imread(shared_data / "ssi_benchmark" / "usaf768x812.png").astype(np.float32)
    x = x.mean(-1) if x.ndim == 3 else x
    x = ((x - x.min()) / np.ptp(x))[
        tuple(slice((n - 192) // 2, (n + 192) // 2) for n in x.shape[:2])
    ]
    y = x + shared(x.shape, 0).astype(np.float32)

    def restored(**params: float) -> float:
        recipe = Recipe.create(
            physics="denoising", noise="correlated", method=[{"name": method, "params": params}]
        )
        return psnr(run(recipe, ImageStack(y, "YX")).image, x)

    assert psnr(y, x) == pytest.approx(20, abs=0.3)
    best = max(restored(weight=weight) for weight in (0.01, 0.02, 0.04, 0.08, 0.16))
    assert restored() > best - 0.5


def grain(rng: np.random.Generator) -> np.ndarray:
    """Of two levels, hardly coarser than the noise."""
    return np.where(gaussian_filter(rng.normal(size=(192, 192)), 1.5) > 0, 0.8, 0.2)


def test_grain_is_not_taken_for_noise() -> None:
    """Held-out pixels alone prefer next to nothing: from so far away grain cannot be predicted."""
    x = grain(np.random.default_rng(0))
    y = (x + shared(x.shape, 1)).astype(np.float32)
    noise = {"sigma": SIGMA, "row_sigma": 0.0, "column_sigma": 0.0, "autocorrelation": ROUND}
    recipe = Recipe.create(method="total_variation", noise={"name": "correlated", "params": noise})
    assert psnr(run(recipe, ImageStack(y, "YX")).image, x) > psnr(y, x) + 0.5


def test_noise_that_follows_the_light_is_taken_away_where_it_is_bright() -> None:
    """How it follows is measured; with the strength of the whole everywhere it was 0.61."""
    rng = np.random.default_rng(0)
    z = 4 + 150 * np.linspace(0, 1, 192)[:, None] ** 4 * (1.5 + np.sin(np.arange(192) / 8))
    photons = rng.poisson(z) - z
    y = z + (photons + np.roll(photons, 1, 1)) / 2**0.5
    pair = [[0.0, 0.0, 0.0], [0.5, 1.0, 0.5], [0.0, 0.0, 0.0]]
    noise = {"row_sigma": 0.0, "column_sigma": 0.0, "autocorrelation": pair}
    recipe = Recipe.create(method="total_variation", noise={"name": "correlated", "params": noise})
    result, bright = run(recipe, ImageStack(y.astype(np.float32), "YX")).image, z > 4 * np.median(z)
    assert np.mean((result - z)[bright] ** 2) < 0.27 * np.mean((y - z)[bright] ** 2)


def test_few_photons_are_skewed() -> None:
    """What bends its response follows a bright pixel less than its slope there says: more than 15 % off else."""
    z = 2 + torch.outer(torch.linspace(0, 6, 96).sin() ** 2, torch.ones(96))[None, None]
    levels = background.Levels(0.0)
    for kind in ("poisson", "independent"):
        told, true, first = [], [], []
        for seed in range(40):
            generator = torch.Generator().manual_seed(seed)
            y = torch.poisson(z, generator)
            noise = registry.find("noise", kind).build({"gain": 1.0} if kind == "poisson" else {})
            noise = noise.fitted([y[0, 0].numpy()], levels)

            def f(seen: torch.Tensor) -> torch.Tensor:
                return 3 * torch.tanh(0.6 * seen / 3) + 0.4 * smooth(seen)

            stein = Stein(y, noise, generator, 1.0)
            predictions = f(stein.data)
            told.append(float((stein.losses(predictions) - (y - z).square()).mean()))
            true.append(float((predictions[:1] - z).square().mean()))
            stein._along = 2 * noise.deviation(y).square() * stein._along.sign()
            first.append(float((stein.losses(predictions) - (y - z).square()).mean()))
        assert np.mean(told) == pytest.approx(np.mean(true), rel=0.1), kind
        assert np.mean(first) > 1.15 * np.mean(true)
