"""A learned and a classical restoration, mixed."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..events import Control, Progress, Watched
from ..noise.base import NoiseModel
from ..physics.base import Physics
from ..restorer import Steps, Weighted, WeightedRestorer
from .risk import Risk


@dataclass(frozen=True)
class Mixture:
    r"""``w f(y) + (1 - w) h(y)`` with f the network and h the classical method.

    A network that may not see the pixel it predicts loses what only that pixel tells, a classical method
    rounds corners everywhere: their errors differ, and a mean of two is often better than either
    (D. H. Wolpert, "Stacked generalization", Neural Networks 5, 1992,
    https://doi.org/10.1016/S0893-6080(05)80023-1). Without a blur Stein's estimate of the risk, with the noise
    as it was measured, is that of the picture itself, and w minimises it, see
    :meth:`~napari_ssi.training.risk.Risk.share`.

    Attributes
    ----------
    method
        h, tuned.
    share
        w, of the network.
    """

    method: Weighted
    share: float

    @classmethod
    def of(
        cls,
        restorer: WeightedRestorer,
        restore: Callable[[Tensor, Physics], Steps],
        frames: Sequence[Tensor],
        physics: Physics,
        noise: NoiseModel,
        control: Control,
    ) -> Generator[Progress, None, Mixture]:
        """Tune h on the frames and choose w on the first of them; ``restore`` is f.

        All draws are the same each time: of one network and recording w is, too.
        """
        generator = torch.Generator().manual_seed(0)
        fit = restorer.fit([f.cpu() for f in frames], physics, noise, control, generator)
        tuning = Watched(fit)
        for progress in tuning:
            yield replace(progress, stage="tuning a classical method", values={}, message="")
        method = tuning.value
        risk = Risk.of(frames[0], physics, noise, generator)
        made = Watched(risk.objects(method, control))
        for progress in made:
            yield replace(progress, stage="comparing")
        classical = made.value
        learned = []
        for y in risk.stein.data.split(1):
            work = Watched(restore(y.cpu(), risk.physics))
            for progress in work:
                yield replace(progress, stage="comparing", values={}, preview=None)
            learned.append(work.value.to(classical))
        return cls(method, risk.share(classical, torch.cat(learned)))

    def apply(self, y: Tensor, physics: Physics, control: Control) -> Steps:
        """h(y)."""
        job = Watched(self.method.apply(y, physics, control))
        for progress in job:
            yield replace(progress, values={}, preview=None)
        return job.value
