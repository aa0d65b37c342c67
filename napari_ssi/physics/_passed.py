"""What a kernel, or coarse pixels, leave of the frequencies in the plane."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.fft import fftfreq, fftn

Spectrum = NDArray[np.float64]


def by_kernel(kernel: NDArray[np.floating], shape: Sequence[int]) -> Spectrum:
    """Modulus of a kernel's transform on a (Y, X) grid, the largest along z."""
    times = [-(-n // m) for n, m in zip(kernel.shape[-2:], shape, strict=True)]
    room = [(0, 0)] * (kernel.ndim - 2)
    room += [(0, t * m - n) for t, m, n in zip(times, shape, kernel.shape[-2:], strict=True)]
    # a kernel larger than the grid is folded into it, which leaves its transform there as it is
    blocks = np.pad(kernel, room).reshape(-1, times[0], shape[0], times[1], shape[1])
    folded = blocks.sum((1, 3)).reshape(*kernel.shape[:-2], *shape)
    found: Spectrum = np.abs(fftn(folded)).reshape(-1, *shape).max(0)
    return found


def by_blocks(spectrum: Spectrum, axis: int, weights: Sequence[float]) -> Spectrum:
    r"""Of the weighted sums of blocks of pixels along an axis, on the grid of these.

    Frequencies a whole number of cycles per block apart become one. What is left of them is added
    as of independent waves: :math:`\sqrt{\sum_k |W(f + k)|^2 s(f + k)^2}`, at least the largest.
    """
    n, block = spectrum.shape[axis], len(weights)
    waves = np.exp(-2j * np.pi * np.multiply.outer(fftfreq(n), np.arange(block)))
    own = np.moveaxis(np.abs(waves @ np.asarray(weights)) * np.moveaxis(spectrum, axis, -1), -1, 0)
    summed: Spectrum = np.sqrt(np.square(own).reshape(block, n // block, -1).sum(0))
    return np.moveaxis(summed.reshape(n // block, *own.shape[1:]), 0, axis)
