"""Correlated noise: what is measured of it, what is simulated, and which pixels share it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, uniform_filter

from napari_ssi.background import Levels
from napari_ssi.errors import InputError
from napari_ssi.noise.correlated import Correlated

N = 256
TENT = np.array([1, 2, 3, 2, 1]) / 3
BOX = np.outer(TENT, TENT)


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def known(row: float = 0.0, column: float = 0.0, rho: np.ndarray = BOX) -> Correlated:
    return Correlated(
        sigma=10.0, row_sigma=row, column_sigma=column, autocorrelation=rho.tolist()
    ).fitted([], Levels(0.0))


def specimen() -> np.ndarray:
    rng = np.random.default_rng(0)
    z = gaussian_filter(rng.normal(size=(N, N)), 10)
    yy, xx = np.mgrid[:N, :N]
    for _ in range(12):
        cy, cx, radius = *rng.uniform(0, N, 2), rng.uniform(5, 25)
        z += rng.uniform(0.05, 0.2) * ((yy - cy) ** 2 + (xx - cx) ** 2 < radius**2)
    return 300 * gaussian_filter(z - z.min(), 1.0)


def boxed(seed: int = 0) -> np.ndarray:
    return 30 * uniform_filter(np.random.default_rng(seed).normal(size=(N, N)), 3, mode="wrap")


def lined(axis: int, size: float) -> np.ndarray:
    rng = np.random.default_rng(1)
    lines = size * np.expand_dims(rng.normal(size=N), 1 - axis)
    return 10 * rng.normal(size=(N, N)) + lines


def fitted(noise: np.ndarray) -> Correlated:
    return Correlated().fitted([(100 + specimen() + noise).astype(np.float32)], Levels(100.0))


# --- measured -------------------------------------------------------------------------------


def test_a_box_filter_is_measured() -> None:
    found = fitted(boxed())
    assert found.sigma == pytest.approx(10, rel=0.1)
    assert (found.row_sigma, found.column_sigma) == (0, 0)
    assert np.shape(found.autocorrelation) == (5, 5)
    assert np.abs(np.array(found.autocorrelation) - BOX).max() < 0.12
    assert "up to 2 rows and 2 columns away" in found.describe()


@pytest.mark.parametrize("size", [5.0, 10.0])
@pytest.mark.parametrize("axis", [0, 1], ids=["row", "column"])
def test_whole_rows_and_columns_are_measured_and_told_from_neighbours(
    axis: int, size: float
) -> None:
    found = fitted(lined(axis, size))
    sizes = (found.row_sigma, found.column_sigma)
    assert sizes[axis] == pytest.approx(size, rel=0.15)
    assert sizes[1 - axis] == 0
    assert found.sigma == pytest.approx(10, rel=0.1)
    assert found.autocorrelation == ((1.0,),)


def test_white_noise_is_shared_by_nobody() -> None:
    found = fitted(lined(0, 0.0))
    assert found.autocorrelation == ((1.0,),)
    mask = torch.rand(1, 1, 20, 20, generator=random()) < 0.1
    assert torch.equal(found.sharing(mask), mask)


def test_a_recording_too_small_to_tell_is_taken_as_white() -> None:
    found = Correlated().fitted([boxed()[:20, :24].astype(np.float32)], Levels(0.0))
    assert found.autocorrelation == ((1.0,),)
    assert found.correlated  # and no less careful for it


def test_what_is_given_is_kept() -> None:
    plane = (100 + specimen() + boxed()).astype(np.float32)
    found = Correlated(sigma=3.0, autocorrelation=[[1.0]]).fitted([plane], Levels(100.0))
    assert (found.sigma, found.autocorrelation, found.row_sigma) == (3.0, ((1.0,),), 0.0)


def photons(seed: int = 0) -> np.ndarray:
    """Each counts 5 ADU, in part in the next column; of a specimen, and next to nothing else."""
    light = np.random.default_rng(seed).poisson(specimen() + 20) * 5.0
    return 100 + 0.7 * light + 0.3 * np.roll(light, 1, 1)


def test_photons_that_neighbours_share_are_measured() -> None:
    found = Correlated().fitted([photons().astype(np.float32)], Levels(100.0))
    both = 0.7**2 + 0.3**2
    assert found.gain == pytest.approx(5 * both, rel=0.15)
    level = torch.tensor([100 + 5 * 100.0])
    assert float(found.variance(level)) == pytest.approx(25 * 100 * both, rel=0.15)
    assert "gain" in found.describe()
    moved = found.rescaled(2.0, 100.0)
    assert float(moved.variance((level - 100) / 2)) == pytest.approx(
        float(found.variance(level)) / 4
    )
    impulse = torch.zeros(1, 1, 9, 9)
    impulse[0, 0, 4, 4] = 1
    assert torch.allclose(moved.correlate(impulse), found.correlate(impulse), atol=1e-6)
    assert float(found.correlate(impulse)[0, 0, 4, 4]) == pytest.approx(1)


def test_a_gain_that_is_given_leaves_the_rest_to_the_level() -> None:
    plane = photons().astype(np.float32)
    free = Correlated().fitted([plane], Levels(100.0))
    level = torch.full((1,), free.typical)
    for gain in (0.0, 1.0, free.gain):
        found = Correlated(gain=gain).fitted([plane], Levels(100.0))
        assert found.gain == gain
        assert float(found.variance(level)) == pytest.approx(float(free.variance(level)), rel=0.15)


def test_rows_weigh_as_much_as_they_do_at_the_mean_brightness() -> None:
    plane = np.full((32, 32), 300.0, np.float32)
    noise = Correlated(
        sigma=1.0, gain=2.0, row_sigma=10.0, column_sigma=0.0, autocorrelation=[[1.0]]
    ).fitted([plane], Levels(100.0))
    impulse = torch.zeros(1, 1, 9, 9)
    impulse[0, 0, 4, 4] = 1
    for model in (noise, noise.rescaled(3.0, 100.0)):
        assert float(model.correlate(impulse)[0, 0, 4, 0]) == pytest.approx(100 / 501, rel=1e-3)


def test_a_level_that_is_given_alone_holds_everywhere() -> None:
    found = Correlated(sigma=30.0).fitted([photons().astype(np.float32)], Levels(100.0))
    assert (found.sigma, found.gain) == (30.0, 0.0)


# --- simulated ------------------------------------------------------------------------------


@pytest.mark.parametrize(("row", "column"), [(0.0, 0.0), (4.0, 6.0)])
def test_samples_have_the_covariance(row: float, column: float) -> None:
    noise = known(row, column)
    z = torch.zeros(40_000, 1, 9, 7)
    n = noise.sample(z, random())
    centre = n[:, 0, 4, 3]
    covariance = (n[:, 0] * centre[:, None, None]).mean(0).numpy()
    expected = np.zeros((9, 7))
    expected[2:7, 1:6] = 100 * BOX
    expected[4] += row**2
    expected[:, 3] += column**2
    assert np.abs(covariance - expected).max() < 4
    variance = float(noise.variance(z[:1])[0, 0, 0, 0])
    assert variance == pytest.approx(expected[4, 3])
    impulse = torch.zeros(1, 1, 9, 7)
    impulse[0, 0, 4, 3] = 1
    assert np.allclose(variance * noise.correlate(impulse)[0, 0].numpy(), expected, atol=1e-3)


def test_it_is_as_strong_as_it_is_bright_and_shared_all_the_same() -> None:
    noise = known(row=4.0).model_copy(update={"gain": 3.0})
    z = torch.linspace(0, 400, 15).expand(20_000, 1, 7, 15).contiguous()
    n = (noise.sample(z, random()) - z)[:, 0]
    found = n.reshape(-1, 105).T @ n.reshape(-1, 105) / len(n)
    basis = torch.eye(105).reshape(105, 1, 7, 15)
    at = noise._light(z[:105])
    expected = noise._covary(basis, at).reshape(105, 105)
    assert torch.allclose(found.diag(), noise.variance(z[0, 0]).flatten(), rtol=0.05)
    assert (found - expected).abs().max() < 0.05 * float(found.max())
    z = torch.full((1, 1, 20, 20), 200.0)
    b = torch.randn(z.shape, generator=random())
    assert torch.allclose(noise.deviation(z), torch.full_like(z, (100 + 600 + 16) ** 0.5))
    bare = noise.model_copy(update={"row_sigma": 0.0})
    assert torch.allclose(bare.covary(b, z), 700 * bare.correlate(b), rtol=1e-3, atol=1)


def test_recorrupted_halves_share_no_noise_even_with_neighbours() -> None:
    noise = known(row=4.0)
    z = torch.zeros(40_000, 1, 7, 7)
    first, second = noise.recorrupt(noise.sample(z, random()), 0.5, random(1))
    shared = (first[:, 0] * second[:, 0, 3:4, 3:4]).mean(0)
    assert float(shared.abs().max()) < 6
    wrong = known(rho=np.ones((1, 1)))
    first, second = wrong.recorrupt(noise.sample(z, random()), 0.5, random(1))
    assert float((first[:, 0] * second[:, 0, 3:4, 3:4]).mean(0).abs().max()) > 50


def test_recorrupted_halves_share_no_noise_where_it_follows_the_light() -> None:
    noise = known().model_copy(update={"gain": 1.0})
    z = torch.zeros(20_000, 1, 20, 20)
    z[..., 10:] = 1000.0
    first, second = noise.recorrupt(noise.sample(z, random()), 0.5, random(1))
    for column in (4, 15):
        own = (first - z)[:, 0, 10, column]
        shared = (own[:, None, None] * (second - z)[:, 0]).mean(0)
        v = noise.variance(z[0, 0])
        assert float((shared / (v[10, column] * v).sqrt()).abs().max()) < 0.1


def test_tweedie_takes_off_what_there_is_at_each_brightness() -> None:
    noise = known().model_copy(update={"gain": 10.0})
    y = torch.zeros(1, 1, 30, 30)
    y[..., 15:] = 400.0
    score = torch.full_like(y, 0.01)
    taken = (noise.tweedie(y, score) - y)[0, 0, 15]
    assert float(taken[5]) == pytest.approx(0.01 * 100 * BOX.sum(), rel=1e-3)
    assert float(taken[24]) == pytest.approx(0.01 * 4100 * BOX.sum(), rel=1e-3)


def test_stacks_have_noise_of_their_own_in_each_plane() -> None:
    n = known(row=5.0).sample(torch.zeros(500, 1, 3, 8, 8), random())
    assert float((n[:, :, 0] * n[:, :, 1]).mean().abs()) < 3
    mask = torch.zeros(1, 1, 3, 9, 9, dtype=torch.bool)
    mask[0, 0, 1, 4, 4] = True
    assert known().sharing(mask).sum((2, 3, 4)).item() == 25
    assert not known().sharing(mask)[:, :, ::2].any()


# --- shared ---------------------------------------------------------------------------------


def test_a_pixel_s_neighbourhood_is_what_was_measured() -> None:
    one = torch.zeros(1, 1, 15, 15, dtype=torch.bool)
    one[0, 0, 7, 7] = True
    around = fitted(boxed()).sharing(one)
    assert around[0, 0, 5:10, 5:10].sum() >= 21  # a corner, at 1/9, may be missed
    assert around.sum() == around[0, 0, 5:10, 5:10].sum()
    row = fitted(lined(0, 5.0)).sharing(one)
    assert row[0, 0, 7].all() and row.sum() == 15
    column = fitted(lined(1, 5.0)).sharing(one)
    assert column[..., 7].all() and column.sum() == 15


def test_alone_is_who_shares_noise_with_no_visible_pixel() -> None:
    hidden = torch.zeros(1, 1, 20, 20, dtype=torch.bool)
    hidden[0, 0, 4:10, 4:10] = True
    found = known().alone(hidden)
    assert found.nonzero()[:, 2:].tolist() == [[6, 6], [6, 7], [7, 6], [7, 7]]
    hidden[0, 0, 15] = True
    only_rows = known(row=1.0, rho=np.ones((1, 1)))
    assert only_rows.alone(hidden).nonzero()[:, 2].unique().tolist() == [15]


@pytest.mark.parametrize("noise", [known(), known(row=2.0)], ids=["box", "rows"])
def test_so_few_pixels_are_drawn_that_no_more_are_hidden(noise: Correlated) -> None:
    y = torch.zeros(8, 1, 80, 80)
    share = noise.thinned(0.2, 0.3, y)
    drawn = torch.rand(y.shape, generator=random()) < share
    assert float(noise.sharing(drawn).float().mean()) == pytest.approx(0.3, abs=0.04)
    assert noise.thinned(1e-5, 0.3, y) == 1e-5


@pytest.mark.parametrize(
    "rows",
    [[[1.0, 0.5]], [[0.9]], [[0, 0.5, 0], [0, 1, 0], [0, 0.4, 0]], [[1.0] * 9] * 9],
    ids=["no square", "middle", "no symmetry", "too far"],
)
def test_an_impossible_autocorrelation_is_refused(rows: list) -> None:
    with pytest.raises(InputError, match=r"^The 'autocorrelation' parameter of Correlated must be"):
        Correlated.from_params({"autocorrelation": rows})


def test_before_it_is_measured_it_says_so() -> None:
    with pytest.raises(InputError, match="'autocorrelation' of Correlated noise is not known yet"):
        Correlated(sigma=1.0).correlate(torch.zeros(1, 1, 9, 9))
