"""The transfer function of a physics, found by what A does to a point."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..errors import InputError
from ..physics.base import Physics
from ._tiles import box


def transfer(
    physics: Physics, shape: Sequence[int], grid: Sequence[int], like: Tensor
) -> Tensor | None:
    """H with ``A x = irfftn(H rfftn(x))[:shape]`` for x at the start of ``grid``; ``None`` for 1.

    ``shape`` is the measurement's, ``grid`` at least the object's, ``like`` a tensor of the dtype
    and on the device to use. Raises :class:`InputError` where A is not shift-invariant.
    """
    axes = tuple(range(-len(shape), 0))
    size = physics.object_shape(shape)
    point = like.new_zeros((1, 1, *shape))
    point[(0, 0, *(0,) * len(shape))] = 1
    row = physics.A_adjoint(point)  # the weights of the object's pixels in the first measured one
    if tuple(row.shape[2:]) != tuple(size):
        raise InputError("This method needs a forward model that treats all pixels alike.")
    if size == tuple(shape) and bool((row == point).all()):
        return None
    padded = like.new_zeros((1, 1, *grid))
    padded[box(size)] = row
    otf: Tensor = torch.fft.rfftn(padded, dim=axes).conj()
    _verify(physics, shape, grid, otf, like)
    return otf


def _verify(
    physics: Physics, shape: Sequence[int], grid: Sequence[int], otf: Tensor, like: Tensor
) -> None:
    """One ramp through both: a model that treats pixels differently shows."""
    axes = tuple(range(-len(shape), 0))
    size = physics.object_shape(shape)
    steps = torch.arange(int(torch.tensor(size).prod()), device=like.device)
    x = ((steps * 7919) % 1009).to(like.dtype).reshape(1, 1, *size) / 1009
    padded = like.new_zeros((1, 1, *grid))
    padded[box(size)] = x
    ours = torch.fft.irfftn(otf * torch.fft.rfftn(padded, dim=axes), s=tuple(grid), dim=axes)
    ours = ours[box(shape)]
    if not torch.allclose(ours, physics.A(x), atol=1e-3):
        raise InputError("This method needs a forward model that treats all pixels alike.")
