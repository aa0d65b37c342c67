"""How the variance of the noise follows the brightness, on the recording itself."""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter, uniform_filter

from ..background import Levels
from ..outliers import RING, outlying
from ._differences import LESS, ORDERS, brightness, difference, overlap
from ._ends import at_ends
from ._line import Array, Scatter, line

#: Pixels, from evenly spread planes, that are looked at.
ENOUGH = 1 << 21
#: Pixels that a bin must have.
FEWEST = 100
#: 95th percentile of chi squared with 5 degrees of freedom.
ROUGH = 11.07
#: Share of the bins in which higher differences must see less.
MOST = 2 / 3


def scatter(planes: list[NDArray[np.float32]], levels: Levels) -> Scatter:
    """Mean and variance in bins of brightness, of noise that is independent from pixel to pixel.

    From the differences that see the least (:func:`quietest`), without outliers (:func:`mended`), and where pixels are
    clipped also at the ends of the range (:func:`~napari_ssi.noise._ends.at_ends`).
    """
    return refined(planes, levels, scatters(planes, levels))


def refined(planes: list[NDArray[np.float32]], levels: Levels, by_order: list[Scatter]) -> Scatter:
    """:func:`scatter` of planes whose :func:`scatters` are known."""
    found, planes = quietest(by_order), some(planes)
    whole = mended(planes, levels, found)
    if whole is not planes:
        # texture whose single pixels stand out: where these are replaced sixth differences see more
        again = quietest(_scatters(whole, levels))
        found = min(found, again, key=lambda points: points.variance)
    return found + at_ends(whole, levels, line(found, levels.offset))


def mended(
    planes: list[NDArray[np.float32]], levels: Levels, points: Scatter
) -> list[NDArray[np.float32]]:
    """With single pixels far from what the noise explains replaced by the median around them.

    Each of them is in nine residuals, so that 1 % make the variance of all a tenth too large.
    """
    fit = line(points, levels.offset)
    if not math.isfinite(fit.gain_error):
        return planes  # without a line there is nothing to be far from

    def variance(z: Array) -> Array:
        return fit.variance(z - levels.offset)

    odd = [outlying(plane, variance, fit.gain, far=True) for plane in planes]
    if not any(found.any() for found in odd):
        return planes
    return [_replaced(plane, found) for plane, found in zip(planes, odd, strict=True)]


def _replaced(plane: NDArray[np.float32], odd: NDArray[np.bool_]) -> NDArray[np.float32]:
    whole = plane.copy()
    wide = np.pad(plane, 2, mode="symmetric")
    y, x = np.nonzero(odd)
    around = [wide[y + 2 + dy, x + 2 + dx] for dy, dx in np.argwhere(RING) - 2]
    whole[y, x] = np.median(around, axis=0)
    return whole


def quietest(found: list[Scatter]) -> Scatter:
    """The first, unless another sees clearly less in most of the same bins.

    Of white noise, differences of all orders have the same variance, to which texture only adds, the
    less the higher the order is. Each is an upper bound, then, and the least is nearest to the noise,
    as is the least eigenvalue of the covariance of patches [1]_. But of higher differences fewer are
    independent [2]_, and noise that neighbours share has less part in them, too. So sixth differences
    take the place of second ones only where there is texture nearly everywhere, which is
    where they see clearly less in most of the bins; the other bins fix the line well enough.

    References
    ----------
    .. [1] S. Pyatykh, J. Hesser, L. Zheng, "Image noise level estimation by principal component
       analysis", IEEE Transactions on Image Processing 22 (2013), :doi:`10.1109/TIP.2012.2221728`
    .. [2] P. Hall, J. W. Kay, D. M. Titterington, "Asymptotically optimal difference-based
       estimation of variance in nonparametric regression", Biometrika 77 (1990),
       :doi:`10.1093/biomet/77.3.521`
    """
    best = found[0]
    for other in found[1:]:
        if np.quantile(other.variances / best.variances, MOST) < 1 - LESS:
            best = other
    return best


def scatters(
    planes: list[NDArray[np.float32]], levels: Levels, orders: tuple[int, ...] = ORDERS
) -> list[Scatter]:
    """Mean and variance in bins of brightness, for each order of the differences.

    The residual of a pixel is the difference along y of that along x, which planes and edges along an
    axis leave at zero [1]_. The bins are made by the surrounding 9 x 9 pixels without the 3 x 3,
    which share no noise with second differences, and 0.3 % of the variance of sixth ones:
    otherwise noise in the mean would flatten the line. The same surroundings tell where the
    specimen is rough, which only adds to the variance: such pixels are left out, at most half of a bin.

    References
    ----------
    .. [1] J. Immerkær, "Fast noise variance estimation", Computer Vision and Image
       Understanding 64 (1996), :doi:`10.1006/cviu.1996.0060`
    """
    return _scatters(some(planes), levels, orders)


def _scatters(
    planes: list[NDArray[np.float32]], levels: Levels, orders: tuple[int, ...] = ORDERS
) -> list[Scatter]:
    parts = [_pixels(plane, levels, orders) for plane in planes if min(plane.shape) > 16]
    if not parts:
        return [_one_point(planes)]
    around, rough, means, residuals = (
        np.concatenate(part, axis=-1) for part in zip(*parts, strict=True)
    )
    inside = _inside(around, residuals[0], levels)
    if np.count_nonzero(inside) < 5 * FEWEST:
        return [_one_point(planes, residuals[0])]
    order = np.argsort(around[inside])
    around, rough, means, residuals = (
        a[..., inside][..., order] for a in (around, rough, means, residuals)
    )
    # quantiles where most pixels are, even steps for the few bright ones that fix the slope
    first, last = (float(np.quantile(around, q)) for q in (0.002, 0.9995))
    edges = np.concatenate(
        [np.quantile(around, np.linspace(0, 1, 25)), np.linspace(first, last, 13)]
    )
    cuts = np.unique(np.searchsorted(around, np.unique(edges)))
    bins = [slice(a, b) for a, b in itertools.pairwise(cuts) if b - a >= FEWEST]
    if not bins:
        return [_one_point(planes, residuals[0])]
    return [
        _binned(bins, rough, mean, residual, overlap(n))
        for n, mean, residual in zip(orders, means, residuals, strict=True)
    ]


def _binned(
    bins: list[slice], rough: Array, mean: Array, residual: Array, shared: float
) -> Scatter:
    """The points, one a bin; each depends on the line through all."""
    centre = np.array([float(mean[b].mean()) for b in bins])
    variance = np.array([_trimmed(residual[b]) for b in bins])
    found = Scatter(centre, variance, np.ones(len(bins)), np.ones(len(bins)))
    for _ in range(4):
        fit = line(found, float(centre[0]))
        at = np.maximum(fit.variance(centre - centre[0]), 1e-12)
        rows = [
            _point(rough[b], mean[b], residual[b], v, fit.gain, shared)
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


def _pixels(
    plane: NDArray[np.float32], levels: Levels, orders: tuple[int, ...]
) -> tuple[Array, Array, Array, Array]:
    """Of each pixel: brightness around it, roughness (in noise variances: chi squared); means
    and residuals, one a row for each order."""
    # sums of squares lose digits on a high pedestal
    pedestal = float(np.median(plane))
    y = plane.astype(np.float64) - pedestal
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
        np.stack([brightness(y, n)[inner][keep] + pedestal for n in orders]),
        np.stack([difference(y, n)[inner][keep] for n in orders]),
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
    rough: Array, mean: Array, residual: Array, variance: float, gain: float, shared: float
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
        (math.sqrt(shared * peaked / n) / doubt),
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
