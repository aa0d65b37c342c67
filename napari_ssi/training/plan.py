"""What a training will be like, before it begins."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ..losses.base import Loss, Penalty
from ..networks._module import NetworkModule
from ..networks.unet import UNet
from ..noise.base import NoiseModel
from ..physics.base import Physics
from ..restorer import WeightedRestorer
from .first_guess import FirstGuess
from .settings import Training
from .start import Start
from .windows import Windows

#: Pixels of a single plane for which averaging the symmetries takes seconds.
SMALL = 2_000_000


class Plan:
    """What a training will be like: its budget, windows, network, first guess.

    Parameters
    ----------
    settings
        See :class:`Training`.
    loss
        The data term.
    penalties
        Optional further terms with their weights.
    network
        Settings of the network.
    effort
        The budget where ``settings.steps`` is not given.
    positive
        The object is known not to be negative.
    guess
        The method of the first guess that the network corrects, where the loss allows for one, or that its
        restoration is mixed with.
    start
        Weights of an earlier training to start from.
    """

    def __init__(
        self,
        settings: Training,
        loss: Loss,
        penalties: Sequence[tuple[Penalty, float, str]],
        network: UNet,
        effort: str = "balanced",
        *,
        positive: bool = False,
        guess: WeightedRestorer | None = None,
        start: Start | None = None,
    ) -> None:
        self.settings = settings
        self.loss = loss
        self.penalties = penalties
        self.network = network
        self.positive = positive
        self.effort = effort
        self.guess = guess
        self.start = start

    def mixes(self, physics: Physics, ndim: int) -> bool:
        """Whether the result is mixed with that of a classical method: of planes, without a blur to undo."""
        given = self.settings.mixed
        wanted = self.loss.mixes if given is None else given
        able = self.loss.recordings == 1 and self.loss.restores and not self.loss.sees_a_field
        # in 3D the classical method may take longer than the network
        sharp = physics.identity and ndim == 2
        return wanted and able and sharp and self.guess is not None and not self.penalties

    def guided(self, physics: Physics, noise: NoiseModel) -> WeightedRestorer | None:
        """The method of the first guess, where there is a blur to undo, and loss and noise allow it.

        It is made for linear forward models. Noise that whole rows and whole columns share would reach
        every pixel through the guess.
        """
        blurs = physics.linear and not physics.identity
        allowed = self.loss.cross_fits and not all(map(math.isinf, noise.extent(2)))
        allowed = allowed and all(term.goes_with_a_guess for term, *_ in self.penalties)
        return self.guess if blurs and allowed else None

    def windows(
        self,
        frames: Sequence[Tensor],
        held: Sequence[Tensor],
        physics: Physics,
        guess: FirstGuess | None = None,
    ) -> Windows:
        """The source of training windows."""
        ndim = frames[0].ndim - 2
        inner = self.settings.patch or ((80, 80) if ndim == 2 else (16, 48, 48))
        inner = (*inner[:1] * max(0, ndim - len(inner)), *inner)[-ndim:]
        if self.settings.patch is None:  # the network sees the finer grid of the object
            inner = tuple(
                -(-n // z) for n, z in zip(inner, physics.finer((1,) * ndim), strict=True)
            )
        halo = physics.halo or ((0, 0),) * ndim
        size = [n + a + b for n, (a, b) in zip(inner, halo, strict=True)]
        size = [-(-s // 8) * 8 for s in size]
        return Windows(frames, held, physics, size, self.settings.augment, guess)

    def build(
        self, windows: Windows, generator: torch.Generator, *, guided: bool = False
    ) -> NetworkModule:
        """A network for such windows of the object, its weights drawn from ``generator``."""
        shape = windows.object
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed(generator))
            # a network has one output, unless the loss, which then names its networks, wants more
            more = {"outputs": self.loss.outputs} if self.loss.outputs > 1 else {}
            positive = self.positive and self.loss.restores
            network = self.network.build(shape, positive=positive, guided=guided, **more)
        if self.start is not None:
            self.start.fill(network, len(shape), guided=guided)
        form = torch.channels_last if len(shape) == 2 else torch.channels_last_3d
        for weight in network.parameters():
            if weight.ndim > 1:  # biases have no layout
                weight.data = weight.data.contiguous(memory_format=form)
        network.under(windows.physics)
        return network

    def steps(self, ndim: int) -> int:
        """The budget."""
        given = self.settings.steps
        return Training.STEPS[self.effort][ndim == 3] if given is None else given

    def every(self, budget: int) -> int:
        """Steps between two looks at the held-out error."""
        return max(5, min(25, budget // 8))

    def ensemble(self, shape: Sequence[int], frames: int) -> bool:
        """Whether the symmetries are averaged in frames of spatial ``shape``."""
        given = self.settings.ensemble
        small = len(shape) == 2 and frames == 1 and math.prod(shape) <= SMALL
        return small if given is None else given

    def batch(self, ndim: int) -> int:
        """Windows per step."""
        return self.settings.batch or (4 if ndim == 2 else 1)


def seed(generator: torch.Generator) -> int:
    """The next one."""
    return int(torch.randint(2**31, (), generator=generator))
