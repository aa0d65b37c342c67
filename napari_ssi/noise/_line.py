"""The line through variance against brightness, and what its shape says of the noise."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: Variance, in parts of the largest, of what is dark without a photon: that of rounding.
NOISELESS = 1e-9


@dataclass(frozen=True)
class Scatter:
    """Variance against mean, in bins of brightness; units of the recording.

    ``spreads`` are the relative standard errors of the variances.
    """

    means: Array
    variances: Array
    counts: Array
    spreads: Array

    @property
    def variance(self) -> float:
        """Mean of the variances, over the pixels."""
        return float(np.average(self.variances, weights=self.counts))

    def __add__(self, other: Scatter) -> Scatter:
        """The points of both, the darkest first."""
        order = np.argsort(np.concatenate([self.means, other.means]), kind="stable")
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Scatter(*(np.concatenate(pair)[order] for pair in pairs))

    @property
    def contrast(self) -> float:
        """Of the means, over the pixels but for the twentieth at either end; as a standard deviation.

        A few bright objects make no contrast.
        """
        order = np.argsort(self.means)
        share = np.cumsum(self.counts[order]) - self.counts[order] / 2
        low, high = np.interp((0.05, 0.95), share / self.counts.sum(), self.means[order])
        return float(high - low) / 3.29  # as of a normal distribution


@dataclass(frozen=True)
class Line:
    """``variance = gain (z - offset) + floor``, with standard errors.

    ``misfit`` is the relative distance of the points from the line (root mean square,
    weighted), beyond what their own errors explain.
    """

    gain: float
    floor: float
    gain_error: float
    floor_error: float
    misfit: float

    def variance(self, above: Array) -> Array:
        """At a brightness above the offset."""
        return self.gain * np.maximum(above, 0.0) + self.floor

    def error(self, above: float) -> float:
        """Standard error of that, at most."""
        return math.hypot(self.floor_error, self.gain_error * above)

    def times(self, factor: float) -> Line:
        """The line of noise whose variance is that many times as large."""
        return Line(
            factor * self.gain,
            factor * self.floor,
            factor * self.gain_error,
            factor * self.floor_error,
            self.misfit,
        )


def line(
    points: Scatter, offset: float, *, gain: float | None = None, floor: float | None = None
) -> Line:
    """The line through the points, both coefficients at least 0; a given one is kept.

    Weighed by the errors of the points; those far above it count less, since a rough
    specimen only adds to the variance. A slope that is not √2 times its own error is none (Akaike's
    criterion): where all is about as bright any would do, and noise that does not follow the light is the simplest.
    """
    x, v = points.means - offset, points.variances
    if len(x) < 3 or np.ptp(x) == 0:
        return _guess(float(np.average(x)), float(np.average(v)), gain, floor)
    start = typical(v)
    line = Line(0.0, start, math.inf, math.inf, 0.0)
    trust = np.ones(len(x))
    for _ in range(8):
        sd = points.spreads * np.maximum(line.variance(x), 1e-3 * start + 1e-300)
        line = _weighted(x, v, trust / sd**2, gain, floor)
        t = (v - line.variance(x)) / sd
        t = t / max(1.0, float(np.median(np.abs(t))) / 0.6745)
        trust = np.where(
            t > 0, np.minimum(1, 2 / np.maximum(t, 1e-9)), np.minimum(1, 3 / -np.minimum(t, -1e-9))
        )
    if gain is None and floor is None and line.gain < math.sqrt(2) * line.gain_error:
        even = _weighted(x, v, trust / sd**2, 0.0, None)
        line = replace(line, gain=0.0, floor=even.floor, misfit=even.misfit)
    return line


def typical(variances: Array) -> float:
    """The median of those that hold noise."""
    noisy = variances[variances > NOISELESS * variances.max()]
    return float(np.median(noisy)) if noisy.size else 0.0


def looks(points: Scatter, offset: float) -> float:
    """``(z - offset)² / variance``, the median over the bins that are bright enough to tell."""
    x = points.means - offset
    bright = x >= 0.1 * x.max()
    ratio = points.variances[bright] / np.maximum(x[bright], 1e-12) ** 2
    order = np.argsort(ratio)
    weight = np.cumsum(1 / points.spreads[bright][order] ** 2)
    middle = ratio[order][np.searchsorted(weight, weight[-1] / 2)]
    return float(np.clip(1 / max(float(middle), 1e-12), 0.1, 1e4))


def speckled(points: Scatter, offset: float) -> bool:
    """Whether the variance follows the square of the brightness more closely than the brightness."""
    x = points.means - offset
    bright = x > 0.05 * x.max()
    if np.count_nonzero(bright) < 4:
        return False
    logs, weight = np.log(points.variances[bright]), 1 / points.spreads[bright] ** 2

    def misfit(power: int) -> float:
        return float(np.sqrt(np.cov(logs - power * np.log(x[bright]), aweights=weight)))

    return misfit(2) < misfit(1)


def _weighted(x: Array, v: Array, weight: Array, gain: float | None, floor: float | None) -> Line:
    """Weighted least squares with both coefficients at least 0."""
    if gain is None and floor is None:
        a, b, c = weight.sum(), (weight * x).sum(), (weight * x * x).sum()
        p, q = (weight * v).sum(), (weight * x * v).sum()
        determinant = a * c - b * b
        slope, level = (a * q - b * p) / determinant, (c * p - b * q) / determinant
        if slope > 0 and level >= 0:
            errors = math.sqrt(a / determinant), math.sqrt(c / determinant)
            return _line(x, v, weight, float(slope), float(level), errors, 2)
        one = _weighted(x, v, weight, 0.0 if slope <= 0 else None, None if slope <= 0 else 0.0)
        # the other coefficient is at its end: its error is that of the free fit
        errors = math.sqrt(a / determinant), math.sqrt(c / determinant)
        return Line(one.gain, one.floor, *errors, one.misfit)
    if gain is None:
        above = np.maximum(x, 0.0)
        c = max(float((weight * above * above).sum()), 1e-300)
        slope = max(float((weight * above * (v - (floor or 0.0))).sum()) / c, 0.0)
        return _line(x, v, weight, slope, floor or 0.0, (c**-0.5, 0.0), 1)
    if floor is None:
        level = max(float(np.average(v - gain * np.maximum(x, 0.0), weights=weight)), 0.0)
        return _line(x, v, weight, gain, level, (0.0, float(weight.sum()) ** -0.5), 1)
    return _line(x, v, weight, gain, floor, (0.0, 0.0), 0)


def _line(
    x: Array,
    v: Array,
    weight: Array,
    gain: float,
    floor: float,
    errors: tuple[float, float],
    free: int,
) -> Line:
    expected = gain * np.maximum(x, 0) + floor
    at = np.maximum(expected, 1e-3 * typical(v) + 1e-30)
    off = v - expected
    chi = math.sqrt(max(1.0, float((weight * off**2).sum()) / max(1, len(x) - free)))
    share = weight * at**2
    excess = float((share / share.sum() * (off / at) ** 2).sum()) * (1 - 1 / chi**2)
    return Line(gain, floor, errors[0] * chi, errors[1] * chi, math.sqrt(excess))


def _guess(x: float, v: float, gain: float | None, floor: float | None) -> Line:
    """From one brightness: all of it read noise, unless that is given."""
    if gain is None:
        gain = 0.0 if floor is None or x <= 0 else max(v - floor, 0.0) / x
    if floor is None:
        floor = max(v - gain * max(x, 0.0), 0.0)
    return Line(gain, floor, math.inf, math.inf, 0.0)
