"""Bright spots in a recording of beads, measured one by one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, maximum_filter

from ..errors import InputError
from .fitting import GaussianFit, fit_gaussian
from .gaussian import FWHM_PER_SIGMA

#: A spot stands out of the filtered picture by this many standard deviations of its background,
FAINT = 6.0
#: and by this part of the brightest spot;
DIMMEST = 0.03
#: beside a brighter one (within 3 of its widths) by this part of it, or it is a ring of that one.
RING = 0.15
#: So many tell how wide a spot usually is.
FIRST = 30
#: At most so many spots are looked at, the brightest first.
MOST = 400
#: Narrower than this many pixels is a hot pixel.
HOT = 1.1


@dataclass(frozen=True)
class Spot:
    """One bright spot: the Gaussian of its core, and the level and noise around it."""

    fit: GaussianFit
    level: float
    noise: float
    top: float
    ties: int


def find_spots(stack: NDArray[np.float32]) -> tuple[list[Spot], tuple[float, ...]]:
    """All spots, brightest first, and the usual FWHM in pixels per axis.

    Maxima of a difference of Gaussians as wide as the spots are. That width is found
    first, from the median of the brightest spots in a lightly smoothed picture.

    Parameters
    ----------
    stack
        (Y, X) or (Z, Y, X), finite.

    Raises
    ------
    InputError
        There is none.
    """
    first = [_measured(stack, at, None) for at in _maxima(stack, (1.0,) * stack.ndim)[:FIRST]]
    seen = [s for s in first if s is not None and not (np.array(s.fit.fwhm) < HOT).any()]
    if not seen:
        raise InputError(
            "No beads were found: nothing stands out of the background by 6 times its noise; choose "
            "the layer or file with the beads, or record them with more light."
        )
    bright = np.median([s.fit.amplitude for s in seen[: max(1, len(seen) // 2)]])
    widths = np.array(
        [s.fit.fwhm for s in seen if s.fit.amplitude > bright / 3] or [seen[0].fit.fwhm]
    )
    usual = np.array(
        [
            np.nanmedian(w) if np.isfinite(w).any() else n
            for w, n in zip(widths.T, stack.shape, strict=True)
        ]
    )
    sigmas = tuple(float(max(0.7, w / FWHM_PER_SIGMA)) for w in usual)
    found: list[Spot] = []
    for at in _maxima(stack, sigmas)[:MOST]:
        spot = _measured(stack, at, usual)
        if spot is None:
            continue
        beside = [
            s
            for s in found
            if np.linalg.norm((np.array(s.fit.centre) - spot.fit.centre) / usual) < 3
        ]
        if any(
            spot.fit.amplitude < RING * s.fit.amplitude
            or np.linalg.norm((np.array(s.fit.centre) - spot.fit.centre) / usual) < 0.5
            for s in beside
        ):
            continue  # a ring, or the same spot again
        found.append(spot)
    found.sort(key=lambda s: -s.fit.amplitude)
    if not found:
        raise InputError(
            "No beads were found that a bright round spot describes; choose the layer or file with "
            "the beads."
        )
    return found, tuple(float(w) for w in usual)


def _maxima(stack: NDArray[np.float32], sigmas: tuple[float, ...]) -> list[tuple[int, ...]]:
    """Local maxima of the difference of two Gaussians, brightest first."""
    wide = tuple(2.5 * s for s in sigmas)
    filtered = gaussian_filter(stack, sigmas, truncate=3) - gaussian_filter(stack, wide, truncate=3)
    size = tuple(
        min(2 * int(np.ceil(1.5 * s)) + 1, 2 * n + 1)
        for s, n in zip(sigmas, stack.shape, strict=True)
    )
    middle = float(np.median(filtered))
    noise = 1.4826 * float(np.median(np.abs(filtered - middle)))
    above = filtered > max(middle + FAINT * noise, DIMMEST * float(filtered.max()))
    peaks = np.argwhere(above & (filtered == maximum_filter(filtered, size, mode="nearest")))
    order = np.argsort(-filtered[tuple(peaks.T)], kind="stable")
    return [tuple(int(p) for p in peaks[i]) for i in order]


def _measured(
    stack: NDArray[np.float32], at: tuple[int, ...], usual: NDArray[np.float64] | None
) -> Spot | None:
    """The spot at a maximum; its level is the median of what lies around it."""
    reach = np.full(stack.ndim, 8.0) if usual is None else np.maximum(2.5 * usual, 4)
    low = [max(0, p - int(np.ceil(r))) for p, r in zip(at, reach, strict=True)]
    box = tuple(slice(a, p + int(np.ceil(r)) + 1) for a, p, r in zip(low, at, reach, strict=True))
    part = stack[box].astype(np.float64)
    local = np.subtract(at, low)
    away = sum(
        ((g - c) / r) ** 2 for g, c, r in zip(np.indices(part.shape), local, reach, strict=True)
    )
    around = part[np.asarray(away) > 0.7]
    if around.size < 8:
        return None
    level = float(np.median(around))
    # hot pixels and parts of other beads are not noise: what lies below the median tells it
    below = around[around <= level] - level
    noise = max(float(np.sqrt(np.mean(below**2))), float(np.percentile(around, 84)) - level)
    clean = part - level
    fit = fit_gaussian(clean, [float(c) for c in local])
    if fit is None:
        return None
    half = [max(w / 2, 1) if np.isfinite(w) else np.inf for w in fit.fwhm]
    core = part[
        np.asarray(
            sum(
                ((g - c) / h) ** 2
                for g, c, h in zip(np.indices(part.shape), fit.centre, half, strict=True)
            )
        )
        <= 1
    ]
    if not core.size:
        return None
    top = float(core.max())
    centre = tuple(float(c + a) for c, a in zip(fit.centre, low, strict=True))
    whole = GaussianFit(centre, fit.fwhm, fit.amplitude)
    return Spot(whole, level, noise, top, int(np.count_nonzero(core == top)))
