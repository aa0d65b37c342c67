"""Each loss states its target, and is held to it where the truth is known.

f is fixed and y drawn many times: the mean of the loss must be the risk that the loss
claims to estimate, plus the constant that it states; and must miss it without its
correction, or with its sign flipped.
"""

import itertools
import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d, conv3d

from napari_ssi import registry
from napari_ssi.losses.masked import MaskedLoss
from napari_ssi.losses.r2r import R2r
from napari_ssi.losses.sure import Sure
from napari_ssi.losses.unsure import Unsure
from napari_ssi.networks.unet import UNet
from napari_ssi.noise.base import NoiseModel
from napari_ssi.physics.base import Physics
from napari_ssi.physics.blur import Blur
from napari_ssi.physics.denoising import Denoising
from napari_ssi.psf.gaussian import gaussian

SHAPES = {2: (48, 48), 3: (12, 14, 14)}


def bound(kind: str, ndim: int) -> Physics:
    if kind == "blur":
        return Blur.from_array(gaussian((2.0,) * ndim, (1.0,) * ndim), SHAPES[ndim])
    physics = Denoising()
    physics.bind(SHAPES[ndim], (1.0,) * ndim)
    return physics


def object_(physics: Physics, ndim: int) -> Tensor:
    shape = physics.object_shape(SHAPES[ndim])
    grids = torch.meshgrid(*(torch.linspace(0, 9, n) for n in shape), indexing="ij")
    return (1.2 + 0.3 * torch.stack([(g / 3).sin() for g in grids]).prod(0))[None, None]


def model(name: str, strength: float = 1.0) -> NoiseModel:
    given = {
        "gaussian": {"sigma": 0.3 * strength},
        "poisson": {"gain": 0.05 * strength},
        "poisson_gaussian": {"gain": 0.03 * strength, "sigma": 0.15 * strength},
        "gamma": {"looks": 8.0},
    }[name]
    from napari_ssi.background import Levels

    noise = registry.find("noise", name).build(given)
    return noise.fitted([], Levels(offset=0.0)).rescaled(1.0, 0.0)


def network(kind: str, ndim: int):
    """A fixed f whose output follows each pixel strongly."""
    if kind == "linear":
        taps = torch.full((3,) * ndim, -0.6 / (3**ndim - 1))
        taps[(1,) * ndim] = 1.6  # sharpens: so that A f still follows each pixel
        convolve = conv2d if ndim == 2 else conv3d
        return lambda x: convolve(x, taps[None, None], padding=1)
    torch.manual_seed(1)
    net = UNet(channels=4, depth=1).build(SHAPES[ndim]).eval()
    with torch.no_grad():  # a network without a bias: the correction is then what matters
        shift = 0.24 + float(net(torch.full((1, 1, *SHAPES[ndim]), 1.2)).mean())
    return lambda x: 1.2 * x + net(x) - shift


def means(loss, f, physics, noise, ndim, draws, batch=16):
    """Means of the loss's terms and of the true risk at y; standard error of the difference."""
    x = object_(physics, ndim)
    z = physics.A(x)
    generator = torch.Generator().manual_seed(0)
    rows = []
    with torch.no_grad():
        for _ in range(draws):
            y = noise.sample(z.expand(batch, *z.shape[1:]).contiguous(), generator)
            terms = loss(f, y, physics, noise, generator)
            risk = (physics.A(f(physics.initial(y))) - z).square().mean()
            # of mean zero, and most of the scatter: so many draws fewer are needed
            luck = (y - z).square().mean() - noise.unbiased_variance(y).mean()
            fidelity, divergence = terms.values()
            rows.append([float(fidelity - luck), float(divergence), float(risk)])
    table = torch.tensor(rows, dtype=torch.float64)
    off = table[:, 0] + table[:, 1] - table[:, 2]
    return table.mean(0), float(off.std()) / math.sqrt(draws)


#: By blur and number of axes: so many that the standard error is well within what is asked.
DRAWS = {"denoising": {2: 30, 3: 30}, "blur": {2: 120, 3: 300}}
KNOWN = ("gaussian", "poisson", "poisson_gaussian")


def cases(noises, geometries):
    """The network under a blur takes long: by default in 2D and with one noise, for which f is no matter."""
    found = []
    for noise, (physics, ndim), f in itertools.product(noises, geometries, ("linear", "unet")):
        long = f == "unet" and physics == "blur" and (noise != "gaussian" or ndim == 3)
        marks = [pytest.mark.slow] if long else []
        found.append(pytest.param(noise, physics, ndim, f, marks=marks))
    return found


@pytest.mark.parametrize(
    ("noise", "physics", "ndim", "f"),
    cases(KNOWN, itertools.product(("denoising", "blur"), (2, 3))),
)
def test_sure_is_the_mean_squared_error(noise, physics, ndim, f):
    bound_, known = bound(physics, ndim), model(noise)
    (fidelity, divergence, risk), error = means(
        Sure(), network(f, ndim), bound_, known, ndim, DRAWS[physics][ndim]
    )
    assert error < 0.005 * float(risk)
    assert abs(divergence) > 0.2 * risk
    assert float(fidelity + divergence) == pytest.approx(float(risk), rel=0.02)
    for wrong in (fidelity, fidelity - divergence):
        assert float(wrong) != pytest.approx(float(risk), rel=0.15)


def test_the_divergence_is_that_of_automatic_differentiation():
    physics = bound("blur", 2)
    f = network("unet", 2)
    y = torch.rand(1, 1, *SHAPES[2], generator=torch.Generator().manual_seed(3))[..., :12, :12]
    physics = Blur.from_array(gaussian((2.0, 2.0), (1.0, 1.0)), (12, 12))

    def g(v: Tensor) -> Tensor:
        return physics.A(f(physics.initial(v.reshape(1, 1, 12, 12)))).flatten()

    jacobian = torch.autograd.functional.jacobian(g, y.flatten())
    noise = model("gaussian", 0.1)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        found = [
            float(Sure(step=0.01)(f, y, physics, noise, generator)["divergence"])
            for _ in range(1500)
        ]
    exact = 2 * 0.03**2 * float(jacobian.trace()) / 144
    spread = torch.tensor(found).std().item() / math.sqrt(len(found))
    assert sum(found) / len(found) == pytest.approx(exact, abs=4 * spread)
    assert spread < 0.03 * abs(exact)


@pytest.mark.parametrize("mean", [1.0, 3.0, 20.0])
def test_hudson_s_identity_and_where_its_first_order_holds(mean):
    """E[z_i g_i(y)] = E[y_i g_i(y - γ e_i)], exactly; y_i g_i - γ y_i ∂_i g_i for many photons."""
    generator = torch.Generator().manual_seed(1)
    z = (mean * (0.5 + torch.rand(8, 8, generator=generator))).double()
    noise = model("poisson")
    gain = 1.0
    taps = torch.rand(64, 64, generator=generator).double()
    taps = taps / taps.sum(1, keepdim=True) + 0.4 * torch.eye(64).double()

    def g(y: Tensor) -> Tensor:
        return (y @ taps.T / mean).tanh()

    n = 40_000
    y = torch.poisson(z.flatten().expand(n, 64), generator=generator)
    left = (z.flatten() * g(y)).mean(0)
    exact, first = torch.empty(64).double(), torch.empty(64).double()
    at = g(y)
    for i in range(64):
        moved = y.clone()
        moved[:, i] -= gain
        down = g(moved)[:, i]
        exact[i] = (y[:, i] * down).mean()
        slope = (1 - at[:, i] ** 2) * taps[i, i] / mean
        first[i] = (y[:, i] * (at[:, i] - gain * slope)).mean()
    assert float((left - exact).abs().max() / left.abs().mean()) < 0.05
    assert float((left - exact).mean().abs() / left.mean()) < 0.005
    off = float((left - first).mean().abs() / left.mean())
    assert off < (0.01 if mean >= 10 else 0.2)
    assert noise.unbiased_variance(torch.tensor([-1.0, 2.0])).tolist() == pytest.approx(
        [-0.05, 0.1]
    )


@pytest.mark.parametrize(
    ("noise", "physics", "ndim", "f"),
    cases(("gaussian", "poisson", "gamma"), [("denoising", 2), ("blur", 2), ("blur", 3)]),
)
def test_r2r_is_the_risk_at_its_input_and_the_noise_of_its_target(noise, physics, ndim, f):
    alpha = 0.5
    bound_, net = bound(physics, ndim), network(f, ndim)
    # a coarse gain, so that the photons are whole
    known = model(noise)
    x = object_(bound_, ndim)
    z = bound_.A(x)
    generator = torch.Generator().manual_seed(0)
    rows = []
    loss = R2r(alpha=alpha)
    with torch.no_grad():
        # other seeds than that of the recordings: with the same, the target would have no noise
        for seed in range(1000, 1000 + DRAWS[physics][ndim] // 2):
            y = known.sample(z.expand(16, *z.shape[1:]).contiguous(), generator)
            state = torch.Generator().manual_seed(seed)
            (value,) = loss(net, y, bound_, known, state).values()
            first, second = known.recorrupt(y, alpha, torch.Generator().manual_seed(seed))
            luck = (second - z).square().mean()
            at_first = (bound_.A(net(bound_.initial(first))) - z).square().mean()
            at_y = (bound_.A(net(bound_.initial(y))) - y).square().mean()
            rows.append([float(value), float(at_first), float(at_y), float(luck)])
    value, risk, naive, constant = torch.tensor(rows, dtype=torch.float64).mean(0).tolist()
    target_noise = {
        "gaussian": 0.3**2 / alpha,
        "poisson": 0.05 * float(z.mean()) / alpha,
        "gamma": float((z**2).mean()) * gamma_spread(8.0, alpha),
    }[noise]
    assert constant == pytest.approx(target_noise, rel=0.02)
    assert value - constant == pytest.approx(risk, rel=0.02)
    assert naive != pytest.approx(risk, rel=0.2)


def gamma_spread(looks: float, alpha: float) -> float:
    """Variance of y2 = y ω / α over z², ω ~ Beta(l α, l (1 - α)): a gamma with l α looks."""
    return 1 / (looks * alpha)


@pytest.mark.parametrize(("physics", "ndim"), [("denoising", 2), ("blur", 2), ("blur", 3)])
def test_masking_is_the_risk_at_the_masked_input_and_the_noise(physics, ndim):
    bound_, net, known = bound(physics, ndim), network("linear", ndim), model("gaussian")
    z = bound_.A(object_(bound_, ndim))
    generator = torch.Generator().manual_seed(0)
    rows = []
    loss = MaskedLoss()
    with torch.no_grad():
        for seed in range(60):
            y = known.sample(z.expand(16, *z.shape[1:]).contiguous(), generator)
            (value,) = loss(net, y, bound_, known, torch.Generator().manual_seed(seed)).values()
            counted, hidden = loss.draw(y, torch.Generator().manual_seed(seed))
            seen = loss.hide(y, hidden, generator)
            risk = (bound_.A(net(bound_.initial(seen))) - z).square()[counted].mean()
            luck = (y - z).square()[counted].mean()
            rows.append([float(value), float(risk), float(luck)])
    value, risk, constant = torch.tensor(rows, dtype=torch.float64).mean(0).tolist()
    assert constant == pytest.approx(0.3**2, rel=0.02)
    assert value - constant == pytest.approx(risk, rel=0.03)


@pytest.mark.parametrize("noise", ["gaussian", "poisson_gaussian"])
def test_unsure_is_sure_at_the_true_noise_and_follows_the_divergence(noise):
    physics, known, f = bound("blur", 2), model(noise), network("linear", 2)
    unsure = Unsure()
    z = physics.A(object_(physics, 2))
    y = known.sample(z.expand(8, *z.shape[1:]).contiguous(), torch.Generator().manual_seed(0))
    unsure(f, y, physics, known, torch.Generator().manual_seed(1))
    assert set(unsure.estimates) == {
        "sigma_upper",
        *(["gain_upper"] if noise == "poisson_gaussian" else []),
    }
    truth = [0.3**2] if noise == "gaussian" else [0.15**2, 0.03]
    unsure._multiplier = torch.tensor(truth)
    ours = unsure(f, y, physics, known, torch.Generator().manual_seed(2))
    unsure._spread = torch.tensor(float(known.unbiased_variance(y).mean()) ** 0.5)
    ours = unsure(f, y, physics, known, torch.Generator().manual_seed(2))
    sure = Sure()(f, y, physics, known, torch.Generator().manual_seed(2))
    constant = float(known.unbiased_variance(y).mean())
    assert float(sum(ours.values())) - constant == pytest.approx(
        float(sum(sure.values())), rel=1e-3
    )
    before = unsure._multiplier.clone()
    unsure.after_step()
    assert bool((unsure._multiplier > before).all())  # f follows its pixels: more is asked
    unsure(lambda x: -network("linear", 2)(x), y, physics, known, torch.Generator())
    before = unsure._multiplier.clone()
    for _ in range(40):
        unsure(lambda x: -network("linear", 2)(x), y, physics, known, torch.Generator())
        unsure.after_step()
    assert bool((unsure._multiplier < before).all())
    assert bool((unsure._multiplier >= 0).all())
    unsure.begin(known)
    assert unsure.estimates == {}


def test_unsure_starts_above_zero_where_most_pixels_are_dark():
    generator = torch.Generator().manual_seed(0)
    y = torch.poisson(torch.full((4, 1, 32, 32), 0.05), generator=generator)
    physics = Denoising()
    physics.bind((32, 32), (1.0, 1.0))
    loss = Unsure()
    loss(network("linear", 2), y, physics, model("gaussian"), generator)
    assert loss.estimates["sigma_upper"] ** 2 == pytest.approx(0.05 / 4, rel=0.6)
