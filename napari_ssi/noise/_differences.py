"""What differences between neighbouring pixels leave of a recording: its noise, and texture as fine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve1d

from ._line import Array

#: Orders of the differences. Those of the sixth reach over 7 pixels.
ORDERS = (2, 6)
#: Share of the variance that counts as clearly less: more than chance, or a correlation of 0.1 with
#: neighbours, takes away.
LESS = 0.07


def difference(plane: Array, order: int = 2) -> Array:
    """That of an ``order`` along y of that along x, scaled such that white noise keeps its variance.

    Examples
    --------
    >>> import numpy as np
    >>> noise = np.random.default_rng(0).normal(0, 3, (256, 256))
    >>> [round(float(difference(noise, order).std())) for order in (2, 6)]
    [3, 3]
    """
    # whole numbers first: where the values are whole, what is zero is exactly so
    taps = _taps(order)
    along = convolve1d(convolve1d(plane, taps, axis=0), taps, axis=1)
    return np.asarray(along / (taps**2).sum(), np.float64)


def brightness(plane: Array, order: int = 2) -> Array:
    """At which the variance of the noise is the expected square of the :func:`difference`.

    That is the mean of its pixels, weighed by the squares of its weights.
    """
    squares = _taps(order) ** 2 / (_taps(order) ** 2).sum()
    return np.asarray(convolve1d(convolve1d(plane, squares, axis=0), squares, axis=1), np.float64)


def overlap(order: int) -> float:
    """Sum of the squared autocorrelation of such a filter: that many pixels count as one."""
    taps = _taps(order)
    return float((np.correlate(taps, taps, "full") ** 2).sum() ** 2 / (taps**2).sum() ** 4)


def seen(correlation: Array, order: int = 2) -> float:
    """Share of the variance that differences see of noise of that autocorrelation, lag 0 in its middle."""
    taps = _taps(order)
    lags = np.correlate(taps, taps, "full") / (taps**2).sum()
    y, x = (slice(n // 2 - order, n // 2 + order + 1) for n in correlation.shape)
    return float(lags @ correlation[y, x] @ lags)


def _taps(order: int) -> NDArray[np.float64]:
    """Binomial coefficients of alternating sign."""
    taps = np.ones(1)
    for _ in range(order):
        taps = np.convolve(taps, [1.0, -1.0])
    return np.asarray(taps)
