"""A learned and a classical restoration, mixed."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..events import Control, Progress, Watched, part_of
from ..noise.base import NoiseModel
from ..physics.base import Physics
from ..restorer import Steps, Weighted, WeightedRestorer
from .material import Material
from .risk import Risk, telling


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
        restore: Callable[[Tensor, Physics, Tensor], Steps],
        material: Material,
        physics: Physics,
        noise: NoiseModel,
        control: Control,
    ) -> Generator[Progress, None, Mixture]:
        """Tune h on the frames and choose w on the one with the strongest contrast; ``restore`` is f, of a recording
        and the pixels of it that are missing.

        All draws are the same each time: of one network and recording w is, too.
        """
        generator = torch.Generator().manual_seed(0)
        fit = restorer.fit([f.cpu() for f in material.measured], physics, noise, control, generator)
        tuning = Watched(fit)
        for progress in tuning:
            yield replace(progress, stage="tuning a classical method", values={}, message="")
        method = tuning.value
        n = telling(material.frames)
        risk = Risk.of(material.frames[n], material.spoiled(n), physics, noise, generator)
        made = Watched(risk.objects(method, control))
        for progress in made:
            yield part_of(progress, "comparing", 0, 2)
        classical = made.value
        learned = []
        for n, y in enumerate(risk.stein.data.split(1)):
            work = Watched(restore(y.cpu(), risk.physics, risk.kept.cpu() == 0))
            for progress in work:
                done = part_of(progress, "comparing", n, len(risk.stein.data))
                yield part_of(done, "comparing", 1, 2)
            learned.append(work.value.to(classical))
        return cls(method, risk.share(classical, torch.cat(learned)))

    def apply(
        self,
        restore: Callable[[Tensor, Physics], Steps],
        y: Tensor,
        physics: Physics,
        control: Control,
    ) -> Steps:
        """The mixture for a frame."""
        parts = 2 if self.share else 1
        job = Watched(self.method.apply(y, physics, control))
        for progress in job:
            yield part_of(progress, "restoring", 0, parts)
        if not self.share:
            return job.value
        work = Watched(restore(y, physics))
        for progress in work:
            yield part_of(progress, "restoring", 1, parts)
        return torch.lerp(job.value, work.value, self.share)
