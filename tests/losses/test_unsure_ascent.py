"""Dual ascent of η and γ: whatever the brightnesses are, the variance curve is found in few steps."""

import pytest
import torch

from napari_ssi.background import Levels
from napari_ssi.losses.unsure import Unsure, _nearest
from napari_ssi.noise.poisson_gaussian import PoissonGaussian
from napari_ssi.physics.denoising import Denoising


@pytest.mark.parametrize(
    ("darkest", "brightest"), [(0.02, 1.0), (0.45, 0.55), (5.0, 6.0)], ids=["wide", "even", "high"]
)
@pytest.mark.parametrize("start", [(0.16, 4.0), (4.0, 0.25), (0.25, 0.25)])
def test_the_curve_is_found_from_a_start_four_times_off(darkest, brightest, start) -> None:
    floor, gain = 0.0025, 0.02
    z = torch.linspace(darkest, brightest, 64).expand(1, 1, 64, 64)
    noise = PoissonGaussian(gain=gain * start[1], sigma=(floor * start[0]) ** 0.5)
    noise = noise.fitted([], Levels(offset=0.0)).rescaled(1.0, 0.0)
    physics = Denoising()
    physics.bind((64, 64), (1.0, 1.0))
    loss = Unsure()
    loss(lambda x: x, z, physics, noise, torch.Generator().manual_seed(0))
    assert loss.estimates["gain_upper"] == pytest.approx(gain * start[1], rel=1e-3)
    true = floor + gain * z
    for _ in range(400):
        loss(lambda x: x, z, physics, noise, torch.Generator().manual_seed(0))  # measures anew
        # the network that is the best for its multipliers follows a pixel by 1 - v / true
        assert loss._multiplier is not None
        left = 1 - (loss._multiplier[0] + loss._multiplier[1] * z) / true
        loss._seen = torch.stack([left.mean(), (left * z).mean()])
        loss.after_step()
    eta, gamma = loss.estimates["sigma_upper"] ** 2, loss.estimates["gain_upper"]
    assert min(eta, gamma) >= 0
    assert float(((eta + gamma * z) / true - 1).abs().max()) < 0.05


def test_what_would_be_negative_is_0_and_the_other_makes_up_for_it() -> None:
    metric = torch.tensor([[2.0, 1.0], [1.0, 3.0]])
    grid = torch.cartesian_prod(torch.linspace(0, 4, 401), torch.linspace(0, 4, 401))
    for point in ([-1.0, 2.0], [2.0, -1.0], [-1.0, -1.0], [1.0, 2.0], [-3.0, 0.5]):
        off = grid - torch.tensor(point)
        best = grid[(off @ metric * off).sum(1).argmin()]
        found = _nearest(torch.tensor(point), metric)
        assert found.tolist() == pytest.approx(best.tolist(), abs=0.011)


def test_no_gain_is_sought_where_the_recording_shows_none() -> None:
    """Of one brightness γ could be anything; η is then all the variance."""
    noise = PoissonGaussian(gain=0.0, sigma=0.3).fitted([], Levels(offset=0.0)).rescaled(1.0, 0.0)
    physics = Denoising()
    physics.bind((48, 48), (1.0, 1.0))
    generator = torch.Generator().manual_seed(0)
    y = 5 + 0.3 * torch.randn(4, 1, 48, 48, generator=generator)
    loss = Unsure()
    for _ in range(3):
        loss(lambda seen: 0.5 * seen, y, physics, noise, generator)
        loss.after_step()
    assert set(loss.estimates) == {"sigma_upper"}
    assert loss.estimates["sigma_upper"] == pytest.approx(0.3, rel=0.1)
