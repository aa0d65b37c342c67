"""A Gaussian on another grid is the Gaussian of that grid, made there from the formula."""

from __future__ import annotations

import numpy as np
import pytest

from napari_ssi.errors import InputError
from napari_ssi.psf.gaussian import gaussian
from napari_ssi.psf.resample import resampled


def middle(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return array[
        tuple(
            slice(a // 2 - s // 2, a // 2 - s // 2 + s)
            for a, s in zip(array.shape, shape, strict=True)
        )
    ]


@pytest.mark.parametrize("wanted", [(0.3, 0.1, 0.1), (0.2, 0.13, 0.09), (0.1, 0.05, 0.15)])
def test_coarser_is_what_coarser_pixels_would_have_seen(wanted: tuple[float, ...]) -> None:
    own, width = (0.1, 0.05, 0.05), (0.9, 0.4, 0.4)
    fine = gaussian(width, own)
    found, notes = resampled(fine, own, wanted)
    truth = gaussian(width, wanted)
    shape = tuple(
        min(a, b) - 1 + min(a, b) % 2 for a, b in zip(found.shape, truth.shape, strict=True)
    )
    assert np.abs(middle(found, shape) - middle(truth, shape)).max() < 0.002 * truth.max()
    assert float(found.sum()) == pytest.approx(float(fine.sum()), rel=0.005)
    after = " x ".join(f"{w:g}" for w in wanted)
    assert notes == [f"PSF resampled from 0.1 x 0.05 x 0.05 to {after} µm."]


def test_finer() -> None:
    found, _ = resampled(gaussian((0.6, 0.6), (0.1, 0.1)), (0.1, 0.1), (0.04, 0.04))
    # nothing can take back that the coarse pixels integrated
    truth = gaussian((np.sqrt(0.36 + 8 * np.log(2) * (0.1**2 - 0.04**2) / 12),) * 2, (0.04, 0.04))
    shape = tuple(min(a, b) for a, b in zip(found.shape, truth.shape, strict=True))
    assert np.abs(middle(found, shape) - middle(truth, shape)).max() < 0.01 * truth.max()
    assert float(found.sum()) == pytest.approx(1, rel=0.01)


def test_nothing_folds_back() -> None:
    stripes = np.cos(np.pi * np.arange(65) * 0.9) + 1  # nearly one dark, one bright
    found, _ = resampled(np.outer(stripes, stripes), (0.1, 0.1), (0.21, 0.21))
    inner = found[5:-5, 5:-5]
    assert inner.std() < 0.12 * inner.mean()
    assert np.outer(stripes, stripes)[::2, ::2].std() > 0.5  # what picking every second shows


@pytest.mark.parametrize("size", [(41, 41), (40, 41)])
def test_the_middle_stays(size: tuple[int, int]) -> None:
    psf = np.zeros(size)
    psf[size[0] // 2 - 2 : size[0] // 2 + 3, size[1] // 2 - 2 : size[1] // 2 + 3] = 1
    found, _ = resampled(psf, (0.1, 0.1), (0.2, 0.1))
    assert np.unravel_index(found.argmax(), found.shape)[0] == found.shape[0] // 2
    y = np.arange(found.shape[0]) - found.shape[0] // 2
    assert (found.sum(1) * y).sum() / found.sum() == pytest.approx(0, abs=0.05)


def test_the_same_size_changes_nothing_and_other_axes_are_left_alone() -> None:
    psf = gaussian((0.9, 0.4, 0.4), (0.1, 0.05, 0.05))
    same, notes = resampled(psf, (0.1, 0.05, 0.05), (0.1, 0.0502, 0.05))
    assert same is psf and notes == []
    flat, notes = resampled(psf, (0.1, 0.05, 0.05), (0.1, 0.1))  # a 2D image
    assert flat.shape[0] == psf.shape[0] and flat.shape[1] < psf.shape[1]
    assert notes == ["PSF resampled from 0.05 x 0.05 to 0.1 x 0.1 µm."]


@pytest.mark.parametrize("wanted", [(0.00001, 0.1), (50, 0.1), (0, 0.1)])
def test_absurd_sizes_are_refused(wanted: tuple[float, float]) -> None:
    with pytest.raises(InputError, match=r"[Pp]ixel size"):
        resampled(np.eye(31), (0.1, 0.1), wanted)
