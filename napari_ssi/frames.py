"""The frames of a recording: which to learn from, which pixels count, and the grid of the result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .physics.base import Physics
from .stack import ImageStack
from .training.cleaning import cleaned

#: At most this many frames, and pixels, are trained or tuned on.
SAMPLED_FRAMES = 12
SAMPLED_PIXELS = 1 << 27


def finer(physics: Physics, stack: ImageStack) -> tuple[int, ...]:
    """Pixels of the result per pixel of the recording along ([Z,] Y, X)."""
    zoom = physics.zoom
    return (1,) * (stack.ndim - len(zoom)) + zoom


def restored_shape(stack: ImageStack, zoom: Sequence[int]) -> tuple[int, ...]:
    """Shape of the result, in the order of the recording's axes."""
    factor = dict(zip(stack.spatial, zoom, strict=True))
    return tuple(n * factor.get(a, 1) for a, n in zip(stack.axes, stack.shape, strict=True))


def divided(pixel_size: tuple[float, ...] | None, zoom: Sequence[int]) -> tuple[float, ...] | None:
    """The pixel size of the result; ``None`` where that of the recording is not known."""
    if pixel_size is None:
        return None
    return tuple(size / z for size, z in zip(pixel_size, zoom, strict=True))


def planes_of(
    stack: ImageStack, channel: int, physics: Physics, indices: Sequence[Any]
) -> list[NDArray[np.float32]]:
    """Planes for statistics, without the pixels that say nothing."""
    first = tensor(stack.read(indices[0]))
    if physics.missing(first) is None:
        return list(stack.planes(channel))
    planes: list[NDArray[np.float32]] = []
    for i in sample(stack, indices):
        frame = tensor(stack.read(indices[i]))
        mended, _ = cleaned(frame, None, physics.missing(frame))
        planes += list(mended.reshape(-1, *frame.shape[-2:]).numpy())
    return [planes[int(i)] for i in np.unique(np.linspace(0, len(planes) - 1, 16).round())]


def usable(y: NDArray[np.float32], physics: Physics) -> Any:
    """Which pixels of a frame say something; ``True`` for all."""
    missing = physics.missing(torch.from_numpy(y)[None, None])
    return True if missing is None else ~missing[0, 0].numpy()


def sample(stack: ImageStack, indices: Sequence[Any]) -> list[int]:
    """Positions of the frames to learn from: evenly spread, bounded in number and memory."""
    pixels = int(np.prod([stack.size(a) for a in "YX"]))
    if indices and sum(isinstance(i, slice) for i in indices[0]) == 3:
        pixels *= stack.size("Z")
    n = max(1, min(len(indices), SAMPLED_FRAMES, SAMPLED_PIXELS // pixels))
    return sorted({int(i) for i in np.linspace(0, len(indices) - 1, n).round()})


def tensor(frame: NDArray[np.float32]) -> Tensor:
    """A frame as ``(1, 1, [Z,] Y, X)``."""
    return torch.from_numpy(np.ascontiguousarray(frame, np.float32))[None, None]
