"""Structural similarity."""

from __future__ import annotations

from numpy.typing import ArrayLike

from ..errors import InputError
from ._pair import pair, positive_range


def ssim(x_hat: ArrayLike, x: ArrayLike, data_range: float = 1.0, window: int = 7) -> float:
    r"""Mean structural similarity over a uniform window, in float64.

    .. math:: \frac{(2 \mu_a \mu_b + c_1)(2 \sigma_{ab} + c_2)}
              {(\mu_a^2 + \mu_b^2 + c_1)(\sigma_a^2 + \sigma_b^2 + c_2)},
              \qquad c_1 = (0.01 R)^2, \; c_2 = (0.03 R)^2

    with sample (n - 1) covariances, averaged over all pixels whose window lies
    within the image.

    Parameters
    ----------
    x_hat, x
        Image and truth, (Y, X) or (Z, Y, X), of one shape and in the same units.
    data_range
        R. The SSI paper clips to [0, 1] and takes 2, then scikit-image's default
        for floats; numbers with R = 1 are lower, and not to be mixed with those.
    window
        Side of the window in pixels, odd.

    Returns
    -------
    float
        At most 1, which only equal images reach.

    Raises
    ------
    InputError
        Shapes differ, a pixel is not finite, the range is not above 0, or the
        window is even or does not fit into the image.

    References
    ----------
    Wang, Bovik, Sheikh and Simoncelli (2004), https://doi.org/10.1109/TIP.2003.819861

    Examples
    --------
    >>> import numpy as np
    >>> ramp = np.add.outer(np.arange(16), np.arange(16)) / 30
    >>> ssim(ramp, ramp)
    1.0
    """
    from skimage.metrics import structural_similarity

    a, b = pair(x_hat, x)
    if window < 3 or window % 2 == 0 or window > min(a.shape):
        raise InputError(
            f"The window of the SSIM must be odd, at least 3 and no larger than the image "
            f"{a.shape}. Got {window} instead."
        )
    return float(
        structural_similarity(a, b, win_size=window, data_range=positive_range(data_range))
    )
