"""Many pictures of one spot, brought to one place and averaged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.fft import fftn, ifftn
from scipy.ndimage import fourier_shift, uniform_filter

#: Values so many standard deviations from the median of all beads are another bead or a cosmic ray.
FAR = 4.0
#: Pixels around the window that are shifted along, so that what wraps round stays outside it.
MARGIN = 4
#: What is at least so bright, of the peak, tells how a bead lies to the average of the others.
BRIGHT = 0.1

Picture = NDArray[np.float64]


def cut_out(
    stack: NDArray[np.float32], centre: Sequence[float], half: Sequence[int], level: float
) -> Picture:
    """The window of ``2 half + 1`` pixels whose middle is at ``centre``, the level subtracted.

    Moved by the rest of a pixel through the Fourier transform, which does not
    blur, unlike interpolation. Beyond the stack it is NaN.
    """
    middle = [round(c) for c in centre]
    reach = [h + MARGIN for h in half]
    index = [np.arange(m - r, m + r + 1) for m, r in zip(middle, reach, strict=True)]
    inside = [np.clip(i, 0, n - 1) for i, n in zip(index, stack.shape, strict=True)]
    part = stack[np.ix_(*inside)].astype(np.float64) - level
    rest = [m - c for m, c in zip(middle, centre, strict=True)]
    moved = moved_by(part, rest)
    for axis, (i, n) in enumerate(zip(index, stack.shape, strict=True)):
        outside = (i < 0) | (i >= n)
        moved[(slice(None),) * axis + (outside,)] = np.nan
    return moved[tuple(slice(MARGIN, -MARGIN) for _ in half)]


def moved_by(picture: Picture, shift: Sequence[float]) -> Picture:
    """Shifted by parts of a pixel, through the Fourier transform; periodic."""
    moved: Picture = np.real(ifftn(fourier_shift(fftn(picture), shift)))
    return moved


def average(
    pictures: Sequence[Picture], amplitudes: Sequence[float], noises: Sequence[float]
) -> Picture:
    """The mean of pictures of peak 1, each weighed by its amplitude, without what does not fit.

    With photon noise these weights are the best. From three pictures on, values
    further than four standard deviations from the median are left out; the
    deviation is the median absolute one, averaged over 3 pixels, and the noise of
    the background at least. Where no picture has a value, it is 0.
    """
    scaled = np.stack([p / a for p, a in zip(pictures, amplitudes, strict=True)])
    weights = np.isfinite(scaled) * np.asarray(amplitudes).reshape(-1, *[1] * (scaled.ndim - 1))
    filled = np.nan_to_num(scaled)
    if len(scaled) >= 3:
        middle = _median(scaled)
        spread = _median(np.abs(scaled - middle))
        size = [3 if n >= 3 else 1 for n in spread.shape]
        spread = 1.4826 * uniform_filter(spread, size, mode="nearest")
        floor = float(np.median(np.asarray(noises) / np.asarray(amplitudes)))
        weights = weights * (np.abs(filled - middle) <= FAR * np.maximum(spread, floor))
    total = weights.sum(0)
    mean: Picture = (filled * weights).sum(0) / np.where(total > 0, total, 1)
    return mean


def correction(picture: Picture, template: Picture) -> tuple[tuple[float, ...], float]:
    """How a picture lies to a template of peak 1: (shift, amplitude), to first order.

    Least squares where the template is bright: ``picture = a (T - s · grad T)``.
    """
    slopes = np.gradient(template)
    slopes = [slopes] if template.ndim == 1 else list(slopes)
    seen = (template > BRIGHT * template.max()) & np.isfinite(picture)
    columns = np.stack([template[seen], *(-g[seen] for g in slopes)], -1)
    found, *_ = np.linalg.lstsq(columns, picture[seen], rcond=None)
    amplitude = float(found[0])
    if amplitude <= 0:
        return (0.0,) * template.ndim, float(np.nanmax(picture))
    return tuple(float(np.clip(s / amplitude, -0.5, 0.5)) for s in found[1:]), amplitude


def _median(pictures: NDArray[np.float64]) -> Picture:
    """Over the first axis, NaN left out; 0 where all are NaN."""
    none = ~np.isfinite(pictures).any(0)
    safe = np.where(none, 0.0, pictures)
    middle: Picture = np.nanmedian(safe, axis=0)
    return middle
