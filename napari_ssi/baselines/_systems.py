"""The linear system in each step of the splitting, for forward models of either kind.

    (rho_data A'A + rho R + rho_sign) x = rho_data A' t + r

with R the roughness of the differences, circular on the grid. Where A is one convolution the
whole is solved exactly by a division of spectra: A is made circular, too, and what it gives beyond
the measurement is compared with nothing. Any other A is applied as it is, and the system solved
by a few conjugate gradients, which begin at the last x; the circular matrix that is nearest to it in
the middle of the picture is the preconditioner.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Protocol

import torch
from torch import Tensor

from ..physics.base import Physics
from ._tiles import box
from ._transfer import transfer

#: Conjugate gradients in a step. The splitting is not led astray by what they leave, since the
#: next step goes on from there.
GRADIENTS = 4


class System(Protocol):
    """How a step finds x."""

    #: Spatial shape of the data's split variable.
    data: tuple[int, ...]

    def solve(
        self, x: Tensor, target: Tensor, rest: Tensor, rho: tuple[float, float, float]
    ) -> tuple[Tensor, Tensor]:
        """The next x on the grid, and A x; ``rho`` of data, differences and sign, ``x`` the last."""
        ...


def system(
    physics: Physics, shape: Sequence[int], grid: tuple[int, ...], roughness: Tensor, like: Tensor
) -> System:
    """The one for this forward model."""
    if physics.invariant:
        return Spectral(physics, shape, grid, roughness, like)
    return Iterative(physics, shape, grid, roughness, like)


class Spectral:
    """For one convolution: exact, with A circular on the grid."""

    def __init__(
        self,
        physics: Physics,
        shape: Sequence[int],
        grid: tuple[int, ...],
        roughness: Tensor,
        like: Tensor,
    ) -> None:
        self.data = self._grid = grid
        self._axes = tuple(range(-len(grid), 0))
        self._roughness = roughness
        self._otf = transfer(physics, shape, grid, like)
        self._power = None if self._otf is None else self._otf.abs() ** 2

    def solve(
        self, x: Tensor, target: Tensor, rest: Tensor, rho: tuple[float, float, float]
    ) -> tuple[Tensor, Tensor]:
        """By a division of spectra."""
        data, difference, sign = rho
        denominator = difference * self._roughness + sign
        if self._otf is None or self._power is None:
            spectrum = torch.fft.rfftn(rest + data * target, dim=self._axes)
            spectrum /= denominator + data
            x = self._back(spectrum)
            return x, x
        spectrum = torch.fft.rfftn(target, dim=self._axes) * (data * self._otf.conj())
        spectrum += torch.fft.rfftn(rest, dim=self._axes)
        # where A passes nothing, and nothing else is asked for, stay finite
        spectrum /= denominator + data * self._power + 1e-9
        return self._back(spectrum), self._back(spectrum * self._otf)

    def _back(self, spectrum: Tensor) -> Tensor:
        full: Tensor = torch.fft.irfftn(spectrum, s=self._grid, dim=self._axes)
        return full


class Iterative:
    """For any linear A: finer grids, and places that differ."""

    def __init__(
        self,
        physics: Physics,
        shape: Sequence[int],
        grid: tuple[int, ...],
        roughness: Tensor,
        like: Tensor,
    ) -> None:
        self.data = tuple(shape)
        self._physics = physics
        self._object = physics.object_shape(shape)
        self._grid = grid
        self._axes = tuple(range(-len(grid), 0))
        self._roughness = roughness
        self._power = self._nearest(like)

    def solve(
        self, x: Tensor, target: Tensor, rest: Tensor, rho: tuple[float, float, float]
    ) -> tuple[Tensor, Tensor]:
        """By preconditioned conjugate gradients from x."""
        data, difference, sign = rho
        rough = difference * self._roughness + sign
        near = rough + data * self._power + 1e-9
        axes = tuple(range(1, x.ndim))

        def dot(a: Tensor, b: Tensor) -> Tensor:
            return (a * b).sum(axes, keepdim=True)

        blurred = self._A(x)
        residual = data * self._adjoint(target - blurred) + rest - self._filtered(x, rough)
        step = self._filtered(residual, 1 / near)
        direction, old = step, dot(residual, step)
        for _ in range(GRADIENTS):
            seen = self._A(direction)
            image = data * self._adjoint(seen) + self._filtered(direction, rough)
            length = old / dot(direction, image).clamp_min(1e-20)
            x = x + length * direction
            blurred = blurred + length * seen
            residual = residual - length * image
            step = self._filtered(residual, 1 / near)
            new = dot(residual, step)
            direction = step + new / old.clamp_min(1e-20) * direction
            old = new
        return x, blurred

    def _A(self, x: Tensor) -> Tensor:
        return self._physics.A(x[box(self._object)])

    def _adjoint(self, y: Tensor) -> Tensor:
        full = y.new_zeros((*y.shape[:2], *self._grid))
        full[box(self._object)] = self._physics.A_adjoint(y)
        return full

    def _filtered(self, x: Tensor, by: Tensor) -> Tensor:
        spectrum = torch.fft.rfftn(x, dim=self._axes) * by
        full: Tensor = torch.fft.irfftn(spectrum, s=self._grid, dim=self._axes)
        return full

    def _nearest(self, like: Tensor) -> Tensor:
        """Spectrum of A'A as it is in the middle, the mean over the pixels of one measured there."""
        zoom = self._physics.finer((1,) * len(self.data))
        total = like.new_zeros(())
        phases = list(product(*(range(z) for z in zoom)))
        for phase in phases:
            at = tuple(
                n // 2 // z * z + p for n, z, p in zip(self._object, zoom, phase, strict=True)
            )
            point = like.new_zeros((1, 1, *self._grid))
            point[(0, 0, *at)] = 1
            answer = self._adjoint(self._A(point)).roll(tuple(-a for a in at), self._axes)
            total = total + torch.fft.rfftn(answer, dim=self._axes).real / len(phases)
        return total.clamp_min(0)
