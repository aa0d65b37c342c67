"""Single pixels that no noise explains: hot, dead, or hit by a cosmic ray."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

#: Beyond so many standard deviations of the noise, and photons besides, a pixel is outlying.
FAR, PHOTONS = 6.0, 5.0


def outlying(
    plane: NDArray[np.floating],
    variance: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    gain: float,
) -> NDArray[np.bool_]:
    """Which pixels of a (Y, X) plane are far from the median of their eight neighbours, alone.

    ``variance`` of the noise at a brightness, and the ``gain``, are in the plane's units. Pixels at
    the rim are never outlying: they have too few neighbours to tell.
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
