"""Recorrupted-to-recorrupted: two noisy pictures made of one."""

from __future__ import annotations

import torch
from pydantic import Field, PrivateAttr
from torch import Tensor

from ..noise.base import NoiseModel
from ..physics.base import Physics
from ._belief import Belief
from ._masks import replaced
from ._pair import PairLoss
from .base import Network

ABOUT = {
    "r2r": {
        "label": "R2R",
        "summary": "Recorrupted-to-recorrupted: the recording is split into two whose noise is "
        "independent; the network predicts one from the other.",
        "when": "The noise is known: Gaussian, photon counts, or speckle.",
        "physics": ["linear"],
        "noise": ["gaussian", "poisson", "gamma", "correlated"],
    },
}


#: With a smaller share split off the noise in y_2 hides how well it is predicted.
TOLD = 0.1


class R2r(PairLoss):
    r"""Predict one half of a re-corrupted pair from the other.

    From y and known noise two measurements ``y_1, y_2`` are drawn with
    :math:`y = (1 - \alpha) y_1 + \alpha y_2`, whose errors are independent given z = A x
    (see :meth:`~napari_ssi.noise.base.NoiseModel.recorrupt`). Then

    .. math:: E \|A f(y_1) - y_2\|^2 = E \|A f(y_1) - z\|^2 + E \|y_2 - z\|^2

    the error at the noisier input y_1 and a constant, for Gaussian noise of variance v the mean of v / α. Where a
    picture is restored the mean over several y_1 is taken.

    References
    ----------
    T. Pang, H. Zheng, Y. Quan, H. Ji, "Recorrupted-to-Recorrupted", CVPR 2021,
    https://doi.org/10.1109/CVPR46437.2021.00208
    B. Monroy, J. Bacca, J. Tachella, "Generalized Recorrupted-to-Recorrupted", CVPR 2025,
    https://doi.org/10.48550/arXiv.2412.04648
    """

    alpha: float = Field(
        0.15,
        gt=0,
        lt=1,
        title="Share split off",
        description="How much of the recording's information goes into the target; the network sees "
        "the rest.",
        json_schema_extra={"advanced": True},
    )
    averages: int = Field(
        8,
        ge=1,
        le=256,
        title="Averages",
        description="How many re-corrupted inputs are restored and averaged in the end.",
        json_schema_extra={"unit": "passes", "advanced": True},
    )

    _belief: Belief = PrivateAttr(default_factory=Belief)

    def begin(self, noise: NoiseModel) -> None:
        """Remember the noise, and believe what is told of it."""
        super().begin(noise)
        self._belief = Belief()

    @property
    def belied(self) -> bool:
        """Whether y_2 is predicted clearly better than its noise allows; asked of shared noise only."""
        return self._belief.lost

    @property
    def passes(self) -> int:
        """As many as were asked for."""
        return self.averages

    def pair(
        self, noise: NoiseModel, y: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """The noise model's."""
        return noise.recorrupt(y, self.alpha, generator)

    def __call__(
        self,
        network: Network,
        y: Tensor,
        physics: Physics,
        noise: NoiseModel,
        generator: torch.Generator,
        held: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """The term ``recorrupted``."""
        squares = self.squares(network, y, physics, noise, generator, held)
        if noise.correlated and self.alpha >= TOLD:
            known = y if held is None else replaced(y, physics.hidden(held))
            variance = noise.deviation(known).square().mean()
            self._belief.note(squares / variance - 1 / self.alpha)
        return {"recorrupted": squares}
