"""Cutting a large frame into overlapping tiles, so that memory is bounded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from ..physics.base import Physics

#: Pixels of overlap on each side besides those of the PSF.
MARGIN = 16

Slices = tuple[slice, ...]


def box(size: Sequence[int], start: Sequence[int] | None = None) -> tuple[Any, ...]:
    """The index of a box of the spatial axes, at the origin or at ``start``."""
    start = start or (0,) * len(size)
    return (..., *(slice(s, s + n) for s, n in zip(start, size, strict=True)))


@dataclass(frozen=True)
class Tile:
    """One tile: ``outer`` of the frame goes in, ``within`` of the result is kept as ``inner``.

    All three index ``(N, C, [Z,] Y, X)``, the latter two on the grid of the object.
    """

    outer: Slices
    inner: Slices
    within: Slices

    def physics(self, whole: Physics) -> Physics:
        """The forward model of this tile."""
        place = self.outer[2:]
        return whole.part([[s.start for s in place]], [s.stop - s.start for s in place])


def tiles(shape: tuple[int, ...], physics: Physics, limit: int) -> list[Tile]:
    """Tiles that cover ``shape`` once, each with an object of at most ``limit`` pixels if possible.

    A pixel is taken from the tile that holds it farthest from a cut; the overlap is twice the
    half-width of the PSF and :data:`MARGIN` pixels on each side. The longest axis is cut first.
    """
    halo = physics.halo or ((0, 0),) * len(shape)
    zoom = physics.finer((1,) * len(shape))
    margins = [2 * max(pair) + MARGIN for pair in halo]
    parts = [1] * len(shape)

    def outer(axis: int) -> int:
        if parts[axis] == 1:
            return shape[axis] + sum(halo[axis])
        core = math.ceil(shape[axis] / parts[axis])
        return min(shape[axis], core + 2 * margins[axis]) + sum(halo[axis])

    while math.prod(outer(a) * zoom[a] for a in range(len(shape))) > limit:
        # a cut pays while the core is larger than its margins
        able = [a for a in range(len(shape)) if shape[a] / (parts[a] + 1) > 2 * margins[a]]
        if not able:
            break
        axis = max(able, key=lambda a: shape[a] / parts[a])
        parts[axis] += 1

    found = []
    for number in product(*(range(p) for p in parts)):
        outers, inners, withins = [], [], []
        for axis, k in enumerate(number):
            n, p = shape[axis], parts[axis]
            start, stop = n * k // p, n * (k + 1) // p
            low, high = max(0, start - margins[axis]), min(n, stop + margins[axis])
            outers.append(slice(low, high))
            inners.append(slice(start * zoom[axis], stop * zoom[axis]))
            withins.append(slice((start - low) * zoom[axis], (stop - low) * zoom[axis]))
        both = (slice(None), slice(None))
        found.append(Tile((*both, *outers), (*both, *inners), (*both, *withins)))
    return found
