"""How the variance of the noise follows the brightness, on the recording itself."""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve1d, minimum_filter, uniform_filter

from ..background import Levels
from ._line import Array, Scatter, line

#: Pixels, from evenly spread planes, that are looked at.
ENOUGH = 1 << 21
#: Sum of the squared autocorrelation of the residual's filter: that many pixels count as one.
OVERLAP = 3.78
#: Pixels that a bin must have.
FEWEST = 100
#: 95th percentile of chi squared with 5 degrees of freedom.
ROUGH = 11.07


def scatter(planes: list[NDArray[np.float32]], levels: Levels) -> Scatter:
    """Mean and variance in bins of brightness.

    The residual of a pixel is the second difference along y of that along x (divided by
    6), which planes and edges along an axis leave at zero [1]_. Its expected square is
    the variance at the mean of the 3 x 3 pixels weighed by the filter's squares; that is
    the mean that is reported. The bins are made by the surrounding 9 x 9 without the
    3 x 3, which shares no noise with either: otherwise noise in the mean would flatten the
    line. The same surroundings tell where the specimen is rough, which only adds to the
    variance: such pixels are left out, at most half of a bin.

    References
    ----------
    .. [1] J. Immerkær, "Fast noise variance estimation", Computer Vision and Image
       Understanding 64 (1996), :doi:`10.1006/cviu.1996.0060`
    """
    parts = [_pixels(plane, levels) for plane in some(planes) if min(plane.shape) > 16]
    if not parts:
        return _one_point(planes)
    around, rough, mean, residual = (np.concatenate(part) for part in zip(*parts, strict=True))
    inside = _inside(around, residual, levels)
    if np.count_nonzero(inside) < 5 * FEWEST:
        return _one_point(planes, residual)
    order = np.argsort(around[inside])
    around, rough, mean, residual = (a[inside][order] for a in (around, rough, mean, residual))
    # quantiles where most pixels are, even steps for the few bright ones that fix the slope
    first, last = (float(np.quantile(around, q)) for q in (0.002, 0.9995))
    edges = np.concatenate(
        [np.quantile(around, np.linspace(0, 1, 25)), np.linspace(first, last, 13)]
    )
    cuts = np.unique(np.searchsorted(around, np.unique(edges)))
    bins = [slice(a, b) for a, b in itertools.pairwise(cuts) if b - a >= FEWEST]
    if not bins:
        return _one_point(planes, residual)
    centre = np.array([float(mean[b].mean()) for b in bins])
    variance = np.array([_trimmed(residual[b]) for b in bins])
    found = Scatter(centre, variance, np.ones(len(bins)), np.ones(len(bins)))
    for _ in range(4):
        fit = line(found, float(centre[0]))
        at = np.maximum(fit.variance(centre - centre[0]), 1e-12)
        rows = [
            _point(rough[b], mean[b], residual[b], v, fit.gain)
            for b, v in zip(bins, at, strict=True)
        ]
        found = Scatter(*np.array(rows).T)
    return found


def some(planes: list[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """Evenly spread planes, or the middle of one, of about ``ENOUGH`` pixels."""
    step = max(1, -(-sum(p.size for p in planes) // ENOUGH))
    chosen = planes[::step] if len(planes) > 1 else planes
    side = math.isqrt(ENOUGH)
    return [p if p.size <= ENOUGH else _middle(p, side) for p in chosen]


def second_difference(plane: Array) -> Array:
    """Along y of that along x, scaled such that white noise keeps its variance."""
    along = convolve1d(plane, [1.0, -2.0, 1.0], axis=0)
    return np.asarray(convolve1d(along, [1.0, -2.0, 1.0], axis=1) / 6, np.float64)


def _pixels(plane: NDArray[np.float32], levels: Levels) -> tuple[Array, Array, Array, Array]:
    """Of each pixel: brightness around it, roughness (in noise variances: chi squared), mean, residual."""
    # sums of squares lose digits on a high pedestal
    pedestal = float(np.median(plane))
    y = plane.astype(np.float64) - pedestal
    residual = second_difference(y)
    weights = np.array([1.0, 4.0, 1.0]) / 6
    mean = convolve1d(convolve1d(y, weights, axis=0), weights, axis=1)
    blocks = uniform_filter(y, 3)
    h, w = y.shape
    total = squares = slope_y = slope_x = np.zeros((h - 8, w - 8))
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            if dy or dx:
                block = blocks[4 + 3 * dy : h - 4 + 3 * dy, 4 + 3 * dx : w - 4 + 3 * dx]
                total, squares = total + block, squares + block**2
                slope_y, slope_x = slope_y + dy * block, slope_x + dx * block
    rough = 9 * (squares - total**2 / 8 - (slope_y**2 + slope_x**2) / 6)
    inner = (slice(4, h - 4), slice(4, w - 4))
    keep = np.ones(rough.shape, bool)
    if levels.empty is not None:
        keep = minimum_filter(plane, 9)[inner] > levels.empty
    return (
        total[keep] / 8 + pedestal,
        rough[keep],
        mean[inner][keep] + pedestal,
        residual[inner][keep],
    )


def _inside(around: Array, residual: Array, levels: Levels) -> NDArray[np.bool_]:
    """Where the noise does not reach the ends of the range."""
    inside = np.ones(around.shape, bool)
    for end, sign in ((levels.low, 1.0), (levels.high, -1.0)):
        if end is None:
            continue
        away = sign * (around - end)
        sigma = 0.0
        for _ in range(6):  # clipping hides noise: what is left beside it says how much there is
            rest = away[away > 3 * sigma]
            if rest.size < FEWEST:
                break
            near = (away > 3 * sigma) & (away <= np.quantile(rest, 0.2))
            wider = math.sqrt(_trimmed(residual[near])) if near.any() else 0.0
            if wider <= 1.02 * sigma:
                break
            sigma = wider
        inside &= away > 3 * sigma
    return inside


def _point(
    rough: Array, mean: Array, residual: Array, variance: float, gain: float
) -> tuple[float, float, float, float]:
    """Mean, variance, count and relative error of a bin, given what its variance seems to be."""
    flat = rough <= ROUGH * variance
    share = float(flat.mean())
    if share < 0.5:
        flat = rough <= np.median(rough)
    # far beyond the noise: hot pixels; a few photons in the dark are not
    flat &= np.abs(residual) < 6 * math.sqrt(variance) + 4 * gain
    squares = residual[flat] ** 2
    v = max(float(squares.mean()), 1e-12) if squares.size else variance
    peaked = max(float((squares**2).mean()) / v**2 - 1, 2.0) if squares.size else 2.0
    n = max(int(flat.sum()), 1)
    # a bin that is rough nearly everywhere says little of the noise
    doubt = min(1.0, max(share / 0.9, 0.05))
    return (
        float(mean[flat].mean() if squares.size else mean.mean()),
        v,
        n,
        (math.sqrt(OVERLAP * peaked / n) / doubt),
    )


def _one_point(planes: list[NDArray[np.float32]], residual: Array | None = None) -> Scatter:
    """The noise as a whole, where there is too little to see how it follows the brightness."""
    values = np.concatenate([p.ravel() for p in planes]).astype(np.float64)
    if residual is None or not residual.size:
        residual = np.diff(values) / math.sqrt(2) if values.size > 1 else np.zeros(1)
    bright = residual[residual > 0]  # where nearly all is clipped half of the noise is still seen
    variance = _trimmed(np.concatenate([bright, -bright])) if bright.size else 0.0
    one = np.ones(1)
    return Scatter(one * values.mean(), one * variance, one * residual.size, one)


def _trimmed(residual: Array) -> float:
    """Variance from the smaller nine tenths of the squares, as for a normal distribution.

    Unlike a median it works on the few values that photon counts have.
    """
    squares = np.sort(residual**2)
    kept = squares[: max(1, int(0.9 * len(squares)))]
    return max(float(kept.mean()) / 0.6230, 1e-12)


def _middle(plane: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    y, x = (max(0, (n - side) // 2) for n in plane.shape)
    return plane[y : y + side, x : x + side]
