"""The variance of the noise at each brightness, as the recording itself shows it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .. import background
from ..outliers import Variance
from ._differences import ORDERS
from ._line import Array, line
from ._scatter import scatter, scatters


def variance_curve(planes: list[NDArray[np.float32]], *, shared: bool = False) -> Variance:
    """Measure it on (Y, X) planes, in their units squared.

    The function that comes back is the larger of what the bins of brightness show (see
    :func:`~napari_ssi.noise._scatter.scatter`) and of the line through them, nowhere 0. What
    texture leaves in sixth differences is counted as noise; noise that pixels share is underestimated,
    and measured by second differences alone if ``shared``: see :func:`~napari_ssi.noise._differences.seen`.

    Raises
    ------
    InputError
        Planes without numbers that can be measured.

    Examples
    --------
    >>> import numpy as np
    >>> z = np.linspace(0, 400, 192) + np.zeros((192, 1))
    >>> y = np.random.default_rng(0).poisson(z).astype("float32")
    >>> variance = variance_curve([y])
    >>> bool(180 < variance(np.array([200.0]))[0] < 230)
    True
    """
    levels = background.measure(planes)
    points = scatters(planes, levels, ORDERS[:1])[0] if shared else scatter(planes, levels)
    fit = line(points, levels.offset)

    def variance(z: Array) -> Array:
        bins = np.interp(z, points.means, points.variances)
        return np.asarray(np.maximum(np.maximum(bins, fit.variance(z - levels.offset)), 1e-12))

    return variance
