"""The parts of the choice by held-out pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import uniform_filter

from napari_ssi import ImageStack, Recipe, run
from napari_ssi.baselines import _tuning
from napari_ssi.baselines._tiles import tiles
from napari_ssi.noise.correlated import Correlated
from napari_ssi.noise.independent import Independent
from napari_ssi.physics._mask import PackedMask
from napari_ssi.physics.blur import Blur
from napari_ssi.physics.denoising import Denoising
from napari_ssi.quality.psnr import psnr


def test_folds_hold_out_a_tenth_or_more_and_share_no_pixel() -> None:
    held, scored = _tuning.folds((200, 150), torch.Generator().manual_seed(0), Independent())
    assert torch.equal(held, scored)
    assert held.shape == (_tuning.FOLDS, 1, 200, 150)
    assert int(held.sum(0).max()) == 1
    for fold in held:
        assert float(fold.float().mean()) == pytest.approx(_tuning.SHARE, abs=0.01)
    assert _tuning.SHARE >= 0.1


def test_no_visible_pixel_shares_noise_with_one_that_scores() -> None:
    noise = Correlated(
        sigma=1.0,
        row_sigma=0.0,
        column_sigma=0.0,
        autocorrelation=[[0.3, 0.5, 0.3], [0.5, 1, 0.5], [0.3, 0.5, 0.3]],
    )
    held, scored = _tuning.folds((200, 150), torch.Generator().manual_seed(0), noise)
    assert float(held.float().mean()) == pytest.approx(_tuning.GUARDED, abs=0.02)
    assert float(scored.float().mean()) > _tuning.GUARDED / 9
    n, _, y, x = scored.nonzero(as_tuple=True)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            assert bool(held[n, 0, (y + dy).clamp(0, 199), (x + dx).clamp(0, 149)].all())


def test_the_noise_is_measured_in_spite_of_structure_and_outliers() -> None:
    rng = np.random.default_rng(0)
    image = 0.5 + 0.4 * np.sin(np.arange(200) / 15)[:, None] * np.ones(180)
    y = image + rng.normal(0, 0.07, image.shape)
    y[rng.random(y.shape) < 0.01] = 5
    sigma = _tuning.noise_level(torch.from_numpy(y.astype(np.float32))[None, None])
    assert sigma == pytest.approx(0.07, rel=0.15)


def test_photon_noise_is_measured_where_it_is_strong() -> None:
    rng = np.random.default_rng(0)
    image = np.where(np.arange(200) < 120, 4.0, 100.0)[:, None] * np.ones(150)
    y = rng.poisson(image) / 100
    sigma = _tuning.noise_level(torch.from_numpy(y.astype(np.float32))[None, None])
    assert sigma == pytest.approx(0.1, rel=0.2)


def scores(losses: np.ndarray) -> _tuning.Scores:
    """Scores of settings 0, 1, 2 … whose predictions are off by the root of ``losses`` (S, n)."""
    n = losses.shape[1]
    held = torch.ones(1, 1, 1, n, dtype=torch.bool)
    found = _tuning.Scores(0.0, torch.zeros(1, 1, 1, n), held)
    for setting, row in enumerate(losses):
        found.add(setting, torch.from_numpy(np.sqrt(row).astype(np.float32)).reshape(1, 1, 1, n))
    return found


def test_a_setting_as_good_as_the_best_but_more_regularised_is_taken() -> None:
    rng = np.random.default_rng(0)
    noise = rng.random(400)
    better = rng.random((2, 400))
    rows = np.stack([noise + 2, noise + 0.5 + 0.2 * better[0], noise + 0.5 + 0.2 * better[1]])
    rows[2] -= rows[2].mean() - rows[1].mean() + 0.001  # best by less than its error
    found = scores(rows)
    assert found.best == 2
    assert found.choice() == 1
    assert found.choice(errors=0) == 2


def test_pairs_tell_small_but_steady_differences() -> None:
    noise = np.random.default_rng(0).random(400) * 10
    found = scores(np.stack([noise + 0.02, noise + 0.01]))
    assert found.choice() == 1


def test_the_path_is_left_when_it_only_gets_worse() -> None:
    noise = np.random.default_rng(0).random(400)
    found = scores(np.stack([noise + level for level in (0.5, 0.0, 0.1, 0.2)]))
    assert not found.hopeless()
    found = scores(np.stack([noise + level for level in (0.5, 0.0, 0.1, 0.2, 0.3)]))
    assert found.hopeless()


def test_the_crop_is_where_the_structure_is() -> None:
    y = torch.zeros(1, 1, 700, 600)
    y += 0.1 * torch.randn(y.shape, generator=torch.Generator().manual_seed(0))
    y[..., 500:600, 400:500] += torch.linspace(0, 3, 100)
    number, start, size = _tuning.informative([torch.zeros(1, 1, 300, 300), y])
    assert (number, size) == (1, (256, 256))
    assert float(y[_tuning.box(size, start)].max()) > 2.5
    stack = torch.rand(1, 1, 50, 40, 300)
    assert _tuning.informative([stack])[2] == (24, 40, 128)


@pytest.mark.parametrize("shape", [(47, 61), (500, 333), (40, 90, 300), (5, 5)])
@pytest.mark.parametrize("limit", [500, 20_000, 10**9])
def test_tiles_cover_every_pixel_once(shape: tuple[int, ...], limit: int) -> None:
    physics = Blur.from_array(np.random.default_rng(0).random((3,) * len(shape)), shape)
    for each in (physics, Denoising()):
        count = np.zeros((1, 1, *shape), int)
        index = np.arange(count.size).reshape(count.shape)
        for tile in tiles(shape, each, limit):
            count[tile.inner] += 1
            np.testing.assert_array_equal(index[tile.outer][tile.within], index[tile.inner])
        assert (count == 1).all()


def test_tiles_are_small_enough_and_the_whole_is_used_where_it_fits() -> None:
    physics = Blur.from_array(np.random.default_rng(0).random((9, 9)), (2000, 3000))
    assert len(tiles((300, 300), physics, 400 * 400)) == 1
    plan = tiles((2000, 3000), physics, 400 * 400)
    for tile in plan:
        sides = [s.stop - s.start + 8 for s in tile.outer[2:]]
        assert sides[0] * sides[1] <= 400 * 400


@pytest.mark.parametrize("method", ["total_variation", "hessian"])
def test_noise_that_neighbours_share_is_not_taken_for_the_picture(method: str) -> None:
    rng = np.random.default_rng(0)
    yy, xx = np.mgrid[:96, :96]
    x = ((yy - 40) ** 2 + (xx - 50) ** 2 < 700).astype(np.float64)
    y = (x + 0.6 * uniform_filter(rng.normal(size=x.shape), 3, mode="wrap")).astype(np.float32)
    tent = np.array([1, 2, 3, 2, 1]) / 3
    known = {
        "sigma": 0.2,
        "row_sigma": 0.0,
        "column_sigma": 0.0,
        "autocorrelation": np.outer(tent, tent).tolist(),
    }
    scores = [
        psnr(run(Recipe.create(method=method, noise=noise), ImageStack(y, "YX")).image, x)
        for noise in ("independent", {"name": "correlated", "params": known})
    ]
    assert scores[1] > scores[0] + 5


def test_nothing_but_noise_is_taken_away_where_hardly_a_pixel_is_alone_with_its_own() -> None:
    known = {
        "sigma": 1.0,
        "row_sigma": 0.5,
        "column_sigma": 0.5,
        "autocorrelation": np.full((7, 7), 0.1).tolist(),
    }
    known["autocorrelation"][3][3] = 1.0  # type: ignore[index]
    y = np.random.default_rng(0).normal(10, 1, (16, 16)).astype(np.float32)
    for seed in range(20, 30):
        recipe = Recipe.create(
            method="total_variation", noise={"name": "correlated", "params": known}, seed=seed
        )
        assert run(recipe, ImageStack(y, "YX")).image.std() < 0.05 * y.std()


def test_where_hardly_a_pixel_was_measured_a_fixed_setting_is_used() -> None:
    y = np.random.default_rng(0).normal(10, 1, (32, 32)).astype(np.float32)
    missing = np.ones(y.shape, bool)
    missing[::5, ::5] = False
    packed = PackedMask.of(missing).model_dump()
    physics = {"name": "inpainting", "params": {"mask": packed}}
    result = run(Recipe.create(physics=physics, method="total_variation"), ImageStack(y, "YX"))
    assert result.estimates["weight"] == 0.03
    assert "Too few pixels" in str(result.provenance["ended"])
