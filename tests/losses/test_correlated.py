"""Losses under correlated noise: what is hidden, and what they are right about."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, uniform_filter
from torch import Tensor
from torch.nn.functional import conv2d

from napari_ssi import ImageStack, Recipe, run
from napari_ssi.background import Levels
from napari_ssi.losses._lags import LAGS, covariance, followed
from napari_ssi.losses.masked import HIDDEN, MaskedLoss
from napari_ssi.losses.r2r import R2r
from napari_ssi.losses.sure import Sure
from napari_ssi.losses.unsure import Unsure
from napari_ssi.noise.correlated import Correlated
from napari_ssi.noise.gaussian import Gaussian
from napari_ssi.physics.base import Physics
from napari_ssi.physics.blur import Blur
from napari_ssi.physics.denoising import Denoising
from napari_ssi.psf.gaussian import gaussian
from napari_ssi.quality.psnr import psnr

SHAPE = (48, 48)
SIGMA = 0.3
TENT = torch.tensor([1.0, 2.0, 3.0, 2.0, 1.0], dtype=torch.float64) / 3
BOX = torch.outer(TENT, TENT)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def model(row: float = 0.0, rho: Tensor = BOX, gain: float = 0.0) -> Correlated:
    noise = Correlated(
        sigma=SIGMA, gain=gain, row_sigma=row, column_sigma=0.0, autocorrelation=rho.tolist()
    )
    return noise.fitted([], Levels(0.0)).rescaled(1.0, 0.0)


def bound(kind: str) -> Physics:
    if kind == "blur":
        return Blur.from_array(gaussian((2.0, 2.0), (1.0, 1.0)), SHAPE)
    physics = Denoising()
    physics.bind(SHAPE, (1.0, 1.0))
    return physics


def linear(x: Tensor) -> Tensor:
    """A fixed f that follows each pixel, its neighbours unequally, and so their noise."""
    taps = torch.tensor([[0.05, -0.2, 0.1], [0.4, 0.9, 0.2], [-0.1, 0.15, 0.05]])
    return conv2d(x, taps[None, None], padding=1)


def scene(physics: Physics) -> Tensor:
    rows, columns = (torch.linspace(0, 9, n) for n in physics.object_shape(SHAPE))
    return physics.A((1.2 + 0.3 * torch.outer(rows.sin(), columns.cos()))[None, None])


def means(
    loss,
    physics: Physics,
    noise: Correlated,
    draws: int = 100,
    batch: int = 16,
    f=linear,
    told=None,
):
    """Means of the terms and of the true risk; standard error of the difference."""
    z = scene(physics)
    state = generator()
    found = []
    with torch.no_grad():
        for _ in range(draws):
            y = noise.sample(z.expand(batch, *z.shape[1:]).contiguous(), state)
            terms = loss(f, y, physics, told or noise, state)
            risk = (physics.A(f(physics.initial(y))) - z).square().mean()
            luck = (y - z).square().mean() - noise.variance(z).mean()
            fidelity, divergence = terms.values()
            found.append([float(fidelity - luck), float(divergence), float(risk)])
    table = torch.tensor(found, dtype=torch.float64)
    off = table[:, 0] + table[:, 1] - table[:, 2]
    return table.mean(0).tolist(), float(off.std()) / math.sqrt(draws)


@pytest.mark.parametrize("row", [0.0, 0.2], ids=["box", "box and rows"])
@pytest.mark.parametrize("physics", ["denoising", "blur"])
def test_sure_is_the_mean_squared_error(physics: str, row: float) -> None:
    noise = model(row)
    (fidelity, divergence, risk), error = means(Sure(), bound(physics), noise)
    assert error < 0.005 * risk
    assert fidelity + divergence == pytest.approx(risk, rel=0.02)
    assert fidelity != pytest.approx(risk, rel=0.2)
    # nor is the correction that of independent noise of the same strength
    strength = Gaussian(sigma=float(noise.variance(torch.zeros(1))) ** 0.5)

    class White(Correlated):
        def covary(self, b: Tensor, y: Tensor) -> Tensor:
            return strength.covary(b, y)

    white = White(**noise.model_dump())
    (fidelity, divergence, risk), _ = means(Sure(), bound(physics), white, draws=25)
    assert fidelity + divergence != pytest.approx(risk, rel=0.1)


@pytest.mark.parametrize("loss", [Sure, Unsure])
def test_noise_that_follows_the_light_is_as_strong_as_it_is_bright(loss) -> None:
    """The network follows pixels only where it is bright, and the noise stronger than on the whole."""
    physics, noise = bound("denoising"), model(gain=0.3).model_copy(update={"sigma": 0.1})
    z = scene(physics)
    bright = (z > 1.3).float()
    level = float(noise.variance(z).mean())
    constant = 0.0 if loss is Sure else level

    def f(x: Tensor) -> Tensor:
        return bright * linear(x) + (1 - bright) * z

    (fidelity, divergence, risk), error = means(loss(), physics, noise, f=f)
    assert error < 0.005 * risk
    assert fidelity - constant + divergence == pytest.approx(risk, rel=0.03)
    even = noise.model_copy(update={"gain": 0.0, "sigma": level**0.5})
    (fidelity, divergence, risk), _ = means(loss(), physics, noise, f=f, told=even)
    assert fidelity - constant + divergence < 0.9 * risk


@pytest.mark.parametrize("row", [0.0, 0.2], ids=["box", "box and rows"])
@pytest.mark.parametrize("physics", ["denoising", "blur"])
def test_unsure_at_the_true_covariance_is_the_mean_squared_error(physics: str, row: float) -> None:
    noise = model(row)
    unsure = Unsure()
    (fidelity, divergence, risk), error = means(unsure, bound(physics), noise)
    # it starts there, having been told, and nothing has moved it
    constant = float(noise.variance(torch.zeros(1)))
    assert error < 0.005 * risk
    assert fidelity - constant + divergence == pytest.approx(risk, rel=0.02)
    assert fidelity - constant != pytest.approx(risk, rel=0.2)
    unsure._multiplier[1:] = 0  # no neighbours
    (fidelity, divergence, risk), _ = means(unsure, bound(physics), noise, draws=25)
    assert fidelity - constant + divergence != pytest.approx(risk, rel=0.1)


def test_each_number_is_a_covariance_and_each_slope_a_derivative() -> None:
    found = covariance(model(row=0.1), torch.zeros(1, 1, 5, 20, 20)).tolist()
    expected = [SIGMA**2 * float(BOX[2 + dy, 2 + dx]) for dy, dx in LAGS]
    assert found == pytest.approx([*expected, 0.1**2, 0.0], abs=1e-6)

    def g(v: Tensor) -> Tensor:
        return linear(v.reshape(1, 1, 12, 12)).flatten()

    jacobian = torch.autograd.functional.jacobian(g, torch.zeros(144)).reshape(12, 12, 12, 12)
    y, x = torch.meshgrid(torch.arange(12), torch.arange(12), indexing="ij")
    sums = []
    for lag in LAGS:
        total = 0.0
        for dy, dx in {lag, (-lag[0], -lag[1])}:
            v, u = y + dy, x + dx
            inside = (v >= 0) & (v < 12) & (u >= 0) & (u < 12)
            total += float(jacobian[y[inside], x[inside], v[inside], u[inside]].sum())
        sums.append(total)
    sums.append(float(torch.einsum("yxyu->", jacobian)))
    sums.append(float(torch.einsum("yxvx->", jacobian)))
    probes = torch.randint(0, 2, (20_000, 1, 12, 12), generator=generator()).float() * 2 - 1
    average = followed(probes, linear(probes), lambda v: v, torch.ones(1)) / len(probes)
    assert average.tolist() == pytest.approx(sums, abs=1.0)
    assert max(sums) > 30


def test_multipliers_rise_while_neighbours_are_followed_and_stay_a_covariance() -> None:
    physics, noise = bound("denoising"), model()
    y = noise.sample(torch.ones(8, 1, *SHAPE), generator())
    unsure = Unsure(rate=0.2)
    unsure(linear, y, physics, noise, generator(1))
    assert set(unsure.estimates) == {
        "sigma_upper",
        "neighbour_correlation",
        "row_upper",
        "column_upper",
    }
    assert unsure.estimates["sigma_upper"] == pytest.approx(SIGMA)
    assert unsure.estimates["neighbour_correlation"] == pytest.approx(2 / 3, rel=1e-4)
    before = unsure._multiplier.clone()
    unsure.after_step()
    beside = LAGS.index((0, 1))
    assert unsure._multiplier[0] > before[0] and unsure._multiplier[beside] > before[beside]
    below = LAGS.index((1, 0))  # on average followed in the opposite direction
    assert unsure._multiplier[below] < before[below]
    for _ in range(100):
        unsure(lambda v: -linear(v), y, physics, noise, generator(2))
        unsure.after_step()
    eta, lags = unsure._multiplier[0], unsure._multiplier[1:]
    assert float(eta) > 0 and bool((lags.abs() <= eta).all())
    assert unsure._multiplier[-2:].tolist() == [0, 0]


@pytest.mark.parametrize("loss", [Sure, R2r])
def test_an_error_that_is_negative_belies_the_noise(loss) -> None:
    """The network gives the truth: what is left is the noise, a quarter of what it was taken for."""
    physics, told = bound("denoising"), model()
    quiet = told.model_copy(update={"sigma": SIGMA / 2})
    z = scene(physics).expand(8, 1, *SHAPE).contiguous()
    for there, expected in ((told, False), (quiet, True)):
        rated = loss()
        rated.begin(told)
        assert not rated.belied
        for seed in range(60):
            y = there.sample(z, generator(seed))
            rated(lambda v: z, y, physics, told, generator(100 + seed))
        assert rated.belied is expected
        rated.begin(told)
        assert not rated.belied


@pytest.mark.parametrize("loss", [Sure, R2r])
def test_read_noise_in_the_dark_does_not_pass_for_light(loss) -> None:
    """The model is right, and the network gives the truth: an error of nothing."""
    physics, noise = bound("denoising"), model(gain=0.5)
    z = torch.zeros(4, 1, *SHAPE)
    z[..., 36:] = 3.0
    rated = loss()
    rated.begin(noise)
    for seed in range(60):
        y = noise.sample(z, generator(seed))
        rated(lambda v: z, y, physics, noise, generator(100 + seed))
    assert not rated.belied
    assert abs(float(torch.stack(list(rated._belief._last)).mean())) < 0.15


def test_unsure_starts_at_the_typical_brightness_whatever_it_sees_first() -> None:
    physics = bound("denoising")
    plane = np.full((64, 64), 2.0, np.float32)
    told = Correlated(
        sigma=0.1, gain=0.5, row_sigma=0.5, column_sigma=0.0, autocorrelation=BOX.tolist()
    ).fitted([plane], Levels(0.0))
    for level in (0.1, 20.0):
        unsure = Unsure()
        unsure(linear, torch.full((1, 1, *SHAPE), level), physics, told, generator())
        found = unsure.estimates
        assert found["sigma_upper"] == pytest.approx((0.1**2 + 0.5 * 2) ** 0.5, rel=1e-3)
        assert found["row_upper"] == pytest.approx(0.5, rel=1e-3)
        assert found["neighbour_correlation"] == pytest.approx(2 / 3, rel=1e-3)


def test_an_upper_estimate_below_the_noise_belies_it() -> None:
    physics, noise = bound("denoising"), model()
    y = noise.sample(torch.ones(8, 1, *SHAPE), generator())
    for turn, expected in ((1, False), (-1, True)):
        unsure = Unsure(rate=0.2)
        unsure.begin(noise)
        assert not unsure.belied
        for seed in range(60):
            unsure(lambda v, turn=turn: turn * linear(v), y, physics, noise, generator(seed))
            unsure.after_step()
        assert unsure.belied is expected


@pytest.mark.parametrize("options", [{}, {"pattern": "grid"}, {"pattern": "structured"}])
@pytest.mark.parametrize("noise", [model(), model(0.2)], ids=["box", "box and rows"])
def test_all_that_share_noise_with_a_pixel_that_counts_are_hidden(noise, options) -> None:
    loss = MaskedLoss(**options)
    y = torch.rand(4, 1, 64, 64, generator=generator())
    counted, hidden = loss.draw(y, generator(1), None, noise)
    assert counted.any()
    assert not (noise.sharing(counted) & ~hidden).any()
    if options == {}:
        assert float(hidden.float().mean()) == pytest.approx(HIDDEN, abs=0.08)


def test_masking_is_the_risk_at_the_masked_input_and_the_noise() -> None:
    """With the neighbours hidden; with single pixels hidden the noise is followed, and paid for."""
    physics, z = bound("denoising"), torch.full((16, 1, *SHAPE), 1.2)
    noise, alone = model(), Gaussian(sigma=SIGMA)
    for known in (noise, alone):
        loss = MaskedLoss()
        rows = []
        for seed in range(60):
            y = noise.sample(z, generator(1000 + seed))
            (value,) = loss(linear, y, physics, known, generator(seed)).values()
            counted, hidden = loss.draw(y, generator(seed), None, known)
            risk = (linear(loss.hide(y, hidden, generator())) - z).square()[counted].mean()
            rows.append([float(value), float(risk + (y - z).square()[counted].mean())])
        value, truth = torch.tensor(rows, dtype=torch.float64).mean(0).tolist()
        if known is noise:
            assert value == pytest.approx(truth, rel=0.02)
        else:
            assert value < 0.8 * truth


def test_r2r_is_the_risk_at_its_input_and_the_noise_of_its_target() -> None:
    noise, physics, z = model(0.2), bound("denoising"), torch.full((16, 1, *SHAPE), 1.2)
    rows = []
    for seed in range(150):
        y = noise.sample(z, generator(1000 + seed))
        (value,) = R2r(alpha=0.5)(linear, y, physics, noise, generator(seed)).values()
        first, second = noise.recorrupt(y, 0.5, generator(seed))
        risk = (linear(first) - z).square().mean()
        rows.append([float(value), float(risk + (second - z).square().mean())])
    value, truth = torch.tensor(rows, dtype=torch.float64).mean(0).tolist()
    assert value == pytest.approx(truth, rel=0.02)


def filtered_scene() -> tuple[np.ndarray, np.ndarray]:
    """Discs on a smooth ground, and noise of 0.1 after a 3 x 3 box filter."""
    rng = np.random.default_rng(0)
    yy, xx = np.mgrid[:128, :128]
    x = gaussian_filter(rng.normal(size=(128, 128)), 12)
    x /= np.ptp(x)
    for _ in range(10):
        cy, cx, r = *rng.uniform(0, 128, 2), rng.uniform(4, 14)
        x += rng.uniform(0.2, 0.6) * ((yy - cy) ** 2 + (xx - cx) ** 2 < r * r)
    noise = 0.3 * uniform_filter(rng.normal(size=x.shape), 3, mode="wrap")
    return x, (x + noise).astype(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "plain"), [("noise2self", "independent"), ("unsure", "gaussian")]
)
def test_knowing_that_neighbours_share_noise_is_worth_two_decibels(method: str, plain: str) -> None:
    x, y = filtered_scene()
    scores = {}
    for noise in (plain, "correlated"):
        recipe = Recipe.create(
            method=method,
            noise=noise,
            network={"name": "unet", "params": {"channels": 8, "depth": 2}},
            training={
                "steps": 300,
                "patch": (48, 48),
                "batch": 2,
                "ensemble": False,
                "mixed": False,
            },
        )
        scores[noise] = psnr(run(recipe, ImageStack(y, "YX")).image, x)
    assert scores[plain] < psnr(y, x) + 2
    assert scores["correlated"] > scores[plain] + 2
