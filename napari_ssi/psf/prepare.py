"""One PSF, checked and made ready once, with every repair said aloud."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError

#: Energy that may lie outside the kept support.
TAIL = 0.005
#: More than this share of the energy must not be lost to a PSF longer than the image.
MAX_LOSS = 0.20


@dataclass(frozen=True)
class PreparedPSF:
    """A kernel that sums to 1, its centre at ``size // 2``, and what was done to it."""

    kernel: NDArray[np.float32]
    notes: tuple[str, ...]


def prepare(
    psf: ArrayLike,
    shape: Sequence[int],
    *,
    subtract_background: bool = False,
    tail: float = TAIL,
) -> PreparedPSF:
    """Check a PSF and make it a convolution kernel for images of spatial ``shape``.

    In this order: refuse what cannot be mended; match the dimensions; subtract
    the background (on request: the median of the outermost pixels); set
    negatives to 0; centre the brightest region; crop to the smallest box about
    the centre that holds ``1 - tail`` of the energy along each axis, and to
    ``2 N - 1`` where the image has N pixels; normalise to sum 1.

    Parameters
    ----------
    psf
        2D or 3D, any real dtype, odd or even, symmetric or not, with the image's
        pixel size. A 3D PSF with a 2D image gives its in-focus slice; a 2D PSF
        with a stack stays 2D, to be applied plane by plane.
    shape
        The image's spatial shape, ``(Y, X)`` or ``(Z, Y, X)``.

    Raises
    ------
    InputError
        Not 2D or 3D; NaN or infinite; all zero; constant; or more than 20 % of
        the energy would be lost because it is longer than the image.

    Examples
    --------
    >>> import numpy as np
    >>> prepared = prepare(np.ones((3, 3)) + 5 * np.eye(3), (64, 64))
    >>> float(prepared.kernel.sum())
    1.0
    """
    array = np.asarray(psf)
    if array.dtype.kind not in "uifb":
        raise InputError(f"The PSF must hold real numbers; got {array.dtype}.")
    array = np.squeeze(array.astype(np.float64))
    if array.ndim not in (2, 3):
        raise InputError(
            f"The PSF must be 2D (Y, X) or 3D (Z, Y, X); got the shape {np.shape(psf)}."
        )
    if not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).sum())
        raise InputError(
            f"The PSF has {bad} of {array.size} values that are NaN or infinite; "
            "choose another file, or measure it again."
        )
    if not array.any():
        raise InputError("The PSF is zero everywhere; choose the layer or file that holds the PSF.")
    if array.min() == array.max():
        raise InputError("The PSF is constant, so it has no shape; choose another layer or file.")

    notes: list[str] = []
    array = _match_dimensions(array, len(shape), notes)
    if subtract_background:
        level = float(np.median(_rim(array)))
        array = array - level
        notes.append(f"PSF background of {level:.4g} subtracted.")
    negative = int((array < 0).sum())
    if negative:
        lost = -array[array < 0].sum() / np.abs(array).sum()
        array = np.maximum(array, 0)
        if lost > 1e-6:
            notes.append(f"{negative} negative PSF values ({lost:.1%} of its weight) set to 0.")
    if not array.any():
        raise InputError(
            "Nothing is left of the PSF once its background is subtracted; switch that off."
        )
    rim = float(np.median(_rim(array)) / array.max())
    if rim > 0.02 and not subtract_background:
        notes.append(
            f"The PSF does not fall to zero: its rim is at {rim:.0%} of the peak. "
            "Tick “subtract background” if that is a camera offset."
        )
    array = _centred(array, notes)
    array = _cropped(array, tuple(shape)[-array.ndim :], tail, notes)
    kernel = (array / array.sum()).astype(np.float32)
    return PreparedPSF(kernel, tuple(notes))


def _match_dimensions(psf: NDArray[np.float64], ndim: int, notes: list[str]) -> NDArray[np.float64]:
    if psf.ndim == 3 and ndim == 2:
        sharpness = np.square(psf).sum((1, 2))  # the in-focus slice has the most concentrated light
        plane = int(np.argmax(sharpness))
        notes.append(
            f"3D PSF with a 2D image: its in-focus slice (plane {plane} of {len(psf)}) is used."
        )
        return psf[plane]
    if psf.ndim == 2 and ndim == 3:
        notes.append("2D PSF with a stack: each plane is restored by itself, slice by slice.")
    return psf


def _rim(psf: NDArray[np.float64]) -> NDArray[np.float64]:
    inner = np.zeros(psf.shape, bool)
    inner[tuple(slice(1, -1) if n > 2 else slice(None) for n in psf.shape)] = True
    return psf[~inner] if not inner.all() else psf.ravel()


def _centred(psf: NDArray[np.float64], notes: list[str]) -> NDArray[np.float64]:
    """Pad so that the centre of mass of the bright core stands at ``size // 2``.

    A PSF whose centre is within 1 pixel of the middle is taken as it is: an
    asymmetric one (coma) is off-centre by nature.
    """
    core = np.where(psf >= 0.5 * psf.max(), psf, 0)
    weights = core / core.sum()
    grid = np.indices(psf.shape).reshape(psf.ndim, -1)
    centre = grid @ weights.ravel()
    for axis, (c, n) in enumerate(zip(centre, psf.shape, strict=True)):
        shift = round(float(c)) - n // 2
        # An even size may call either of its two middle pixels the centre.
        if abs(shift) <= 1 and abs(c - (n - 1) / 2) <= 1:
            continue
        pad = [(0, 0)] * psf.ndim
        pad[axis] = (0, 2 * shift) if shift > 0 else (-2 * shift, 0)
        psf = np.pad(psf, pad)
        notes.append(f"PSF centre moved by {-shift} pixels along {'ZYX'[axis - psf.ndim]}.")
    return psf


def _cropped(
    psf: NDArray[np.float64], shape: tuple[int, ...], tail: float, notes: list[str]
) -> NDArray[np.float64]:
    total = psf.sum()
    for axis, n in enumerate(psf.shape):
        profile = psf.sum(tuple(a for a in range(psf.ndim) if a != axis)) / total
        centre = n // 2
        # energy within `radius` of the centre, radius = 0 … n // 2
        reach = np.abs(np.arange(n) - centre)
        energy = np.cumsum(np.bincount(reach, weights=profile, minlength=centre + 1))
        radius = int(np.searchsorted(energy, 1 - tail - 1e-9))
        limit = shape[axis] - 1  # 2 N - 1 pixels
        if radius > limit:
            loss = 1 - energy[limit]
            if loss > MAX_LOSS:
                raise InputError(
                    f"The PSF is longer than the image along {'ZYX'[axis - psf.ndim]} ({n} against "
                    f"{shape[axis]} pixels) and {loss:.0%} of its energy would be lost (at most "
                    f"{MAX_LOSS:.0%} may be); use a larger image or a smaller PSF."
                )
            notes.append(
                f"PSF cropped to {2 * limit + 1} pixels along {'ZYX'[axis - psf.ndim]}, as the "
                f"image has only {shape[axis]}: {loss:.1%} of its energy lost."
            )
            radius = limit
        keep = slice(max(0, centre - radius), centre + radius + 1)
        psf = psf[(slice(None),) * axis + (keep,)]
    return psf
