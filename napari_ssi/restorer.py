"""What the trainer and every baseline have in common.

The pipeline, the worker, the preview and the command line do not know which
one they run. Work comes in two parts, so that a model learned (or an iteration
number chosen) on a few frames, or on a region, serves all the others.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .events import Control, Progress
from .noise.base import NoiseModel
from .physics.base import Physics

Steps = Generator[Progress, None, Tensor]
#: Makes a preview ``(Y, X)`` of the object under the measurement if it is time for one, or at once
#: if the second argument says so.
Show = Callable[[Tensor, bool], NDArray[np.float32] | None]


class Fitted(Protocol):
    """A method that has seen its recording and can restore frames of it."""

    @property
    def estimates(self) -> dict[str, float]:
        """What was learned that has a name: ``iterations``, ``weight``, ``held_out`` …"""
        ...

    def apply(self, y: Tensor, physics: Physics, control: Control) -> Steps:
        """Restore one frame.

        ``y`` is ``(1, 1, [Z,] Y, X)`` float32 in engine units (offset subtracted)
        on the CPU; the result has the same shape, on the CPU: the object under
        the measurement. ``physics`` is bound to the frame's shape and stands on
        the device to use. Memory is bounded by tiles. Only a cancel ends it early
        (:meth:`~napari_ssi.events.Control.checkpoint` raises ``Cancelled``).
        """
        ...


class Restorer(Protocol):
    """Anything that turns y into an estimate of x."""

    def fit(
        self,
        y: Sequence[Tensor],
        physics: Physics,
        noise: NoiseModel,
        control: Control,
        generator: torch.Generator,
    ) -> Generator[Progress, None, Fitted]:
        """Learn from, or tune on, some frames ``(1, 1, [Z,] Y, X)`` in engine units.

        ``noise`` is already :meth:`~napari_ssi.noise.base.NoiseModel.rescaled` to
        engine units; ``generator`` is a seeded CPU generator and the only source
        of randomness. Calls ``control.checkpoint()`` at least once a step, ends
        early when ``control.stopping`` and keeps its best so far.
        """
        ...


class Weighted(Fitted, Protocol):
    """A tuned method that can leave pixels out: its result may serve a network as first guess."""

    @property
    def remark(self) -> str:
        """What a user should know of how it was chosen, or ``""``."""
        ...

    def objects(
        self, y: Tensor, w: Tensor, physics: Physics, control: Control, show: Show | None = None
    ) -> Steps:
        """The objects, halo included, for N weightings ``w`` (N, 1, *shape) of one frame.

        No pixel of weight 0 has any influence. All on the device of ``physics``. ``show`` is
        called with each iterate of the first.
        """
        ...


class WeightedRestorer(Protocol):
    """A restorer of that kind."""

    def fit(
        self,
        y: Sequence[Tensor],
        physics: Physics,
        noise: NoiseModel,
        control: Control,
        generator: torch.Generator,
    ) -> Generator[Progress, None, Weighted]:
        """See :class:`Restorer`."""
        ...


def iterate(
    restorer: Restorer,
    y: Tensor,
    physics: Physics,
    noise: NoiseModel,
    control: Control,
    generator: torch.Generator,
) -> Steps:
    """Fit on one frame and restore it: yields :class:`Progress`, returns the image."""
    fitted = yield from restorer.fit([y], physics, noise, control, generator)
    return (yield from fitted.apply(y, physics, control))
