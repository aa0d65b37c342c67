"""Single pixels that no noise explains: hot, dead, or hit by a cosmic ray."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate, maximum_filter, median_filter

Array = NDArray[np.float64]
Variance = Callable[[Array], Array]

#: Beyond so many standard deviations of the noise, and photons besides, a pixel is outlying.
FAR, PHOTONS = 6.0, 5.0


#: Share of the pixels so far off from which there are probably more of them among the noise.
COMMON = 2e-4
#: How near to the noise these are then sought, step by step, in standard deviations.
NEARER = (5.0, 4.5, 4.0, 3.5)
#: The 24 pixels around one, the nearest 8 of them, and the weights of the nearest 4.
RING = np.ones((5, 5), bool) & (np.arange(25) != 12).reshape(5, 5)
EIGHT = np.ones((3, 3), bool) & (np.arange(9) != 4).reshape(3, 3)
FOUR = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]]) / 4


def outlying(
    plane: NDArray[np.floating], variance: Variance, gain: float, *, far: bool = False
) -> NDArray[np.bool_]:
    """Which pixels of a (Y, X) plane the noise does not explain.

    ``variance`` of the noise at a brightness, and the ``gain``, are in the plane's units. First
    those that are far from their neighbours. Only where there are many are those sought that lie
    at the rim of the noise: a network that trusts the noise copies these, since noise so rare
    has no say against an outlier. Without outliers nothing but what is far is ever left out. With ``far``
    they are not sought: noise with far tails would lose these.
    """
    found = _far(plane, variance, gain)
    if far or found.mean() < COMMON or min(plane.shape) < 5:
        return found
    return _near(plane, variance, gain, found)


def _near(
    plane: NDArray[np.floating], variance: Variance, gain: float, far: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Those at the rim of the noise, step by step, while there are clearly more than it explains.

    That is half as many again, and two standard deviations of their number. A pixel is compared
    with the median of the 24 around it; the limit above that is raised as the skewness of photon
    noise asks (the first term of Cornish and Fisher), and by a few photons where hardly any arrive.
    """
    expected = median_filter(plane.astype(np.float64), footprint=RING, mode="mirror")
    sd = np.sqrt(np.maximum(variance(expected), 1e-12))
    skewness = np.minimum(gain / sd, 1.0)
    off = (plane - expected) / sd
    side = np.sign(off)
    # what is far does not testify for its neighbours
    calm = np.where(far, 0.0, off)
    beside = side * correlate(calm, FOUR, mode="mirror")
    highest = np.where(
        side > 0,
        maximum_filter(calm, footprint=EIGHT, mode="mirror"),
        maximum_filter(-calm, footprint=EIGHT, mode="mirror"),
    )
    chosen = far.copy()
    before = 0.0
    for t in NEARER:
        limit = t + skewness * np.where(side > 0, (t * t - 1) / 6 + PHOTONS * skewness, 0.0)
        # beside a thin or small structure the neighbours are raised too
        found = (side * off > 1.03 * limit) & (beside < 1) & (highest < limit / 2 + 1)
        beyond = plane.size * math.erfc(t / math.sqrt(2))
        noise, before = beyond - before, beyond
        if np.sum(found & ~chosen) - noise <= max(noise / 2, 2 * math.sqrt(noise)):
            break
        chosen |= found
    return chosen


def _far(plane: NDArray[np.floating], variance: Variance, gain: float) -> NDArray[np.bool_]:
    """Those far from the median of their eight neighbours, alone; none at the rim.

    At the rim there are too few neighbours to tell.
    """
    found = np.zeros(plane.shape, bool)
    h, w = plane.shape
    if min(h, w) < 3:
        return found
    around = np.stack(
        [
            plane[1 + dy : h - 1 + dy, 1 + dx : w - 1 + dx]
            for dy in (-1, 0, 1)
            for dx in (-1, 0, 1)
            if dy or dx
        ]
    )
    middle = np.median(around, axis=0).astype(np.float64)
    sd = np.sqrt(variance(np.mean(around, axis=0, dtype=np.float64)))
    # a few photons where nearly none are expected are no fault of the camera
    limit = FAR * sd + PHOTONS * gain
    far = np.abs(plane[1:-1, 1:-1] - middle) > limit
    alone = far & (np.sum(np.abs(around - middle) > limit, axis=0) == 0)
    # beside a thin or small bright structure the brightest neighbour is raised too
    found[1:-1, 1:-1] = alone & (np.max(around, axis=0) - middle < limit / 2 + sd)
    return found
