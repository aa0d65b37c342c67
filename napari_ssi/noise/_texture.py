"""Whether what neighbouring pixels share is texture of the specimen and not noise."""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import rankdata

from ._line import Array

#: Windows that are drawn to see what noise alone does.
DRAWN = 4000
#: Share of windows, the strongest ones, that are left out, of the drawn ones as of the recorded.
STRONGEST = 0.1


def rise_with_strength(left: Array, covariance: Array, lag: Array) -> float:
    """How much more two pixels of a window resemble each other the more happens in the window, in
    standard errors above what Gaussian noise of the same covariance does.

    Noise has one autocorrelation, wherever one looks and however strong it is. Where white noise
    lies on fine texture, windows with more texture are rougher and more correlated at once.

    Parameters
    ----------
    left
        (windows, pixels) of the recording, without a smooth surface.
    covariance
        (pixels, pixels) of them.
    lag
        (pixels, pixels), 1 for the pairs that are looked at.
    """
    values, vectors = np.linalg.eigh(covariance)
    drawn = np.random.default_rng(0).normal(size=(DRAWN, len(values)))
    drawn = (drawn * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    noise = _rank_correlation(without_strongest(drawn), lag)
    return (_rank_correlation(left, lag) - noise) * math.sqrt(len(left))


def without_strongest(left: Array) -> Array:
    """All windows but the strongest tenth, which may hold a structure."""
    strength = (left**2).mean(1)
    kept: Array = left[strength <= np.quantile(strength, 1 - STRONGEST)]
    return kept


def _rank_correlation(left: Array, lag: Array) -> float:
    """Of the correlation in a window with its strength (Spearman's)."""
    strength = (left**2).sum(1)
    left, strength = left[strength > 0], strength[strength > 0]
    if len(left) < 3:
        return 0.0
    alike = ((left @ lag) * left).sum(1) / strength
    if not (np.ptp(alike) > 0 and np.ptp(strength) > 0):
        return 0.0
    return float(np.corrcoef(rankdata(alike), rankdata(strength))[0, 1])
