"""One recording with its axes and its pixel size, never copied whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InputError

AXES = "TCZYX"
#: Fewer pixels than this along Y or X hold nothing to learn from.
MIN_SIZE = 8

#: Larger planes are sampled in windows of about this side for statistics.
WINDOW = 1024

Index = tuple[int | slice, ...]


@dataclass(frozen=True)
class ImageStack:
    """A recording: array, axes and scale.

    Parameters
    ----------
    data
        numpy, dask or zarr array (anything with ``shape``, ``dtype`` and basic
        indexing); integer or float, either byte order. It is never modified, and
        read frame by frame, so that a lazy array stays lazy.
    axes
        One letter per axis, from T C Z Y X in any order, with Y and X.
    pixel_size
        µm per pixel along the spatial axes, in the order ([Z,] Y, X); ``None``
        where it is not known (then 1 is used and said so).
    channel_names, name
        For layer names and files.

    Raises
    ------
    InputError
        Axes that do not fit the array, complex or non-numeric pixels, fewer than
        8 x 8 pixels, or a pixel size that is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> stack = ImageStack(np.zeros((3, 5, 32, 32), np.uint16), "TZYX", (0.3, 0.1, 0.1))
    >>> stack.describe()
    '3 time points, 5 z-planes, 32 x 32 pixels, 0.1 x 0.1 x 0.3 µm, uint16'
    """

    data: Any
    axes: str
    pixel_size: tuple[float, ...] | None = None
    channel_names: tuple[str, ...] = ()
    name: str = "image"

    def __post_init__(self) -> None:
        axes = str(self.axes).upper()
        object.__setattr__(self, "axes", axes)
        try:
            shape, dtype = tuple(self.data.shape), np.dtype(self.data.dtype)
        except (AttributeError, TypeError):
            raise InputError(
                "The image must be one numpy, dask or zarr array; got "
                f"{type(self.data).__name__}. Of a multiscale image, give the finest level."
            ) from None
        if "S" in axes:
            raise InputError(
                "Colour (RGB) images cannot be restored: their channels are mixed and often "
                "compressed; split them into channels, or open the original recording."
            )
        if set(axes) - set(AXES) or len(set(axes)) != len(axes) or not {"Y", "X"} <= set(axes):
            raise InputError(
                f"Axes must be different letters from T, C, Z, Y, X, with Y and X; got {axes!r}."
            )
        if len(shape) != len(axes):
            raise InputError(
                f"The image has {len(shape)} axes of sizes {shape}, but {len(axes)} axis letters "
                f"({axes}) were given; give one letter for each."
            )
        if dtype.kind not in "uif":
            raise InputError(
                f"Pixels must be integers or real numbers; got {dtype}. "
                "A mask or a labels image cannot be restored."
            )
        if 0 in shape:
            raise InputError(f"The image is empty: its shape is {shape}.")
        if min(self.size("Y"), self.size("X")) < MIN_SIZE:
            raise InputError(
                f"The image must have at least {MIN_SIZE} x {MIN_SIZE} pixels in Y and X; got "
                f"{self.size('Y')} x {self.size('X')}. Check the order of the axes."
            )
        if self.pixel_size is not None:
            size = tuple(float(s) for s in self.pixel_size)
            object.__setattr__(self, "pixel_size", size)
            if len(size) != self.ndim:
                raise InputError(
                    f"Give one pixel size per spatial axis ({self.spatial}), in µm; got {size}."
                )
            if not all(s > 0 and np.isfinite(s) for s in size):
                raise InputError(f"Pixel sizes must be above 0 µm; got {size}.")

    # --- facts -------------------------------------------------------------------------

    @property
    def spatial(self) -> str:
        """``"ZYX"`` or ``"YX"``."""
        return "ZYX" if "Z" in self.axes else "YX"

    @property
    def ndim(self) -> int:
        """The number of spatial axes, 2 or 3."""
        return len(self.spatial)

    @property
    def scale(self) -> tuple[float, ...]:
        """µm per pixel along ([Z,] Y, X); 1 where it is not known."""
        return self.pixel_size or (1.0,) * self.ndim

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of ``data``, in the order of ``axes``."""
        return tuple(self.data.shape)

    @property
    def spatial_shape(self) -> tuple[int, ...]:
        """Shape of one frame, ([Z,] Y, X)."""
        return tuple(self.size(a) for a in self.spatial)

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return self.size("C")

    def size(self, axis: str) -> int:
        """Length along an axis; 1 where there is none."""
        return int(self.data.shape[self.axes.index(axis)]) if axis in self.axes else 1

    def channel_name(self, channel: int) -> str:
        """Name of a channel, for layers and messages."""
        if channel < len(self.channel_names) and self.channel_names[channel]:
            return self.channel_names[channel]
        return f"channel {channel}" if self.n_channels > 1 else self.name

    def describe(self) -> str:
        """What was understood, in words."""
        words = []
        for axis, one, many in (
            ("T", "time point", "time points"),
            ("C", "channel", "channels"),
            ("Z", "z-plane", "z-planes"),
        ):
            if axis in self.axes:
                n = self.size(axis)
                words.append(f"{n} {one if n == 1 else many}")
        words.append(f"{self.size('X')} x {self.size('Y')} pixels")
        if self.pixel_size is None:
            words.append("pixel size not known")
        else:
            words.append(" x ".join(f"{s:.4g}" for s in reversed(self.pixel_size)) + " µm")
        words.append(str(np.dtype(self.data.dtype).newbyteorder("=")))
        return ", ".join(words)

    # --- frames ------------------------------------------------------------------------

    def frames(self, channel: int, ndim: int | None = None) -> list[Index]:
        """Indices into ``data`` of all frames of a channel.

        A frame is what is restored at once: a volume, or with ``ndim=2`` one
        plane of it (slice by slice).
        """
        ndim = ndim or self.ndim
        if ndim > self.ndim:
            raise InputError("A single plane cannot be restored as a volume.")
        moving = "TZ" if ndim == 2 and self.ndim == 3 else "T"
        ranges = [range(self.size(a)) if a in moving else range(1) for a in "TZ"]
        found = []
        for t in ranges[0]:
            for z in ranges[1]:
                at: dict[str, int | slice] = {a: slice(None) for a in self.spatial[-ndim:]}
                at |= {"T": t, "C": channel}
                if "Z" in moving:
                    at["Z"] = z
                found.append(tuple(at[a] for a in self.axes))
        return found

    def read(self, index: Index) -> NDArray[np.float32]:
        """One frame as a new float32 array in the order ([Z,] Y, X).

        Raises :class:`InputError` if it holds NaN or infinite pixels.
        """
        frame = np.asarray(self.data[index])
        kept = [a for a, i in zip(self.axes, index, strict=True) if isinstance(i, slice)]
        order = [kept.index(a) for a in AXES if a in kept]
        with np.errstate(over="ignore"):  # found below, and said
            frame = frame.transpose(order).astype(np.float32, order="C", copy=True)
        if not np.isfinite(frame).all():
            bad = int((~np.isfinite(frame)).sum())
            raise InputError(
                f"{bad} of {frame.size} pixels of {self.name!r} are NaN or infinite (or too large "
                "for float32); replace them, or cut the region out, before restoring."
            )
        return frame

    def place(self, out: NDArray[Any], index: Index, frame: NDArray[np.float32]) -> None:
        """Write a frame, ([Z,] Y, X), where :meth:`read` took it from."""
        kept = [a for a, i in zip(self.axes, index, strict=True) if isinstance(i, slice)]
        ordered = [a for a in AXES if a in kept]
        out[index] = frame.transpose([ordered.index(a) for a in kept])

    def planes(self, channel: int, limit: int = 16) -> Iterator[NDArray[np.float32]]:
        """At most ``limit`` evenly spread (Y, X) planes of a channel, for statistics.

        Planes much larger than 1024 x 1024 pixels are sampled in parts of about that
        size, spread over the plane, so that statistics take bounded time and memory.
        """
        indices = self.frames(channel, 2)
        edges = [_split(self.size(a)) for a in "YX"]
        parts = [(y, x) for y in edges[0] for x in edges[1]]
        if len(indices) * len(parts) <= limit:
            chosen = [(index, part) for index in indices for part in parts]
        else:
            at = np.linspace(0, len(indices) - 1, limit).round().astype(int)
            if len(parts) == 1:  # each plane once
                at = np.unique(at)
            # steps of the golden ratio visit all parts alike, whatever the number of planes
            chosen = [
                (indices[i], parts[int(n * 0.618034 * len(parts)) % len(parts)])
                for n, i in enumerate(at)
            ]
        for index, (y, x) in chosen:
            window = dict(zip(self.axes, index, strict=True)) | {"Y": y, "X": x}
            yield self.read(tuple(window[a] for a in self.axes))

    # --- derived stacks ----------------------------------------------------------------

    def crop(self, region: Sequence[slice]) -> ImageStack:
        """The part inside ``region``, one slice per spatial axis ([Z,] Y, X); nothing is read.

        Raises :class:`InputError` for a region with steps, or too small.
        """
        if len(region) != self.ndim:
            raise InputError(f"A region needs one range per axis of {self.spatial}.")
        if any(r.step not in (None, 1) for r in region):
            raise InputError(
                "A region must be without gaps: ranges with a step cannot be restored."
            )
        at = dict(zip(self.spatial, region, strict=True))
        index = tuple(at.get(a, slice(None)) for a in self.axes)
        if isinstance(self.data, np.ndarray) or hasattr(self.data, "__dask_graph__"):
            return replace(self, data=self.data[index])
        return replace(self, data=_Window(self.data, index))


class _Window:
    """A part of an array that would be read if it were indexed now (zarr, HDF5)."""

    def __init__(self, data: Any, region: tuple[slice, ...]) -> None:
        self._data = data
        self._ranges = [range(n)[r] for n, r in zip(data.shape, region, strict=True)]
        self.dtype = data.dtype
        self.shape = tuple(len(r) for r in self._ranges)
        self.ndim = len(self.shape)

    def __getitem__(self, index: int | slice | Index) -> NDArray[Any]:
        index = index if isinstance(index, tuple) else (index,)
        index += (slice(None),) * (self.ndim - len(index))
        whole: list[int | slice] = []
        for i, r in zip(index, self._ranges, strict=True):
            part = r[i]
            whole.append(
                slice(part.start, part.stop, part.step) if isinstance(part, range) else part
            )
        return np.asarray(self._data[tuple(whole)])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[()], dtype)


def _split(n: int) -> list[slice]:
    """Even parts of an axis, of at most ``WINDOW`` pixels."""
    edges = np.linspace(0, n, -(-n // WINDOW) + 1).round().astype(int).tolist()
    return [slice(a, b) for a, b in pairwise(edges)]
