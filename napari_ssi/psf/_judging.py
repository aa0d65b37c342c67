"""Which of the spots in a recording of beads are good enough to be part of a PSF."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..background import measure as measure_levels
from ._spots import HOT, Spot

#: A peak below so many standard deviations of the background is dim,
DIM = 10.0
#: and one below this part of the usual one.
DIM_BESIDE = 0.2
#: Wider than the usual bead by this factor: two beads, or one out of focus.
WIDE = 1.35
#: Its core, this many FWHM to either side, must lie within the stack.
CORE = 1.0


def judged(
    array: NDArray[np.float32],
    dtype: np.dtype[np.generic],
    spots: Sequence[Spot],
    usual: tuple[float, ...],
    half: tuple[int, ...],
) -> list[str]:
    """Why each bead is no good; empty where it is."""
    limit = _limit(array, dtype)
    centres = np.array([s.fit.centre for s in spots])
    width = np.array(usual)
    bright = float(np.median([s.fit.amplitude for s in spots[: max(1, (len(spots) + 1) // 2)]]))
    reasons = []
    for i, spot in enumerate(spots):
        away = np.abs(centres - centres[i])
        near = (away < np.array(half) + width / 2).all(1)
        near[i] = False
        fwhm = np.array(spot.fit.fwhm)
        low = centres[i] - CORE * width < -0.5
        high = centres[i] + CORE * width > np.array(array.shape) - 0.5
        if (fwhm < HOT).any():
            reason = "narrower than a pixel: a hot pixel"
        elif spot.top >= limit or _plateau(spot):
            reason = "clipped: its peak is saturated"
        elif (low | high).any():
            reason = "too near the edge"
        elif spot.fit.amplitude < max(DIM * spot.noise, DIM_BESIDE * bright):
            reason = "too dim"
        elif near.any():
            reason = "another bead in its window"
        elif (fwhm > WIDE * width).any():
            reason = "wider than the others: several beads, or out of focus"
        else:
            reason = ""
        reasons.append(reason)
    return reasons


def _limit(array: NDArray[np.float32], dtype: np.dtype[np.generic]) -> float:
    """The value from which pixels count as saturated."""
    levels = measure_levels(list(array.reshape(-1, *array.shape[-2:])))
    found = np.inf if levels.high is None else levels.high
    top = float(array.max())
    if dtype.kind in "ui" and top in [float(2**k - 1) for k in (8, 10, 11, 12, 14, 16)]:
        found = min(found, top)
    return float(found)


def _plateau(spot: Spot) -> bool:
    """Whether far more voxels share the highest value than the top of a Gaussian has."""
    if spot.fit.amplitude < 50:
        return False
    radii = np.array([w for w in spot.fit.fwhm if np.isfinite(w)])
    radii = radii * np.sqrt(1 / spot.fit.amplitude / (4 * np.log(2)))
    expected = float(np.prod(2 * radii)) * np.pi / 6
    return spot.ties > 3 + 5 * expected
