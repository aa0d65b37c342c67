"""What every self-supervised loss offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..configured import Configured
from ..noise.base import NoiseModel
from ..physics.base import Physics
from ._masks import replaced

Network = Callable[[Tensor], Tensor]


class Loss(Configured, ABC):
    """A loss calls the network itself and returns named terms, which the trainer adds up.

    Masking, re-corruption and divergence thus need no adapter. Shapes are
    ``(N, 1, [Z,] Y, X)``; ``y`` has the measurement's shape and the network maps
    ``physics.initial(y)`` to the object.
    """

    @property
    def cross_fits(self) -> bool:
        """Whether it counts only pixels that ``physics.unseen`` leaves.

        Only then may the network's input hold a first guess that is made from the others.
        """
        return False

    @property
    def noise_spreads(self) -> bool:
        """Whether it was told that neighbours share noise, whatever is known of the noise."""
        return False

    @property
    def exact(self) -> bool:
        """Whether the network must be run in full precision."""
        return False

    @property
    def trusts_noise(self) -> bool:
        """Whether it believes what is known of the noise: then pixels that belie it are left out."""
        return False

    @property
    def mixes(self) -> bool:
        """Whether what it restores without a blur is mixed with a classical restoration, unless told otherwise."""
        return True

    @property
    def belied(self) -> bool:
        """Whether what it has seen of the recording contradicts the noise it was told of."""
        return False

    @property
    def restores(self) -> bool:
        """Whether the network's output is the object itself, and not what :meth:`once` makes one of."""
        return True

    @property
    def outputs(self) -> int:
        """Channels that the network must have."""
        return 1

    @property
    def recordings(self) -> int:
        """Of one scene that y holds, along its channels; the first is the one to restore."""
        return 1

    @property
    def sees_a_field(self) -> bool:
        """Whether the last channel that the network is shown must be a random field, always the same."""
        return False

    @property
    def estimates(self) -> dict[str, float]:
        """What it has found on the way; lengths along the brightness, in engine units."""
        return {}

    def begin(self, noise: NoiseModel) -> None:
        """Forget what an earlier fit has found; ``noise`` is that of the recording to come."""

    def after_step(self) -> None:
        """Called after each update of the network: for multipliers."""

    @abstractmethod
    def __call__(
        self,
        network: Network,
        y: Tensor,
        physics: Physics,
        noise: NoiseModel,
        generator: torch.Generator,
        held: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """The terms for a batch of measurements.

        ``held`` marks pixels (bool, shape of y) that are kept out of the fit: no
        term may depend on their value, so the network's input has them replaced.
        ``physics.target`` picks the part of y that ``physics.A`` predicts.
        """

    def once(self, network: Network, seen: Tensor) -> Tensor:
        """The object from ``seen = physics.initial(y)``, in one pass of the network."""
        return network(seen)

    @property
    def passes(self) -> int:
        """How many :meth:`views` there are."""
        return 1

    def views(self, y: Tensor) -> Iterator[Tensor]:
        """The measurements that the network is shown for y, whose objects are averaged: y itself."""
        yield y


def admitted(
    y: Tensor, physics: Physics, held: Tensor | None, seen: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """For a loss that hides nothing: the pixels that may count, and the network's view of y.

    Held-out pixels neither count nor are seen. ``seen`` takes the place of y in the view.
    """
    counted = physics.unseen(torch.ones_like(y, dtype=torch.bool))
    seen = y if seen is None else seen
    if held is None:
        return counted, seen
    return counted & ~held, replaced(seen, physics.hidden(held))


def misfit(
    f: Network, seen: Tensor, y: Tensor, counted: Tensor, physics: Physics, noise: NoiseModel
) -> Tensor:
    """The mean over the ``counted`` pixels of ``(μ(A f(seen)) − y)²``, all of the shape of y."""
    z = noise.mean(physics.A(f(physics.initial(seen))))
    weight = physics.target(counted).to(z.dtype)
    squares = (z - physics.target(y)).square() * weight
    return squares.sum() / weight.sum().clamp_min(1)


@dataclass(frozen=True)
class Scene:
    """What surrounds the estimate of a step: f itself, and what it was made of."""

    f: Network
    physics: Physics
    noise: NoiseModel
    generator: torch.Generator
    held: Tensor | None = None


class Penalty(Configured, ABC):
    """An optional term that looks at the estimate or at the network, not at the data."""

    @property
    def goes_with_a_guess(self) -> bool:
        """Whether the network may be shown a first guess beside this term."""
        return True

    @abstractmethod
    def __call__(self, x: Tensor, network: nn.Module, scene: Scene | None = None) -> Tensor:
        """A scalar for the estimate ``x`` (in engine units) and the network's weights.

        ``scene`` is for terms that restore once more.
        """
