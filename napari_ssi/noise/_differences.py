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
    along = convolve1d(plane, _taps(order), axis=0)
    return np.asarray(convolve1d(along, _taps(order), axis=1), np.float64)


def brightness(plane: Array, order: int = 2) -> Array:
    """At which the variance of the noise is the expected square of the :func:`difference`.

    That is the mean of its pixels, weighed by the squares of its weights.
    """
    along = convolve1d(plane, _taps(order) ** 2, axis=0)
    return np.asarray(convolve1d(along, _taps(order) ** 2, axis=1), np.float64)


def overlap(order: int) -> float:
    """Sum of the squared autocorrelation of such a filter: that many pixels count as one."""
    taps = _taps(order)
    return float((np.correlate(taps, taps, "full") ** 2).sum() ** 2)


def _taps(order: int) -> NDArray[np.float64]:
    """Alternating binomial coefficients, the sum of their squares 1."""
    taps = np.ones(1)
    for _ in range(order):
        taps = np.convolve(taps, [1.0, -1.0])
    return np.asarray(taps / np.sqrt((taps**2).sum()))
