"""What training and inference know of a network."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn


class Operator(Protocol):
    """The part of a forward model that a network may use: see :class:`~..physics.base.Physics`."""

    @property
    def halo(self) -> tuple[tuple[int, int], ...]:
        """Pixels by which the object exceeds the measurement."""

    def A(self, x: Tensor) -> Tensor:
        """The forward model."""

    def A_adjoint(self, y: Tensor) -> Tensor:
        """Its adjoint."""


class NetworkModule(nn.Module):
    """A network on the grid of the object: ``(N, 1 or 2, [Z,] Y, X)`` to one channel of the same size."""

    ndim: int
    channels: int
    positive: bool
    guided: bool
    last: Any  # a convolution, 2D or 3D
    #: Whether a guided one adds to the guess, so that its correction can be made in part.
    corrects: bool = True

    def shrink(self, share: float) -> None:
        """Of a guided network: make this share of its correction of the first guess from now on.

        The correction is what its last layer, ``last``, gives before a softplus.
        """
        with torch.no_grad():
            for weight in self.last.parameters():
                weight.mul_(share)

    def under(self, operator: Operator) -> None:
        """Be told the forward model, on the device where it will run. Most networks do not ask."""
        return

    def apart(self, extent: Sequence[float]) -> None:
        """Be told how many pixels away along each axis noise is shared, inf for whole rows or columns.

        Most networks do not ask: what they may not see is hidden from them.
        """
        return

    @property
    @abstractmethod
    def multiple(self) -> tuple[int, ...]:
        """Sizes that are multiples of this per axis are pooled without a remainder."""

    @property
    @abstractmethod
    def reach(self) -> tuple[int, ...]:
        """Receptive field: how far an output pixel can look, per axis."""
