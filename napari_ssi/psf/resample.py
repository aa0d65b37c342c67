"""A PSF on another pixel grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.fft import irfft, rfft, rfftfreq
from scipy.interpolate import CubicSpline

from ..errors import InputError

#: Pixel sizes that differ by less than this part are the same.
SAME = 0.01
#: A PSF longer than this after resampling means that one of the pixel sizes is wrong.
LONGEST = 1025


def resampled(
    psf: ArrayLike, own: Sequence[float], wanted: Sequence[float]
) -> tuple[NDArray[np.floating], list[str]]:
    r"""The PSF with pixels of ``wanted`` instead of ``own`` µm, and a sentence if that changed it.

    A coarser pixel collects the light of its whole width: with w and o the two
    sizes, the spectrum is multiplied by :math:`\mathrm{sinc}(k w) / \mathrm{sinc}(k o)` up to
    the first zero, :math:`k = 1/w`, so that nothing folds back. The values between the samples
    are those of a cubic spline. The sum stays the same, and so does the middle, the
    pixel at ``size // 2``.

    Parameters
    ----------
    psf
        2D or 3D.
    own, wanted
        µm per axis, ([Z,] Y, X); the last axes are compared where one has fewer.

    Raises
    ------
    InputError
        Sizes so different that the result would have more than 1025 pixels along an
        axis, or fewer than 2 across all of it.

    Examples
    --------
    >>> from napari_ssi.psf.gaussian import gaussian
    >>> coarse, notes = resampled(gaussian((0.5, 0.5), (0.05, 0.05)), (0.05, 0.05), (0.1, 0.1))
    >>> notes
    ['PSF resampled from 0.05 x 0.05 to 0.1 x 0.1 µm.']
    """
    array = np.asarray(psf)
    n = min(array.ndim, len(own), len(wanted))
    pairs = list(zip(tuple(own)[-n:], tuple(wanted)[-n:], strict=True))
    if not all(0 < v < np.inf for pair in pairs for v in pair):
        raise InputError(f"Pixel sizes must be above 0 µm; got {tuple(own)} and {tuple(wanted)}.")
    if all(abs(w / o - 1) < SAME for o, w in pairs):
        return array, []
    result = array.astype(np.float64)
    negative = bool((result < 0).any())
    for axis, (o, w) in enumerate(pairs, start=array.ndim - n):
        if abs(w / o - 1) >= SAME and result.shape[axis] > 1:
            result = _along(result, axis, o, w)
    if not negative:
        result = np.maximum(result, 0)  # a spline swings a little below
    before, after = (" x ".join(f"{pair[i]:.4g}" for pair in pairs) for i in (0, 1))
    return result, [f"PSF resampled from {before} to {after} µm."]


def _along(psf: NDArray[np.float64], axis: int, own: float, wanted: float) -> NDArray[np.float64]:
    length = psf.shape[axis]
    factor = wanted / own
    middle = length // 2
    before, after = int(middle / factor + 1e-9), int((length - 1 - middle) / factor + 1e-9)
    if before + after + 1 > LONGEST or before + after < 1:
        name = "ZYX"[axis - psf.ndim]
        raise InputError(
            f"The PSF has {length} pixels of {own:.4g} µm along {name}, which are {before + after + 1} "
            f"of the image's {wanted:.4g} µm (2 to {LONGEST} can be used); check both pixel sizes."
        )
    if factor > 1:
        pad = int(np.ceil(2 * factor))
        padded = np.pad(psf, [(pad, pad) if a == axis else (0, 0) for a in range(psf.ndim)], "edge")
        k = rfftfreq(padded.shape[axis], own)
        ratio = np.where(k * wanted < 1, np.sinc(k * wanted) / np.sinc(k * own), 0.0)
        shape = [1] * psf.ndim
        shape[axis] = -1
        smooth = irfft(
            rfft(padded, axis=axis) * ratio.reshape(shape), padded.shape[axis], axis=axis
        )
        psf = smooth.take(range(pad, pad + length), axis)
    places = middle + factor * np.arange(-before, after + 1)
    moved: NDArray[np.float64] = CubicSpline(np.arange(length), psf, axis=axis)(places) * factor
    return moved
