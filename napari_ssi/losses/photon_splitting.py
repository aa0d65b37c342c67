"""Photon splitting: two recordings of half the light, made of one."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from ..noise.base import NoiseModel
from ..physics.base import Physics
from ._pair import PairLoss
from .base import Network

ABOUT = {
    "photon_splitting": {
        "label": "Photon splitting",
        "summary": "Every photon is assigned at random to one of two recordings, as if each had "
        "been exposed for half the time; the network predicts one from the other.",
        "when": "A photon counter, or a detector of known gain and next to no read noise.",
        "physics": ["linear"],
        "noise": ["poisson"],
    },
}


class PhotonSplitting(PairLoss):
    r"""Predict half of the photons from the others.

    The count :math:`n_i = \mathrm{round}((y_i - o) / g)` of each pixel is thinned,
    :math:`k_i \sim B(n_i, \alpha)`. If :math:`n \sim \mathrm{Poisson}(\lambda)`, then k and n - k are
    *independent* Poisson variables of means αλ and (1 - α)λ. Scaled to the mean z = A x
    (see :class:`~napari_ssi.noise.poisson.Poisson`) they make y_2 and y_1, and

    .. math:: E \|A f(y_1) - y_2\|^2 = E \|A f(y_1) - z\|^2 + \tfrac{g}{\alpha} \sum_i (z_i - o)

    without bias: the error of f at (1 - α) of the light, and a constant. R2R with Poisson noise
    does the same with a smaller share, and with counts that need not be whole.
    The network sees, and in the end restores and averages, inputs with (1 - α) of the light.

    References
    ----------
    B. Monroy, J. Bacca, J. Tachella, "Generalized Recorrupted-to-Recorrupted", CVPR 2025,
    https://doi.org/10.48550/arXiv.2412.04648
    A. Neufeld, A. Dharamshi, L. L. Gao, D. Witten, "Data Thinning for Convolution-Closed
    Distributions", JMLR 25 (2024), https://doi.org/10.48550/arXiv.2301.07276
    """

    alpha: float = Field(
        0.5,
        gt=0,
        lt=1,
        title="Share of the photons",
        description="How many of the photons go into the target; the network sees the others.",
        json_schema_extra={"unit": "fraction of photons", "advanced": True},
    )
    averages: int = Field(
        8,
        ge=1,
        le=256,
        title="Averages",
        description="How many splits are restored and averaged in the end.",
        json_schema_extra={"unit": "passes", "advanced": True},
    )

    @property
    def passes(self) -> int:
        """As many as were asked for."""
        return self.averages

    def pair(
        self, noise: NoiseModel, y: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """The photons, dealt."""
        return noise.split_photons(y, self.alpha, generator)

    def __call__(
        self,
        network: Network,
        y: Tensor,
        physics: Physics,
        noise: NoiseModel,
        generator: torch.Generator,
        held: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """The term ``split``."""
        return {"split": self.squares(network, y, physics, noise, generator, held)}
