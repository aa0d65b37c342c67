"""The live picture of a training run."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..events import Control, Watched
from ..losses.base import Loss
from ..networks._module import NetworkModule
from ..noise.base import NoiseModel
from ..physics.base import Physics
from ..restorer import Show
from .given_back import given_back
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

    def guess(
        self, y: Tensor, object_: Tensor, part: Sequence[tuple[int, int]], *, now: bool = False
    ) -> NDArray[np.float32] | None:
        """A plane of a first guess if it is time for one, or at once with ``now``.

        ``object_`` is what lies under the ``part`` of y, (start, size) per spatial axis; around
        it the plane shows y, and nothing else if it is of another z. All on the grid of the object.
        """
        interval = self._control.preview_interval
        began = time.monotonic()
        if interval is None or (not now and began - self._last < interval):
            return None
        at: tuple[int, ...] = (0, 0)
        inside = at
        if y.ndim == 5:
            depth = self._depth(y)
            start, size = part[0]
            at, inside = (0, 0, depth), (0, 0, depth - start)
            if not 0 <= depth - start < size:
                return None
        image = y[at].to("cpu", torch.float32, copy=True)
        (a, m), (b, n) = part[-2:]
        image[a : a + m, b : b + n] = object_[inside].cpu()
        self._last = time.monotonic()
        return image.numpy()

    def of_guess(self, y: Tensor, part: Sequence[tuple[int, int]], physics: Physics) -> Show:
        """:meth:`guess` for a ``part`` of the frame y, counted on the grid of the recording."""
        places = zip(*(physics.finer(pair) for pair in zip(*part, strict=True)), strict=True)
        place = [(start, size) for start, size in places]
        return lambda image, now: self.guess(y, image, place, now=now)

    def take(
        self,
        network: NetworkModule,
        loss: Loss,
        y: Tensor,
        device: torch.device,
        noise: NoiseModel | None = None,
    ) -> NDArray[np.float32] | None:
        """A plane ``(Y, X)`` if it is time for one; y is on the grid of the object.

        ``noise`` is that of a recording without blur, of which detail is given back.
        """
        interval = self._control.preview_interval
        began = time.monotonic()
        if interval is None or began - self._last < max(interval, 6 * self._cost):
            return None
        ndim, depth = y.ndim - 2, 0
        region = [slice(0, n) for n in y.shape[2:]]
        if ndim == 3:
            depth = self._depth(y)
            region[0] = slice(depth, depth + 1)
        out = torch.zeros(1, 1, *y.shape[2:])
        for _ in run_tiled(network, on_device(loss, network, device), y, out, region):
            self._control.checkpoint()
            if self._control.stopping:
                return None
        at = (slice(None), slice(None)) + ((depth,) if ndim == 3 else ())
        image = out[at]
        if noise is not None:
            image, _ = Watched(given_back(image, y[:, :1][at].cpu(), noise, self._control)).finish()
        self._last = time.monotonic()
        self._cost = self._last - began
        return np.ascontiguousarray(image[0, 0].numpy(), np.float32)

    def _depth(self, y: Tensor) -> int:
        """The plane that is wanted, on the grid of the object."""
        self.plane = min(max(0, self._control.plane), y.shape[2] // self._zoom - 1)
        return self.plane * self._zoom + self._zoom // 2
