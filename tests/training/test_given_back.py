"""Detail in the residual of a denoiser comes back, noise does not."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import convolve, gaussian_filter, uniform_filter
from torch import Tensor

from napari_ssi import ImageStack, Recipe, background, run
from napari_ssi.background import Levels
from napari_ssi.events import Cancelled, Control, Watched
from napari_ssi.noise.base import NoiseModel
from napari_ssi.noise.correlated import Correlated
from napari_ssi.noise.gaussian import Gaussian
from napari_ssi.noise.independent import Independent
from napari_ssi.noise.poisson import Poisson
from napari_ssi.training.given_back import given_back, weights

SIGMA = 0.1


def error(a: Tensor, b: Tensor) -> float:
    return float((a - b).square().mean())


def back(
    x: Tensor, y: Tensor, noise: NoiseModel, missing: Tensor | None = None
) -> tuple[Tensor, float]:
    return Watched(given_back(x, y, noise, Control(), missing)).finish()


def scene(*depth: int) -> tuple[Tensor, Tensor, Tensor]:
    """Truth, recording, and an estimate that misses the detail in one corner.

    Elsewhere the brightness is even along y, such that the noise shows at each level.
    """
    random = torch.Generator().manual_seed(0)
    f = torch.linspace(0, 1, 128).expand(1, 1, *depth, 128, 128).clone()
    x = f.clone()
    corner = torch.randn((1, 1, *depth, 24, 24), generator=random)
    x[..., :48, :48] += 0.4 * corner.repeat_interleave(2, -1).repeat_interleave(2, -2)
    y = x + SIGMA * torch.randn(x.shape, generator=random)
    return x, y, f


def middle(shared_data: Path, name: str) -> NDArray[np.float64]:
    """256 x 256 pixels of a picture in [0, 1]."""
    path = shared_data / "ssi_benchmark" / f"{name}.png"
    if not path.is_file():
        pytest.skip("needs ../shared/data/ssi_benchmark")
    x = iio.imread(path).astype(np.float64)
    x = x if x.ndim == 2 else x[..., :3].mean(-1)
    x = (x - x.min()) / np.ptp(x)
    return np.asarray(x[tuple(slice(n // 2 - 128, n // 2 + 128) for n in x.shape)])


def even(a: Tensor) -> Tensor:
    return a[..., 72:, 72:]


@pytest.mark.parametrize("excess", [1.0, 1.4])
@pytest.mark.parametrize("missed", [0.5, 1.0, 2.0, 8.0, 40.0])
def test_it_is_nearer_to_the_truth_than_the_recording(missed: float, excess: float) -> None:
    """Even where texture was counted as noise, which then seems stronger than it is."""
    random = np.random.default_rng(0)
    wrong = random.normal(0, missed**0.5, (128, 128))
    noise = random.normal(0, 1, wrong.shape)
    none = np.zeros(wrong.shape, bool)
    share = weights(wrong + noise, np.full(wrong.shape, excess), 0.0, none, none)
    assert np.mean((share * (wrong + noise) - wrong) ** 2) < np.mean(noise**2)


@pytest.mark.parametrize("name", ["newyork1024x1024", "usaf768x812", "nuclei924x624"])
def test_fine_texture_is_given_back(shared_data: Path, name: str) -> None:
    """To what the neighbours tell of a pixel, where that is far worse than the recording."""
    x = middle(shared_data, name)
    y = (x + np.random.default_rng(0).normal(0, 0.02, x.shape)).astype(np.float32)
    around = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32) / 4
    f, whole = torch.from_numpy(convolve(y, around))[None, None], torch.from_numpy(y)[None, None]
    better, _ = back(f, whole, Independent().fitted([y], background.measure([y])))
    truth = torch.from_numpy(x)[None, None]
    assert error(better, truth) < 0.95 * error(whole, truth) < 0.95 * error(f, truth)


def test_the_error_is_nearly_that_of_the_best_linear_combination() -> None:
    random = np.random.default_rng(0)
    m, v = 0.2**2, SIGMA**2
    missed = random.normal(0, m**0.5, (128, 128))
    missed[:, 64:] = 0
    noise = random.normal(0, v**0.5, missed.shape)
    none = np.zeros(missed.shape, bool)
    share = weights(missed + noise, np.full(missed.shape, v), 0.0, none, none)
    wrong = (share * (missed + noise) - missed) ** 2
    best = m * v / (m + v)
    assert 0.95 * best < wrong[:, :56].mean() < 1.1 * best
    assert wrong[:, 80:].mean() < 0.01 * v


@pytest.mark.parametrize("depth", [(), (3,)])
@pytest.mark.parametrize("known", [SIGMA, SIGMA / 2])
def test_detail_comes_back_and_noise_does_not(depth: tuple[int, ...], known: float) -> None:
    """Nor where it is stronger than it is said to be."""
    x, y, f = scene(*depth)
    better, share = back(f, y, Gaussian(sigma=known))
    inside = (..., slice(4, 44), slice(4, 44))
    assert 0.05 < share < 0.3
    assert error(better[inside], x[inside]) < 1.3 * SIGMA**2 < 0.2 * error(f[inside], x[inside])
    assert error(even(better), even(x)) < 0.01 * SIGMA**2


@pytest.mark.parametrize(("noise", "most"), [("laplace", 0.02), ("normal", 0.005)])
def test_noise_alone_does_not_come_back_as_specks(noise: str, most: float) -> None:
    """In a flat picture; little if it has far tails, which its variance does not tell."""
    random = np.random.default_rng(0)
    even = {
        "laplace": random.laplace(0, 0.5**0.5, (256, 256)),
        "normal": random.normal(0, 1, (256, 256)),
    }
    none = np.zeros((256, 256), bool)
    share = weights(even[noise], np.ones(none.shape), 0.0, none, none)
    assert np.mean(share > 0) <= most


@pytest.mark.parametrize("side", [3, 5])
def test_a_small_spot_that_was_missed_comes_back(side: int) -> None:
    """Ten times as bright as the noise; of one pixel alone nothing is known."""
    missed = np.zeros((64, 64))
    missed[30 : 30 + side, 30 : 30 + side] = 10.0
    residual = missed + np.random.default_rng(0).normal(0, 1, missed.shape)
    none = np.zeros(missed.shape, bool)
    share = weights(residual, np.ones(missed.shape), 0.0, none, none)
    assert share[missed > 0].min() > 0.7


@pytest.mark.parametrize("mean", [0.05, 1.0, 30.0])
def test_few_photons_do_not_pass_for_detail(mean: float) -> None:
    z = torch.full((1, 1, 128, 128), mean)
    y = torch.poisson(z, generator=torch.Generator().manual_seed(0))
    noise = Poisson(gain=1.0).fitted([y[0, 0].numpy()], Levels(0.0))
    better, _ = back(z, y, noise)
    assert error(better, z) < 0.02 * mean


def test_hot_pixels_do_not_come_back_nor_the_noise_beside_them() -> None:
    x, y, f = scene()
    y[0, 0, 80::16, 96] += 3.0
    better, share = back(f, y, Gaussian(sigma=SIGMA))
    assert share > 0.05
    assert torch.equal(better[0, 0, 80::16, 96], f[0, 0, 80::16, 96])
    assert error(even(better), even(x)) < 0.01 * SIGMA**2


def test_what_was_not_measured_has_no_part_and_stays_as_it_was_estimated() -> None:
    _, y, f = scene()
    missing = torch.zeros(y.shape, dtype=torch.bool)
    missing[..., ::3, ::2] = True
    better, share = back(f, y, Gaussian(sigma=SIGMA), missing)
    assert share > 0.05
    assert torch.equal(better[missing], f[missing])
    residual = (y - f)[0, 0].double().numpy()
    v, lost = np.full(residual.shape, SIGMA**2), missing[0, 0].numpy()
    odd = np.zeros(residual.shape, bool)
    share_of_each = weights(residual, v, 0.0, odd, lost)
    residual[lost] = 7.0
    assert np.array_equal(weights(residual, v, 0.0, odd, lost), share_of_each)


def test_nothing_is_changed_in_place() -> None:
    _, y, f = scene()
    before = y.clone(), f.clone()
    better, _ = back(f, y, Gaussian(sigma=SIGMA))
    assert not torch.equal(better, f)
    assert torch.equal(y, before[0]) and torch.equal(f, before[1])


def test_a_cancel_is_heard_between_planes() -> None:
    _, y, f = scene(3)
    control = Control()
    steps = given_back(f, y, Gaussian(sigma=SIGMA), control)
    assert (next(steps).step, next(steps).total) == (1, 3)
    control.cancel()
    with pytest.raises(Cancelled):
        next(steps)


def test_of_shared_noise_nothing_comes_back_but_detail_does() -> None:
    x, _, f = scene()
    white = np.random.default_rng(1).normal(0, 3 * SIGMA, (128, 128))
    y = x + torch.from_numpy(uniform_filter(white, 3, mode="wrap").astype(np.float32))
    better, share = back(f, y, Correlated().fitted([y[0, 0].numpy()], Levels(0.0)))
    inside = (..., slice(4, 44), slice(4, 44))
    assert 0.03 < share < 0.3
    assert error(better[inside], x[inside]) < 0.4 * error(f[inside], x[inside])
    assert error(even(better), even(x)) < 0.02 * SIGMA**2
    better, share = back(x, y, Correlated().fitted([y[0, 0].numpy()], Levels(0.0)))
    assert share < 0.01 and error(better, x) < 0.02 * SIGMA**2


def test_the_more_pixels_share_their_noise_the_more_is_doubted() -> None:
    none = np.zeros((96, 96), bool)

    def share(excess: float, alike: float) -> float:
        residual = np.random.default_rng(0).normal(0, excess**0.5, none.shape)
        return float(weights(residual, np.ones(none.shape), 0.0, none, none, alike).mean())

    assert share(1.5, 1) > 0.1
    assert share(1.4, 2) == share(1.4, 9) == 0
    assert 0.2 < share(2.5, 9) < share(2.5, 2) < share(2.5, 1)


def test_of_photons_shared_along_a_line_nothing_comes_back() -> None:
    """Stronger in bright places than on the whole, of which the model knows."""
    z = torch.full((1, 1, 192, 192), 4.0)
    z[..., 96:] = 60.0
    photons = torch.poisson(z, generator=torch.Generator().manual_seed(0))
    y, z = (0.7 * a + 0.3 * a.roll(1, -1) for a in (photons, z))
    better, share = back(z, y, Correlated().fitted([y[0, 0].numpy()], Levels(0.0)))
    assert share < 0.01 and error(better, z) < 0.5


@pytest.mark.parametrize("name", ["newyork1024x1024", "fishembryo700x700", "tubules1024x1024"])
def test_texture_that_passes_for_shared_noise_comes_back(shared_data: Path, name: str) -> None:
    """Where the structured mask hid so much that next to nothing was predicted."""
    x = middle(shared_data, name)
    y = (x + np.random.default_rng(0).normal(0, 0.02, x.shape)).astype(np.float32)
    f = gaussian_filter(x, 4).astype(np.float32)
    noise = Correlated().fitted([y], background.measure([y]))
    better, _ = back(torch.from_numpy(f)[None, None], torch.from_numpy(y)[None, None], noise)
    truth = torch.from_numpy(x)[None, None]
    assert error(better, truth) < 0.2 * error(torch.from_numpy(f)[None, None], truth)


@pytest.mark.parametrize(
    "method",
    [
        [{"name": "noise2self", "params": {"pattern": "structured"}}],
        [{"name": "noise2self"}, {"name": "bounds", "params": {"lower": 0.0}}],
    ],
)
def test_what_the_user_asks_of_the_estimate_goes_before(method: list[dict[str, object]]) -> None:
    """A loss that was told that noise spreads, and further terms."""
    _, y, _ = scene()
    recipe = Recipe.create(method=method, training={"steps": 2})
    assert "given_back" not in run(recipe, ImageStack(y[0, 0].numpy(), "YX")).estimates


def test_noise_of_another_kind_than_stated_does_not_come_back() -> None:
    """Photon noise, bright in one half, stated as Gaussian noise of its dark half."""
    z = torch.full((1, 1, 128, 128), 20.0)
    z[..., 64:] = 400.0
    y = torch.poisson(z, generator=torch.Generator().manual_seed(0))
    better, _ = back(z, y, Gaussian(sigma=20**0.5))
    assert error(better, z) < 0.01 * error(y, z)


@pytest.mark.parametrize("noise", [{"name": "independent"}, {"name": "gaussian"}])
def test_a_recording_with_little_noise_is_made_better_not_worse(noise: dict[str, object]) -> None:
    """Detail that nothing predicts in one corner, brightness from even parts to tell the noise by."""
    random = np.random.default_rng(0)
    x = np.linspace(50, 150, 96) + np.zeros((96, 1))
    x[:32, :32] += np.kron(random.normal(0, 30, (16, 16)), np.ones((2, 2)))
    y = x + random.normal(0, 2, x.shape)
    recipe = Recipe.create(method="noise2self", noise=noise, training={"steps": 15, "mixed": False})
    result = run(recipe, ImageStack(y.astype(np.float32), "YX"))
    assert np.mean((result.image - x) ** 2) < np.mean((y - x) ** 2)
    assert any("was given back" in note for note in result.notes)
