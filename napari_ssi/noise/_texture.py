"""Whether what neighbouring pixels share is texture of the specimen and not noise."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from ._line import Array

#: Windows that are drawn to see what noise alone does.
DRAWN = 4000
#: Share of windows, the strongest ones, that are left out, of the drawn ones as of the recorded.
STRONGEST = 0.1
#: How far away pixels are looked at for what a filter would not leave.
AWAY = 2
#: What they share beyond it, in the mean: in parts of what neighbours share, and standard errors.
BROAD, CLEAR = 0.12, 5.0
#: What is shared at the largest lag that is measured, along both axes, above which it reaches further still.
FAR = 0.15


def rise_with_strength(left: Array, brightness: Array, covariance: Array, lag: Array) -> float:
    """How much more two pixels of a window resemble each other the more happens in the window, in
    standard errors above what Gaussian noise of the same covariance does.

    Noise has one autocorrelation wherever it is equally bright. Where white noise lies on fine texture,
    windows with more texture are rougher and more correlated at once. So may brighter ones be without
    any, where one part of the noise grows with the light and another does not: what follows the
    brightness is left aside (partial rank correlation).

    Parameters
    ----------
    left
        (windows, pixels) of the recording, without a smooth surface.
    brightness
        Mean of each.
    covariance
        (pixels, pixels) of them.
    lag
        (pixels, pixels), 1 for the pairs that are looked at.
    """
    values, vectors = np.linalg.eigh(covariance)
    drawn = np.random.default_rng(0).normal(size=(DRAWN, len(values)))
    drawn = (drawn * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    drawn = drawn[not_strongest(drawn)]
    noise = _rank_correlation(drawn, np.zeros(len(drawn)), lag)
    return (_rank_correlation(left, brightness, lag) - noise) * math.sqrt(len(left))


def broad(picture: Array, error: float) -> bool:
    r"""Whether pixels further away share more than filtered noise would, of what neighbours share.

    A filter leaves an autocorrelation of at most about :math:`\rho_y^{|k_y|} \rho_x^{|k_x|}`, as a moving average
    and a recursive filter do. White noise on fine texture has a peak at zero above a broad autocorrelation,
    which outlasts that. So does white noise together with filtered noise; but only that of a detector is likely,
    along the axis that it scans, while a specimen is much the same along both.

    Parameters
    ----------
    picture, error
        Autocorrelation, lag 0 in its middle, and its standard error.

    Examples
    --------
    >>> import numpy as np
    >>> k = np.hypot(*np.mgrid[-3:4, -3:4])
    >>> broad(np.exp(-(k**2)), 0.01), broad(np.where(k == 0, 1, 0.3 * np.exp(-(k**2) / 8)), 0.01)
    (False, True)
    """
    middle = len(picture) // 2
    y, x = (max(0.0, float(picture[middle + 1 - n, middle + n])) for n in (0, 1))
    steps = range(-AWAY, AWAY + 1)
    further = [
        picture[middle + dy, middle + dx] - y**dy * x ** abs(dx)
        for dy in steps[AWAY:]
        for dx in steps
        if dy + abs(dx) >= 2 and (dy, dx) > (0, 0)
    ]
    more = float(np.mean(further))
    return min(y, x) > max(y, x) / 2 and more > max(
        BROAD * max(y, x), CLEAR * error / math.sqrt(len(further))
    )


def far(picture: Array, error: float) -> bool:
    """Whether more than a little is still shared at the rim of what was measured, along both axes.

    Filters of cameras and of registration do not reach so far; a small picture that is full of structure has no
    window without some.
    """
    middle = len(picture) // 2
    return bool(min(picture[-1, middle], picture[middle, -1]) > max(FAR, CLEAR * error))


def not_strongest(left: Array) -> NDArray[np.bool_]:
    """All windows but the strongest tenth, which may hold a structure."""
    strength = (left**2).mean(1)
    return np.asarray(strength <= np.quantile(strength, 1 - STRONGEST))


def _rank_correlation(left: Array, brightness: Array, lag: Array) -> float:
    """Of the correlation in a window with its strength (Spearman's), at equal brightness."""
    strength = (left**2).sum(1)
    there = strength > 0
    left, strength, brightness = left[there], strength[there], brightness[there]
    if len(left) < 3:
        return 0.0
    alike = ((left @ lag) * left).sum(1) / strength
    a, b, c = (rankdata(v) for v in (alike, strength, brightness))
    ab, ac, bc = _correlation(a, b), _correlation(a, c), _correlation(b, c)
    return (ab - ac * bc) / math.sqrt(max((1 - ac**2) * (1 - bc**2), 1e-12))


def _correlation(a: Array, b: Array) -> float:
    """0 where one does not vary."""
    return float(np.corrcoef(a, b)[0, 1]) if np.ptp(a) > 0 and np.ptp(b) > 0 else 0.0
