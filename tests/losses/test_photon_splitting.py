"""Photon splitting: two independent Poisson recordings, exactly, and the risk at the first."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import chisquare, poisson
from torch import Tensor
from torch.nn.functional import conv2d

from napari_ssi import Recipe, run
from napari_ssi.background import Levels
from napari_ssi.io import read
from napari_ssi.losses.photon_splitting import PhotonSplitting
from napari_ssi.noise.poisson import Poisson
from napari_ssi.physics.base import Physics
from napari_ssi.physics.blur import Blur
from napari_ssi.physics.denoising import Denoising
from napari_ssi.psf.gaussian import gaussian

SHAPE = (48, 48)


def model(gain: float, offset: float = 0.0) -> Poisson:
    return Poisson(gain=gain).fitted([], Levels(offset=offset)).rescaled(1.0, 0.0)


def state(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("alpha", [0.5, 0.2])
def test_the_halves_are_independent_poisson_variables(alpha: float) -> None:
    gain, offset, rate = 2.0, 100.0, 3.0
    noise = model(gain, offset)
    y = noise.sample(torch.full((60_000,), offset + gain * rate), state())
    first, second = noise.split_photons(y, alpha, state(1))
    torch.testing.assert_close((1 - alpha) * first + alpha * second, y)
    a = ((first - offset) * (1 - alpha) / gain).numpy()
    b = ((second - offset) * alpha / gain).numpy()
    assert np.abs(a - a.round()).max() < 1e-3  # whole photons
    for counts, mean in ((a.round(), rate * (1 - alpha)), (b.round(), rate * alpha)):
        top = int(poisson.ppf(0.999, mean))
        seen = np.bincount(counts.astype(int).clip(max=top + 1), minlength=top + 2)
        expected = poisson.pmf(np.arange(top + 1), mean)
        expected = len(counts) * np.append(expected, 1 - expected.sum())
        assert chisquare(seen, expected).pvalue > 1e-3
    assert abs(np.corrcoef(a, b)[0, 1]) < 4 / math.sqrt(len(a))


def test_of_a_photon_counter_the_gain_need_not_be_exact() -> None:
    """Whole counts are found again, and neither half is rescaled."""
    y = torch.poisson(torch.full((100_000,), 1.5), generator=state())
    first, second = model(1.05).split_photons(y, 0.5, state(1))
    assert float((first / 2 - (first / 2).round()).abs().max()) < 1e-4
    assert float(first.mean()) == pytest.approx(1.5, rel=0.015)
    assert abs(np.corrcoef(first.numpy(), second.numpy())[0, 1]) < 4 / math.sqrt(len(y))


def sharpening(x: Tensor) -> Tensor:
    taps = torch.full((3, 3), -0.6 / 8)
    taps[1, 1] = 1.6
    return conv2d(x, taps[None, None], padding=1)


@pytest.mark.parametrize("kind", ["denoising", "blur"])
def test_its_mean_is_the_risk_at_its_input_and_the_noise_of_its_target(kind: str) -> None:
    alpha, gain = 0.5, 0.05
    physics: Physics = Denoising()
    if kind == "blur":
        physics = Blur.from_array(gaussian((2.0, 2.0), (1.0, 1.0)), SHAPE)
    noise, loss = model(gain), PhotonSplitting(alpha=alpha)
    rows, columns = (torch.linspace(0, 9, n) for n in physics.object_shape(SHAPE))
    z = physics.A((1.2 + 0.3 * torch.outer(rows.sin(), columns.cos()))[None, None])
    draws, found = state(), []
    with torch.no_grad():
        for seed in range(40):
            y = noise.sample(z.expand(16, *z.shape[1:]).contiguous(), draws)
            (value,) = loss(sharpening, y, physics, noise, state(seed)).values()
            first, second = loss.pair(noise, y, state(seed))
            risk = (physics.A(sharpening(physics.initial(first))) - z).square().mean()
            luck = (second - z).square().mean()
            naive = (physics.A(sharpening(physics.initial(y))) - y).square().mean()
            found.append([float(v) for v in (value, risk, luck, naive)])
    table = torch.tensor(found, dtype=torch.float64)
    value, risk, luck, naive = table.mean(0).tolist()
    error = float((table[:, 0] - table[:, 1] - table[:, 2]).std()) / math.sqrt(len(table))
    assert error < 0.005 * risk
    assert luck == pytest.approx(gain * float(z.mean()) / alpha, rel=0.02)
    assert value - luck == pytest.approx(risk, rel=0.02)
    assert naive != pytest.approx(risk, rel=0.2)  # both sides the same photons


def test_photons_of_a_real_photon_counter(shared_data) -> None:
    """Lines of an Argolight slide, at most 8 photons a pixel."""
    stack = read(shared_data / "B" / "confocal_grid" / "grid_1AU.tif")
    y = torch.from_numpy(stack.data[10].astype(np.float32))
    first, second = model(1.0).split_photons(y, 0.5, state())
    a, b = first.numpy() / 2, second.numpy() / 2
    np.testing.assert_allclose(a + b, y.numpy(), atol=1e-5)
    np.testing.assert_allclose(a, a.round(), atol=1e-5)
    # each half has half of the light, to the scatter of the photons
    assert abs(a.sum() - b.sum()) < 4 * math.sqrt(float(y.sum()))


@pytest.mark.slow
def test_it_denoises_a_real_photon_counter(shared_data) -> None:
    from dataclasses import replace

    from napari_ssi.photon_check import check_by_photons

    stack = read(shared_data / "B" / "confocal_grid" / "grid_1AU.tif")
    plane = replace(stack, data=stack.data[10], axes="YX", pixel_size=(0.022, 0.022))
    noise = {"name": "poisson", "params": {"gain": 1.0}}
    recipe = Recipe.create(
        method="photon_splitting", noise=noise, training={"steps": 150}, levels={"offset": 0.0}
    )
    assert np.isfinite(run(recipe, plane).image).all()
    found = check_by_photons(recipe, plane)
    assert found.error + 3 * found.standard_error < 0.3 * found.input_error
