"""Light about the optical axis in polar coordinates, and how pixels and pinholes gather it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline, make_interp_spline
from scipy.sparse import csr_array

Real = NDArray[np.float64]
#: Angular frequencies that are weaker than this, against the mean over the angle, are left out.
WEAK = 1e-5


@dataclass(frozen=True)
class Polar:
    """Intensity on rings of evenly spaced radii: what is round needs one angle only.

    Between the radii it is a cubic spline, about the axis a Fourier series. Both pixels
    and pinholes are then matrices that act on it, made once for all planes.

    Parameters
    ----------
    r
        Radii from 0 in even steps, µm.
    values
        (angles, r, z), at even angles from 0 (along x) to 2 π (by way of y).
    """

    r: Real
    values: Real

    def __mul__(self, other: Polar | Real) -> Polar:
        """The product with other light on the same rings, or with a factor per plane."""
        return Polar(self.r, self.values * (other.values if isinstance(other, Polar) else other))

    def __add__(self, level: Real) -> Polar:
        """With even light added, a value per plane."""
        return Polar(self.r, self.values + level)

    def mean(self) -> Real:
        """The mean over the angles, (r, z)."""
        mean: Real = self.values.mean(0)
        return mean

    def within(self, radius: float) -> Real:
        """Light within a radius (µm), per plane."""
        spline = make_interp_spline(self.r, self.mean() * (2 * np.pi * self.r[:, None]))
        return np.asarray(spline.integrate(0, radius), float)

    def averaged(self, radius: float, r: Real) -> Polar:
        """The mean over a disc (a pinhole) of ``radius`` about each place, on the first rings ``r``.

        A disc about a point at distance r covers, of the ring at distance t, the angles up to
        :math:`\\arccos((r^2 + t^2 - a^2) / 2 r t)` to either side.
        """
        count = 24 + int(4 * radius / (self.r[1] * 16))
        x, w = np.polynomial.legendre.leggauss(count)
        x, w = (x + 1) / 2, w / 2
        # rings that the disc cuts; cos takes the steepness out of both ends
        low, high = np.abs(r - radius)[:, None], (r + radius)[:, None]
        t = (low + high) / 2 - (high - low) / 2 * np.cos(np.pi * x)
        weight = np.pi * w * (high - low) / 2 * np.sin(np.pi * x) * t
        cosine = (r[:, None] ** 2 + t**2 - radius**2) / np.maximum(2 * r[:, None] * t, 1e-300)
        reach = np.arccos(np.clip(cosine, -1, 1))
        # and those that lie within it as a whole
        inner = np.maximum(radius - r, 0)[:, None] * x
        inside = np.maximum(radius - r, 0)[:, None] * w * inner
        rings = np.concatenate([t, inner], 1)
        weight = np.concatenate([weight, inside], 1) / (np.pi * radius**2)
        reach = np.concatenate([reach, np.full(inner.shape, np.pi)], 1)

        def weights(q: int) -> Real:
            angle: Real = 2 * np.sin(q * reach) / q if q else 2 * reach
            return weight * angle

        series = self._gathered(rings, weights)
        angles = len(self.values)
        return Polar(r, np.fft.irfft(series, angles, axis=0))

    def sampled(self, pixel_size: Sequence[float], shape: Sequence[int], points: int) -> Real:
        """The picture on pixels (Y, X), the axis in the middle of pixel ``size // 2``.

        Each pixel takes the mean at ``points`` x ``points`` Gauss–Legendre nodes; 1 is its
        middle. Returns (z, y, x).
        """
        nodes, along = np.polynomial.legendre.leggauss(points)
        centre = [n // 2 for n in shape]
        # what is round needs one quadrant
        quadrant = len(self.values) == 1
        axes = [
            (np.arange(n // 2 + 1) if quadrant else np.arange(n) - c)[:, None] + nodes / 2
            for n, c in zip(shape, centre, strict=True)
        ]
        y, x = (axis * size for axis, size in zip(axes, pixel_size, strict=True))
        places = (y.shape[0], x.shape[0], points, points)
        yy = np.broadcast_to(y[:, None, :, None], places).reshape(-1, points**2)
        xx = np.broadcast_to(x[None, :, None, :], places).reshape(-1, points**2)
        weight = np.broadcast_to(np.outer(along, along).ravel() / 4, yy.shape)
        radius, angle = np.hypot(yy, xx), np.arctan2(yy, xx)

        def turned(q: int) -> NDArray[Any]:
            return weight * np.exp(1j * q * angle) if q else weight

        series = self._gathered(radius, turned)
        picture = series[0].real + 2 * series[1:].real.sum(0)
        if not quadrant and len(self.values) % 2 == 0:
            picture = picture - series[-1].real  # the highest frequency is its own mirror
        picture = picture.reshape(*places[:2], -1).transpose(2, 0, 1) / len(self.values)
        if not quadrant:
            return np.asarray(picture)
        iy, ix = (np.abs(np.arange(n) - c) for n, c in zip(shape, centre, strict=True))
        return np.asarray(picture[:, iy][:, :, ix])

    def _gathered(
        self, radius: Real, weight_of: Callable[[int], NDArray[Any]]
    ) -> NDArray[np.complex128]:
        """Per angular frequency q: weighted sums over the values at ``radius``, (q, rows, z).

        ``weight_of(q)`` has a weight per radius, (rows, columns).
        """
        rows, columns = radius.shape
        knots = make_interp_spline(self.r, self.values[0])
        basis = BSpline.design_matrix(np.clip(radius.ravel(), 0, self.r[-1]), knots.t, knots.k)
        per_radius = knots.k + 1
        starts = columns * per_radius * np.arange(rows + 1)  # a row takes all its radii
        series = np.fft.rfft(self.values, axis=0)
        strongest = np.abs(series[0]).max()
        found = np.zeros((len(series), rows, series.shape[2]), complex)
        for q, harmonic in enumerate(series):
            if q and np.abs(harmonic).max() < WEAK * strongest:
                continue
            data = basis.data.reshape(-1, per_radius) * weight_of(q).reshape(-1, 1)
            matrix = csr_array((data.ravel(), basis.indices, starts), (rows, basis.shape[1]))
            coefficients = make_interp_spline(self.r, harmonic.real).c
            if q:
                coefficients = coefficients + 1j * make_interp_spline(self.r, harmonic.imag).c
            found[q] = matrix @ coefficients
        return found
