"""One PSF, checked and made ready once, with every repair said aloud."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import center_of_mass, label

from ..errors import InputError
from .background import background_notes, without_background

#: Energy that may lie outside the kept support, per axis. On an Airy pattern this costs less than
#: 0.4 % of the brightest pixel and 0.1 % on average, and halves the kernel's side.
TAIL = 0.005
#: More than this share of the energy must not be lost to a PSF longer than the image.
MAX_LOSS = 0.20
#: A core within this many pixels of ``size // 2`` is where it should be.
SLACK = 0.75


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

    In this order: refuse what cannot be mended; on request subtract the
    background and remove what is not the bead
    (:func:`~napari_ssi.psf.background.without_background`); match the
    dimensions; set negatives to 0; centre the bright core; crop to the smallest
    box about the centre that holds ``1 - tail`` of the energy along each axis,
    and to ``2 N - 1`` where the image has N pixels; normalise to sum 1.

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
    array = array.astype(np.float64)
    while array.ndim > 2 and array.shape[0] == 1:
        array = array[0]
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
    _refuse_shapeless(array)

    notes: list[str] = []
    if subtract_background:
        array, said = without_background(array)
        notes += said
    else:
        notes += background_notes(array)
    array = _match_dimensions(array, len(shape), notes)
    negative = int((array < 0).sum())
    if negative:
        lost = -array[array < 0].sum() / np.abs(array).sum()
        array = np.maximum(array, 0)
        if lost > 1e-6:
            notes.append(f"{negative} negative PSF values ({lost:.1%} of its weight) set to 0.")
    _refuse_shapeless(array, "Once prepared, the PSF")
    array = _centred(array, notes)
    array = _cropped(array, tuple(shape)[-array.ndim :], tail, notes)
    kernel = (array / array.sum()).astype(np.float32)
    return PreparedPSF(kernel, tuple(notes))


def _refuse_shapeless(psf: NDArray[np.float64], subject: str = "The PSF") -> None:
    if not psf.any():
        raise InputError(
            f"{subject} is zero everywhere; choose the layer or file that holds the PSF."
        )
    if psf.min() == psf.max():
        raise InputError(
            f"{subject} is constant, so it has no shape; choose another layer or file."
        )


def _match_dimensions(psf: NDArray[np.float64], ndim: int, notes: list[str]) -> NDArray[np.float64]:
    if psf.ndim == 3 and ndim == 2:
        # The sum of squares is largest where the light is most concentrated, even where every
        # plane holds as much of it (widefield), and whatever even background lies beneath.
        plane = int(np.argmax(np.square(psf).sum((1, 2))))
        notes.append(
            f"3D PSF with a 2D image: its in-focus slice (plane {plane} of {len(psf)}) is used."
        )
        in_focus: NDArray[np.float64] = psf[plane]
        return in_focus
    if psf.ndim == 2 and ndim == 3:
        notes.append("2D PSF with a stack: each plane is restored by itself, slice by slice.")
    return psf


def _centred(psf: NDArray[np.float64], notes: list[str]) -> NDArray[np.float64]:
    """Pad so that the bright core stands at ``size // 2``.

    A PSF off its place would shift the result by as much. One whose core is
    within 3/4 of a pixel of the place stays as it is: a symmetric one of even
    size stands between two pixels, and an asymmetric one (coma) is off by nature.
    """
    centre = core_centre(psf)
    for axis, (c, n) in enumerate(zip(centre, psf.shape, strict=True)):
        off = c - n // 2
        if abs(off) <= SLACK:
            continue
        shift = round(off)
        before = max(0, -2 * shift - (n % 2 == 0))  # an even size needs one less: it becomes odd
        pad = [(0, 0)] * psf.ndim
        pad[axis] = (before, max(0, 2 * shift))
        psf = np.pad(psf, pad)
        pixels = "1 pixel" if abs(shift) == 1 else f"{abs(shift)} pixels"
        notes.append(
            f"PSF was {pixels} off its centre along {'ZYX'[axis - psf.ndim]}: moved there."
        )
    return psf


def core_centre(psf: NDArray[np.floating]) -> tuple[float, ...]:
    """Centre of mass, in pixels, of what is at least half as bright as the peak.

    All of it where that stands in the middle (a double helix has two lobes),
    else the part that is connected with the peak: others are stray beads.
    """
    core = np.where(psf >= 0.5 * psf.max(), psf, 0).astype(np.float64)
    centre = center_of_mass(core)
    if any(abs(c - n // 2) > SLACK for c, n in zip(centre, psf.shape, strict=True)):
        parts, _ = label(core > 0, np.ones((3,) * psf.ndim))
        at_peak = parts[np.unravel_index(int(np.argmax(psf)), psf.shape)]
        centre = center_of_mass(np.where(parts == at_peak, core, 0))
    return tuple(float(c) for c in centre)


def _cropped(
    psf: NDArray[np.float64], shape: tuple[int, ...], tail: float, notes: list[str]
) -> NDArray[np.float64]:
    total = psf.sum()
    keep: list[slice] = []
    for axis, n in enumerate(psf.shape):
        profile = psf.sum(tuple(a for a in range(psf.ndim) if a != axis)) / total
        centre = n // 2
        # energy within `radius` of the centre, radius = 0 … n // 2
        reach = np.abs(np.arange(n) - centre)
        energy = np.cumsum(np.bincount(reach, weights=profile, minlength=centre + 1))
        radius = int(np.searchsorted(energy, min(1 - tail, energy[-1]) - 1e-9))
        limit = shape[axis] - 1  # 2 N - 1 pixels
        if radius > limit:
            loss = 1 - energy[limit]
            name = "ZYX"[axis - psf.ndim]
            if loss > MAX_LOSS:
                raise InputError(
                    f"The PSF is longer than the image along {name} ({n} against {shape[axis]} pixels) "
                    f"and {loss:.0%} of its energy would be lost (at most {MAX_LOSS:.0%} may be); "
                    "use a larger image or a smaller PSF."
                )
            notes.append(
                f"PSF cropped to {2 * limit + 1} pixels along {name}, as the image has only "
                f"{shape[axis]}: {loss:.1%} of its energy lost."
            )
            radius = limit
        keep.append(slice(max(0, centre - radius), centre + radius + 1))
    return psf[tuple(keep)]
