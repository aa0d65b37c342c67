"""The variance of the noise at each brightness, as the recording itself shows it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from .. import background
from ..background import Levels
from ..outliers import Variance
from ._differences import ORDERS
from ._line import Array, Line, line
from ._scatter import scatter, scatters
from .estimation import gaussian_sigma

#: Rank correlation of brightness and variance from which noise follows the light.
RISING = 0.9
#: Fewer bins of brightness tell nothing of that.
FEWEST = 8


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


def shared_line(planes: list[NDArray[np.float32]], levels: Levels, strength: float) -> Line:
    """How the variance follows the light where pixels share noise, of which differences see less.

    How strong it is one is told. Where it rises with the brightness from bin to bin it is the line through these
    times what differences miss: ``strength`` over their variance, measured as for the strength.
    Else it is the same everywhere: edges and texture can raise single bins.

    Parameters
    ----------
    planes
        (Y, X).
    levels
        Theirs.
    strength
        Variance of the noise at the typical brightness, in the units of the planes squared.

    Examples
    --------
    Noise of variance z, averaged over two pixels:

    >>> import numpy as np
    >>> z = np.linspace(1, 9, 256) + np.zeros((256, 1))
    >>> n = np.random.default_rng(0).normal(size=z.shape)
    >>> y = z + np.sqrt(z / 2) * (n + np.roll(n, 1, 0))
    >>> found = shared_line([y.astype("float32")], background.Levels(0.0), 4.5)
    >>> 0.8 < found.gain < 1.2
    True
    """
    points = scatters(planes, levels, ORDERS[:1])[0]
    fit = line(points, levels.offset)
    if len(points.means) < FEWEST or spearmanr(points.means, points.variances).statistic < RISING:
        return Line(0.0, strength, 0.0, 0.0, 0.0)
    return fit.times(strength / gaussian_sigma(planes, levels, ORDERS[:1]) ** 2)
