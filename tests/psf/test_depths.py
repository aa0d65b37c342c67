"""PSFs at several depths are those of points so deep, on one grid."""

from __future__ import annotations

import numpy as np
import pytest

from napari_ssi import InputError
from napari_ssi.psf.depths import at_depths
from napari_ssi.psf.measure import fwhm
from napari_ssi.psf.widefield import WidefieldPSF

VOXEL = (0.4, 0.15, 0.15)


def objective(depth: float = 3.0, **more: float) -> WidefieldPSF:
    optics = {"numerical_aperture": 1.2, "immersion_index": 1.515, "sample_index": 1.36, **more}
    return WidefieldPSF(emission_wavelength=0.52, depth=depth, **optics)


def test_each_is_the_psf_of_its_depth() -> None:
    psfs = at_depths(objective(), VOXEL, (0.0, 4.0, 9.0))
    assert psfs.dtype == np.float32 and len(psfs) == 3
    for psf, depth in zip(psfs, (3.0, 7.0, 12.0), strict=True):
        np.testing.assert_array_equal(psf, objective(depth).compute(VOXEL, psf.shape))
    assert psfs[-1].shape == objective(12.0).compute(VOXEL).shape  # the widest tells the grid
    np.testing.assert_allclose(psfs.sum((1, 2, 3)), 1, rtol=1e-5)
    # deeper is longer along z, and less bright
    assert fwhm(psfs[2], VOXEL)[0] > 1.2 * fwhm(psfs[0], VOXEL)[0]
    assert psfs[0].max() > psfs[1].max() > psfs[2].max()


def test_without_a_mismatch_all_are_alike() -> None:
    one, two = at_depths(objective(sample_index=1.515), VOXEL, (0.0, 10.0))
    np.testing.assert_allclose(one, two, atol=1e-7)


@pytest.mark.parametrize("depths", [(), (1.0,), (2.0, 2.0), (3.0, 1.0)])
def test_depths_that_do_not_rise_are_refused(depths: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="two depths or more, rising"):
        at_depths(objective(), VOXEL, depths)


def test_too_deep_is_refused() -> None:
    with pytest.raises(InputError, match="depth"):
        at_depths(objective(), VOXEL, (0.0, 900.0))
