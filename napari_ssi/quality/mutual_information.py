"""Mutual information."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from ._pair import pair


def mutual_information(x_hat: ArrayLike, x: ArrayLike, bins: int = 256) -> float:
    r"""Mutual information of two images over their joint entropy, from 0 to 1.

    .. math:: \frac{I(a; b)}{H(a, b)} = \frac{H(a) + H(b) - H(a, b)}{H(a, b)}

    with entropies of the joint histogram of ``bins`` x ``bins`` cells over each
    image's own range, in bits. It asks how well one image can be predicted from
    the other by any mapping of the grey values. With few pixels the histogram is
    sparse and the number too high: compare only images of the same size.

    Parameters
    ----------
    x_hat, x
        Image and truth, of one shape. The SSI paper clips both to [0, 1] first.
    bins
        Cells per axis of the histogram; the paper's is 256.

    Returns
    -------
    float
        0 where either image is constant.

    Raises
    ------
    InputError
        Shapes differ, a pixel is not finite, or there are fewer than 2 bins.

    References
    ----------
    Kobayashi, Solak, Batson and Royer (2020), https://doi.org/10.48550/arXiv.2006.06156

    Examples
    --------
    >>> import numpy as np
    >>> image = np.arange(64.0).reshape(8, 8)
    >>> mutual_information(255 - image, image)  # a negative tells everything
    1.0
    """
    a, b = pair(x_hat, x)
    if bins < 2:
        raise InputError(f"The histogram needs at least 2 bins. Got {bins} instead.")
    joint = np.histogram2d(a.ravel(), b.ravel(), bins)[0] / a.size
    total = _entropy(joint)
    if total == 0:
        return 0.0
    shared = _entropy(joint.sum(0)) + _entropy(joint.sum(1)) - total
    return float(max(0.0, shared) / total)


def _entropy(p: NDArray[np.float64]) -> float:
    p = p[p > 0]
    return float(-np.sum(p * np.log2(p)))
