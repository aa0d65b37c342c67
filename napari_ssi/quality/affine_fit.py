"""Brightness and offset matched before images are compared."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._pair import pair


def affine_fit(x_hat: ArrayLike, x: ArrayLike) -> NDArray[np.float64]:
    r"""``gain * x_hat + offset``, closest to ``x`` in the least-squares sense.

    For a ground truth from another exposure, with its own brightness and offset.
    Where ``x_hat`` is constant the gain is 0.

    Parameters
    ----------
    x_hat, x
        Image and truth, of one shape.

    Returns
    -------
    ndarray
        float64, in the units of ``x``.

    Raises
    ------
    InputError
        Shapes differ or a pixel is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> affine_fit([[0.0, 1.0]], [[100.0, 300.0]])
    array([[100., 300.]])
    """
    a, b = pair(x_hat, x)
    centred = a - a.mean()
    power = float(np.sum(centred**2))
    gain = float(np.sum(centred * (b - b.mean()))) / power if power > 0 else 0.0
    return np.asarray(gain * centred + b.mean())
