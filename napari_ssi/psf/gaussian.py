"""A Gaussian PSF from its width, the simplest model of a microscope's blur."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from ..errors import InputError

#: FWHM = 2 sqrt(2 ln 2) σ
FWHM_PER_SIGMA = 2.0 * float(np.sqrt(2.0 * np.log(2.0)))


def gaussian(fwhm: Sequence[float], pixel_size: Sequence[float]) -> NDArray[np.float32]:
    """A Gaussian, integrated over each pixel, on an odd grid of ±4 σ, summing to 1.

    Parameters
    ----------
    fwhm
        Full width at half maximum in µm, per axis, ``(Y, X)`` or ``(Z, Y, X)``.
    pixel_size
        Pixel size in µm, per axis.

    Raises
    ------
    InputError
        A width or a pixel size that is not positive, or wider than 512 pixels.

    Examples
    --------
    >>> gaussian((0.3, 0.3), (0.1, 0.1)).shape
    (13, 13)
    """
    if len(fwhm) != len(pixel_size):
        raise InputError(
            f"A Gaussian PSF needs one width per axis: {len(pixel_size)}, got {len(fwhm)}."
        )
    kernel = np.ones(())
    for width, size in zip(fwhm, pixel_size, strict=True):
        if not (width > 0 and size > 0 and np.isfinite([width, size]).all()):
            raise InputError(
                f"PSF width and pixel size must be above 0 µm; got {width:g} and {size:g} µm."
            )
        sigma = width / FWHM_PER_SIGMA / size
        if sigma * FWHM_PER_SIGMA > 512:
            raise InputError(
                f"A PSF width of {width:g} µm is {width / size:.0f} pixels wide (at most 512); "
                "check the pixel size."
            )
        radius = max(1, int(np.ceil(4 * sigma)))
        edges = (np.arange(-radius, radius + 2) - 0.5) / (np.sqrt(2) * sigma)
        kernel = np.multiply.outer(kernel, np.diff(erf(edges)))
    normalised: NDArray[np.float32] = (kernel / kernel.sum()).astype(np.float32)
    return normalised
