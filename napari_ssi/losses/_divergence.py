"""The divergence of g = A f with respect to y, by one random probe."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ._masks import box

#: Step of the difference, over the spread of the noise (or 1 % of the picture where it is not known).
STEP = 0.1


def signs(y: Tensor, generator: torch.Generator) -> Tensor:
    """A probe of independent +1 and -1, like y."""
    flips = torch.randint(0, 2, y.shape, generator=generator, device=y.device)
    return flips.to(y.dtype) * 2 - 1


def visible(y: Tensor, held: Tensor | None) -> Tensor:
    """The pixels (bool) that the network sees."""
    return torch.ones_like(y, dtype=torch.bool) if held is None else ~held


def derivative(
    g: Callable[[Tensor], Tensor], y: Tensor, at: Tensor, probe: Tensor, step: float
) -> Tensor:
    r"""Directional derivative of g along ``probe``, with ``at = g(y)``: ``(g(y + εb) - g(y)) / ε``.

    Weighted with b and summed it is the divergence on average over b
    (`Ramani, Blu & Unser 2008 <https://doi.org/10.1109/TIP.2008.2001404>`_), because
    :math:`E[b_i b_j] = \delta_{ij}`.
    """
    return (g(y + step * probe) - at) / step


def around(y: Tensor, held: Tensor | None) -> Tensor:
    """The mean of the (up to) eight pixels beside each, or 26 in 3D, without those held out."""
    kept = visible(y, held).to(y.dtype)
    side = 3.0 ** (y.ndim - 2)
    count = side * box(kept, 1) - kept
    total = side * box(kept * y, 1) - kept * y
    # single precision leaves no whole number: half a pixel is none
    elsewhere = (kept * y).sum() / kept.sum().clamp_min(1)
    return torch.where(count > 0.5, total / count.clamp_min(0.5), elsewhere)
