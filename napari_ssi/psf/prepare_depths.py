"""PSFs of one microscope at several depths, checked and made ready to blur with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from .prepare import TAIL


def prepare_depths(psf: ArrayLike, shape: Sequence[int]) -> tuple[NDArray[np.float32], list[str]]:
    """PSFs ready to blur a stack of ``shape`` with: each sums to 1; sentences for the user.

    Parameters
    ----------
    psf
        (K, Z, Y, X), each centred at ``size // 2``.
    shape
        (Z, Y, X) of the recording.

    Returns
    -------
    kernels, notes
        (K, Z, Y, X), cropped alike to what holds all but 0.5 % of the energy of each.

    Raises
    ------
    InputError
        Not 4D; NaN or infinite; one that is zero; or longer than the recording by 20 % of the energy.

    Examples
    --------
    >>> import numpy as np
    >>> kernels, notes = prepare_depths(np.ones((2, 3, 3, 3)), (8, 16, 16))
    >>> kernels.sum((1, 2, 3)).round(3).tolist(), notes
    ([1.0, 1.0], [])
    """
    psfs = np.asarray(psf, np.float64)
    if psfs.ndim != 4:
        raise InputError(
            f"PSFs that change with depth must have the axes (K, Z, Y, X); got the shape {psfs.shape}."
        )
    bad = (~np.isfinite(psfs)).sum((1, 2, 3))
    if bad.any():
        first = int(np.argmax(bad > 0))
        raise InputError(
            f"Of {len(psfs)} PSFs at several depths, number {first + 1} has {bad[first]} values that are NaN "
            "or infinite; choose another file, or measure it again."
        )
    notes = []
    if (psfs < 0).any():
        notes.append(f"{int((psfs < 0).sum())} negative PSF values set to 0.")
        psfs = np.maximum(psfs, 0)
    weight = psfs.sum((1, 2, 3), keepdims=True)
    if (weight == 0).any():
        raise InputError(
            f"Of {len(psfs)} PSFs at several depths, number {int(np.argmin(weight)) + 1} is zero everywhere; "
            "choose another file."
        )
    psfs /= weight
    keep = []
    for axis, n in enumerate(psfs.shape[1:]):
        profiles = psfs.sum(tuple(a for a in (1, 2, 3) if a != axis + 1))
        reach = np.abs(np.arange(n) - n // 2)
        inside = np.array([profiles[:, reach <= r].sum(1).min() for r in range(n // 2 + 1)])
        radius = int(np.argmax(inside >= min(1 - TAIL, inside[-1]) - 1e-9))
        radius = min(radius, shape[axis] - 1)
        if inside[radius] < 0.8:
            raise InputError(
                f"The PSFs are longer than the image along {'ZYX'[axis]}, and "
                f"{1 - inside[radius]:.0%} of their energy would be lost (at most 20% may be)."
            )
        keep.append(slice(max(0, n // 2 - radius), n // 2 + radius + 1))
    psfs = psfs[(slice(None), *keep)]
    psfs /= psfs.sum((1, 2, 3), keepdims=True)
    return psfs.astype(np.float32), notes
