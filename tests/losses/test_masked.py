"""Masked losses: no leak, the right expectation, the right masks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_ssi import registry
from napari_ssi.errors import InputError
from napari_ssi.losses._masks import grid_mask, random_mask, replaced, replaced_randomly, widened
from napari_ssi.losses.masked import MaskedLoss
from napari_ssi.networks.unet import UNet
from napari_ssi.networks.unrolled import Unrolled
from napari_ssi.noise.independent import Independent
from napari_ssi.physics.blur import Blur
from napari_ssi.physics.denoising import Denoising

VARIANTS = [
    {},
    {"pattern": "grid"},
    {"pattern": "structured", "reach": (0, 2)},
    {"replacement": "random"},
    {"density": 0.4},
]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


NETWORKS = [UNet(channels=4, depth=2), Unrolled(channels=4, iterations=2)]


def physics_for(shape: tuple[int, ...], kind: str):
    if kind == "denoising":
        return Denoising()
    rng = np.random.default_rng(1)
    return Blur.from_array(rng.random((5, 4, 3)[-len(shape) :]), shape)


@pytest.mark.parametrize("kind", ["denoising", "blur"])
@pytest.mark.parametrize("shape", [(24, 31), (5, 12, 17)])
@pytest.mark.parametrize("options", VARIANTS)
@pytest.mark.parametrize("settings", NETWORKS)
def test_hidden_pixels_do_not_reach_their_own_prediction(kind, shape, options, settings):
    """Design section 8: change y_J at will, (A f(m_J(y)))_J is the same to the bit."""
    loss = MaskedLoss(**options)
    physics = physics_for(shape, kind)
    torch.manual_seed(0)
    network = settings.build(physics.object_shape(shape))
    network.under(physics)
    y = torch.rand(2, 1, *shape, generator=generator())
    counted, hidden = loss.draw(y, generator(3))
    other = torch.where(hidden, 1e3 * torch.rand(y.shape, generator=generator(4)), y)
    assert not torch.equal(other, y)

    def predicted(v):
        seen = loss.hide(v, hidden, generator(5))
        return physics.A(network(physics.initial(seen)))[counted]

    with torch.no_grad():
        assert torch.equal(predicted(y), predicted(other))


@pytest.mark.parametrize("options", [*VARIANTS, {"density": 0.0}])
@pytest.mark.parametrize("settings", NETWORKS)
def test_held_out_pixels_do_not_reach_the_loss(options, settings):
    loss = MaskedLoss(**options)
    y = torch.rand(1, 1, 32, 32, generator=generator())
    held = torch.rand(y.shape, generator=generator(1)) < 0.05
    other = torch.where(held, y + 100, y)
    physics = physics_for((32, 32), "blur")
    network = settings.build((36, 35))
    network.under(physics)

    def value(v):
        return loss(network, v, physics, Independent(), generator(2), held)["masked"]

    assert torch.equal(value(y), value(other))
    without = loss(network, y, physics, Independent(), generator(2))["masked"]
    assert not torch.equal(value(y), without)


def test_expectation_is_the_true_error_plus_the_noise():
    """E[loss] = E‖(A f(m_J(y)))_J − (A x)_J‖² + σ² for a fixed f and known x."""
    torch.manual_seed(0)
    sigma = 0.3
    physics = physics_for((31, 32), "blur")
    x = torch.rand(1, 1, *physics.object_shape((31, 32)), generator=generator())
    clean = physics.A(x)

    def f(seen):  # a linear filter that strongly uses the pixel itself
        return 0.7 * seen + 0.1 * seen.roll(1, -1)

    loss = MaskedLoss(density=0.2)
    values, truths = [], []
    for seed in range(200):
        y = clean + sigma * torch.randn(clean.shape, generator=generator(10_000 + seed))
        values.append(float(loss(f, y, physics, Independent(), generator(seed))["masked"]))
        counted, hidden = loss.draw(y, generator(seed))
        z = physics.A(f(physics.initial(loss.hide(y, hidden, generator(seed)))))
        truths.append(float((z - clean)[counted].square().mean()))
    assert np.mean(values) == pytest.approx(np.mean(truths) + sigma**2, rel=0.02)


def test_without_masking_copying_the_noise_costs_nothing():
    y = torch.rand(1, 1, 32, 32, generator=generator())

    def value(density):
        loss = MaskedLoss(density=density)
        return float(loss(lambda seen: seen, y, Denoising(), Independent(), generator(3))["masked"])

    assert value(0) == 0
    assert value(0.1) == pytest.approx(1 / 12 * 9 / 8, rel=0.3)  # uniform pixels, mean of eight


def test_replacement_is_the_mean_of_the_visible_neighbours():
    y = torch.arange(25.0).reshape(1, 1, 5, 5)
    hidden = torch.zeros(1, 1, 5, 5, dtype=torch.bool)
    hidden[0, 0, 2, 2] = hidden[0, 0, 2, 3] = True
    seen = replaced(y, hidden)
    around = [6, 7, 8, 11, 16, 17, 18]  # the eight neighbours of 12 without the hidden 13
    assert float(seen[0, 0, 2, 2]) == pytest.approx(np.mean(around))
    assert torch.equal(seen[~hidden], y[~hidden])


def test_replacement_finds_something_in_a_large_hole():
    y = torch.full((1, 1, 64, 64), 7.0)
    hidden = torch.ones(1, 1, 64, 64, dtype=torch.bool)
    hidden[..., 0, 0] = False
    assert torch.allclose(replaced(y, hidden), y)


def test_random_replacement_takes_values_that_are_there():
    y = torch.rand(1, 1, 40, 40, generator=generator())
    hidden = random_mask(y, 0.05, generator(1))
    seen = replaced_randomly(y, hidden, 2, generator(2))
    assert torch.equal(seen[~hidden], y[~hidden])
    taken = torch.isin(seen[hidden], y[~hidden]).float().mean()
    assert taken > 0.9


def test_densities():
    y = torch.zeros(4, 1, 96, 96)
    assert random_mask(y, 0.1, generator()).float().mean() == pytest.approx(0.1, abs=0.01)
    assert grid_mask(y, 0.0625, generator()).float().mean() == pytest.approx(1 / 16, abs=0.01)
    one = torch.zeros(1, 1, 9, 9, dtype=torch.bool)
    one[0, 0, 4, 4] = True
    assert widened(one, (0, 2)).nonzero()[:, 3].tolist() == [2, 3, 4, 5, 6]


def test_names_and_their_settings():
    known = registry.entries("loss")
    assert known["ssi"].build().density > 0.02
    assert known["noise2void"].build().density < 0.01
    assert known["noise2void"].build().replacement == "random"
    assert "without blur" in known["noise2self"].refusal(physics="blur", noise="independent")
    assert known["ssi"].refusal(physics="blur", noise="independent") == ""


@pytest.mark.parametrize("shape", [(1, 16, 16), (2, 9, 12), (5, 16, 16)])
def test_replacement_in_stacks_thinner_than_the_neighbourhood(shape):
    y = torch.full((1, 1, *shape), 3.0)
    masked = torch.ones_like(y, dtype=torch.bool)
    masked[..., ::8] = False
    y[masked] = 1e6
    assert torch.allclose(replaced(y, masked), torch.tensor(3.0))


@pytest.mark.parametrize("reach", [(-1,), (1, 2, 3, 4)])
def test_an_impossible_reach_is_refused(reach):
    with pytest.raises(InputError, match="'reach' parameter"):
        MaskedLoss.from_params({"pattern": "structured", "reach": reach})
