"""Which pixels are masked, and what they are replaced with."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, avg_pool3d, max_pool2d, max_pool3d, pad


def random_mask(y: Tensor, density: float, generator: torch.Generator) -> Tensor:
    """Each pixel with probability ``density``, independently."""
    return torch.rand(y.shape, generator=generator, device=y.device) < density


def grid_mask(y: Tensor, density: float, generator: torch.Generator) -> Tensor:
    """A square grid at a random phase, of about the given density."""
    ndim = y.ndim - 2
    step = max(2, round(density ** (-1 / ndim)))
    mask = torch.zeros(y.shape, dtype=torch.bool, device=y.device)
    for sample in mask:
        phase = torch.randint(step, (ndim,), generator=generator, device=y.device).tolist()
        sample[(slice(None), *(slice(p, None, step) for p in phase))] = True
    return mask


def widened(mask: Tensor, reach: Sequence[int]) -> Tensor:
    """The mask and its neighbours up to ``reach`` pixels along each spatial axis."""
    if not any(reach):
        return mask
    pool = max_pool2d if mask.ndim == 4 else max_pool3d
    size = tuple(2 * r + 1 for r in reach)
    return pool(mask.float(), size, stride=1, padding=tuple(reach)) > 0


def box(y: Tensor, radius: int) -> Tensor:
    """Mean over a cube of side ``2 radius + 1``, zeros outside counted in."""
    pool = avg_pool2d if y.ndim == 4 else avg_pool3d
    side = 2 * radius + 1
    if min(y.shape[2:]) < side:  # torch pools no axis that is shorter than the cube, padded or not
        return pool(pad(y, (radius,) * 2 * (y.ndim - 2)), side, stride=1)
    return pool(y, side, stride=1, padding=radius, count_include_pad=True)


def replaced(y: Tensor, masked: Tensor) -> Tensor:
    """y with masked pixels replaced by the mean of the unmasked ones next to them.

    The neighbourhood grows until it holds an unmasked pixel; no masked value
    enters the result anywhere.
    """
    kept = (~masked).to(y.dtype)
    clean = torch.where(masked, torch.zeros((), dtype=y.dtype, device=y.device), y)
    filled = torch.zeros_like(y)
    missing = masked
    radius = 1
    while True:
        weight = box(kept, radius)
        floor = 0.5 / (2 * radius + 1) ** (y.ndim - 2)  # at least one pixel, whatever the rounding
        found = missing & (weight > floor)
        filled = torch.where(found, box(clean, radius) / weight.clamp_min(floor), filled)
        missing = missing & ~found
        if radius >= 8 or not bool(missing.any()):
            break
        radius *= 2
    if radius >= 8 and bool(missing.any()):
        level = clean.sum() / kept.sum().clamp_min(1)
        filled = torch.where(missing, level, filled)
    return torch.where(masked, filled, y)


def replaced_randomly(y: Tensor, masked: Tensor, radius: int, generator: torch.Generator) -> Tensor:
    """y with masked pixels replaced by a random unmasked pixel nearby.

    As Noise2Void's uniform pixel selection, save that a neighbour that is masked
    itself (or lies outside) gives way to the mean of :func:`replaced`.
    """
    ndim = y.ndim - 2
    result = replaced(y, masked)
    where = masked.nonzero(as_tuple=True)
    n = where[0].numel()
    side = 2 * radius + 1
    pick = torch.randint(side**ndim - 1, (n,), generator=generator, device=y.device)
    pick = pick + (pick >= (side**ndim - 1) // 2)  # never the pixel itself
    source = list(where)
    valid = torch.ones(n, dtype=torch.bool, device=y.device)
    for axis in range(ndim):
        step = pick // side**axis % side - radius
        position = where[2 + axis] + step
        length = y.shape[2 + axis]
        valid &= (position >= 0) & (position < length)
        source[2 + axis] = position.clamp(0, length - 1)
    valid &= ~masked[tuple(source)]
    chosen = torch.where(valid, y[tuple(source)], result[where])
    return result.index_put(where, chosen)
