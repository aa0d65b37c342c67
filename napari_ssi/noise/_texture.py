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
