"""What every noise model in the registry must do, as far as it says that it can."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from napari_ssi import registry
from napari_ssi.background import Levels
from napari_ssi.errors import InputError
from napari_ssi.noise._line import line
from napari_ssi.noise._scatter import scatter
from napari_ssi.noise.base import NoiseModel
from napari_ssi.noise.gamma import Gamma
from napari_ssi.noise.gaussian import Gaussian
from napari_ssi.noise.independent import Independent
from napari_ssi.noise.poisson import Poisson
from napari_ssi.noise.poisson_gaussian import PoissonGaussian

OFFSET = 100.0
GIVEN: dict[str, dict[str, Any]] = {
    "independent": {},
    "gaussian": {"sigma": 3.0},
    "poisson": {"gain": 2.0},
    "poisson_gaussian": {"gain": 2.0, "sigma": 3.0},
    "gamma": {"looks": 4.0},
    # shared by neighbouring rows and along columns only: the draws of a brightness are independent
    "correlated": {
        "sigma": 3.0,
        "row_sigma": 0.0,
        "column_sigma": 1.0,
        "autocorrelation": [[0.0, 0.4, 0.0], [0.0, 1.0, 0.0], [0.0, 0.4, 0.0]],
    },
}
CAPABLE = {
    "sample": {"gaussian", "poisson", "poisson_gaussian", "gamma", "correlated"},
    "variance": {"gaussian", "poisson", "poisson_gaussian", "gamma", "correlated"},
    "log_likelihood": {"gaussian", "poisson", "poisson_gaussian", "gamma", "correlated"},
    "recorrupt": {"gaussian", "poisson", "gamma", "correlated"},
}
DRAWS = 100_000
ANY = [np.zeros((32, 32), np.float32)]


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def model(name: str, levels: Levels | None = None) -> NoiseModel:
    built: NoiseModel = registry.find("noise", name).build(GIVEN[name])
    return built.fitted(ANY, levels or Levels(OFFSET))


def light() -> Tensor:
    """Some brightnesses, many draws of each."""
    levels = OFFSET + torch.tensor([0.5, 3.0, 20.0, 150.0], dtype=torch.float64)
    return levels[:, None].expand(-1, DRAWS)


def assert_mean(values: Tensor, expected: Tensor, *, errors: float = 4.5) -> None:
    """Means along the draws, within so many standard errors."""
    error = values.std(1) / math.sqrt(values.shape[1])
    off = ((values.mean(1) - expected) / error).abs().max()
    assert off < errors, f"{off:.1f} standard errors off"


def calls(noise: NoiseModel) -> dict[str, object]:
    z = light()[:, :4]
    return {
        "sample": lambda: noise.sample(z, random()),
        "variance": lambda: noise.variance(z),
        "log_likelihood": lambda: noise.log_likelihood(z, z),
        "recorrupt": lambda: noise.recorrupt(z, 0.3, random()),
    }


def test_every_model_of_the_registry_is_tested_here() -> None:
    assert set(GIVEN) == set(registry.entries("noise"))


@pytest.mark.parametrize("name", GIVEN)
@pytest.mark.parametrize("ability", CAPABLE)
def test_what_a_model_cannot_do_it_refuses_in_one_sentence(name: str, ability: str) -> None:
    call = calls(model(name))[ability]
    if name in CAPABLE[ability]:
        call()
        return
    with pytest.raises(InputError, match=r"^The noise model \w+ cannot .*; choose another"):
        call()


@pytest.mark.parametrize("name", sorted(CAPABLE["sample"]))
@pytest.mark.parametrize("ends", [(None, None), (None, 180.0)], ids=["whole", "saturating"])
def test_samples_have_the_mean_and_the_variance(name: str, ends: tuple) -> None:
    noise = model(name, Levels(OFFSET, *ends))
    z = light()
    y = noise.sample(z, random())
    assert y.dtype == z.dtype
    assert y.shape == z.shape
    if ends[1] is None:
        assert_mean(y, noise.mean(z)[:, 0])
        assert_mean((y - z) ** 2, noise.variance(z)[:, 0])
    else:
        assert float(y.max()) == 180.0
        middle = y[3].mean()  # 250 before clipping at 180
        assert middle == pytest.approx(float(noise.mean(z)[3, 0]), abs=3.5)
        assert_mean(y[:3], noise.mean(z)[:3, 0])


@pytest.mark.parametrize("name", GIVEN)
def test_what_looks_clipped_may_be_declared_not_to_be(name: str) -> None:
    levels = Levels(OFFSET, OFFSET, 180.0, 0.3, 0.1)
    z = torch.linspace(OFFSET, 180.0, 9)
    clipped, plain = (
        registry.find("noise", name).build(GIVEN[name] | {"model_clipping": on}).fitted(ANY, levels)
        for on in (True, False)
    )
    torch.testing.assert_close(plain.mean(z), z)
    assert (
        name == "independent" or (clipped.mean(z) - z)[-1] < -0.1
    )  # ANY says nothing of its noise


@pytest.mark.parametrize("name", ["gaussian", "poisson_gaussian"])
def test_dark_places_that_clip_are_brighter_in_the_mean(name: str) -> None:
    noise = model(name, Levels(OFFSET, low=OFFSET))
    z = torch.full((1, DRAWS), OFFSET, dtype=torch.float64)
    assert float(noise.mean(z)[0, 0]) == pytest.approx(OFFSET + 3 / math.sqrt(2 * math.pi))
    assert_mean(noise.sample(z, random()), noise.mean(z)[:, 0])


@pytest.mark.parametrize("name", sorted(CAPABLE["sample"]))
def test_rescaling_commutes(name: str) -> None:
    noise = model(name, Levels(OFFSET, high=200.0))
    scaled = noise.rescaled(50.0, OFFSET)
    z = light()[:, :1000]
    moved = (z - OFFSET) / 50
    assert torch.allclose(scaled.mean(moved) * 50 + OFFSET, noise.mean(z))
    assert torch.allclose(scaled.variance(moved) * 2500, noise.variance(z))
    drawn = scaled.sample(moved, random()) * 50 + OFFSET
    assert torch.allclose(drawn, noise.sample(z, random()))
    if name in CAPABLE["recorrupt"]:
        y = noise.sample(z, random(1))
        pairs = (
            scaled.recorrupt((y - OFFSET) / 50, 0.2, random()),
            noise.recorrupt(y, 0.2, random()),
        )
        for a, b in zip(*pairs, strict=True):
            assert torch.allclose(a * 50 + OFFSET, b)
    # the light begins at zero now, and the sentence still speaks of the recording
    dark = torch.zeros(1, dtype=torch.float64)
    floor = sum(value**2 for key, value in GIVEN[name].items() if key.endswith("sigma"))
    assert scaled.variance(dark) * 2500 == pytest.approx(floor)
    assert scaled.describe() == noise.describe()


@pytest.mark.parametrize("name", sorted(CAPABLE["recorrupt"]))
@pytest.mark.parametrize("alpha", [0.15, 0.5])
def test_recorruption_makes_two_independent_recordings(name: str, alpha: float) -> None:
    noise = model(name)
    z = light()
    y = noise.sample(z, random())
    first, second = noise.recorrupt(y, alpha, random(1))
    assert torch.allclose((1 - alpha) * first + alpha * second, y)
    assert_mean(first, z[:, 0])
    assert_mean(second, z[:, 0])
    assert_mean((first - z) * (second - z), torch.zeros(4, dtype=z.dtype))
    # not one without noise and one with all of it
    assert bool((first.var(1) > y.var(1)).all())
    assert bool((second.var(1) > y.var(1)).all())


def test_independence_is_seen_to_fail_with_the_wrong_strength() -> None:
    z = light()
    y = model("gaussian").sample(z, random())
    first, second = Gaussian(sigma=2.0).recorrupt(y, 0.5, random(1))
    with pytest.raises(AssertionError, match="standard errors off"):
        assert_mean((first - z) * (second - z), torch.zeros(4, dtype=z.dtype))


def test_parts_of_photons_are_rounded_without_bias() -> None:
    noise = Poisson(gain=2.0)
    y = torch.full((1, DRAWS), 2 * 0.3, dtype=torch.float64)
    first, second = noise.recorrupt(y, 0.5, random())
    assert_mean((first + second) / 2, y[:, 0])
    below, _ = noise.recorrupt(-y, 0.5, random())
    assert not below.any()


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, 1.5])
def test_a_share_out_of_range_is_refused(alpha: float) -> None:
    with pytest.raises(InputError, match=r"^The share alpha must be between 0 and 1\. Got"):
        Gaussian(sigma=1.0).recorrupt(torch.zeros(3), alpha, random())


def test_likelihoods_are_those_of_scipy() -> None:
    z = OFFSET + np.array([0.5, 3.0, 20.0, 150.0])
    y = OFFSET + np.array([2.0, 0.5, 26.0, 120.0])
    counts = np.array([1, 0, 13, 60])
    expected = {
        "gaussian": (y, stats.norm.logpdf(y, z, 3.0)),
        "poisson": (OFFSET + 2 * counts, stats.poisson.logpmf(counts, (z - OFFSET) / 2)),
        "poisson_gaussian": (y, stats.norm.logpdf(y, z, np.sqrt(2 * (z - OFFSET) + 9))),
        "correlated": (y, stats.norm.logpdf(y, z, math.sqrt(10))),
        "gamma": (y, stats.gamma.logpdf(y - OFFSET, 4.0, scale=(z - OFFSET) / 4)),
    }
    assert set(expected) == CAPABLE["log_likelihood"]
    for name, (seen, truth) in expected.items():
        found = model(name).log_likelihood(torch.from_numpy(seen), torch.from_numpy(z))
        assert np.allclose(found.numpy(), truth), name


def test_impossible_values_are_not_a_number_that_spreads() -> None:
    zero = torch.zeros(1)
    assert Poisson(gain=1.0).log_likelihood(zero, zero) == 0
    assert Poisson(gain=1.0).log_likelihood(zero + 1, zero) == -torch.inf
    assert Gamma(looks=1.0).log_likelihood(zero - 1, zero + 1) == -torch.inf


@pytest.mark.parametrize("name", ["gaussian", "poisson", "poisson_gaussian", "gamma"])
def test_fitting_recovers_what_simulated(name: str) -> None:
    truth = model(name)
    y, x = np.mgrid[:256, :256] / 256
    z = torch.from_numpy(OFFSET + 100 * np.clip(np.sin(7 * x) * np.cos(5 * y), 0, None))
    plane = truth.sample(z, random()).numpy().astype(np.float32)
    empty: NoiseModel = registry.find("noise", name).build()
    with pytest.raises(InputError, match="is not known yet; give a number"):
        empty.variance(z)
    found = empty.fitted([plane], Levels(OFFSET))
    for parameter, value in GIVEN[name].items():
        assert getattr(found, parameter) == pytest.approx(value, rel=0.1), parameter
        assert getattr(empty, parameter) is None
    assert found.describe() != empty.describe()
    assert found.describe().endswith(".")


def test_what_is_given_is_kept_and_the_rest_is_measured() -> None:
    z = torch.linspace(0, 200, 256, dtype=torch.float64).expand(256, 256) + OFFSET
    plane = model("poisson_gaussian").sample(z, random()).numpy().astype(np.float32)
    found = PoissonGaussian(sigma=3.0).fitted([plane], Levels(OFFSET))
    assert found.sigma == 3.0
    assert found.gain == pytest.approx(2.0, rel=0.05)
    found = PoissonGaussian(gain=2.0).fitted([plane], Levels(OFFSET))
    assert found.gain == 2.0
    assert found.sigma == pytest.approx(3.0, rel=0.2)


def test_gain_without_photons_is_zero_and_simulates() -> None:
    noise = PoissonGaussian(gain=0.0, sigma=2.0)
    z = light()
    assert_mean((noise.sample(z, random()) - z) ** 2, torch.full((4,), 4.0, dtype=z.dtype))


@pytest.mark.parametrize("name", GIVEN)
def test_recipes_keep_the_parameters(name: str) -> None:
    built = registry.find("noise", name).build(GIVEN[name])
    again = registry.find("noise", name).build(json.loads(json.dumps(built.model_dump())))
    assert again == built


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        (Gaussian, {"sigma": 0}),
        (Poisson, {"gain": -1}),
        (PoissonGaussian, {"sigma": -2}),
        (Gamma, {"looks": 0}),
        (Gaussian, {"gain": 1}),
        (Independent, {"sigma": 1}),
    ],
)
def test_bad_parameters_give_one_sentence(kind: type[NoiseModel], params: dict) -> None:
    with pytest.raises(InputError, match=rf"^(The '{next(iter(params))}' parameter|\w+ has no)"):
        kind.from_params(params)


def test_a_recording_too_small_to_measure_is_taken_as_a_whole() -> None:
    plane = np.random.default_rng(0).normal(10, 2, (12, 12)).astype(np.float32)
    found = PoissonGaussian().fitted([plane], Levels(5.0))
    assert found.gain == 0.0
    assert found.sigma == pytest.approx(2.0, rel=0.3)
    assert math.isinf(line(scatter([plane], Levels(5.0)), 5.0).gain_error)


@pytest.mark.parametrize("haze", [0.0, 5.0, 20.0])
def test_the_gain_is_found_though_the_offset_is_too_high(haze):
    rng = np.random.default_rng(0)
    light = haze + 100 * np.linspace(0, 1, 192) * np.ones((192, 1))
    y = (100 + rng.poisson(light)).astype(np.float32)
    model = Poisson().fitted([y], Levels(offset=100 + haze))
    assert model.gain == pytest.approx(1, rel=0.1)
