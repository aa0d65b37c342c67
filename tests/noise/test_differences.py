"""The noise under fine texture: differences that see the least, and no less than the noise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, uniform_filter

from napari_ssi.background import Levels
from napari_ssi.noise._differences import ORDERS, brightness, difference, overlap
from napari_ssi.noise._scatter import _scatters, scatter, scatters
from napari_ssi.noise.curve import variance_curve
from napari_ssi.noise.estimation import gaussian_sigma, measure

SIDE = 256
Array = np.ndarray


def texture(seed: int = 0, n: int = SIDE) -> Array:
    """Grain about two pixels wide all over, on a ramp from 100 to 200; deviation 15."""
    grain = gaussian_filter(np.random.default_rng(seed).normal(size=(n, n)), 0.65)
    return np.linspace(100, 200, n) + 15 * grain / grain.std()


def smooth(n: int = SIDE) -> Array:
    return np.linspace(100, 200, n) + np.zeros((n, 1))


def seen(points) -> float:
    return float(np.average(points.variances, weights=points.counts))


@pytest.mark.parametrize("order", ORDERS)
def test_the_expected_square_is_the_variance_at_the_brightness(order: int) -> None:
    """Against 2000 draws of photon noise on a picture as rough as can be."""
    rng = np.random.default_rng(0)
    z = rng.uniform(5, 100, (12, 12))
    inner = (slice(3, -3),) * 2
    squares = [difference(rng.poisson(z) - z, order)[inner] ** 2 for _ in range(2000)]
    expected = brightness(z, order)[inner]
    assert np.mean(squares, 0) == pytest.approx(expected, rel=0.2)
    assert np.mean(squares) == pytest.approx(expected.mean(), rel=0.05)


def test_of_whole_numbers_what_is_zero_is_exactly_so() -> None:
    """Else its sign, by which clipped noise is told, would be that of the rounding."""
    y = np.random.default_rng(0).poisson(2, (64, 64)).astype(np.float64)
    zeros = difference(y) == 0
    assert np.count_nonzero(zeros) > 100
    assert np.array_equal(difference(10 * y) == 0, zeros)


@pytest.mark.parametrize("order", ORDERS)
def test_polynomials_are_left_out_and_overlap_is_that_of_white_noise(order: int) -> None:
    y, x = np.mgrid[:30, :30] / 30.0
    even = x ** (order - 1) + x * y ** (order - 1) + y**9
    assert np.abs(difference(even, order)[3:-3, 3:-3]).max() < 1e-9
    rng = np.random.default_rng(0)
    means = [np.mean(difference(rng.normal(size=(64, 64)), order) ** 2) for _ in range(600)]
    assert np.var(means) == pytest.approx(2 * overlap(order) / 64**2, rel=0.2)


@pytest.mark.parametrize("kind", ["gaussian", "poisson", "both"])
@pytest.mark.parametrize("planes", [1, 3])
def test_under_fine_texture_the_noise_is_nearly_told(kind: str, planes: int) -> None:
    rng = np.random.default_rng(1)
    recorded, truth = [], []
    for seed in range(planes):
        z = texture(seed)
        gain, read = {"gaussian": (0.0, 5.0), "poisson": (0.3, 0.0), "both": (0.1, 3.0)}[kind]
        photons = gain * rng.poisson(np.maximum(z, 0) / gain) if gain else z
        recorded.append((photons + read * rng.normal(size=z.shape)).astype(np.float32))
        truth.append(gain * z + read**2)
    true = float(np.mean(truth))
    levels = Levels(0.0)
    second = seen(
        _scatters(recorded, levels, ORDERS)[0]
    )  # texture that stands out not yet replaced
    assert second > 1.5 * true
    below = true + 0.5 * (second - true)
    assert 0.95 * true < seen(scatter(recorded, levels)) < below
    assert 0.95 * true < np.mean(variance_curve(recorded)(np.linspace(100, 200, 50))) < below
    assert 0.95 * true < gaussian_sigma(recorded, levels) ** 2 < below


def test_without_texture_second_differences_are_kept_for_they_are_more_precise() -> None:
    rng = np.random.default_rng(0)
    for noise in (rng.normal(0, 5, (SIDE, SIDE)), rng.poisson(smooth()) - smooth()):
        y = [(smooth() + noise).astype(np.float32)]
        second, sixth = scatters(y, Levels(0.0))
        kept = scatter(y, Levels(0.0))
        assert np.array_equal(kept.variances, second.variances)
        assert np.mean(sixth.spreads) > 1.4 * np.mean(second.spreads)
        assert gaussian_sigma(y, Levels(0.0)) == gaussian_sigma(y, Levels(0.0), (2,))


def test_white_noise_is_not_underestimated() -> None:
    """Where sixth differences have to do, neither they nor the choice of the flat places is biased."""
    rng = np.random.default_rng(0)
    ratios = []
    for _ in range(8):
        y = [rng.normal(100, 5, (SIDE, SIDE)).astype(np.float32)]
        ratios.append(seen(scatters(y, Levels(0.0))[1]) / 25)
    assert np.mean(ratios) == pytest.approx(1, abs=0.015)


def test_clipping_and_hot_pixels_do_not_spoil_it() -> None:
    rng = np.random.default_rng(1)
    y = np.clip(texture() + rng.normal(0, 5, (SIDE, SIDE)), 90, 215).astype(np.float32)
    y.ravel()[rng.permutation(y.size)[:60]] = 2000
    kept = scatter([y], Levels(90.0, low=90.0, high=215.0))
    assert 0.9 * 25 < seen(kept) < 1.45 * 25


def test_noise_that_neighbours_share_is_told_as_before() -> None:
    noise = 24 * uniform_filter(np.random.default_rng(0).normal(size=(SIDE, SIDE)), 3, mode="wrap")
    report = measure([(smooth() + noise).astype(np.float32)], Levels(0.0))
    assert report.correlated
    assert report.gaussian_sigma == pytest.approx(8, rel=0.1)
