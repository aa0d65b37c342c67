"""Numbers against formulae, warnings against what was built in, and broken PSFs in a table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_ssi.errors import InputError
from napari_ssi.psf.gaussian import gaussian
from napari_ssi.psf.inspection import inspect, theory
from napari_ssi.psf.source import read_psf
from napari_ssi.samples.microscope import widefield_psf

VOXEL = (0.15, 0.07, 0.07)
OPTICS = {"numerical_aperture": 1.2, "wavelength": 0.52, "index": 1.33}


def widefield(voxel: tuple[float, ...] = VOXEL, **aberration: float) -> np.ndarray:
    return widefield_psf((41, 61, 61), voxel, **OPTICS, **aberration)


def test_a_computed_psf_is_at_the_limit_and_nothing_is_wrong() -> None:
    found = inspect(widefield(), VOXEL, **OPTICS)
    assert found.warnings == () and found.repairs == ()
    assert found.diffraction is not None and found.nyquist is not None
    # scalar theory at high NA: sine condition and all make it a little narrower than the rule
    assert found.fwhm[1:] == pytest.approx(found.diffraction[1:], rel=0.05)
    assert found.fwhm[0] == pytest.approx(found.diffraction[0], rel=0.15)
    assert found.fwhm == pytest.approx(found.half_maximum, rel=0.03)
    assert found.centre_error == pytest.approx((0, 0, 0), abs=1e-3)
    assert found.asymmetry < 0.01
    assert found.outside == 0  # light goes on to the edge of the picture, and all is kept
    assert 0.001 < inspect(widefield() ** 2, VOXEL).outside < 0.03  # a confocal's ends before


def test_theory_by_hand() -> None:
    limit, nyquist = theory(0.5, 0.5, 1.0, 3)
    cosine = np.cos(np.arcsin(0.5))
    assert limit == pytest.approx((0.88 * 0.5 / (1 - cosine), 0.51, 0.51))
    assert nyquist == pytest.approx((0.5 / (2 * (1 - cosine)), 0.25, 0.25))
    with pytest.raises(InputError, match="below the immersion's refractive index"):
        theory(1.4, 0.5, 1.33, 3)


def test_views_and_profiles_are_those_through_the_peak() -> None:
    psf = widefield()
    found = inspect(psf, VOXEL)
    assert set(found.views) == {"xy", "xz", "yz"}
    kernel = found.views["xy"]
    positions, values = found.profiles["X"]
    np.testing.assert_array_equal(values, kernel[kernel.shape[0] // 2])
    assert positions[np.argmax(values)] == 0
    assert positions[1] - positions[0] == pytest.approx(0.07)
    np.testing.assert_allclose(found.views["xz"][:, kernel.shape[1] // 2], found.profiles["Z"][1])
    assert set(inspect(psf[20], VOXEL[1:]).views) == {"xy"}


def test_the_fitted_gaussian_is_that_of_a_gaussian_psf() -> None:
    found = inspect(gaussian((0.6, 0.3, 0.3), (0.1, 0.05, 0.05)), (0.1, 0.05, 0.05))
    assert found.fit is not None
    positions, values = found.profiles["Z"]
    middle = [int(np.argmax(found.profiles[name][1])) for name in "ZYX"]
    line = found.fit.along(0, middle, np.arange(len(positions)))
    np.testing.assert_allclose(line / values.max(), values / values.max(), atol=0.02)
    expected = np.exp(-4 * np.log(2) * (positions / 0.6) ** 2)
    np.testing.assert_allclose(line / values.max(), expected, atol=0.02)


def test_a_coarse_step_is_said() -> None:
    step = 3 * theory(**OPTICS, ndim=3)[1][0]
    voxel = (step, 0.07, 0.07)
    (said,) = [w for w in inspect(widefield(voxel), voxel, **OPTICS).warnings if "z-step" in w]
    assert said == "z-step 1.03 µm is 3 x coarser than Nyquist (0.34 µm): expect no axial gain."
    coarse = (0.15, 0.2, 0.2)
    found = inspect(gaussian((0.6, 0.5, 0.5), coarse), coarse, **OPTICS)
    assert any(w.startswith("pixel size 0.2 µm is 1.8 x coarser") for w in found.warnings)


@pytest.mark.parametrize(
    ("claimed", "words"),
    [((0.15, 0.03, 0.03), "below what these optics can show"), ((0.3, 0.15, 0.15), "aberrated")],
)
def test_a_wrong_voxel_size_is_noticed(claimed: tuple[float, ...], words: str) -> None:
    assert any(words in w for w in inspect(widefield(), claimed, **OPTICS).warnings)


def test_off_centre_and_asymmetric() -> None:
    psf = np.roll(widefield(), (0, 4, -6), (0, 1, 2))
    found = inspect(psf, VOXEL)
    assert found.centre_error == pytest.approx((0, 4, -6), abs=0.01)
    assert sum("moved there" in note for note in found.repairs) == 2
    comet = widefield() + 0.6 * np.roll(widefield(), 4, -1)
    assert inspect(comet, VOXEL).asymmetry > 0.05 + inspect(widefield(), VOXEL).asymmetry


def test_lines_for_people() -> None:
    lines = inspect(widefield(), VOXEL, **OPTICS).describe()
    assert lines[0] == "41 x 61 x 61 voxels of 0.15 x 0.07 x 0.07 µm (ZYX)"
    assert any(line.startswith("Nyquist voxel 0.344 x 0.108") for line in lines)


# --- broken PSFs: mended with a note, or refused with one sentence ------------------------------

SQUARE = gaussian((0.3, 0.3), (0.1, 0.1)).astype(float)
REFUSED = {
    "zero": (np.zeros((9, 9)), "zero everywhere"),
    "constant": (np.ones((9, 9)), "constant"),
    "NaN": (np.where(SQUARE > 0.02, np.nan, SQUARE), "NaN or infinite"),
    "negative": (-SQUARE, "zero everywhere"),
    "complex": (SQUARE.astype(complex), "real numbers"),
    "4D": (np.ones((2, 3, 9, 9)), "2D .Y, X. or 3D"),
    "a line": (np.ones(9), "2D .Y, X. or 3D"),
}
MENDED = {
    "negatives": (SQUARE - 0.001, "negative PSF values"),
    "off centre": (np.pad(SQUARE, ((6, 0), (0, 0))), "off its centre along Y"),
    "background": (np.pad(SQUARE, 10) + 0.02, "subtract background"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    psf, words = REFUSED[name]
    with pytest.raises(InputError, match=words) as error:
        inspect(psf, (0.1,) * min(psf.ndim, 3))
    assert str(error.value).count(". ") == 0


@pytest.mark.parametrize("name", MENDED)
def test_mended(name: str) -> None:
    psf, words = MENDED[name]
    assert any(words in note for note in inspect(psf, (0.1, 0.1)).repairs)


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("E/generated/psf_all_zero.tif", "refused: zero everywhere"),
        ("E/real/psf_all_nan_float32.tif", "refused: NaN or infinite"),
        ("E/generated/psf_offcenter.tif", "off its centre along Y"),
        ("E/generated/psf_even_48x64.tif", ""),
        ("C/pycudadecon_psf.tif", "background"),
        ("C/confocal_grid_avg_psf_45cube.tif", "background"),
    ],
)
def test_files(shared_data: Path, file: str, words: str) -> None:
    psf = read_psf(shared_data / file)
    if words.startswith("refused"):
        with pytest.raises(InputError, match=words.removeprefix("refused: ")):
            inspect(psf, (0.1,) * psf.ndim)
        return
    found = inspect(psf, (0.1,) * psf.ndim)
    assert any(words in note for note in found.repairs) if words else found.repairs == ()
    assert all(np.isfinite(found.fwhm))
