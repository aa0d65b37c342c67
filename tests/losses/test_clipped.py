"""SURE and UNSURE are right where the camera clips: Stein's identity for clipped noise."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from napari_ssi import registry
from napari_ssi.background import Levels
from napari_ssi.losses.sure import Sure
from napari_ssi.losses.unsure import Unsure
from napari_ssi.noise.base import NoiseModel
from napari_ssi.physics.denoising import Denoising
from napari_ssi.stein import Stein

SHAPE = (96, 96)
BOTH = Levels(0.0, low=0.0, high=1.0, low_fraction=0.1, high_fraction=0.1)
GIVEN = {
    "gaussian": {"sigma": 0.1},
    "poisson_gaussian": {"gain": 0.001, "sigma": 0.1},
}


def model(name: str, levels: Levels = BOTH) -> NoiseModel:
    return registry.find("noise", name).build(GIVEN[name]).fitted([], levels).rescaled(1.0, 0.0)


@pytest.mark.parametrize("name", GIVEN)
@pytest.mark.parametrize("z", [-0.1, 0.0, 0.05, 0.2, 0.5, 0.9, 1.0, 1.1])
def test_stein_s_identity_for_clipped_noise(name: str, z: float) -> None:
    """E (y - μ) g(y) = E σ² s(y) g'(y), for a g that bends; and with g = y the variance of what is clipped."""
    noise = model(name)
    generator = torch.Generator().manual_seed(0)
    light = torch.full((1, 1, 1500, 1500), z)
    y = noise.sample(light, generator)
    off, share = y - noise.mean(light), noise.stein_share(y, light)
    v = float(noise.variance(light).mean())
    found = v * (share * (3 * torch.cos(3 * y) + 2 * y)).mean()
    bent = torch.sin(3 * y) + y.square()
    true = (off * (bent - bent.mean())).mean()
    assert float(found) == pytest.approx(float(true), rel=0.01, abs=2e-5)
    assert float(v * share.mean()) == pytest.approx(float(off.square().mean()), rel=0.02, abs=2e-5)
    assert float(share.min()) >= 0
    assert float(share.max()) <= 1


def test_nothing_is_left_out_where_nothing_is_clipped() -> None:
    y = torch.rand(1, 1, *SHAPE)
    assert bool((model("gaussian", Levels(0.0)).stein_share(y, y) == 1).all())
    far = model("gaussian", Levels(0.0, low=-9.0, high=9.0))
    assert float(far.stein_share(y, y).min()) > 0.999


@pytest.mark.parametrize("name", ["independent", "poisson"])
@pytest.mark.parametrize("z", [0.85, 0.95, 1.05])
def test_the_other_models_know_it_as_well(name: str, z: float) -> None:
    """Independent noise as it was measured; photons at the upper end, as far as they are Gaussian."""
    rng = torch.Generator().manual_seed(0)
    light = torch.full((1, 1, 1500, 1500), z)
    levels = Levels(0.0, high=1.0, high_fraction=0.1)
    if name == "poisson":
        noise = registry.find("noise", name).build({"gain": 0.005}).fitted([], levels)
        noise = noise.rescaled(1.0, 0.0)
        y = noise.sample(light, rng)
    else:
        ramp = torch.linspace(0.2, 1.1, 192).expand(192, 192)
        shown = (ramp + 0.1 * torch.randn(ramp.shape, generator=rng)).clamp(max=1).numpy()
        noise = registry.find("noise", name).build({}).fitted([shown], levels)
        y = (light + 0.1 * torch.randn(light.shape, generator=rng)).clamp(max=1)
    off, share = y - y.mean(), noise.stein_share(y, light)
    v = 0.005 * z if name == "poisson" else 0.01
    assert v * float(share.mean()) == pytest.approx(float(off.square().mean()), rel=0.06)


def test_of_shared_noise_only_what_is_at_an_end_is_left_out() -> None:
    given = {"sigma": 0.1, "row_sigma": 0.0, "column_sigma": 0.0, "autocorrelation": [[1.0]]}
    noise = registry.find("noise", "correlated").build(given).fitted([], BOTH).rescaled(1.0, 0.0)
    y = torch.tensor([0.0, 0.01, 0.5, 0.99, 1.0]).reshape(1, 1, 1, 5)
    assert noise.stein_share(y, y).flatten().tolist() == [0, 1, 1, 1, 0]


def test_a_variance_that_is_told_is_used() -> None:
    y, z = torch.full((1, 1, 8, 8), 0.15), torch.full((1, 1, 8, 8), 0.1)
    noise = model("gaussian")
    wide = noise.stein_share(y, z, torch.full_like(y, 0.04))
    assert float(wide.max()) < float(noise.stein_share(y, z).min()) - 0.1


def light() -> Tensor:
    """From darker than the lower end to brighter than the upper one."""
    return torch.linspace(-0.1, 1.1, SHAPE[1]).expand(8, 1, *SHAPE).contiguous()


def follows(z: Tensor, noise: NoiseModel):
    """A restoration near the truth that follows each pixel by a fifth."""
    return lambda seen: z + 0.2 * (seen - noise.mean(z))


def as_if_nothing_clipped(model: NoiseModel, y: Tensor, z: Tensor, variance: Tensor | None = None):
    return torch.ones_like(y)


@pytest.mark.parametrize("name", GIVEN)
@pytest.mark.parametrize("right", [True, False])
def test_sure_is_the_error_of_what_would_be_recorded(
    name: str, right: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise, physics, z = model(name), Denoising(), light()
    physics.bind(SHAPE, (1.0, 1.0))
    f, mean = follows(z, noise), noise.mean(z)
    if not right:
        monkeypatch.setattr(type(noise), "stein_share", as_if_nothing_clipped)
    rows = []
    for seed in range(150):
        generator = torch.Generator().manual_seed(seed)
        y = noise.sample(z, generator)
        fidelity, divergence = Sure()(f, y, physics, noise, generator).values()
        # what does not depend on f, and is most of the scatter
        luck = (y - mean).square() - noise.unbiased_variance(y) * noise.stein_share(y, f(y))
        risk = (noise.mean(f(y)) - mean).square().mean()
        rows.append([float(v) for v in (fidelity - luck.mean(), divergence, risk)])
    fidelity, divergence, risk = torch.tensor(rows).mean(0).tolist()
    assert abs(divergence) > 0.2 * risk
    if right:
        assert fidelity + divergence == pytest.approx(risk, rel=0.02)
    else:
        assert fidelity + divergence != pytest.approx(risk, rel=0.15)


@pytest.mark.parametrize("name", GIVEN)
def test_unsure_is_sure_at_the_true_noise(name: str) -> None:
    noise, physics, z = model(name), Denoising(), light()
    physics.bind(SHAPE, (1.0, 1.0))
    f, generator = follows(z, noise), torch.Generator().manual_seed(0)
    y = noise.sample(z, generator)
    unsure = Unsure()
    unsure(f, y, physics, noise, generator)
    unsure._multiplier = torch.tensor([0.1**2, 0.001][: 1 + noise.grows])
    unsure._spread = torch.tensor(float(noise.unbiased_variance(y).mean()) ** 0.5)
    ours = unsure(f, y, physics, noise, torch.Generator().manual_seed(2))
    sure = Sure()(f, y, physics, noise, torch.Generator().manual_seed(2))
    assert float(ours["divergence"]) == pytest.approx(float(sure["divergence"]), rel=0.01)


@pytest.mark.parametrize("name", GIVEN)
def test_so_is_the_estimate_that_chooses(name: str) -> None:
    """Between two restorations: the difference of their errors."""
    noise, z = model(name), light()[:1]
    close, mean = follows(z, noise), noise.mean(z)
    rows = []
    for seed in range(60):
        generator = torch.Generator().manual_seed(seed)
        y = noise.sample(z, generator)
        stein = Stein(y, noise, generator, doubt=1.0)
        predictions = torch.cat([close(part[None]) for part in stein.data])
        still = z.expand_as(predictions)
        found = (stein.losses(predictions) - stein.losses(still)).mean()
        # what was recorded is the same for both
        true = (noise.mean(predictions[:1]) - mean).square().mean()
        rows.append([float(found), float(true)])
    found, true = torch.tensor(rows).mean(0).tolist()
    assert found == pytest.approx(true, rel=0.06)
