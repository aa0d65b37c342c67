"""The camera's offset, and pixels at the ends of its range."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .zeros import photonless

#: Side of the blocks whose levels are compared, in pixels.
BLOCK = 4
#: Percentile of the block levels from which the dark level is found.
DARK = 1.0
#: The share of a normal distribution's spread by which that percentile lies below its middle.
BELOW = 2.33
#: The mean of the middle half of 16 normal values spreads by this much of their deviation.
SPREAD = 1.1 / BLOCK
#: Pixels, evenly spread, that statistics are taken of.
ENOUGH = 1 << 22
#: Integers that lie within so many levels of the lowest are photon counts or as good as.
FEW_LEVELS = 16
#: Variance over mean of photon counts, as far as some structure and few pixels let it be seen.
PHOTONS = (0.8, 1.25)


#: What pixels are that pile up at the lowest value: told from their scatter, or as the user knows.
Lowest = Literal["measured", "clipped", "photonless"]


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
    dark_fraction
        Share of the pixels that pile up at the lowest value and yet are not clipped: no photon
        reached them. 0 for small photon counts, which do not pile up.
    empty, empty_fraction
        The value of pixels without data, far below all others (padding after a
        registration, dead pixels), and their share; ``None`` where there are none.
    """

    offset: float
    low: float | None = None
    high: float | None = None
    low_fraction: float = 0.0
    high_fraction: float = 0.0
    dark_fraction: float = 0.0
    empty: float | None = None
    empty_fraction: float = 0.0

    def describe(self) -> str:
        """In words, for the panel and ``napari-ssi info``."""
        words = [f"offset {_number(self.offset)}"]
        if self.low is not None:
            words.append(f"{_percent(self.low_fraction)} clipped at {_number(self.low)}")
        if self.dark_fraction:
            words.append(f"{_percent(self.dark_fraction)} without a photon")
        if self.high is not None:
            words.append(f"{_percent(self.high_fraction)} saturated at {_number(self.high)}")
        if self.empty is not None:
            words.append(f"{_percent(self.empty_fraction)} without data ({_number(self.empty)})")
        return ", ".join(words)


def measure(
    planes: Iterable[NDArray[np.float32]],
    *,
    empty: float | None = None,
    lowest: Lowest = "measured",
) -> Levels:
    """Offset and clipping from some (Y, X) planes of a channel.

    The offset is the level of the darkest blocks of 4 x 4 pixels, without the
    noise: within a quarter of the dark noise's standard deviation where at least a
    tenth of the picture is dark, within a whole one where 1 % is; in a crowded
    field the dimmest light counts as offset. It is the lowest value where pixels
    pile up there: clipped, or without a photon; and 0 where the dimmest places have the
    variance of photon counts, which are light then. Pixels without data are left out: those
    of the value ``empty``, below all others, or if it is not given, of one that looks so. A
    user who has a dark frame knows better and can say so. Whether what piles up is clipped or
    ``photonless`` is told by :func:`~napari_ssi.zeros.photonless`, unless ``lowest`` says it.

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
    values = _some(np.concatenate([p.ravel() for p in planes]), ENOUGH)
    if empty is None:
        empty, empty_fraction = _without_data(values)
    else:
        empty_fraction = float(np.mean(values == empty))
    if empty is not None:
        values = values[values > empty]
    low, low_fraction = _pile(values)
    high, high_fraction = _pile(-values)
    end = float(values.min())
    dark_fraction = 0.0
    if low is not None and _unlit(planes, low, empty, lowest):
        low, low_fraction, dark_fraction = None, 0.0, low_fraction
        offset = end
    elif low is not None:
        offset = low
    elif _counts(values, end) and np.count_nonzero(values == end) > 0.02 * values.size:
        offset = end
    elif _photons(planes, values, empty):
        offset = 0.0
    else:
        offset = _dark(planes, empty)
    return Levels(
        offset=offset,
        low=low,
        high=None if high is None else -high,
        low_fraction=low_fraction,
        high_fraction=high_fraction,
        dark_fraction=dark_fraction,
        empty=empty,
        empty_fraction=empty_fraction,
    )


def _unlit(
    planes: list[NDArray[np.float32]], low: float, empty: float | None, lowest: Lowest
) -> bool:
    if lowest == "measured":
        return photonless(planes, low, empty=empty)
    return lowest == "photonless"


def brightest(values: NDArray[np.float32]) -> float | None:
    """The brightest value, if so many pixels have it that they must be clipped there."""
    high, _ = _pile(-_some(values.ravel(), ENOUGH))
    return None if high is None else -high


def _dark(planes: list[NDArray[np.float32]], empty: float | None) -> float:
    """Level of the darkest blocks.

    The 1st percentile of the block levels lies 2.33 deviations below the dark level
    if most blocks are dark, at or above it if few are. In the first case as many
    blocks lie within 2.33 deviations above the level as below it, in the second
    many more: that ratio is the share of the correction that is applied.
    """
    levels: list[NDArray[np.float64]] = []
    spreads: list[NDArray[np.float64]] = []
    for plane in planes:
        ordered = np.sort(_blocks(plane), axis=1)
        if empty is not None:
            whole = ordered[:, 0] > empty
            ordered = ordered[whole] if whole.any() else ordered
        # the middle half, which a dead or a hot pixel does not move
        middle = ordered[:, ordered.shape[1] // 4 : -(ordered.shape[1] // 4)]
        levels.append(middle.mean(1))
        spreads.append(
            (ordered[:, -3] - ordered[:, 2]) / 1.96
        )  # of 16 normal values, in deviations
    level, spread = np.concatenate(levels), np.concatenate(spreads)
    first = float(np.percentile(level, DARK))
    noise = float(np.median(spread[level <= np.percentile(level, 10 * DARK)]))
    reach = BELOW * SPREAD * noise
    below = np.count_nonzero(level <= first + reach)
    near = level[level <= first + 2 * reach]
    symmetry = min(1.0, float(below) / max(1, near.size - int(below)))
    return float(first + symmetry * (float(near.mean()) - first))


def _blocks(plane: NDArray[np.float32]) -> NDArray[np.float64]:
    """The pixels of each block, a row a block."""
    y, x = (n // BLOCK * BLOCK for n in plane.shape)
    blocks = plane[:y, :x].reshape(y // BLOCK, BLOCK, x // BLOCK, BLOCK).swapaxes(1, 2)
    return blocks.reshape(-1, BLOCK * BLOCK).astype(np.float64)


def _photons(
    planes: list[NDArray[np.float32]], values: NDArray[np.float32], empty: float | None
) -> bool:
    """Whether these are photon counts above an even haze: integers whose variance is their mean.

    Told by the differences of neighbours, in each of the darker three fifths of the blocks: a
    camera with an offset has one level at which its variance is its mean, not all. The darkest
    must be low: at a high level nothing says where the light began.
    """
    if float(values.min()) < 0 or bool((_some(values) % 1 != 0).any()):
        return False
    blocks = np.concatenate([_blocks(plane) for plane in planes])
    if empty is not None:
        blocks = blocks[blocks.min(1) > empty]
    if len(blocks) < 100:
        return False
    level = blocks.mean(1)
    variance = (np.diff(blocks.reshape(-1, BLOCK, BLOCK), axis=2) ** 2).mean((1, 2)) / 2
    edges = np.percentile(level, (0, 20, 40, 60))
    if not 0 < edges[1] < FEW_LEVELS:
        return False
    fifths = [(low <= level) & (level <= high) for low, high in itertools.pairwise(edges)]
    ratios = [variance[fifth].mean() / level[fifth].mean() for fifth in fifths]
    return bool(PHOTONS[0] < min(ratios) and max(ratios) < PHOTONS[1])


def _without_data(values: NDArray[np.float32]) -> tuple[float | None, float]:
    """The value far below all others, and the share of the pixels that have it."""
    lowest = values.min()
    rest = values[values > lowest]
    if rest.size < 0.1 * values.size or rest.size == values.size:
        return None, 0.0
    next_one, middle = float(rest.min()), float(np.median(_some(rest)))
    levels = np.unique(_some(rest, 1 << 12))
    if len(levels) < 16:
        return None, 0.0
    step = float(np.median(np.diff(levels[:16])))
    if next_one - lowest <= max(3 * (middle - next_one), 8 * step):
        return None, 0.0
    return float(lowest), 1.0 - rest.size / values.size


def _counts(values: NDArray[np.float32], lowest: float) -> bool:
    """Whether these are integers of which half lie within a few levels of the lowest."""
    some = _some(values)
    above = some[some > lowest]
    few = above.size > 0 and float(np.median(above)) - lowest < FEW_LEVELS
    return few and bool((above % 1 == 0).all())


def _pile(values: NDArray[np.float32]) -> tuple[float | None, float]:
    """The lowest value, if pixels pile up there, and their share.

    Clipped noise leaves a spike at the end and an even slope beside it; photon
    counts near zero fall off steeply on their own and are not clipped.
    """
    end = float(values.min())
    share = float(np.count_nonzero(values == end) / values.size)
    if share < 1e-4 or share == 1.0:
        return None, 0.0
    if _counts(values, end):
        return None, 0.0  # photon counts, rather than the end of a range
    # the next levels: integers and quantised floats have few, others are binned alike
    near = values[values <= np.quantile(_some(values), min(1.0, share + 0.2))]
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


def _some(values: NDArray[np.float32], enough: int = 1 << 16) -> NDArray[np.float32]:
    """At most about ``enough`` of them, evenly spread; an odd step does not follow the columns."""
    return values[:: values.size // enough | 1]


def _percent(fraction: float) -> str:
    return f"{fraction:.1%}" if fraction >= 0.001 else "under 0.1%"


def _number(value: float) -> str:
    return f"{value:.4g}" if abs(value) < 1e4 else f"{value:.0f}"
