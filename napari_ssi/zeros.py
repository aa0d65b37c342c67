"""Pixels that pile up at the darkest value: clipped there, or reached by no photon."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

#: Side of the window whose mean says how much light a pixel gets, in pixels.
WINDOW = 7
#: Where the pixels beside one are.
AROUND = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)]
#: Groups of pixels of about one brightness, and of how many pixels at least.
GROUPS, ENOUGH = 8, 150
#: Share of each group in whose surroundings the brightness changes least.
FLAT = 1 / 3
#: Distance on either side at which that is seen, in pixels.
BESIDE = 4
#: Shares of pixels at the darkest value between which the two differ, and structure adds little.
SHARES = (0.05, 0.6)
#: Values, and differences, count at most as these quantiles, so that outliers weigh nothing.
OUTMOST, FARTHEST = 0.9, 0.8
#: Spread squared, in parts of that of clipped noise, above which no photon came. Clipped Gaussian noise with
#: 3 % of outliers reaches 1.12; structure lowers it. Other noise that is clipped reaches more.
WIDER = 1.15
#: Where differences that share no noise are compared, in pixels along Y and X.
LAGS = ((0, 2), (0, 3), (2, 2), (2, -2), (3, 3), (3, -3))
APART = 3
#: Pixels along each axis that are looked at, about the middle, and the root of their number in all planes.
SIDE = 1024


def photonless(
    planes: list[NDArray[np.float32]], low: float, *, empty: float | None = None
) -> bool:
    """Whether pixels are at ``low`` because no photon reached them, rather than clipped there.

    Of clipped Gaussian noise the share of pixels at the limit and the mean tell the spread.
    Single photons of widely differing pulse height (photomultipliers, avalanche diodes) leave the
    same share and the same mean, but scatter farther. So the measured scatter is compared with that
    of clipped noise, in groups of pixels of about one brightness, where their surroundings are even.
    It is taken of second differences along Y (along X neighbours share noise where a detector
    scans), less the part that these share with others a few pixels away: fine lines rather than
    noise. In fine structure and too few pixels the answer is no.

    Clipped noise of another shape can be mistaken: photons of differing pulse height or speckle of
    one or two looks of which a background has been subtracted, and many bright single pixels (4 %).

    Parameters
    ----------
    planes
        (Y, X) planes of a recording, with pixels at its lowest value ``low``.
    empty
        The value of pixels without data, which are left out with all that are near.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> light = np.linspace(0, 3, 128) + np.zeros((128, 1))
    >>> photons = rng.poisson(light)
    >>> pulses = 20 * rng.gamma(np.maximum(photons, 1)) * (photons > 0)
    >>> photonless([pulses.astype("float32")], 0.0)
    True
    >>> photonless([np.maximum(light + rng.normal(0, 1, light.shape), 0).astype("float32")], 0.0)
    False
    """
    groups, noise = clipped_groups(planes, low, empty=empty)
    wider = [noise * group.variance / group.level**2 for group in groups]
    return bool(wider) and float(np.median(wider)) > WIDER


@dataclass(frozen=True)
class Group:
    """Pixels of about one brightness, if noise of Gaussian shape was clipped there.

    Attributes
    ----------
    light
        Their brightness above the limit, before clipping.
    level, variance
        Standard deviation of the noise by their mean; its variance by their differences.
    count
        How many there are.
    """

    light: float
    level: float
    variance: float
    count: int


def clipped_groups(
    planes: list[NDArray[np.float32]], low: float, *, empty: float | None = None
) -> tuple[list[Group], float]:
    """What pixels say of the noise, some of which are at ``low``; the share of noise in their differences."""
    large = [plane for plane in planes if min(plane.shape) > 4 * WINDOW]
    step = -(-sum(min(plane.size, SIDE**2) for plane in large) // SIDE**2)
    parts = [_looked_at(plane, low, empty) for plane in large[:: max(1, step)]]
    if not parts:
        return [], 1.0
    values, differences, light, slope = np.concatenate([columns for columns, _ in parts], 1)
    noise = 1 - max(0.0, float(np.mean([shared for _, shared in parts])))
    if values.size < ENOUGH:
        return [], noise
    normal = np.random.default_rng(0).standard_normal((3, 1 << 16))
    found = []
    for least, most in itertools.pairwise(np.quantile(light, np.linspace(0, 1, GROUPS + 1))):
        group = (light >= least) & (light <= most)
        if np.count_nonzero(group) < ENOUGH / FLAT:
            continue
        group &= slope <= np.quantile(slope[group], FLAT)
        share = float(np.mean(values[group] <= 0))
        if not SHARES[0] < share < SHARES[1]:
            continue
        away = -NormalDist().inv_cdf(share)
        above, middle, below = np.maximum(normal + away, 0)
        level = _mean(values[group], OUTMOST) / _mean(middle, OUTMOST)
        scatter = _mean(differences[group] ** 2, FARTHEST)
        expected = _mean((middle - (above + below) / 2) ** 2, FARTHEST)
        found.append(Group(level * away, level, scatter / expected, int(group.sum())))
    return found, noise


def _looked_at(
    plane: NDArray[np.float32], low: float, empty: float | None
) -> tuple[NDArray[np.float64], float]:
    """Of each pixel: value above ``low``, difference, mean around it, slope; what ``_shared`` says."""
    y = plane[tuple(slice((n - min(n, SIDE)) // 2, (n + min(n, SIDE)) // 2) for n in plane.shape)]
    good = np.ones(y.shape, bool)
    if empty is not None:
        good = _sum((y <= empty).astype(np.float64), 2 * WINDOW + 1) < 0.5
    v = np.maximum(y.astype(np.float64) - low, 0)
    difference = v - (np.roll(v, 1, 0) + np.roll(v, -1, 0)) / 2
    # without spikes, and without the three pixels of the difference
    u = np.minimum(v, np.max([np.roll(v, at, (0, 1)) for at in AROUND], axis=0))
    light = _sum(u, WINDOW) - u - np.roll(u, 1, 0) - np.roll(u, -1, 0)
    even = _sum(u, BESIDE + 1)
    slope = np.hypot(*(np.roll(even, BESIDE, i) - np.roll(even, -BESIDE, i) for i in (0, 1)))
    inner = (slice(WINDOW, -WINDOW),) * 2
    columns = np.stack([image[inner][good[inner]] for image in (v, difference, light, slope)])
    return columns, _shared(np.where(good, difference, 0)[inner])


def _shared(difference: NDArray[np.float64]) -> float:
    """Largest correlation of the differences with those a few pixels away, which no noise has."""
    most = np.quantile(np.abs(difference), FARTHEST)
    d = np.clip(difference, -most, most)
    inner = (slice(APART, -APART),) * 2
    found = [float(np.mean((d * np.roll(d, lag, (0, 1)))[inner])) for lag in LAGS]
    return max(found) / max(float(np.mean(d**2)), 1e-30)


def _sum(image: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Over the square around each pixel; what lies beyond an edge is taken from the opposite one."""
    for axis in (0, 1):
        image = np.sum([np.roll(image, at, axis) for at in range(-(side // 2), side // 2 + 1)], 0)
    return image


def _mean(values: NDArray[np.float64], quantile: float) -> float:
    """Of values no larger than their quantile."""
    return float(np.minimum(values, np.quantile(values, quantile)).mean())
