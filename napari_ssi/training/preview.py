"""The live picture of a training run."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..events import Control
from ..losses.base import Loss
from ..networks.unet import UNetModule
from .model import on_device
from .tiles import run_tiled


class Preview:
    """The current plane, now and then, at a bounded share of the time; draws no random numbers."""

    def __init__(self, control: Control, zoom: Sequence[int] = ()) -> None:
        self._control = control
        self._zoom = zoom[0] if len(zoom) == 3 else 1
        self._last = time.monotonic()
        self._cost = 0.0
        self._first = True
        #: The plane that was asked for, counted in those of the recording.
        self.plane = 0

    def take(
        self, network: UNetModule, loss: Loss, y: Tensor, device: torch.device
    ) -> NDArray[np.float32] | None:
        """A plane ``(Y, X)`` if it is time for one; y is on the grid of the object."""
        interval = self._control.preview_interval
        began = time.monotonic()
        if interval is None or began - self._last < max(interval, 6 * self._cost):
            return None
        ndim, depth = y.ndim - 2, 0
        region = [slice(0, n) for n in y.shape[2:]]
        if ndim == 3:
            self.plane = min(max(0, self._control.plane), y.shape[2] // self._zoom - 1)
            depth = self.plane * self._zoom + self._zoom // 2
            region[0] = slice(depth, depth + 1)
        out = torch.zeros(1, 1, *y.shape[2:])
        for _ in run_tiled(network, on_device(loss, network, device), y, out, region):
            self._control.checkpoint()
            if self._control.stopping:
                return None
        self._last = time.monotonic()
        self._cost = self._last - began
        image = out[0, 0] if ndim == 2 else out[0, 0, depth]
        return np.ascontiguousarray(image.numpy(), np.float32)
