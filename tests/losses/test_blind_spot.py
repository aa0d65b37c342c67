"""Blind spot: the loss is the risk and the noise; the network comes by itself."""

from __future__ import annotations

import math

import pytest
import torch

from napari_ssi import Recipe, registry
from napari_ssi.errors import InputError
from napari_ssi.losses.blind_spot import BlindSpotLoss
from napari_ssi.networks.blind_spot import BlindSpot
from napari_ssi.noise.correlated import Correlated
from napari_ssi.physics.denoising import Denoising

ALONG_X = ((0.0, 0.0, 0.0), (0.4, 1.0, 0.4), (0.0, 0.0, 0.0))


@pytest.mark.parametrize("theta", [0.0, 0.5])
def test_its_mean_is_the_risk_and_the_noise_and_misses_it_with_a_seeing_network(theta):
    sigma, generator = 0.3, torch.Generator().manual_seed(0)
    noise = Correlated(
        sigma=sigma,
        row_sigma=0.0,
        column_sigma=0.0,
        autocorrelation=ALONG_X if theta else ((1.0,),),
    )
    physics = Denoising()
    physics.bind((40, 40), (1.0, 1.0))
    torch.manual_seed(1)
    blind = BlindSpot(channels=4).build((40, 40))
    blind.apart(noise.extent(2))
    grid = torch.linspace(0, 9, 40)
    z = (1.2 + 0.3 * torch.outer(grid.sin(), grid.cos()))[None, None]
    for f, holds in ((blind, True), (lambda v: 0.5 * v + blind(v), False)):
        rows = []
        with torch.no_grad():
            for _ in range(40):
                white = torch.randn(8, 1, 40, 41, generator=generator)
                shared = (white[..., 1:] + theta * white[..., :-1]) / math.sqrt(1 + theta**2)
                y = z + sigma * shared
                (value,) = BlindSpotLoss()(f, y, physics, noise, generator).values()
                risk = (f(y) - z).square().mean()
                luck = (y - z).square().mean()
                rows.append([float(value), float(risk), float(luck)])
        table = torch.tensor(rows, dtype=torch.float64)
        value, risk, luck = table.mean(0).tolist()
        error = float((table[:, 0] - table[:, 1] - table[:, 2]).std()) / math.sqrt(40)
        assert error < 0.005 * risk
        assert luck == pytest.approx(sigma**2, rel=0.02)
        assert (abs(value - luck - risk) < 0.02 * risk) == holds


def test_the_network_comes_by_itself_and_another_is_refused():
    assert Recipe.create(method="blind_spot").network.name == "blind_spot"
    assert Recipe.create(method="noise2self").network.name == "unet"
    with pytest.raises(InputError, match="needs the network blind_spot; the recipe has unet"):
        Recipe.create(method="blind_spot", network="unet")
    assert registry.network_for("blind_spot") == "blind_spot"
