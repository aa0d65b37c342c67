"""Pixels that no noise explains: found, and kept from losses that trust the noise."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_ssi import ImageStack, Recipe, run
from napari_ssi.noise.base import NoiseModel
from napari_ssi.noise.gamma import Gamma
from napari_ssi.noise.gaussian import Gaussian
from napari_ssi.noise.poisson_gaussian import PoissonGaussian
from napari_ssi.quality.psnr import psnr


def smooth(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    x = gaussian_filter(np.random.default_rng(seed).normal(size=shape), 5)
    return (x - x.min()) / np.ptp(x)


def test_hot_and_dead_pixels_are_found_and_noise_is_not() -> None:
    rng = np.random.default_rng(0)
    z = 20 + 200 * smooth((3, 128, 128))
    y = 2.0 * rng.poisson(z / 2.0) + rng.normal(0, 3, z.shape)
    planted = rng.random(z.shape) < 0.005
    planted[:, [0, -1], :] = planted[:, :, [0, -1]] = False  # the rim has too few neighbours
    y[planted] = np.where(rng.random(planted.sum()) < 0.5, 900.0, 0.0)
    far = planted & (np.abs(y - z) > 8 * np.sqrt(2 * z + 9))
    model = PoissonGaussian(gain=2.0, sigma=3.0)
    found = model.outliers(torch.from_numpy(y.astype(np.float32))[None, None])[0, 0].numpy()
    assert found[far].mean() > 0.85  # two side by side are taken for structure
    assert found[~planted].mean() < 2e-4


def test_small_and_thin_structures_are_not_taken_for_faults() -> None:
    z = np.full((60, 60), 5.0)
    z[30, 5:50] = 300.0  # a line of one pixel
    z[10:12, 10:12] = 300.0
    spot = np.exp(-((np.mgrid[:9, :9] - 4) ** 2).sum(0) / (2 * 1.0**2))
    z[40:49, 40:49] += 300 * spot  # a diffraction-limited spot
    y = z + np.random.default_rng(0).normal(0, 3, z.shape)
    found = Gaussian(sigma=3.0).outliers(torch.from_numpy(y)[None, None])
    assert int(found.sum()) <= 1


def test_where_the_noise_is_not_known_nothing_is_outlying() -> None:
    y = torch.zeros(1, 1, 9, 9)
    y[..., 4, 4] = 100
    assert not Gamma(looks=4).outliers(y).any()
    assert Gaussian(sigma=1.0).outliers(y).sum() == 1
    assert not Gaussian(sigma=1.0).outliers(torch.zeros(1, 1, 2, 2)).any()


def test_single_photons_are_not_taken_for_faults() -> None:
    y = np.random.default_rng(0).poisson(0.005, (128, 128)).astype(np.float32)
    recipe = Recipe.create(method="sure", noise="poisson_gaussian", training={"steps": 2})
    result = run(recipe, ImageStack(y, "YX"))
    assert result.estimates["outliers"] == 0


def test_what_is_replaced_is_counted_where_it_is() -> None:
    rng = np.random.default_rng(0)
    clean = (100 * smooth((48, 48), 1) + rng.normal(0, 5, (48, 48))).astype(np.float32)
    hot = clean.copy()
    hot[10::12, 10::12] = 900
    recipe = Recipe.create(
        method="sure",
        noise={"name": "gaussian", "params": {"sigma": 5.0}},
        training={
            "steps": 2,
            "mixed": False,
        },  # a network no better than a classical method would not be applied
    )
    learned = run(recipe, ImageStack(clean, "YX"))
    assert not any("beyond what the noise explains" in note for note in learned.notes)
    applied = run(recipe, ImageStack(hot, "YX"), models=learned.models)
    assert applied.estimates["outliers"] == pytest.approx(16 / 48**2)
    assert any("beyond what the noise explains" in note for note in applied.notes)


def test_sure_is_not_led_astray_by_hot_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    x = 100 * smooth((96, 96), 3)
    y = x + rng.normal(0, 5, x.shape)
    hot = rng.random(x.shape) < 0.01
    y[hot] = 400
    recipe = Recipe.create(
        method="sure",
        noise={"name": "gaussian", "params": {"sigma": 5.0}},
        training={"steps": 40, "patch": (48, 48), "batch": 2},
    )
    stack = ImageStack(y.astype(np.float32), "YX")
    careful = run(recipe, stack)
    assert careful.estimates["outliers"] == pytest.approx(hot.mean(), rel=0.3)
    assert any("beyond what the noise explains" in note for note in careful.notes)
    monkeypatch.setattr(NoiseModel, "outliers", lambda self, y: torch.zeros(y.shape, dtype=bool))
    careless = run(recipe, stack)
    assert psnr(careful.image, x) > psnr(careless.image, x) + 3


@pytest.mark.parametrize(("gain", "sigma"), [(0.0, 10.0), (2.0, 3.0), (4.0, 0.5)])
def test_where_there_are_many_those_at_the_rim_of_the_noise_are_found_too(gain, sigma) -> None:
    rng = np.random.default_rng(1)
    z = 40 + 100 * smooth((3, 160, 160))
    sd = np.sqrt(gain * z + sigma**2)
    counts = gain * rng.poisson(z / gain) if gain else z
    clean = (counts + rng.normal(0, sigma, z.shape)).astype(np.float32)
    model = PoissonGaussian(gain=gain, sigma=sigma)

    def found(y: np.ndarray) -> np.ndarray:
        return model.outliers(torch.from_numpy(y)[None, None])[0, 0].numpy()

    assert found(clean).mean() < 1e-4  # noise alone: only what is far is left out
    planted = rng.random(z.shape) < 0.01
    y = clean.copy()
    y[planted] = (z + sd * rng.uniform(-12, 12, z.shape))[planted]
    off = np.abs(y - z) / sd
    seen = found(y)
    assert seen[planted & (off > 5) & (off < 6)].mean() > 0.6
    assert seen[planted & (off > 6)].mean() > 0.8
    assert not seen[planted & (off < 2.5)].any()
    assert seen[~planted].mean() < 1.5e-3


def test_thin_structures_are_kept_where_there_are_outliers() -> None:
    rng = np.random.default_rng(0)
    z = np.full((160, 160), 50.0)
    lines = np.zeros(z.shape, bool)
    lines[10:150:20, 20:140] = True  # lines of one pixel, 5 standard deviations high
    z[lines] += 50
    y = z + rng.normal(0, 10, z.shape)
    planted = (rng.random(z.shape) < 0.01) & ~lines
    y[planted] = rng.uniform(0, 255, planted.sum())
    found = Gaussian(sigma=10.0).outliers(torch.from_numpy(y)[None, None])[0, 0].numpy()
    assert found[planted & (np.abs(y - z) > 60)].mean() > 0.6
    assert found[lines].mean() < 0.02
