"""The network over a whole recording, tile by tile, as if it were one piece."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from ..networks._module import NetworkModule
from ..physics.base import reflected

#: Pixels of a tile with its margins, by number of axes; bounds memory and the wait for a cancel.
TILE_PIXELS = {2: 700_000, 3: 2_500_000}


def run_tiled(
    network: NetworkModule,
    predict: Callable[[Tensor], Tensor],
    y: Tensor,
    out: Tensor,
    region: Sequence[slice] | None = None,
    pixels: int | None = None,
) -> Iterator[tuple[int, int]]:
    """Fill ``out`` with the object under the measurement, tile by tile; yields (done, total).

    Inside the picture a tile has a margin of the receptive field; at the
    picture's edge all tiles see the same small reflected border, and all start on
    the same pooling grid. So tiled and untiled agree to rounding and there is no
    seam to blend.

    Parameters
    ----------
    network
        For its receptive field and pooling grid.
    predict
        Maps a tile's input ``(1, 1, *tile)`` to its output of the same shape.
    y
        The measurement the network is to see, ``(1, 1, *spatial)``.
    out
        ``(1, 1, *spatial)``; written inside ``region`` only.
    region
        The part of the measurement to fill; all by default.
    pixels
        At most this many pixels in a tile; :data:`TILE_PIXELS` by default.
    """
    shape = tuple(y.shape[2:])
    grid = network.multiple
    reach = tuple(_up(r, m) for r, m in zip(network.reach, grid, strict=True))
    border = tuple(_up(min(8, n // 4), m) for n, m in zip(shape, grid, strict=True))
    # what the network sees at most along each axis, on the pooling grid
    whole = [(-b, _up(n + b, m)) for n, b, m in zip(shape, border, grid, strict=True)]
    spans = [(r.start, r.stop) for r in region] if region else [(0, n) for n in shape]
    size = tile_size(spans, whole, reach, grid, pixels or TILE_PIXELS[len(shape)])
    starts = [range(a // m * m, b, s) for (a, b), m, s in zip(spans, grid, size, strict=True)]
    tiles = list(itertools.product(*starts))
    for done, start in enumerate(tiles, 1):
        tile = y
        source: list[slice] = [slice(None)] * 2
        target: list[slice] = [slice(None)] * 2
        for axis, a in enumerate(start):
            low = max(whole[axis][0], a - reach[axis])
            high = min(whole[axis][1], a + size[axis] + reach[axis])
            n = shape[axis]
            if low >= 0 and high <= n:
                tile = tile.narrow(2 + axis, low, high - low)
            else:
                index = torch.as_tensor(reflected(low, high, n), device=y.device)
                tile = tile.index_select(2 + axis, index)
            first = max(a, spans[axis][0])
            last = min(a + size[axis], spans[axis][1])
            target.append(slice(first, last))
            source.append(slice(first - low, last - low))
        with torch.no_grad():
            result = predict(tile)
        out[tuple(target)] = result[tuple(source)].to(out)
        yield done, len(tiles)


def tile_size(
    spans: Sequence[tuple[int, int]],
    whole: Sequence[tuple[int, int]],
    reach: Sequence[int],
    grid: Sequence[int],
    pixels: int,
) -> tuple[int, ...]:
    """Inner size of a tile, on the pooling grid, that wastes least on margins within ``pixels``."""
    full = [_up(b, m) - a // m * m for (a, b), m in zip(spans, grid, strict=True)]
    choices = []
    for n, m in zip(full, grid, strict=True):
        cuts = {_up(-(-n // k), m) for k in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)}
        choices.append(sorted(cuts, reverse=True))

    def seen(size: Sequence[int]) -> int:
        return math.prod(
            min(s + 2 * r, high - low) for s, r, (low, high) in zip(size, reach, whole, strict=True)
        )

    def work(size: Sequence[int]) -> int:
        return seen(size) * math.prod(-(-n // s) for n, s in zip(full, size, strict=True))

    sizes = list(itertools.product(*choices))
    fitting = [s for s in sizes if seen(s) <= pixels]
    if not fitting:  # the margins alone are too large: the least that is not wasteful
        least = min(seen(s) for s in sizes)
        fitting = [s for s in sizes if seen(s) <= 2 * least]
    return min(fitting, key=work)


def _up(n: int, m: int) -> int:
    return -(-n // m) * m
