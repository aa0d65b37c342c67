"""A Gaussian fitted to the bright core of a spot: where it stands, how wide and how bright it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter
from scipy.optimize import least_squares

from .gaussian import FWHM_PER_SIGMA

#: The fit sees what is at least this bright, of the peak. Down to here an Airy pattern is a Gaussian
#: of the same full width at half maximum to 1 %; its rings would make the fitted one 4 % narrower.
CORE = 0.4
#: Pixels around the middle that are always seen: fewer do not tell the width of a narrow spot.
LEAST = 1.51


@dataclass(frozen=True)
class GaussianFit:
    """A spot: ``amplitude exp(-4 ln 2 Σ ((p - centre) / fwhm)²)``, all in pixels of the picture."""

    centre: tuple[float, ...]
    fwhm: tuple[float, ...]
    amplitude: float

    def width(self, pixel_size: Sequence[float]) -> tuple[float, ...]:
        """FWHM per axis in the unit of ``pixel_size``."""
        return tuple(w * s for w, s in zip(self.fwhm, pixel_size, strict=True))

    def along(
        self, axis: int, line: Sequence[float], positions: NDArray[np.floating]
    ) -> NDArray[np.float64]:
        """Its values at ``positions`` (pixels) on the line along ``axis`` through the pixel ``line``.

        NaN where a width is not known.
        """
        places = [np.asarray(p, np.float64) for p in line]
        places[axis] = np.asarray(positions, np.float64)
        squares = sum(
            ((p - c) / w) ** 2 for p, c, w in zip(places, self.centre, self.fwhm, strict=True)
        )
        return np.asarray(self.amplitude * np.exp(-4 * np.log(2) * squares))


def fit_gaussian(
    picture: NDArray[np.floating], start: Sequence[float] | None = None
) -> GaussianFit | None:
    """Least squares on the core of a spot that stands on nothing (background subtracted).

    The core is where the Gaussian is above 0.4 of its peak, found by fitting thrice,
    half a pixel more, and at least the next pixel to every side. What cannot be fitted so is no spot.

    Parameters
    ----------
    picture
        2D or 3D; voxels that are NaN are left out.
    start
        Where the spot is, in pixels; the brightest place if not given.

    Returns
    -------
    GaussianFit or None
        None where there is no spot. A width is NaN along an axis where the spot is
        wider than the picture.

    Examples
    --------
    >>> from napari_ssi.psf.gaussian import gaussian
    >>> found = fit_gaussian(gaussian((0.5, 0.4), (0.1, 0.1)))
    >>> [round(w, 2) for w in found.width((0.1, 0.1))]
    [0.5, 0.41]
    """
    array = np.nan_to_num(np.asarray(picture, np.float64))
    known = np.isfinite(picture)
    if start is None:
        smooth = uniform_filter(array, [3 if n >= 7 else 1 for n in array.shape], mode="nearest")
        start = [float(p) for p in np.unravel_index(int(np.argmax(smooth)), array.shape)]
    centre = np.array(start, np.float64)
    at = tuple(int(np.clip(round(c), 0, n - 1)) for c, n in zip(centre, array.shape, strict=True))
    amplitude = float(array[tuple(slice(max(0, p - 1), p + 2) for p in at)].max())
    if amplitude <= 0:
        return None
    widths = np.array([_extent(array, at, a) for a in range(array.ndim)])
    found = np.array([amplitude, *centre, *np.log(widths)])
    flat = [n < 3 for n in array.shape]
    for _ in range(3):
        amplitude, centre, widths = _parts(found, array.ndim)
        reach = np.maximum(
            widths * np.sqrt(np.log(1 / CORE)) / FWHM_PER_SIGMA * np.sqrt(2) + 0.5, LEAST
        )
        box = tuple(
            slice(max(0, int(np.ceil(c - r))), max(0, int(np.floor(c + r)) + 1))
            for c, r in zip(centre, reach, strict=True)
        )
        grids = np.meshgrid(
            *(np.arange(n)[b] for n, b in zip(array.shape, box, strict=True)), indexing="ij"
        )
        if min(g.size for g in grids) == 0:
            return None
        away = sum(((g - c) / r) ** 2 for g, c, r in zip(grids, centre, reach, strict=True))
        inside = (away <= 1.0001) & known[box]
        if np.count_nonzero(inside) < len(found):
            # narrow: the corners, too
            inside = known[box]
        if np.count_nonzero(inside) < len(found):
            return None
        places = np.stack([g[inside] for g in grids]).astype(np.float64)
        values = array[box][inside]
        top = float(values.max())
        if top <= 0:
            return None

        def model(p: NDArray[np.float64]) -> NDArray[np.float64]:
            a, c, w = _parts(p, array.ndim)
            squares = ((places - c[:, None]) / w[:, None]) ** 2  # noqa: B023
            misfit: NDArray[np.float64] = (
                a * np.exp(-4 * np.log(2) * squares.sum(0)) - values / top  # noqa: B023
            )
            return misfit

        found[0] /= top
        least = np.array([0, *(centre - 2 * np.maximum(widths, 1)), *[np.log(0.2)] * array.ndim])
        most = np.array(
            [20, *(centre + 2 * np.maximum(widths, 1)), *np.log([8.0 * n for n in array.shape])]
        )
        solved = least_squares(
            model, np.clip(found, least + 1e-9, most - 1e-9), bounds=(least, most), max_nfev=50
        )
        found = solved.x
        found[0] *= top
        if found[0] <= 0:
            return None
    amplitude, centre, widths = _parts(found, array.ndim)
    shown = [
        float("nan") if w > n or f else float(w)
        for w, n, f in zip(widths, array.shape, flat, strict=True)
    ]
    return GaussianFit(tuple(float(c) for c in centre), tuple(shown), float(amplitude))


def _parts(
    p: NDArray[np.float64], ndim: int
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    return float(p[0]), p[1 : 1 + ndim], np.exp(p[1 + ndim :])


def _extent(array: NDArray[np.float64], at: tuple[int, ...], axis: int) -> float:
    """Pixels around ``at`` that are above half of it, on the line along ``axis``."""
    line = np.moveaxis(array, axis, -1)[(*at[:axis], *at[axis + 1 :])]
    top = at[axis]
    below = line < line[top] / 2
    after = int(np.argmax(below[top:])) if below[top:].any() else len(line) - top
    before = int(np.argmax(below[: top + 1][::-1])) if below[: top + 1].any() else top + 1
    return float(max(1, after + before - 1))
