"""The variance of the noise at each brightness, as the recording itself shows it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from .. import background
from ..outliers import Variance
from ._differences import LEAST_SEEN, ORDERS, seen
from ._line import Array, line
from ._scatter import scatter, scatters

#: Width of the mean that tells the brightness of a pixel: standard deviation, pixels.
AROUND = 2.0


def variance_curve(planes: list[NDArray[np.float32]], *, shared: bool = False) -> Variance:
    """Measure it on (Y, X) planes, in their units squared.

    The function that comes back is the larger of what the bins of brightness show (see
    :func:`~napari_ssi.noise._scatter.scatter`) and of the line through them, nowhere 0. What
    texture leaves in sixth differences is counted as noise; noise that pixels share is underestimated,
    and measured by second differences alone if ``shared``: see :func:`shared_variance`.

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


def shared_variance(
    planes: list[NDArray[np.float32]], correlation: Array, strength: float
) -> Variance:
    """The same where pixels share noise: the recording shows how it follows the light.

    Differences miss what neighbours share. How strong it is one is told, for the typical
    brightness: that of the median of absolute differences. Where differences see enough of such noise the
    correlation says it, too, and the stronger noise counts.

    Parameters
    ----------
    planes
        (Y, X).
    correlation
        Of the noise, lag 0 in its middle; two lags and more.
    strength
        Its variance, in the units of the planes squared.

    Examples
    --------
    Noise of variance z, averaged over two pixels:

    >>> import numpy as np
    >>> z = np.linspace(1, 9, 256) + np.zeros((256, 1))
    >>> n = np.random.default_rng(0).normal(size=z.shape)
    >>> y = z + np.sqrt(z / 2) * (n + np.roll(n, 1, 0))
    >>> rows = np.zeros((5, 5))
    >>> rows[1:4, 2] = 0.5, 1, 0.5
    >>> variance = shared_variance([y.astype("float32")], rows, 4.0)
    >>> [round(float(v)) for v in variance(np.array([3, 8]))]
    [3, 8]
    """
    curve = variance_curve(planes, shared=True)
    variances = np.concatenate(
        [curve(gaussian_filter(plane.astype(np.float64), AROUND)).ravel() for plane in planes]
    )
    differences = np.abs(np.random.default_rng(0).normal(0, np.sqrt(variances)))
    times = strength / (np.median(differences) / 0.6745) ** 2
    share = seen(correlation)
    if share >= LEAST_SEEN:
        times = max(times, 1 / share)
    return lambda z: times * curve(z)
