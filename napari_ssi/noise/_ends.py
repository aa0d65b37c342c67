"""The noise of pixels some of which the camera clips: what there is of it at the ends of the range."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..background import Levels
from ..zeros import clipped_groups
from ._line import Scatter

#: Part of the variance by which two ways to find it may differ, as they do in structure and of other noise.
ALIKE = 0.25
#: Relative standard error that such a point has at least; and, squared, for one pixel.
LEAST, ONE = 0.05, 6.0


def at_ends(planes: list[NDArray[np.float32]], levels: Levels) -> Scatter:
    """Mean and variance before clipping, where a part of the pixels lies at an end of the range.

    The share that is clipped tells how bright it is, in standard deviations of the noise, and the differences of
    neighbours how strong that is, see :func:`~napari_ssi.zeros.clipped_groups`. Where much of a picture is
    clipped, in an even background say, there is hardly another place to measure. Only groups of pixels count
    whose mean tells about the same.
    """
    points = []
    for end, sign in ((levels.low, 1.0), (levels.high, -1.0)):
        if end is None or (sign < 0 and levels.empty is not None):
            continue
        turned = [np.asarray(sign * p, np.float32) for p in planes]
        groups, _ = clipped_groups(turned, sign * end, empty=levels.empty)
        for group in groups:
            if abs(group.variance / group.level**2 - 1) < ALIKE:
                mean = end + sign * group.light
                spread = math.hypot(LEAST, math.sqrt(ONE / group.count))
                points.append((mean, group.variance, float(group.count), spread))
    return Scatter(*np.array(points).reshape(-1, 4).T)
