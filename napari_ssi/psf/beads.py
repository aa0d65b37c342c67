"""A PSF distilled from a recording of small fluorescent beads."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from ._alignment import Picture, average, correction, cut_out
from ._judging import judged
from ._spots import Spot, find_spots
from .background import standing_out
from .fitting import fit_gaussian
from .sphere import without_sphere

#: The window reaches so many FWHM to either side, if none is given.
REACH = 3.0
#: Fewer beads than this say little of how they differ.
FEW = 3
#: Below this FWHM in pixels the shifted pictures do not agree: 1.6 pixels came out 7 % too wide,
#: 2 pixels 2 %, 2.5 pixels right.
COARSE = 1.9
#: Among more than this many others, one bead no longer moves the average to itself.
MANY = 8


@dataclass(frozen=True)
class Bead:
    """One bead that was found.

    Attributes
    ----------
    position
        Pixels, (Y, X) or (Z, Y, X), to parts of a pixel.
    fwhm
        µm per axis, of a Gaussian fitted to its core, the bead's own size included; NaN
        where it is wider than the stack.
    amplitude
        Its peak above the background, in units of the recording.
    used
        Whether it is part of the PSF.
    reason
        Why it is not, or that the user said so; empty for a bead that is simply good.
    """

    position: tuple[float, ...]
    fwhm: tuple[float, ...]
    amplitude: float
    used: bool
    reason: str = ""


@dataclass(frozen=True)
class BeadPSF:
    """What :func:`distil` returns.

    Attributes
    ----------
    psf
        float32, odd sizes, sums to 1, its core's centre on the middle pixel.
    voxel_size
        µm per axis.
    beads
        All that were found, brightest first; their numbers are what ``include`` and
        ``exclude`` take.
    fwhm
        Of ``psf``, µm per axis: without the bead's size, where its diameter was given.
    spread
        Standard deviation of the used beads' FWHM, µm per axis; NaN for a single bead.
    notes
        What was done and what to mind, in sentences.
    """

    psf: NDArray[np.float32]
    voxel_size: tuple[float, ...]
    beads: tuple[Bead, ...]
    fwhm: tuple[float, ...]
    spread: tuple[float, ...]
    notes: tuple[str, ...]

    @property
    def used(self) -> int:
        """How many beads the PSF is the average of."""
        return sum(bead.used for bead in self.beads)


def distil(
    stack: ArrayLike,
    voxel_size: Sequence[float],
    *,
    bead_diameter: float = 0.0,
    window: Sequence[float] | float | None = None,
    exclude: Collection[int] = (),
    include: Collection[int] = (),
) -> BeadPSF:
    r"""Find beads, leave out bad ones, and average the others to a PSF.

    Each bead is cut out, moved to the middle of its window by parts of a pixel
    through the Fourier transform, scaled to the same peak, laid on the average of
    the others by least squares, and averaged, weighed by its brightness, without
    values that do not fit (see ``_alignment``). The picture of a bead is the PSF
    convolved with a ball, and is divided by the ball's transform

    .. math:: 3 (\sin q - q \cos q) / q^3, \qquad q = \pi d |k|

    (:func:`~napari_ssi.psf.sphere.without_sphere`).

    Parameters
    ----------
    stack
        2D or 3D, one channel.
    voxel_size
        µm, (Y, X) or (Z, Y, X).
    bead_diameter
        µm; 0 leaves the bead's own size in the PSF.
    window
        Side of the PSF in µm, one number or one per axis; 6 FWHM if not given. A bead
        with another one in its window is not used.
    exclude, include
        Numbers of beads (see :attr:`BeadPSF.beads`) that the user leaves out or takes in.

    Raises
    ------
    InputError
        No bead, none that can be used, or beads too large to be corrected for.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.ndimage import gaussian_filter
    >>> points = np.zeros((64, 64))
    >>> points[20, 20] = points[44, 40] = 5000
    >>> beads = gaussian_filter(points, 1.5) + np.random.default_rng(0).normal(100, 2, (64, 64))
    >>> found = distil(beads, (0.1, 0.1))
    >>> found.used, [round(w, 2) for w in found.fwhm]
    (2, [0.35, 0.35])
    """
    array, size = _checked(stack, voxel_size, bead_diameter)
    spots, usual = find_spots(array)
    half = _half(window, size, usual, array.shape, spots)
    numbers = range(len(spots))
    for chosen in {*exclude, *include} - set(numbers):
        raise InputError(
            f"There is no bead number {chosen}: {len(spots)} were found, numbered from 0."
        )
    reasons = judged(array, np.asarray(stack).dtype, spots, usual, half)
    use = [(not reasons[i] or i in include) and i not in exclude for i in numbers]
    reasons = [
        "left out by hand" if i in exclude else "taken in by hand" if i in include and r else r
        for i, r in enumerate(reasons)
    ]
    beads = tuple(
        Bead(s.fit.centre, s.fit.width(size), s.fit.amplitude, u, r)
        for s, u, r in zip(spots, use, reasons, strict=True)
    )
    good = [s for s, u in zip(spots, use, strict=True) if u]
    if not good:
        counts = _counted([b.reason for b in beads])
        raise InputError(
            f"None of the {len(beads)} beads found can be used ({counts}); record single, "
            "unsaturated beads away from the edges, give a smaller window, or take some in by hand."
        )
    picture = _aligned(array, good, half)
    notes = [_summary(beads)]
    picture -= _rim(picture)
    if bead_diameter > 0:
        picture = without_sphere(picture, size, bead_diameter)
        notes.append(f"The PSF is corrected for beads of {bead_diameter:g} µm.")
    else:
        notes.append(
            "The bead's own size is still in the PSF; give its diameter if it is more than a third "
            "of the FWHM."
        )
    kept = standing_out(picture, 0.0)
    if kept is not None:
        picture = np.where(kept, picture, 0.0)
        notes.append("What is only noise around the averaged bead is set to 0.")
    fit = fit_gaussian(picture)
    if fit is None or picture.max() <= 0:
        raise InputError("The average of the beads has no bright core; leave out the odd ones.")
    picture = np.maximum(picture, 0)
    if min(fit.fwhm) < COARSE:
        notes.append(
            f"The bead is finer than its pixels can show ({min(fit.fwhm):.2g} pixels wide): moving it by "
            "parts of a pixel made the PSF up to a tenth too wide; record beads with smaller pixels."
        )
    widths = np.array([b.fwhm for b in beads if b.used])
    spread = widths.std(0, ddof=1) if len(widths) > 1 else np.full(len(size), np.nan)
    if len(good) < FEW:
        notes.append(
            f"Only {len(good)} bead{'s' * (len(good) > 1)} could be used: noise and chance are in "
            "the PSF; 5 to 20 are better."
        )
    return BeadPSF(
        (picture / picture.sum()).astype(np.float32),
        size,
        beads,
        fit.width(size),
        tuple(float(s) for s in spread),
        tuple(notes),
    )


def _checked(
    stack: ArrayLike, voxel_size: Sequence[float], diameter: float
) -> tuple[NDArray[np.float32], tuple[float, ...]]:
    array = np.asarray(stack)
    if array.dtype.kind not in "uif" or array.ndim not in (2, 3) or min(array.shape[-2:]) < 8:
        raise InputError(
            "A recording of beads is one image or z-stack of numbers, 8 x 8 pixels or more; got "
            f"{array.dtype} of shape {array.shape}."
        )
    if not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).sum())
        raise InputError(
            f"The recording of beads has {bad} values that are NaN or infinite; choose another."
        )
    size = tuple(float(s) for s in voxel_size)
    if len(size) != array.ndim or not all(0 < s < np.inf for s in size):
        raise InputError(f"Give one voxel size above 0 µm per axis ({array.ndim}); got {size}.")
    if not 0 <= diameter < np.inf:
        raise InputError(f"A bead's diameter must be 0 µm or more; got {diameter:g}.")
    return array.astype(np.float32), size


def _half(
    window: Sequence[float] | float | None,
    size: tuple[float, ...],
    usual: tuple[float, ...],
    shape: tuple[int, ...],
    spots: Sequence[Spot],
) -> tuple[int, ...]:
    """Half the window in pixels, at least a FWHM; along z at most what the stack shows of a bead."""
    if window is None:
        half = [int(np.ceil(REACH * w)) for w in usual]
    else:
        sides = (window,) * len(size) if isinstance(window, int | float) else tuple(window)
        if len(sides) != len(size) or not all(0 < s < np.inf for s in sides):
            raise InputError(
                f"The window must be one number above 0 µm or one per axis ({len(size)}); got {window}."
            )
        half = [round((s / v - 1) / 2) for s, v in zip(sides, size, strict=True)]
        small = [i for i, (h, w) in enumerate(zip(half, usual, strict=True)) if h < w]
        if small:
            axis = "ZYX"[small[0] - len(size)]
            raise InputError(
                f"A window of {sides[small[0]]:g} µm along {axis} is too small for beads that are "
                f"{usual[small[0]] * size[small[0]]:.2g} µm wide there; give 3 times as much."
            )
    if len(shape) == 3:
        at = np.median([s.fit.centre[0] for s in spots])
        half[0] = max(1, min(half[0], int(np.ceil(max(at, shape[0] - 1 - at)))))
    return tuple(min(h, n) for h, n in zip(half, shape, strict=True))


def _aligned(array: NDArray[np.float32], spots: Sequence[Spot], half: tuple[int, ...]) -> Picture:
    """The average of the beads, its core's centre on the middle pixel."""
    centres = np.array([s.fit.centre for s in spots])
    amplitudes = [s.fit.amplitude for s in spots]
    noises = [s.noise for s in spots]

    def cut() -> list[Picture]:
        return [cut_out(array, c, half, s.level) for c, s in zip(centres, spots, strict=True)]

    pictures = cut()
    if len(spots) > 1:
        everyone = average(pictures, amplitudes, noises)
        for i, picture in enumerate(pictures):
            rest = [j for j in range(len(spots)) if j != i]
            # among few, a bead would be compared with itself
            others = (
                everyone
                if len(rest) > MANY
                else average(
                    [pictures[j] for j in rest],
                    [amplitudes[j] for j in rest],
                    [noises[j] for j in rest],
                )
            )
            shift, amplitudes[i] = correction(picture, others)
            centres[i] += shift
        pictures = cut()
    mean = average(pictures, amplitudes, noises)
    fit = fit_gaussian(mean)
    if fit is not None:
        centres += np.array(fit.centre) - half
        mean = average(cut(), amplitudes, noises)
    return mean


def _rim(picture: Picture) -> float:
    """What is left of the background: the median of the outermost pixels in (Y, X)."""
    inner = np.zeros(picture.shape, bool)
    inner[..., 1:-1, 1:-1] = True
    return float(np.median(picture[~inner]))


def _summary(beads: Sequence[Bead]) -> str:
    used = sum(b.used for b in beads)
    left = _counted([b.reason for b in beads if not b.used])
    words = f"{used} of {len(beads)} bead{'s' * (len(beads) > 1)} found {'is' if used == 1 else 'are'} used"
    return f"{words}; left out: {left}." if left else f"{words}."


def _counted(reasons: Sequence[str]) -> str:
    return ", ".join(f"{reasons.count(r)} {r}" for r in dict.fromkeys(reasons) if r)
