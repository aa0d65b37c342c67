"""Which pixels share noise, and how much of it, measured on the recording."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..background import Levels
from ._correlation import REACH
from ._line import Array
from ._lines import without_lines
from ._scatter import some
from .curve import shared_line
from .estimation import measure

#: Correlation below which two pixels count as independent, and in standard errors.
LEAST, ERRORS = 0.07, 4.0
#: Variance that remains in the dark, in parts of that at the typical brightness: no noise at all explains nothing.
DARK = 1e-4


def neighbourhood(
    planes: list[NDArray[np.float32]], levels: Levels, gain: float | None = None
) -> dict[str, Any]:
    """``sigma``, ``gain``, ``row_sigma``, ``column_sigma`` (ADU) and ``autocorrelation`` of the noise.

    With a ``gain`` that is given, ``sigma`` is what that leaves at the mean brightness.
    Row and column noise are taken away before the autocorrelation is measured, at the
    short lags of which they could not be told from a filter's.
    """
    report = measure(planes, levels)
    sizes = [
        report.row_size if report.row_noise else 0.0,
        report.column_size if report.column_noise else 0.0,
    ]
    picture: tuple[tuple[float, ...], ...] = ()
    bare = some(planes)
    if any(sizes):
        for axis, size in enumerate(sizes):
            if size:
                bare = [without_lines(plane, levels, axis) for plane in bare]
        report = measure(bare, levels)
        if (
            report.common != "noise"
        ):  # lines are what was meant; texture is not to be hidden with them
            picture = ((1.0,),)
    strength = report.gaussian_sigma**2
    if gain is None:
        light = shared_line(bare, levels, strength)
        gain, floor = light.gain, light.floor
    else:
        mean = np.mean([np.clip(plane - levels.offset, 0, None).mean() for plane in bare])
        floor = strength - gain * float(mean)
    return {
        "sigma": math.sqrt(max(floor, DARK * strength)),
        "gain": gain,
        "row_sigma": sizes[0],
        "column_sigma": sizes[1],
        "autocorrelation": picture or significant(report.autocorrelation, report.correlation_error),
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
