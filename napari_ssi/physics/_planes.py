"""Circular convolution of a large stack, a few planes at a time.

One transform of the whole stack takes fresh memory for a padded copy, the spectrum and the result,
and on a CPU most of its time is spent on getting that memory. Here the half spectrum is the only
large array besides the result: planes are transformed a few at a time, small enough for the cache,
and rows of their spectra then go along z and back. What is padding costs nothing on the way in,
and what is not asked for nothing on the way out.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

#: Bytes of the planes, or rows of spectra, that are at work together; of 0.5 to 8 MB the fastest.
BLOCK = 1_500_000


def convolved(
    x: Tensor,
    otf: Tensor,
    grid: Sequence[int],
    *,
    at: Sequence[int],
    start: Sequence[int],
    shape: Sequence[int],
    adjoint: bool,
) -> Tensor:
    """``irfftn(otf · rfftn(x placed at `at` on the grid))``, of which ``shape`` from ``start`` on.

    Parameters
    ----------
    x
        ``(N, C, Z, Y, X)``, float32 or float64; inside ``grid``.
    otf
        ``rfftn`` of the kernel on the ``grid`` (Z, Y, X); for the ``adjoint`` its conjugate counts.
    """
    images = x.reshape(-1, *x.shape[2:])
    out = x.new_empty((len(images), *shape))
    for image, result in zip(images, out, strict=True):
        _one(image, otf, tuple(grid), tuple(at), tuple(start), result, adjoint)
    return out.reshape(*x.shape[:2], *shape)


def _one(
    x: Tensor,
    otf: Tensor,
    grid: tuple[int, ...],
    at: tuple[int, ...],
    start: tuple[int, ...],
    out: Tensor,
    adjoint: bool,
) -> None:
    planes, (rows, columns) = len(x), grid[1:]
    half = columns // 2 + 1
    # x in the first planes whatever its place along z: that is made good by where it is put below
    spectra = x.new_empty((max(planes, len(out)), rows, half), dtype=otf.dtype)
    each = otf.element_size() * half
    few = min(max(1, BLOCK // (each * rows)), len(spectra))
    padded = x.new_zeros((few, rows, columns)) if any(at[1:]) else None
    for a in range(0, planes, few):
        part = x[a : a + few]
        if padded is not None:
            size = [slice(p, p + n) for p, n in zip(at[1:], x.shape[1:], strict=True)]
            padded[: len(part), size[0], size[1]] = part
            part = padded[: len(part)]
        spectra[a : a + len(part)] = torch.fft.rfft2(part, s=(rows, columns))

    thick = min(max(1, BLOCK // (each * grid[0])), rows)
    beyond = x.new_zeros((grid[0], thick, half), dtype=otf.dtype) if at[0] else None
    for a in range(0, rows, thick):
        stripe = spectra[:planes, a : a + thick]
        if beyond is not None:
            beyond[at[0] : at[0] + planes, : stripe.shape[1]] = stripe
            stripe = beyond[:, : stripe.shape[1]]
        product = torch.fft.fft(stripe, n=grid[0], dim=0)
        factor = otf[:, a : a + thick]
        product *= factor.conj() if adjoint else factor
        back = torch.fft.ifft(product, dim=0)
        spectra[: len(out), a : a + thick] = back[start[0] : start[0] + len(out)]

    for a in range(0, len(out), few):
        # of the rows that are padding only the first transform has to be made
        part = torch.fft.ifft(spectra[a : min(a + few, len(out))], dim=1)
        part = part[:, start[1] : start[1] + out.shape[1]]
        whole = torch.fft.irfft(part, n=columns, dim=2)
        out[a : a + few] = whole[:, :, start[2] : start[2] + out.shape[2]]
