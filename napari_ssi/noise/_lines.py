"""What all pixels of a row, or of a column, have in common."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from ..background import Levels
from ._line import Array
from ._scatter import some

#: Lines over which a structure changes at least, against which the noise of lines stands out.
SMOOTH = 3.0


def line_noise(planes: list[NDArray[np.float32]], levels: Levels, axis: int) -> tuple[float, float]:
    """What all pixels of a row (axis 0) or column (1) have in common: standard deviation,
    and how many standard errors its square is above zero.

    Second differences across the lines, averaged along quarters of a line: noise of single
    pixels, and structures, differ from quarter to quarter; what is common to a line is
    their covariance. Lines of which much has no data are left out.
    """
    products: list[Array] = []
    for plane in some(planes):
        y = (plane if axis == 0 else plane.T).astype(np.float64)
        if y.shape[0] < 32 or y.shape[1] < 32:
            continue
        if levels.empty is not None:
            y = np.where(y == levels.empty, np.nan, y)
        across = (y[1:-1] - (y[:-2] + y[2:]) / 2) / math.sqrt(1.5)
        means = np.stack([_mid_mean(part) for part in np.array_split(across, 4, axis=1)])
        means = means[:, np.isfinite(means).all(0)]
        if not means.size:
            continue
        pairs = (means.sum(0) ** 2 - (means**2).sum(0)) / 12
        # a bright structure along a line fills few of them
        limit = np.quantile(np.abs(pairs), 0.95)
        products.append(np.clip(pairs, -limit, limit))
    if not products:
        return 0.0, 0.0
    pooled = np.concatenate(products)
    error = float(pooled.std()) * math.sqrt(2 / len(pooled))  # neighbouring lines share noise
    mean = float(pooled.mean())
    return math.sqrt(max(mean, 0.0)), mean / max(error, 1e-300)


def _mid_mean(part: Array) -> Array:
    """Mean of the middle of each line: edges have no say, and whole numbers remain usable.

    NaN is left out, and is the answer where it is more than half of the line.
    """
    ordered = np.sort(part, axis=1)  # NaN last
    there = np.isfinite(ordered).sum(1, keepdims=True)
    cut, at = there // 5, np.arange(ordered.shape[1])
    middle = (at >= cut) & (at < there - cut)
    total = np.where(middle, ordered, 0.0).sum(1)
    whole = there[:, 0] > ordered.shape[1] // 2
    return np.where(whole, total / np.maximum(middle.sum(1), 1), np.nan)


def without_lines(plane: NDArray[np.float32], levels: Levels, axis: int) -> NDArray[np.float32]:
    """Without what sets the mean of each row (axis 0) or column (1) apart from those around."""
    means = np.median(plane, axis=1 - axis).astype(np.float64)
    apart = np.expand_dims(means - gaussian_filter1d(means, SMOOTH), 1 - axis)
    good = np.ones(plane.shape, bool)
    for end in (levels.low, levels.high, levels.empty):
        if end is not None:
            good &= plane != end
    return np.where(good, plane - apart, plane).astype(np.float32)
