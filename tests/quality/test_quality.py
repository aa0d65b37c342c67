"""Metrics against scikit-image, published values and definitions written out in loops."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from napari_ssi.errors import InputError
from napari_ssi.quality.affine_fit import affine_fit
from napari_ssi.quality.mutual_information import mutual_information
from napari_ssi.quality.psnr import psnr
from napari_ssi.quality.spectral_mutual_information import spectral_mutual_information
from napari_ssi.quality.ssim import ssim

METRICS = (psnr, ssim, mutual_information, spectral_mutual_information)


@pytest.fixture
def images() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    x = rng.random((13, 17))
    return np.clip(x + rng.normal(0, 0.1, x.shape), 0, 1), x


def test_psnr_is_that_of_scikit_image(images: tuple[np.ndarray, np.ndarray]) -> None:
    for span in (1.0, 2.0, 255.0):
        expected = peak_signal_noise_ratio(images[1], images[0], data_range=span)
        assert psnr(*images, data_range=span) == pytest.approx(expected, abs=1e-9)


def test_psnr_counts_in_double_precision() -> None:
    x = np.full((64, 64), 1e4, np.float32)
    assert psnr(x + np.float32(1 / 64), x) == pytest.approx(20 * math.log10(64), abs=1e-6)


def test_psnr_of_equal_images_is_infinite(images: tuple[np.ndarray, np.ndarray]) -> None:
    assert psnr(images[1], images[1]) == math.inf


@pytest.mark.parametrize("span", [1.0, 2.0])
def test_ssim_by_its_formula(images: tuple[np.ndarray, np.ndarray], span: float) -> None:
    a, b = images
    c1, c2 = (0.01 * span) ** 2, (0.03 * span) ** 2
    local = []
    for i in range(a.shape[0] - 6):
        for j in range(a.shape[1] - 6):
            p, q = a[i : i + 7, j : j + 7].ravel(), b[i : i + 7, j : j + 7].ravel()
            (vp, cov), (_, vq) = np.cov(p, q)
            top = (2 * p.mean() * q.mean() + c1) * (2 * cov + c2)
            local.append(top / ((p.mean() ** 2 + q.mean() ** 2 + c1) * (vp + vq + c2)))
    assert ssim(a, b, data_range=span) == pytest.approx(np.mean(local), abs=1e-9)


def test_ssim_of_a_pair_with_a_published_value(shared_data: Path) -> None:
    folder = shared_data / "D" / "skimage-0.16.2"
    reference = json.loads((folder / "ssim_reference.json").read_text())
    pair = [imageio.imread(folder / name) for name in reference["pair"]]
    expected = reference["ssim_uniform_7x7_sample_cov_skimage0.11"]
    assert ssim(*pair, data_range=255) == pytest.approx(expected, abs=1e-8)


def entropy(counts: Counter) -> float:
    total = sum(counts.values())
    return -sum(n / total * math.log2(n / total) for n in counts.values())


def test_mutual_information_counted_by_hand(images: tuple[np.ndarray, np.ndarray]) -> None:
    cells = []
    for image in images:
        low, high = image.min(), image.max()
        cells.append([min(255, int(256 * (v - low) / (high - low))) for v in image.ravel()])
    joint = entropy(Counter(zip(*cells, strict=True)))
    expected = (entropy(Counter(cells[0])) + entropy(Counter(cells[1])) - joint) / joint
    assert mutual_information(*images) == pytest.approx(expected, abs=1e-12)


def test_mutual_information_of_independent_and_of_equal_images() -> None:
    rows, columns = np.meshgrid(np.arange(4.0), np.arange(4.0))
    assert mutual_information(rows, columns, bins=4) == pytest.approx(0, abs=1e-12)
    assert mutual_information(rows, rows**2) == pytest.approx(1)
    assert mutual_information(np.zeros((4, 4)), rows) == 0


def test_spectral_mutual_information_with_the_cosines_written_out(
    images: tuple[np.ndarray, np.ndarray],
) -> None:
    spectra = []
    for image in images:
        unit = image / math.sqrt((image**2).sum())
        for axis, n in enumerate(image.shape):
            k, i = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
            cosines = 2 * np.cos(np.pi * k * (2 * i + 1) / (2 * n))
            unit = np.moveaxis(np.tensordot(cosines, unit, (1, axis)), 0, axis)
        spectra.append(unit)
    expected = mutual_information(*spectra)
    assert spectral_mutual_information(*images) == pytest.approx(expected, abs=1e-9)


def test_affine_fit_is_the_least_squares_line(images: tuple[np.ndarray, np.ndarray]) -> None:
    a, b = images
    design = np.stack([a.ravel(), np.ones(a.size)], axis=1)
    solution, *_ = np.linalg.lstsq(design, b.ravel(), rcond=None)
    np.testing.assert_allclose(affine_fit(a, b).ravel(), design @ solution, atol=1e-12)
    np.testing.assert_allclose(affine_fit(np.ones((3, 3)), b[:3, :3]), b[:3, :3].mean())


@pytest.mark.parametrize("metric", METRICS)
def test_stacks_are_compared_too(metric) -> None:
    x = np.random.default_rng(0).random((7, 9, 11))
    assert metric(x, x) > metric(x + np.random.default_rng(1).normal(0, 0.2, x.shape), x)


@pytest.mark.parametrize("metric", [*METRICS, affine_fit])
def test_faults_are_one_sentence(metric) -> None:
    good = np.random.default_rng(0).random((8, 8))
    with pytest.raises(InputError, match="same shape"):
        metric(good, good[1:])
    bad = good.copy()
    bad[0, 0] = np.nan
    with pytest.raises(InputError, match="NaN"):
        metric(bad, good)


def test_ranges_and_windows_are_checked() -> None:
    x = np.ones((8, 8))
    with pytest.raises(InputError, match="above 0"):
        psnr(x, x, data_range=0)
    with pytest.raises(InputError, match="window"):
        ssim(x[:5], x[:5])
    with pytest.raises(InputError, match="zero everywhere"):
        spectral_mutual_information(0 * x, x)
