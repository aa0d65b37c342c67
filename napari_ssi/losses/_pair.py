"""What losses have in common that make two recordings of one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

import torch
from pydantic import PrivateAttr
from torch import Tensor

from ..noise.base import NoiseModel
from ..physics.base import Physics
from ._masks import replaced
from .base import Loss, Network, admitted, misfit


class PairLoss(Loss):
    r"""From y two recordings ``y_1, y_2``, independent given z = A x; predict one from the other.

    .. math:: E \|A f(y_1) - y_2\|^2 = E \|A f(y_1) - z\|^2 + E \|y_2 - z\|^2

    the error at the noisier input y_1 and a constant. Where a picture is restored
    the mean over several y_1 is taken.
    """

    _noise: NoiseModel | None = PrivateAttr(None)

    @property
    def cross_fits(self) -> bool:
        """Yes: the noise of what counts is independent of the first guess too."""
        return True

    @property
    def trusts_noise(self) -> bool:
        """Yes."""
        return True

    def begin(self, noise: NoiseModel) -> None:
        """Remember the noise, with which a picture may be asked for before any step."""
        self._noise = noise

    @abstractmethod
    def pair(
        self, noise: NoiseModel, y: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """``y_1`` and ``y_2``, both of mean z."""

    @property
    @abstractmethod
    def passes(self) -> int:
        """How many y_1 are averaged in the end."""

    def squares(
        self,
        network: Network,
        y: Tensor,
        physics: Physics,
        noise: NoiseModel,
        generator: torch.Generator,
        held: Tensor | None,
    ) -> Tensor:
        """The mean of ``(A f(y_1) - y_2)²`` over the pixels that count."""
        self._noise = noise
        if held is not None:  # how many random numbers a split takes may depend on the values
            y = replaced(y, physics.hidden(held))
        first, target = self.pair(noise, y, generator)
        counted, seen = admitted(y, physics, held, first)
        return misfit(network, seen, target, counted, physics, noise)

    def views(self, y: Tensor) -> Iterator[Tensor]:
        """Several y_1; the draws are the same each time."""
        if self._noise is None:
            raise RuntimeError(
                f"{type(self).__name__} was asked for an estimate before it was trained."
            )
        generator = torch.Generator(y.device).manual_seed(0)
        for _ in range(self.passes):
            yield self.pair(self._noise, y, generator)[0]
