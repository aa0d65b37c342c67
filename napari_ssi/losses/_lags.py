"""By how much g = A f follows the neighbours of a pixel, lag by lag, and noise of rows and columns."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..noise.base import NoiseModel

#: Lags (y, x) up to two pixels, zero first; those that mirror another are left out.
LAGS = [(0, 0)] + [(dy, dx) for dy in range(3) for dx in range(-2, 3) if dy > 0 or dx > 0]
#: Lag, in pixels, at which only whole rows or columns have noise in common.
FAR = 4


def covariance(noise: NoiseModel, y: Tensor) -> Tensor:
    """The noise model's, as one number for each of :data:`LAGS`, for rows and for columns; typical brightness."""
    side = 2 * FAR + 1
    impulse = y.new_zeros(1, 1, *(1,) * (y.ndim - 4), side, side)
    impulse[..., FAR, FAR] = 1
    level = torch.full_like(impulse, noise.typical)
    at = noise.covary(impulse, level).reshape(side, side)
    row, column = at[FAR, 0], at[0, FAR]
    lags = [at[FAR + dy, FAR + dx] - row * (dy == 0) - column * (dx == 0) for dy, dx in LAGS]
    return torch.stack([*lags, row, column])


def followed(probe: Tensor, slope: Tensor, target: Callable[[Tensor], Tensor], s: Tensor) -> Tensor:
    r"""Sums over i of :math:`s_i s_j\, \partial_j g_i`, for the j that each number of :func:`covariance` ties to i.

    ``slope`` is J b with b the ``probe`` of independent signs, and
    :math:`E[(J b)_i\, b_j] = \partial_j g_i`; s is how strong the noise is at each pixel, 1 at the
    typical brightness. It does not count for rows and columns.
    """
    sums = []
    scaled = s * probe
    for dy, dx in LAGS:
        beside = scaled if (dy, dx) == (0, 0) else _moved(scaled, dy, dx) + _moved(scaled, -dy, -dx)
        sums.append((target(s * beside) * slope).sum())
    for axis in (-1, -2):
        whole = probe.sum(axis, keepdim=True).expand(probe.shape)
        sums.append((target(whole) * slope).sum())
    return torch.stack(sums)


def _moved(probe: Tensor, dy: int, dx: int) -> Tensor:
    # what wraps around comes from too far away to be followed
    return probe.roll((-dy, -dx), (-2, -1))
