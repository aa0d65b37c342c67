"""The two images of a comparison, checked."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError


def pair(x_hat: ArrayLike, x: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both in float64; raises :class:`InputError` unless they are finite and of one shape."""
    a, b = np.asarray(x_hat, dtype=np.float64), np.asarray(x, dtype=np.float64)
    if a.shape != b.shape or a.size == 0:
        raise InputError(
            f"An image is compared with a ground truth of the same shape; "
            f"the image has {a.shape} and the truth {b.shape}: crop or resample one of them."
        )
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise InputError(
            "An image with NaN or infinite pixels cannot be compared; replace them first."
        )
    return a, b


def positive_range(data_range: float) -> float:
    """The data range, checked to be above zero."""
    if not data_range > 0:
        raise InputError(f"The data range must be a number above 0. Got {data_range!r} instead.")
    return float(data_range)
