"""Which pixels share noise, and how much of it, measured on the recording."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from ..background import Levels
from ._correlation import REACH
from ._line import Array
from ._scatter import some
from .estimation import measure

#: Correlation below which two pixels count as independent, and in standard errors.
LEAST, ERRORS = 0.07, 4.0
#: Lines over which a structure changes at least, against which the noise of lines stands out.
SMOOTH = 3.0


def neighbourhood(planes: list[NDArray[np.float32]], levels: Levels) -> dict[str, Any]:
    """``sigma``, ``row_sigma``, ``column_sigma`` (ADU) and ``autocorrelation`` of the noise.

    Row and column noise are taken away before the autocorrelation is measured, at the
    short lags of which they could not be told from a filter's.
    """
    report = measure(planes, levels)
    sizes = [
        report.row_size if report.row_noise else 0.0,
        report.column_size if report.column_noise else 0.0,
    ]
    if any(sizes):
        bare = some(planes)
        for axis, size in enumerate(sizes):
            if size:
                bare = [_without_lines(plane, levels, axis) for plane in bare]
        report = measure(bare, levels)
    return {
        "sigma": report.gaussian_sigma,
        "row_sigma": sizes[0],
        "column_sigma": sizes[1],
        "autocorrelation": significant(report.autocorrelation, report.correlation_error),
    }


def significant(picture: Array, error: float) -> tuple[tuple[float, ...], ...]:
    """The part of an autocorrelation that is above its error, as small a square as holds it.

    With a lag go all between it and zero: a filter has no holes.
    """
    told = np.abs(picture) > max(LEAST, ERRORS * error)
    kept = np.zeros_like(told)
    kept[REACH, REACH] = True
    for dy, dx in np.argwhere(told) - REACH:
        y, x = sorted((0, dy)), sorted((0, dx))
        kept[REACH + y[0] : REACH + y[1] + 1, REACH + x[0] : REACH + x[1] + 1] = True
    reach = int(np.abs(np.argwhere(kept) - REACH).max())
    part = slice(REACH - reach, REACH + reach + 1)
    values = np.where(kept, picture, 0.0)[part, part].clip(-1, 1)
    return tuple(tuple(round(float(v), 4) for v in row) for row in values)


def _without_lines(plane: NDArray[np.float32], levels: Levels, axis: int) -> NDArray[np.float32]:
    """Without what sets the mean of each row (axis 0) or column (1) apart from those around."""
    means = np.median(plane, axis=1 - axis).astype(np.float64)
    apart = np.expand_dims(means - gaussian_filter1d(means, SMOOTH), 1 - axis)
    good = np.ones(plane.shape, bool)
    for end in (levels.low, levels.high, levels.empty):
        if end is not None:
            good &= plane != end
    return np.where(good, plane - apart, plane).astype(np.float32)
