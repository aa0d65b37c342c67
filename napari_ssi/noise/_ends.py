"""The noise of pixels some of which the camera clips: what there is of it at the ends of the range."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..background import Levels
from ..zeros import clipped_groups
from ._line import Line, Scatter

#: Relative error of the variance up to which what lies between the ends tells enough.
KNOWN = 0.25
#: Part of the variance by which two ways to find it may differ: more in structure, or of other noise.
ALIKE = 0.25
#: Relative standard error that a point has at least; and, squared, for one pixel.
LEAST, ONE = 0.05, 6.0


def at_ends(planes: list[NDArray[np.float32]], levels: Levels, between: Line) -> Scatter:
    """Mean and variance before clipping where a part of the pixels lies at an end of the range, a point each.

    The share that is clipped tells how bright it is, in standard deviations of the noise, and the differences of
    neighbours how strong that is, see :func:`~napari_ssi.zeros.clipped_groups`. Where much of a picture is
    clipped, in an even background say, there is hardly another place to measure. Only groups of pixels count
    whose mean tells about the same; and only an end at which the line ``between`` is not known.
    """
    points = []
    for end, sign in ((levels.low, 1.0), (levels.high, -1.0)):
        if end is None or (sign < 0 and levels.empty is not None):
            continue
        away = max(end - levels.offset, 0.0)
        if between.error(away) < KNOWN * float(between.variance(np.array(away))):
            continue
        turned = [np.asarray(sign * p, np.float32) for p in planes]
        groups, _ = clipped_groups(turned, sign * end, empty=levels.empty)
        groups = [g for g in groups if abs(g.variance / g.level**2 - 1) < ALIKE]
        if groups:
            count = sum(g.count for g in groups)
            light, variance = (
                sum(getattr(g, name) * g.count for g in groups) / count
                for name in ("light", "variance")
            )
            spread = math.hypot(LEAST, math.sqrt(ONE / count))
            points.append((end + sign * light, variance, float(count), spread))
    return Scatter(*np.array(points).reshape(-1, 4).T)
