"""How wide a PSF is, and what about it deserves a warning."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import shift, uniform_filter

from .background import background_notes
from .prepare import SLACK, core_centre

#: Narrower than this many pixels, a PSF blurs so little that there is next to nothing to undo.
NARROW = 1.5
#: Brightness at the edge, against the peak, above which a PSF is cut off.
CUT_OFF = 0.1
#: Share of the weight by which a PSF and its mirror image may differ.
ASYMMETRIC = 0.25


def fwhm(psf: ArrayLike, pixel_size: Sequence[float]) -> tuple[float, ...]:
    """Full width at half maximum along each axis, on the lines through the brightest pixel.

    The maximum between the samples, and the crossings of its half, are those of the
    parabola through the logarithms of three samples: exact for a Gaussian, within
    2 % for an Airy pattern of 3 pixels and more.

    Parameters
    ----------
    psf
        2D or 3D, without background (prepare it first).
    pixel_size
        Per axis; µm.

    Returns
    -------
    tuple of float
        Width per axis in the unit of ``pixel_size``; NaN along an axis where the PSF
        does not fall to half within the picture.

    Examples
    --------
    >>> from napari_ssi.psf.gaussian import gaussian
    >>> [round(width, 2) for width in fwhm(gaussian((0.5, 0.3), (0.05, 0.05)), (0.05, 0.05))]
    [0.5, 0.3]
    """
    array = np.asarray(psf, np.float64)
    peak = np.unravel_index(int(np.argmax(array)), array.shape)
    widths = []
    for axis, size in enumerate(tuple(pixel_size)[-array.ndim :]):
        at = tuple(slice(None) if a == axis else p for a, p in enumerate(peak))
        line, top = array[at], int(peak[axis])
        half = _height(line, top) / 2
        upper = _crossing(line, top, half)
        lower = len(line) - 1 - _crossing(line[::-1], len(line) - 1 - top, half)
        widths.append((upper - lower) * float(size))
    return tuple(widths)


def describe(psf: ArrayLike, pixel_size: Sequence[float]) -> list[str]:
    """What about a PSF deserves a warning, in words; only what is surely so.

    Parameters
    ----------
    psf
        As it came, 2D or 3D, finite and not constant.
    pixel_size
        Per axis; µm.
    """
    array = np.asarray(psf, np.float64)
    names = "ZYX"[-array.ndim :]
    found = background_notes(array)
    if not found:
        found += _cut_off(array, names)
    centre = core_centre(array)
    off = [c - n // 2 for c, n in zip(centre, array.shape, strict=True)]
    if any(abs(o) > SLACK for o in off):
        where = " and ".join(
            f"{abs(o):.1f} pixels along {name}"
            for o, name in zip(off, names, strict=True)
            if abs(o) > SLACK
        )
        found.append(
            f"The PSF is off the centre of its picture, by {where}; it will be moved there."
        )
    widths = fwhm(array, (1.0,) * array.ndim)
    narrow = [i for i, width in enumerate(widths) if width < NARROW]
    if narrow and _within(array, 1) > 0.8:
        size = tuple(pixel_size)[-array.ndim :]
        where = " and ".join(f"{names[i]} ({widths[i] * size[i]:.3g} µm)" for i in narrow)
        found.append(
            f"The PSF is narrower than {NARROW} pixels along {where}: there is little blur to undo, "
            "and denoising alone may do as well. Check that its pixel size is that of the image."
        )
    if (difference := asymmetry(array, centre)) > ASYMMETRIC:
        found.append(
            f"The PSF is asymmetric: it and its mirror image differ by {difference:.0%} of its weight. "
            "That is right for an aberrated microscope; otherwise, measure it again."
        )
    return found


def _height(line: NDArray[np.float64], top: int) -> float:
    """The maximum between the samples."""
    if not 0 < top < len(line) - 1 or min(line[top - 1], line[top + 1]) <= 0:
        return float(line[top])
    left, middle, right = np.log(line[top - 1 : top + 2])
    curvature = left - 2 * middle + right
    if curvature >= 0:
        return float(line[top])
    # below twice the sample, or the sample would lie outside its own half maximum
    return min(
        float(np.exp(middle - (right - left) ** 2 / (8 * curvature))), 1.999 * float(line[top])
    )


def _crossing(line: NDArray[np.float64], top: int, half: float) -> float:
    """Where the line, followed upwards from its maximum, falls to ``half``; NaN if it does not."""
    below = np.flatnonzero(line[top:] <= half)
    if not below.size:
        return float("nan")
    i = top + max(1, int(below[0]))
    near = line[max(0, i - 2) : i + 1]
    linear = i - 1 + (near[-2] - half) / (near[-2] - near[-1])
    if len(near) < 3 or near.min() <= 0:
        return float(linear)
    # the parabola through the last three logarithms, at i - 2, i - 1 and i
    first, second, third = np.log(near / half)
    curvature, slope = (first - 2 * second + third) / 2, (third - first) / 2
    roots = np.roots([curvature, slope, second]) if curvature else np.array([-second / slope])
    inside = [float(r.real) for r in roots if abs(r.imag) < 1e-9 and 0 <= r.real <= 1]
    return i - 1 + inside[0] if inside else float(linear)


def _cut_off(psf: NDArray[np.float64], names: str) -> list[str]:
    smooth = uniform_filter(psf, [3 if n >= 7 else 1 for n in psf.shape], mode="nearest")
    cut = {
        name: float(
            max(np.take(smooth, 0, axis).max(), np.take(smooth, -1, axis).max()) / psf.max()
        )
        for axis, name in enumerate(names)
        if psf.shape[axis] >= 5
    }
    cut = {name: level for name, level in cut.items() if level > CUT_OFF}
    if not cut:
        return []
    return [
        f"The PSF is cut off along {' and '.join(cut)}: at the edge of its picture it is still at "
        f"{max(cut.values()):.0%} of its peak; take a larger picture of it."
    ]


def _within(psf: NDArray[np.float64], radius: int) -> float:
    """Share of the weight within some pixels of the peak."""
    peak = np.unravel_index(int(np.argmax(psf)), psf.shape)
    box = tuple(slice(max(0, int(p) - radius), int(p) + radius + 1) for p in peak)
    positive = np.maximum(psf, 0)
    return float(positive[box].sum() / positive.sum())


def asymmetry(psf: NDArray[np.float64], centre: Sequence[float]) -> float:
    """Share of the weight that moves when the PSF is mirrored through its centre; 0 to 1.

    The centre is first moved onto the middle of the picture, between pixels if need
    be, and noise is averaged over 3 pixels. NaN where nothing is above zero then.
    """
    smooth = uniform_filter(psf, [3 if n >= 7 else 1 for n in psf.shape], mode="nearest")
    pads = [int(np.ceil(abs(2 * c - (n - 1)))) for c, n in zip(centre, psf.shape, strict=True)]
    padded = np.pad(smooth, [(p, p) for p in pads])
    move = [(n - 1) / 2 - c for c, n in zip(centre, psf.shape, strict=True)]
    there = np.maximum(shift(padded, move, order=3, mode="constant"), 0)
    if not there.any():
        return float("nan")
    return float(np.abs(there - np.flip(there)).sum() / (2 * there.sum()))
