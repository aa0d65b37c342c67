"""The simulated instrument: a widefield PSF from its pupil, and a scientific CMOS camera."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

#: Camera: offset in counts, counts per photo-electron, read noise in electrons.
OFFSET, GAIN, READ_NOISE = 100.0, 2.2, 1.4


def widefield_psf(
    shape: Sequence[int],
    pixel_size: Sequence[float],
    *,
    numerical_aperture: float,
    wavelength: float,
    index: float,
    spherical: float = 0.0,
) -> NDArray[np.float32]:
    r"""Scalar widefield PSF of an objective, by the Fourier transform of its pupil.

    .. math:: h(r, z) = \left| \mathcal F^{-1} \left[ 1_{|k| \le NA/\lambda} \,
              e^{2 \pi i (z \sqrt{n^2/\lambda^2 - k^2} + w \, Z_4^0(k))} \right] \right|^2

    Parameters
    ----------
    shape
        Odd sizes, (Y, X) or (Z, Y, X).
    pixel_size
        µm, in the same order; Y and X alike and at most λ / (4 NA).
    numerical_aperture, wavelength, index
        Of the objective; of emission, µm; of the medium.
    spherical
        Primary spherical aberration w, in waves (Zernike coefficient).

    Returns
    -------
    ndarray
        Sums to 1, its centre at ``size // 2``.

    References
    ----------
    B. M. Hanser et al., "Phase-retrieved pupil functions in wide-field fluorescence
    microscopy", J. Microsc. 216, 32 (2004), doi:10.1111/j.0022-2720.2004.01393.x

    Examples
    --------
    >>> psf = widefield_psf((31, 31), (0.1, 0.1), numerical_aperture=1.2, wavelength=0.52, index=1.33)
    >>> bool(psf[15, 15] == psf.max())
    True
    """
    depth = shape[0] if len(shape) == 3 else 1
    step = pixel_size[0] if len(shape) == 3 else 1.0
    n = 2 * max(shape[-2:])  # room, so that what lies beyond does not fold back
    k = np.fft.fftfreq(n, pixel_size[-1])
    squared = k[:, None] ** 2 + k[None, :] ** 2
    cutoff = numerical_aperture / wavelength
    pupil = squared <= cutoff**2
    rho = squared / cutoff**2
    aberration = spherical * np.sqrt(5) * (6 * rho**2 - 6 * rho + 1)
    axial = np.sqrt(np.maximum((index / wavelength) ** 2 - squared, 0))
    planes = []
    for z in (np.arange(depth) - depth // 2) * step:
        field = np.fft.ifft2(pupil * np.exp(2j * np.pi * (z * axial + aberration)))
        planes.append(np.fft.fftshift(np.abs(field) ** 2))
    psf = np.stack(planes)
    y, x = (n // 2 - s // 2 for s in shape[-2:])
    psf = psf[:, y : y + shape[-2], x : x + shape[-1]]
    kernel: NDArray[np.float32] = (psf / psf.sum()).astype(np.float32)
    return kernel if len(shape) == 3 else kernel[0]


def record(
    specimen: NDArray[np.float32], psf: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.uint16], NDArray[np.float32]]:
    """Blur a specimen and take it with a camera.

    Parameters
    ----------
    specimen
        Photo-electrons per pixel, ([Z,] Y, X), larger than the field of view by
        ``s - 1`` pixels per axis of a PSF s long: beyond the edge it goes on.
    psf
        Of the same number of axes.

    Returns
    -------
    recording, truth
        uint16 counts, and the specimen under the field of view in the same units.
    """
    light = np.maximum(fftconvolve(specimen, psf, mode="valid"), 0)
    electrons = rng.poisson(light) + rng.normal(0, READ_NOISE, light.shape)
    counts = np.clip(np.rint(OFFSET + GAIN * electrons), 0, 65535).astype(np.uint16)
    seen = tuple(slice(s // 2, s // 2 + n) for s, n in zip(psf.shape, light.shape, strict=True))
    return counts, (OFFSET + GAIN * specimen[seen]).astype(np.float32)
