"""One PSF per depth, from one objective: what a mismatch of refractive indices makes of a thick specimen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .source import make_source
from .theory import TheoryPSF


def at_depths(
    source: TheoryPSF, voxel_size: Sequence[float], depths: Sequence[float]
) -> NDArray[np.float32]:
    """The PSFs of points so far below those of ``source``, on one grid, as ``depth_varying_blur`` takes them.

    Each has its own best focus at ``size // 2``: a point is restored where it looked sharpest, on the
    scale of the stage. That the focus lags behind the stage where the indices differ is left as it is.

    Parameters
    ----------
    source
        A computed PSF of any kind; its ``depth`` is that of the first plane of the recording.
    voxel_size
        µm, (Z, Y, X).
    depths
        µm below that plane, rising.

    Returns
    -------
    ndarray
        float32, (K, Z, Y, X), each summing to 1; the grid is the one that suits the deepest.

    Raises
    ------
    InputError
        Fewer than two depths, or ones that do not rise, or deeper than 500 µm in all.

    Examples
    --------
    >>> from napari_ssi.psf.widefield import WidefieldPSF
    >>> oil = WidefieldPSF(
    ...     numerical_aperture=0.9, immersion_index=1.5, sample_index=1.33, emission_wavelength=0.52
    ... )
    >>> psfs = at_depths(oil, (0.5, 0.2, 0.2), (0.0, 20.0))
    >>> bool(psfs[0].max() > psfs[1].max())
    True
    """
    if len(depths) < 2 or np.any(np.diff(depths) <= 0) or len(tuple(voxel_size)) != 3:
        raise InputError(
            "A PSF that changes with depth needs two depths or more, rising, and voxels (Z, Y, X). "
            f"Got the depths {tuple(depths)} and the voxel size {tuple(voxel_size)}."
        )
    shape: tuple[int, ...] | None = None
    found: list[NDArray[np.float32]] = []
    for below in reversed(depths):
        there = make_source({**source.model_dump(), "depth": source.depth + below})
        assert isinstance(there, TheoryPSF)
        found.insert(0, there.compute(voxel_size, shape))
        shape = found[0].shape
    return np.stack(found)
