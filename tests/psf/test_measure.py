"""Widths against formulae, warnings against what was built in."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import j1

from napari_ssi.psf.gaussian import gaussian
from napari_ssi.psf.measure import describe, fwhm


def gaussian_at(width: float, off: float, size: int = 41) -> np.ndarray:
    x = np.arange(size) - size // 2 - off
    line = np.exp(-4 * np.log(2) * x**2 / width**2)
    return np.multiply.outer(line, line)


def airy(width: float, off: float, size: int = 81) -> np.ndarray:
    y, x = np.indices((size, size)) - size // 2
    v = 2 * 1.6163399 / width * np.hypot(y - off, x)
    v[v == 0] = 1e-9
    return (2 * j1(v) / v) ** 2


@pytest.mark.parametrize("off", [0.0, 0.2, -0.4, 0.5])
@pytest.mark.parametrize("width", [1.2, 1.5, 2.0, 3.3, 8.0])
def test_exact_for_a_gaussian_wherever_it_stands(width: float, off: float) -> None:
    assert fwhm(gaussian_at(width, off), (0.1, 0.2)) == pytest.approx(
        (0.1 * width, 0.2 * width), rel=1e-6
    )


@pytest.mark.parametrize("off", [0.0, 0.3, 0.5])
@pytest.mark.parametrize(("width", "tolerance"), [(2.0, 0.06), (3.0, 0.02), (6.0, 0.003)])
def test_close_for_an_airy_pattern(width: float, tolerance: float, off: float) -> None:
    assert fwhm(airy(width, off), (1, 1)) == pytest.approx((width, width), rel=tolerance)


def test_anisotropic_voxels_in_the_unit_given() -> None:
    widths = (0.9, 0.3, 0.4)
    psf = gaussian(widths, (0.25, 0.08, 0.08))
    # pixels integrate, which widens a Gaussian by a twelfth of a pixel's variance
    expected = [
        np.sqrt(w**2 + 8 * np.log(2) * s**2 / 12)
        for w, s in zip(widths, (0.25, 0.08, 0.08), strict=True)
    ]
    assert fwhm(psf, (0.25, 0.08, 0.08)) == pytest.approx(expected, rel=0.01)


def test_not_a_number_where_it_does_not_fall_to_half() -> None:
    psf = np.outer(np.ones(7), [0, 0.2, 1, 0.2, 0])
    along_y, along_x = fwhm(psf, (1, 1))
    assert np.isnan(along_y)
    assert along_x == pytest.approx(2 * np.sqrt(np.log(2) / np.log(5)))  # of a Gaussian: 5^(-x²)


def test_a_single_pixel_has_a_width() -> None:
    psf = np.zeros((5, 5))
    psf[2, 2] = 1
    assert fwhm(psf, (1, 1)) == (1, 1)


# --- warnings --------------------------------------------------------------------------------


@pytest.mark.parametrize("off", [0.0, 0.3, 0.5])
@pytest.mark.parametrize("width", [2.0, 3.0, 6.0])
def test_a_good_psf_gets_none(width: float, off: float) -> None:
    assert describe(gaussian_at(width, off), (0.1, 0.1)) == []
    assert describe(airy(width, off), (0.1, 0.1)) == []


def test_narrow() -> None:
    (said,) = describe(gaussian_at(1.1, 0), (0.1, 0.1))
    assert said.startswith("The PSF is narrower than 1.5 pixels along Y (0.11 µm) and X (0.11 µm)")


def test_a_spike_on_a_wide_ring_is_not_narrow() -> None:
    psf = airy(9.0, 0)
    psf[40, 40] = 5
    assert not any("narrower" in said for said in describe(psf, (0.1, 0.1)))


def test_cut_off() -> None:
    (said,) = describe(gaussian_at(12, 0)[:, 16:25], (0.1, 0.1))
    assert said.startswith("The PSF is cut off along X: at the edge of its picture")


def test_off_centre() -> None:
    (said,) = describe(gaussian_at(3, 4.0), (0.1, 0.1))
    assert "4.0 pixels along Y and 4.0 pixels along X" in said


def test_asymmetric() -> None:
    psf = gaussian_at(3, 0) + np.roll(0.45 * gaussian_at(4, 0), 5, 0)
    (said,) = describe(psf, (0.1, 0.1))
    assert said.startswith("The PSF is asymmetric")


def test_background() -> None:
    (said,) = describe(gaussian_at(3, 0) + 0.05, (0.1, 0.1))
    assert "background" in said


def test_a_point_on_a_negative_level_is_described_without_warning() -> None:
    point = np.full((9, 9), -0.5)
    point[4, 4] = 0.5
    assert isinstance(describe(point, (0.1, 0.1)), list)
