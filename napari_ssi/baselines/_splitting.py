"""Sparse-gradient restoration by splitting: the solver behind total variation.

It minimises, over objects x on the whole grid of :meth:`Physics.object_shape`,

    sum_i w_i  phi((A x)_i, y_i)  +  weight * sum_i |(D x)_i|      (x >= 0 on request)

by Douglas-Rachford splitting (ADMM) with over-relaxation, as in Almeida and
Figueiredo (2013), https://doi.org/10.1109/TIP.2013.2258354 : a convolution is
made circular on a grid at least as large as the object, and pixels that the
camera did not see, or that are held out, have w = 0. So there is neither a wrap
nor an assumption on what lies beyond the edge, and each step is exact: a
division of spectra for x, and pixel by pixel for the rest. Other forward models take a
few conjugate gradients for x (:mod:`._systems`). Of each split
variable and its multiplier only the sum is kept, which says both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations_with_replacement
from typing import Any

import torch
from scipy.fft import next_fast_len
from torch import Tensor

from ..physics.base import Physics
from ._systems import system
from ._tiles import box

#: prox(v, rho, z) of the data term: the u nearest to v that also fits y; z is the present A x.
Prox = Callable[[Tensor, float, Tensor], Tensor]
#: The axes along which a difference is taken, in turn, and its share.
Difference = tuple[tuple[int, ...], float]

# Penalties of the split, in units where the image is of order 1, as measured on noisy microscope images.
# That of the data is for a data term that curves by 1; counted photons in the dark curve by more.
RHO_DATA, RHO_PHOTONS, RELAX = 0.3, 1.0, 1.7
#: The penalty of x >= 0: this times the weight, within the limits. Where blur leaves nothing it
#: alone holds x back, beside the weight: too large and hundreds of steps are not enough.
SIGN, SIGN_LIMITS = 30.0, (1e-4, 0.01)
#: The shrinkage of gradients in one step, that is the weight over their penalty: from WEAK downwards
#: 2 ** LOOSER times as large for each decade of the weight, at most MOST_SHRINK. A weak weight moves
#: little in a step; with the penalty of a strong one thousands of steps were not enough.
SHRINK, WEAK, LOOSER, MOST_SHRINK = 0.05, 0.03, 2.0, 0.8


def shrink_at(weight: float) -> float:
    """The one for a weight, in powers of 2 so that a path seldom has to change it."""
    decades = math.log10(WEAK / weight)
    return float(min(max(SHRINK * 2.0 ** round(LOOSER * decades), SHRINK), MOST_SHRINK))


class Splitting:
    """The state of one solve; ``N`` weightings of one image are solved at once.

    Parameters
    ----------
    physics
        Linear; stands on the device of y.
    y
        ``(N, 1, *shape)``.
    w
        Weight of each pixel in the data term, like y; only where it is zero matters
        here, the rest is for the prox.
    spacing
        Relative voxel size per spatial axis: differences are divided by it.
    first, second
        Share of first and second differences in D, which are measured jointly.
    nonnegative
        Whether x >= 0.
    photons
        Whether the data term is the likelihood of counted photons.
    """

    def __init__(
        self,
        physics: Physics,
        y: Tensor,
        w: Tensor,
        *,
        spacing: Sequence[float],
        first: float,
        second: float,
        nonnegative: bool,
        photons: bool,
    ) -> None:
        self._rho_data = RHO_PHOTONS if photons else RHO_DATA
        self.shape = tuple(y.shape[2:])
        self.ndim = len(self.shape)
        self.object = physics.object_shape(self.shape)
        self.grid = tuple(int(next_fast_len(n, real=True)) for n in self.object)
        self.nonnegative = nonnegative
        self._spacing = spacing
        self._terms: list[Difference] = [((a,), first) for a in range(self.ndim) if first > 0]
        if second > 0:
            for pair in combinations_with_replacement(range(self.ndim), 2):
                self._terms.append((pair, second * (1.0 if pair[0] == pair[1] else 2**0.5)))
        roughness = self._roughness(y, first, second)
        self._system = system(physics, self.shape, self.grid, roughness, y)

        axes = tuple(range(2, y.ndim))
        mean = (w * y).sum(axes, keepdim=True) / w.sum(axes, keepdim=True).clamp_min(1)
        self.x = mean + y.new_zeros((*y.shape[:2], *self.grid))
        self.z = mean + torch.zeros_like(y)
        self._v_data = mean + y.new_zeros((*y.shape[:2], *self._system.data))
        self._seen(self._v_data).copy_(torch.where(w > 0, y, self.z))
        self._v_sign = self.x.clone() if nonnegative else None
        self._rho_sign = SIGN_LIMITS[1]
        self._v_sparse = [torch.zeros_like(self.x) for _ in self._terms]
        self._shrink = SHRINK

    def step(self, weight: float, prox: Prox) -> None:
        """One iteration at ``weight``; go on with another weight to follow a path."""
        self._loosen(shrink_at(weight))
        rho = weight / self._shrink
        self._press(min(max(SIGN * weight, SIGN_LIMITS[0]), SIGN_LIMITS[1]))
        data = self._data(prox)
        factor = self._shrinkage()
        rest = torch.zeros_like(self.x)
        for v, term in zip(self._v_sparse, self._terms, strict=True):
            shrunk = (2 * factor - 1) * v
            for slab in self._across(term):
                shrunk[slab] = v[slab]
            rest += self._difference_adjoint(shrunk, term)
        rest *= rho
        sign = 0.0
        if self._v_sign is not None:
            sign = self._rho_sign
            rest += sign * (2 * self._v_sign.clamp_min(0) - self._v_sign)
        target = 2 * data - self._v_data
        self.x, blurred = self._system.solve(self.x, target, rest, (self._rho_data, rho, sign))
        self.z = self._seen(blurred)
        self._v_data += RELAX * (blurred - data)
        if self._v_sign is not None:
            self._v_sign += RELAX * (self.x - self._v_sign.clamp_min(0))
        keep = 1 - RELAX * factor
        for v, term in zip(self._v_sparse, self._terms, strict=True):
            difference = self._difference(self.x, term)
            slabs = self._across(term)
            free = [torch.lerp(v[slab], difference[slab], RELAX) for slab in slabs]
            v.mul_(keep).add_(difference, alpha=RELAX)
            for slab, value in zip(slabs, free, strict=True):
                v[slab] = value

    def image(self) -> Tensor:
        """The object, ``(N, 1, *object)``."""
        x = self.x[box(self.object)]
        return x.clamp_min(0) if self.nonnegative else x

    def _press(self, rho: float) -> None:
        """Change the penalty of x >= 0, not its multiplier, which is the negative part times it."""
        if self._v_sign is not None and rho != self._rho_sign:
            negative = self._v_sign.clamp_max(0)
            self._v_sign += negative * (self._rho_sign / rho - 1)
            self._rho_sign = rho

    def _loosen(self, shrink: float) -> None:
        """Change the penalty of the gradients, not their multipliers, which are what is shrunk times it."""
        if shrink == self._shrink:
            return
        factor = self._shrinkage()
        for v, term in zip(self._v_sparse, self._terms, strict=True):
            scale = factor + (1 - factor) * (shrink / self._shrink)
            for slab in self._across(term):
                scale[slab] = 1
            v *= scale
        self._shrink = shrink

    def _data(self, prox: Prox) -> Tensor:
        """The pixels as they fit both x and y; what was not seen follows x alone."""
        u = self._v_data.clone()
        seen = self._seen(u)
        seen.copy_(prox(seen, self._rho_data, self.z))
        return u

    def _seen(self, grid: Tensor) -> Tensor:
        return grid[box(self.shape)]

    def _shrinkage(self) -> Tensor:
        """By how much the differences of each pixel shrink."""
        square = torch.zeros_like(self.x)
        for v, term in zip(self._v_sparse, self._terms, strict=True):
            part = v * v
            for slab in self._across(term):
                part[slab] = 0
            square += part
        return (
            square.sqrt_().clamp_min_(1e-12).reciprocal_().mul_(-self._shrink).add_(1).clamp_min_(0)
        )

    def _across(self, term: Difference) -> list[tuple[Any, ...]]:
        """Where a difference would reach across an edge of the object: there it costs nothing.

        Neither are opposite edges tied together, nor the object to the padding of the grid.
        """
        return [
            (..., slice(self.object[axis] - term[0].count(axis), None), *(slice(None),) * after)
            for axis in sorted(set(term[0]))
            for after in (self.ndim - 1 - axis,)
        ]

    def _difference(self, x: Tensor, term: Difference) -> Tensor:
        for axis in term[0]:
            x = (x.roll(-1, 2 + axis) - x) / self._spacing[axis]
        return x * term[1] if term[1] != 1 else x

    def _difference_adjoint(self, p: Tensor, term: Difference) -> Tensor:
        for axis in term[0]:
            p = (p.roll(1, 2 + axis) - p) / self._spacing[axis]
        return p * term[1] if term[1] != 1 else p

    def _roughness(self, y: Tensor, first: float, second: float) -> Tensor:
        """Spectrum of D'D."""
        laplacian = y.new_zeros(())
        for axis, n in enumerate(self.grid):
            frequencies = torch.fft.rfftfreq if axis == self.ndim - 1 else torch.fft.fftfreq
            along = [-1 if a == axis else 1 for a in range(self.ndim)]
            f = frequencies(n, device=y.device).reshape(along)
            laplacian = laplacian + (2 - 2 * torch.cos(2 * torch.pi * f)) / self._spacing[axis] ** 2
        return first**2 * laplacian + second**2 * laplacian**2
