"""The width of a PSF from the image, where it is known; and where the image cannot tell."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_ssi import ImageStack, InputError
from napari_ssi.events import Cancelled, Control
from napari_ssi.psf.gaussian import FWHM_PER_SIGMA
from napari_ssi.psf_from_image import estimate_width, iterate


def shapes(shape: tuple[int, ...], rng: np.random.Generator, coarse: float = 3.0) -> np.ndarray:
    """Sharp shapes of two levels."""
    return (gaussian_filter(rng.normal(size=shape), coarse) > 0).astype(np.float32)


@pytest.mark.parametrize("sigma", [1.0, 2.0])
def test_the_width_that_sharp_shapes_were_blurred_with(sigma: float) -> None:
    rng = np.random.default_rng(0)
    x = shapes((96, 96), rng)
    y = gaussian_filter(x, sigma)[16:-16, 16:-16] + rng.normal(0, 0.1, (64, 64))
    reports: list[float] = []
    stack = ImageStack(y.astype(np.float32), "YX", (0.1, 0.1))
    found = estimate_width(stack, offset=0, report=lambda p: reports.append(p.values["fwhm"]))
    true = FWHM_PER_SIGMA * sigma
    assert found.range[0] < true < found.range[1]
    assert found.fwhm == pytest.approx(true, rel=0.3)
    assert reports[0] == reports[1] == min(reports)  # two restorations a width


def test_noise_alone_has_no_width() -> None:
    y = 100 + np.random.default_rng(0).normal(0, 3, (64, 64))
    found = estimate_width(ImageStack(y.astype(np.float32), "YX"))
    assert not found.told
    assert "cannot tell" in found.statement
    assert estimate_width(ImageStack(y.astype(np.float32), "YX")) == found


@pytest.mark.slow
def test_a_stack_is_asked_in_three_dimensions_and_not_relied_on() -> None:
    rng = np.random.default_rng(0)
    x = shapes((18, 48, 48), rng, 4.0)
    z = gaussian_filter(x, 1.5)[5:-5, 8:-8, 8:-8]
    y = (z + rng.normal(0, 0.05, z.shape)).astype(np.float32)
    found = estimate_width(ImageStack(y, "ZYX", (0.2, 0.1, 0.1)), axial_ratio=2.0, offset=0)
    assert 0.5 < found.fwhm / (FWHM_PER_SIGMA * 1.5) < 2
    assert found.psf().ndim == 3
    assert found.source().fwhm == pytest.approx([0.2 * found.fwhm, *[0.1 * found.fwhm] * 2])
    assert "2 times as wide" in found.notes[0]
    assert not found.told


def test_a_cancel_is_heard() -> None:
    control = Control()
    steps = iterate(ImageStack(np.random.default_rng(0).random((64, 64)), "YX"), control=control)
    next(steps)
    control.cancel()
    with pytest.raises(Cancelled):
        next(steps)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"axial_ratio": 0.5}, "between 1 and 20"),
        ({"channel": 2}, "numbered from 0; got 2"),
    ],
)
def test_what_cannot_be_is_said(given: dict[str, object], words: str) -> None:
    stack = ImageStack(np.random.default_rng(0).random((64, 64)), "YX")
    with pytest.raises(InputError, match=words):
        estimate_width(stack, **given)  # type: ignore[arg-type]


def test_too_little_image_is_said() -> None:
    with pytest.raises(InputError, match="at least 64 x 64"):
        estimate_width(ImageStack(np.random.default_rng(0).random((20, 30)), "YX"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "sigma"), [("tubules1024x1024", 2), ("characters875x1355", 1), ("newyork1024x1024", 2)]
)
def test_pictures_of_the_paper(shared_data: Path, name: str, sigma: int) -> None:
    """The truth lies in the range of every recording; of three, the middle estimate is near it."""
    x = iio.imread(shared_data / "ssi_benchmark" / f"{name}.png").astype(np.float32)
    z = gaussian_filter(x / x.max(), sigma)[300:600, 300:600]
    estimates = []
    for seed in (1, 2, 3):
        y = z + np.random.default_rng(seed).normal(0, 0.05, z.shape)
        found = estimate_width(ImageStack(y.astype(np.float32), "YX"), offset=0)
        assert found.range[0] < FWHM_PER_SIGMA * sigma < found.range[1]
        estimates.append(found.fwhm)
    assert np.median(estimates) == pytest.approx(FWHM_PER_SIGMA * sigma, rel=0.35)
