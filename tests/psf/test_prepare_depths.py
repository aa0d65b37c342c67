"""What is wrong with one of several PSFs is said of it."""

from __future__ import annotations

import numpy as np
import pytest

from napari_ssi.errors import InputError
from napari_ssi.psf.prepare_depths import prepare_depths


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (np.nan, "Of 3 PSFs at several depths, number 2 has 2 values that are NaN or infinite"),
        (np.inf, "number 2 has 2 values"),
        (0.0, "number 2 is zero everywhere"),
    ],
)
def test_it_is_said_which(spoil: float, words: str) -> None:
    psfs = np.ones((3, 3, 5, 5))
    at = (1, 1, 1, slice(2)) if spoil else 1
    psfs[at] = spoil
    with pytest.raises(InputError, match=words):
        prepare_depths(psfs, (8, 20, 20))


def test_all_are_cropped_alike_to_what_the_widest_needs() -> None:
    psfs = np.zeros((2, 5, 9, 9))
    psfs[0, 2, 4, 4] = 3
    psfs[1, 2, 2:7, 4] = 1
    psfs[1, 0, 4, 4] = -1
    kernels, notes = prepare_depths(psfs, (8, 20, 20))
    assert kernels.shape == (2, 1, 5, 1) and kernels.dtype == np.float32
    np.testing.assert_allclose(kernels[0, 0, :, 0], [0, 0, 1, 0, 0])
    np.testing.assert_allclose(kernels[1, 0, :, 0], 0.2)
    assert notes == ["1 negative PSF values set to 0."]
    with pytest.raises(InputError, match="longer than the image along Y, and 40%"):
        prepare_depths(psfs, (8, 2, 20))
