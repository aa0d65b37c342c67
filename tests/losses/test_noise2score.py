"""Noise2Score: the score of a known density, and Tweedie's formula against exact posteriors."""

from __future__ import annotations

import math

import torch

from napari_ssi import registry
from napari_ssi.background import Levels
from napari_ssi.losses.noise2score import Noise2Score
from napari_ssi.noise.base import NoiseModel
from napari_ssi.physics.denoising import Denoising


def state(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def model(name: str, **params) -> NoiseModel:
    return registry.find("noise", name).build(params).fitted([], Levels(offset=0.0)).rescaled(1, 0)


def bound() -> Denoising:
    physics = Denoising()
    physics.bind((64, 64), (1.0, 1.0))
    return physics


def test_tweedie_is_the_posterior_mean_of_a_gaussian_prior():
    """x ~ N(m, t²): E[x | y] = (t² y + σ² m) / (t² + σ²)."""
    y = torch.linspace(-1, 2, 50).reshape(1, 1, 5, 10)
    m, t, sigma = 0.4, 0.3, 0.2
    score = -(y - m) / (t**2 + sigma**2)
    exact = (t**2 * y + sigma**2 * m) / (t**2 + sigma**2)
    torch.testing.assert_close(model("gaussian", sigma=sigma).tweedie(y, score), exact)


def test_tweedie_of_correlated_noise_is_the_posterior_mean_too():
    """White prior, noise of covariance Σ: E[x | y] = m + t² (t² + Σ)⁻¹ (y - m)."""
    rho = ((0.0, 0.3, 0.0), (0.2, 1.0, 0.2), (0.0, 0.3, 0.0))
    noise = model("correlated", sigma=0.2, row_sigma=0.0, column_sigma=0.0, autocorrelation=rho)
    basis = torch.eye(64).reshape(64, 1, 8, 8)
    covariance = 0.2**2 * noise.correlate(basis).reshape(64, 64).double()
    t2, m = 0.3**2, 0.4
    y = torch.rand(64, generator=state()).double()
    inverse = torch.linalg.inv(t2 * torch.eye(64).double() + covariance)
    exact = m + t2 * inverse @ (y - m)
    found = noise.tweedie(y.reshape(1, 1, 8, 8), -(inverse @ (y - m)).reshape(1, 1, 8, 8)).flatten()
    torch.testing.assert_close(found, exact, rtol=1e-5, atol=1e-6)


def test_tweedie_of_counts_and_of_speckle_is_near_the_posterior_mean():
    """Rates Gamma(a, b): n is negative binomial, E[λ | n] = (n + a) / (1 + b)."""
    a, b, gain = 20.0, 1.0, 0.05
    n = torch.arange(5.0, 40.0, requires_grad=True)
    log_p = torch.lgamma(n + a) - torch.lgamma(n + 1) - n * math.log(1 + b)
    (slope,) = torch.autograd.grad(log_p.sum(), n)
    found = model("poisson", gain=gain).tweedie(gain * n.detach(), slope / gain)
    exact = gain * (n.detach() + a) / (1 + b)
    assert float(((found - exact) / exact).abs().max()) < 0.03
    # speckle of l looks on 1/x ~ Gamma(a, b): E[1/x | y] = (l + a) / (l y + b), exactly
    looks = 8.0
    y = torch.linspace(0.3, 3, 30, requires_grad=True)
    log_p = (looks - 1) * y.log() - (looks + a) * (looks * y + b).log()
    (slope,) = torch.autograd.grad(log_p.sum(), y)
    found = model("gamma", looks=looks).tweedie(y.detach(), slope)
    torch.testing.assert_close(found, (looks * y.detach() + b) / (looks + a))


def test_its_least_loss_is_at_the_score_of_a_known_density():
    """y ~ N(m, t² + σ²): among f = y + c (m - y) the best c is σ² / (t² + σ² (1 + a²))."""
    m, t, sigma = 0.4, 0.3, 0.2
    noise = model("gaussian", sigma=sigma)
    loss = Noise2Score(most=0.3, least=0.3)
    best = sigma**2 / (t**2 + sigma**2 * (1 + 0.3**2))
    c = torch.tensor(best, requires_grad=True)
    curve, pull = [], []
    for seed in range(60):
        spread = (t**2 + sigma**2) ** 0.5
        y = m + spread * torch.randn(8, 1, 64, 64, generator=state(seed))
        loss.begin(noise)
        (value,) = loss(lambda v: v + c * (m - v), y, bound(), noise, state(1000 + seed)).values()
        (slope,) = torch.autograd.grad(value, c)
        pull.append(float(slope))
        # the loss is a parabola in c with this curvature
        curve.append(2 * (0.3 / sigma) ** 2 * (t**2 + sigma**2 * (1 + 0.3**2)))
    off = torch.tensor(pull) / torch.tensor(curve)
    error = float(off.std()) / math.sqrt(len(off))
    assert error < 0.005 * best
    assert abs(float(off.mean())) < 0.02 * best
    x = loss.once(lambda v: v + c.detach() * (m - v), y)
    torch.testing.assert_close(x, y + best * (m - y), rtol=1e-4, atol=1e-5)


def test_the_added_noise_falls_with_the_steps_and_begins_anew():
    loss, noise = Noise2Score(most=1.0, least=0.1), model("gaussian", sigma=0.2)
    y = torch.rand(1, 1, 32, 32, generator=state())
    values = []
    for _ in range(3):
        values.append(float(loss(lambda v: 0 * v, y, bound(), noise, state(1))["score"]))
        for _ in range(200):
            loss.after_step()
    assert values[0] > values[1] > values[2]  # f = 0: u - a (y + a u) / τ
    loss.begin(noise)
    assert float(loss(lambda v: 0 * v, y, bound(), noise, state(1))["score"]) == values[0]
