"""The camera's offset, and pixels at the ends of its range."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Side of the blocks whose means are compared, in pixels.
BLOCK = 4
#: Percentile of the block means that is taken for the dark level.
DARK = 1.0


@dataclass(frozen=True)
class Levels:
    """Offset and clipping of one channel, in the units of the recording.

    Attributes
    ----------
    offset
        What the camera shows where there is no light (including an even
        background that cannot be told from it).
    low, high
        The values at which pixels are clipped; ``None`` where none pile up.
    low_fraction, high_fraction
        Share of the pixels that lie at ``low`` and ``high``.
    """

    offset: float
    low: float | None = None
    high: float | None = None
    low_fraction: float = 0.0
    high_fraction: float = 0.0

    def describe(self) -> str:
        """In words, for the panel and ``napari-ssi info``."""
        words = [f"offset {self.offset:.4g}"]
        if self.low is not None:
            words.append(f"{_percent(self.low_fraction)} clipped at {self.low:.4g}")
        if self.high is not None:
            words.append(f"{_percent(self.high_fraction)} saturated at {self.high:.4g}")
        return ", ".join(words)


def measure(planes: Iterable[NDArray[np.float32]]) -> Levels:
    """Offset and clipping from some (Y, X) planes of a channel.

    The offset is the 1st percentile of the means of 4 x 4 blocks: the darkest
    places, without the noise. Where pixels are clipped at the low end, it is
    that end. A user who has a dark frame knows better and can say so.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> plane = 100 + rng.normal(0, 2, (64, 64)).astype("float32")
    >>> plane[20:40, 20:40] += 50
    >>> 98 < measure([plane]).offset < 101
    True
    """
    planes = list(planes)
    values = np.concatenate([p.ravel() for p in planes])
    low, low_fraction = _pile(values)
    high, high_fraction = _pile(-values)
    if low is not None:
        offset = low
    else:
        means = np.concatenate([_block_means(p) for p in planes])
        offset = float(np.percentile(means, DARK))
    return Levels(offset, low, None if high is None else -high, low_fraction, high_fraction)


def _block_means(plane: NDArray[np.float32]) -> NDArray[np.float64]:
    y, x = (n // BLOCK * BLOCK for n in plane.shape)
    blocks = plane[:y, :x].reshape(y // BLOCK, BLOCK, x // BLOCK, BLOCK)
    return blocks.mean((1, 3), dtype=np.float64).ravel()


def _pile(values: NDArray[np.float32]) -> tuple[float | None, float]:
    """The lowest value, if pixels pile up there, and their share.

    Clipped noise leaves a spike at the end and an even slope beside it; photon
    counts near zero fall off steeply on their own and are not clipped.
    """
    end = float(values.min())
    share = float(np.count_nonzero(values == end) / values.size)
    if share < 1e-4 or share == 1.0:
        return None, 0.0
    above = values[: 1 << 16][values[: 1 << 16] > end]
    if above.size and float(np.median(above)) - end < 16 and bool((above % 1 == 0).all()):
        return None, 0.0  # photon counts, rather than the end of a range
    # the next levels: integers and quantised floats have few, others are binned alike
    near = values[values <= np.quantile(values, min(1.0, share + 0.2))]
    levels, counts = np.unique(near, return_counts=True)
    if len(levels) < 6:
        return None, 0.0
    if len(levels) > 256:
        edges = np.linspace(levels[1], levels[-1], 41)
        counts = np.concatenate([counts[:1], np.histogram(near[near > end], edges)[0]])
    beside = counts[1:5]
    steep = beside[3] < 0.4 * beside[0]
    piled = counts[0] > 4 * max(1.0, float(np.median(beside)))
    return (end, share) if piled and not steep else (None, 0.0)


def _percent(fraction: float) -> str:
    return f"{fraction:.1%}" if fraction >= 0.001 else "under 0.1%"
