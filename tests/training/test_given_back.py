"""Detail in the residual of a denoiser comes back, noise does not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_ssi import ImageStack, Recipe, run
from napari_ssi.background import Levels
from napari_ssi.noise.correlated import Correlated
from napari_ssi.noise.gaussian import Gaussian
from napari_ssi.noise.poisson import Poisson
from napari_ssi.training.given_back import given_back, weights

SIGMA = 0.1


def error(a: Tensor, b: Tensor) -> float:
    return float((a - b).square().mean())


def scene(shape: tuple[int, ...] = (128, 128)) -> tuple[Tensor, Tensor, Tensor]:
    """Truth, recording, and an estimate that misses the texture on the left half."""
    random = torch.Generator().manual_seed(0)
    x = torch.full((1, 1, *shape), 0.5)
    f = x.clone()
    half = shape[-1] // 2
    x[..., :half] += 0.2 * torch.randn(x[..., :half].shape, generator=random)
    y = x + SIGMA * torch.randn(x.shape, generator=random)
    return x, y, f


@pytest.mark.parametrize("shape", [(128, 128), (24, 48, 48)])
def test_the_error_is_nearly_that_of_the_best_linear_combination(shape: tuple[int, ...]) -> None:
    x, y, f = scene(shape)
    residual = (y - f).double().numpy()
    none = np.zeros(residual.shape, bool)
    share = weights(residual, np.full(residual.shape, SIGMA**2), 0.0, none, none)
    better = f + torch.from_numpy(share * residual)
    half = shape[-1] // 2
    m, v = 0.2**2, SIGMA**2
    best = m * v / (m + v)
    assert 0.95 * best < error(better[..., : half - 8], x[..., : half - 8]) < 1.1 * best
    assert error(better[..., half + 16 :], x[..., half + 16 :]) < 0.01 * v


def test_noise_that_is_a_tenth_stronger_than_known_does_not_come_back() -> None:
    x, y, f = scene()
    better, _ = given_back(f, y, Gaussian(sigma=SIGMA / 1.05))
    assert error(better[..., 80:], x[..., 80:]) < 0.02 * SIGMA**2


@pytest.mark.parametrize("mean", [0.05, 1.0, 30.0])
def test_few_photons_do_not_pass_for_detail(mean: float) -> None:
    z = torch.full((1, 1, 128, 128), mean)
    y = torch.poisson(z, generator=torch.Generator().manual_seed(0))
    noise = Poisson(gain=1.0).fitted([y[0, 0].numpy()], Levels(0.0))
    better, _ = given_back(z, y, noise)
    assert error(better, z) < 0.02 * mean


def test_hot_pixels_do_not_come_back_nor_the_noise_beside_them() -> None:
    x, y, f = scene()
    y[0, 0, 40::16, 96] += 3.0
    better, _ = given_back(f, y, Gaussian(sigma=SIGMA))
    assert torch.equal(better[0, 0, 40::16, 96], f[0, 0, 40::16, 96])
    assert error(better[..., 80:], x[..., 80:]) < 0.01 * SIGMA**2


def test_what_was_not_measured_has_no_part_and_stays_as_it_was_estimated() -> None:
    _, y, f = scene()
    missing = torch.zeros(y.shape, dtype=torch.bool)
    missing[..., ::3, ::2] = True
    residual = (y - f).double().numpy()
    v, lost = np.full(residual.shape, SIGMA**2), missing.numpy()
    odd = np.zeros(residual.shape, bool)
    share = weights(residual, v, 0.0, odd, lost)
    assert share.mean() > 0.2 and not share[lost].any()
    residual[lost] = 7.0
    assert np.array_equal(weights(residual, v, 0.0, odd, lost), share)


def test_nothing_is_changed_in_place() -> None:
    _, y, f = scene()
    before = y.clone(), f.clone()
    given_back(f, y, Gaussian(sigma=SIGMA))
    assert torch.equal(y, before[0]) and torch.equal(f, before[1])


def test_shared_noise_gives_nothing_back() -> None:
    _, y, f = scene()
    shared = Correlated().fitted([y[0, 0].numpy()], Levels(0.0))
    assert given_back(f, y, shared) == (f, 0.0)


def test_noise_of_another_kind_than_stated_does_not_come_back() -> None:
    """Photon noise, bright in one half, stated as Gaussian noise of its dark half."""
    z = torch.full((1, 1, 128, 128), 20.0)
    z[..., 64:] = 400.0
    y = torch.poisson(z, generator=torch.Generator().manual_seed(0))
    better, _ = given_back(z, y, Gaussian(sigma=20**0.5))
    assert error(better, z) < 0.01 * error(y, z)


@pytest.mark.parametrize("noise", [{"name": "independent"}, {"name": "gaussian"}])
def test_a_recording_with_little_noise_is_made_better_not_worse(noise: dict[str, object]) -> None:
    """Detail that nothing predicts in one corner, brightness from even parts to tell the noise by."""
    random = np.random.default_rng(0)
    x = np.linspace(50, 150, 96) + np.zeros((96, 1))
    x[:32, :32] += np.kron(random.normal(0, 30, (16, 16)), np.ones((2, 2)))
    y = x + random.normal(0, 2, x.shape)
    recipe = Recipe.create(method="noise2self", noise=noise, training={"steps": 15})
    result = run(recipe, ImageStack(y.astype(np.float32), "YX"))
    assert np.mean((result.image - x) ** 2) < np.mean((y - x) ** 2)
    assert any("was given back" in note for note in result.notes)
