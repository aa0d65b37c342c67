"""Peak signal-to-noise ratio."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ._pair import pair, positive_range


def psnr(x_hat: ArrayLike, x: ArrayLike, data_range: float = 1.0) -> float:
    r"""Peak signal-to-noise ratio in dB, of an image against the truth.

    .. math:: 10 \log_{10} \frac{R^2}{\frac{1}{n} \sum_i (\hat x_i - x_i)^2}

    Parameters
    ----------
    x_hat, x
        Image and truth, of one shape, any number of axes, in the same units.
    data_range
        R, the span from black to white in those units. The SSI paper clips to
        [0, 1] first (``x_hat.clip(0, 1)``) and takes 1.

    Returns
    -------
    float
        dB; infinite for equal images.

    Raises
    ------
    InputError
        Shapes differ, a pixel is not finite, or the range is not above 0.

    Examples
    --------
    >>> import numpy as np
    >>> psnr(np.full((8, 8), 0.1), np.zeros((8, 8)))
    20.0
    """
    a, b = pair(x_hat, x)
    peak = positive_range(data_range)
    error = float(np.mean((a - b) ** 2))
    return float("inf") if error == 0 else float(10 * np.log10(peak**2 / error))
