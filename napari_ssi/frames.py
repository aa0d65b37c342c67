"""The frames of a recording: which to learn from, and how the engine is given them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .stack import ImageStack

#: At most this many frames, and pixels, are trained or tuned on.
SAMPLED_FRAMES = 12
SAMPLED_PIXELS = 1 << 27


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
