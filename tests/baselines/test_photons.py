"""Counted photons in the classical methods, against simulation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_ssi import ImageStack, Recipe, run
from napari_ssi.background import Levels, measure
from napari_ssi.baselines._photons import Photons
from napari_ssi.baselines.total_variation import TotalVariation
from napari_ssi.noise.gaussian import Gaussian
from napari_ssi.noise.independent import Independent
from napari_ssi.noise.poisson import Poisson
from napari_ssi.noise.poisson_gaussian import PoissonGaussian
from napari_ssi.physics.blur import Blur


def test_photons_are_counted_where_there_is_next_to_no_other_noise() -> None:
    assert Photons.of(Gaussian(sigma=0.1)) is None
    assert Photons.of(Poisson(gain=0.02)) == Photons(0.02, 0.0)
    quiet = PoissonGaussian(gain=0.02, sigma=0.004)
    assert Photons.of(quiet) == Photons(0.02, pytest.approx(0.0008))
    assert Photons.of(PoissonGaussian(gain=0.02, sigma=0.01)) is None


def recording(offset: float, read: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    light = 4 + 46 * (gaussian_filter(rng.normal(size=(128, 128)), 5) > 0)
    return light, offset + rng.poisson(light) + rng.normal(0, read, light.shape)


@pytest.mark.parametrize("noise", ["independent", "poisson"])
def test_an_offset_that_is_too_high_does_not_lift_the_dark(noise: str) -> None:
    light, y = recording(100)
    recipe = Recipe.create(method="hessian", noise=noise, levels={"offset": 110.0})
    image = run(recipe, ImageStack(y.astype(np.float32), "YX")).image
    assert float((image - 100 - light).mean()) == pytest.approx(0, abs=0.3)


def test_read_noise_does_not_bias_the_mean() -> None:
    light, y = recording(100, read=2.0)
    for noise in ("independent", "poisson_gaussian"):
        recipe = Recipe.create(method="total_variation", noise=noise, levels={"offset": 100.0})
        image = run(recipe, ImageStack(y.astype(np.float32), "YX")).image
        assert float((image - 100 - light).mean()) == pytest.approx(0, abs=0.1)


def test_speckle_is_not_taken_for_photons() -> None:
    light, _ = recording(0)
    smooth = gaussian_filter(light.astype(float), 3)
    y = (smooth * np.random.default_rng(1).gamma(25, 1 / 25, light.shape)).astype(np.float32)
    noise = Independent().fitted([y], Levels(0.0)).rescaled(50.0, 0.0)
    assert noise.growth is None


@pytest.mark.parametrize("read", [0.0, 0.2])
@pytest.mark.parametrize("mean", [0.3, 4.0, 50.0])
def test_the_deviance_is_least_at_the_true_mean(mean: float, read: float) -> None:
    rng = np.random.default_rng(0)
    y = rng.poisson(mean, 400_000) + rng.normal(0, read, 400_000)
    photons = Photons(1.0, read**2)
    guesses = mean * np.linspace(0.8, 1.2, 41)
    losses = [
        float(photons.deviance(torch.from_numpy(y), torch.full((1,), g)).square().mean())
        for g in guesses
    ]
    # y moved and still below 0 counts as 0
    limit = 0.05 if read else 0.011 * mean
    assert guesses[int(np.argmin(losses))] == pytest.approx(mean, rel=0.011, abs=limit)


def test_its_unit_is_the_noise() -> None:
    y = np.random.default_rng(0).poisson(30, 100_000) / 40
    size = Photons(1 / 40, 0.0).deviance(torch.from_numpy(y), torch.tensor([30 / 40]))
    assert float(size.square().mean()) == pytest.approx(1, rel=0.03)


def test_only_what_no_noise_explains_is_taken_back() -> None:
    rng = np.random.default_rng(0)
    z = torch.from_numpy(rng.uniform(0, 20, 200_000))
    y = torch.from_numpy(rng.poisson(z.numpy()) + rng.normal(0, 1, len(z)))
    photons = Photons(1.0, 1.0)
    changed = photons.admissible(y, z) != y
    assert float(changed.double().mean()) < 1e-4
    assert float(photons.admissible(torch.tensor([1000.0]), torch.tensor([4.0]))) < 25


def test_photons_are_recognised_on_a_recording_and_help() -> None:
    rng = np.random.default_rng(0)
    truth = np.where(gaussian_filter(rng.normal(size=(112, 112)), 6) > 0.03, 60.0, 0.5)
    t = np.exp(-(np.linspace(-2, 2, 15) ** 2))
    psf = np.outer(t, t) / t.sum() ** 2
    physics = Blur.from_array(psf, truth.shape)
    clean = physics.A(torch.from_numpy(np.pad(truth, 7, mode="edge"))[None, None].float())
    y = torch.poisson(clean, generator=torch.Generator().manual_seed(1))
    plane = y[0, 0].numpy()
    noise = Independent().fitted([plane], measure([plane])).rescaled(60.0, 0.0)
    assert Photons.of(noise) is not None
    assert noise.growth is not None and noise.growth[0] == pytest.approx(1 / 60, rel=0.15)
    errors = {}
    for term in ("automatic", "poisson", "robust"):
        found = [
            float((physics.crop(x)[0, 0] * 60 - torch.from_numpy(truth)).square().mean())
            for weight in (0.03, 0.01, 0.003)
            for *_, x in [TotalVariation(data_term=term).solve(y / 60, physics, noise, 0.1, weight)]
        ]
        errors[term] = min(found)
    assert errors["automatic"] == pytest.approx(errors["poisson"], rel=0.05)
    assert errors["automatic"] < 0.9 * errors["robust"]


def test_a_solve_ends_when_it_has_settled() -> None:
    y = torch.rand(1, 1, 48, 48, generator=torch.Generator().manual_seed(0))
    physics = Blur.from_array(np.outer([1, 2, 1], [1, 2, 1]), (48, 48))
    early, late = (
        list(TotalVariation(tolerance=t).solve(y, physics, Independent(), 0.1, 0.05))
        for t in (0.005, 0.0)
    )
    assert len(early) < len(late) == 600
    assert float((early[-1] - late[-1]).norm() / late[-1].norm()) < 0.01
