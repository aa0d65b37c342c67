"""Noise2Score: how the recording would become likelier, and Tweedie's formula."""

from __future__ import annotations

import math

import torch
from pydantic import Field, PrivateAttr
from torch import Tensor

from ..noise.base import NoiseModel
from ..physics.base import Physics
from .base import Loss, Network, admitted

ABOUT = {
    "noise2score": {
        "label": "Noise2Score",
        "summary": "A network learns how the recording would become more likely; with the known "
        "noise this gives the restored image (Tweedie's formula).",
        "when": "The noise is known; the same training serves, whatever its kind.",
        "physics": ["denoising"],
        "noise": ["gaussian", "poisson", "gamma", "correlated"],
    },
}

#: Steps after which the noise that is added has come down by e.
ANNEALING = 100.0


class Noise2Score(Loss):
    r"""Learn the score :math:`s(y) = \nabla \log p(y)` from y alone, then apply Tweedie's formula.

    With white noise u of variance 1 and a small, falling a (the amortised residual denoising
    autoencoder, AR-DAE),

    .. math:: \frac1n \| u + a \tau\, s(y + a \tau u) \|^2,
              \qquad s(y) = (f(y) - y) / \tau^2

    is least for the score of p(y) smoothed by aτ; τ is the spread of the noise, so that f itself
    is near the picture. Then :meth:`~napari_ssi.noise.base.NoiseModel.tweedie` gives
    :math:`E[x | y]`: :math:`y + \sigma^2 s(y)` for Gaussian noise, :math:`y + \Sigma s(y)` where it is
    correlated, and estimates close to it for photon noise and speckle.

    No unbiased risk is claimed. Exact are Tweedie's formula for Gaussian noise, and the minimum
    as a → 0; at a the score, and with it what is taken off the recording, is that of noise
    stronger by the factor 1 + a² in variance.

    References
    ----------
    K. Kim, J. C. Ye, "Noise2Score: Tweedie's Approach to Self-Supervised Image Denoising without
    Clean Images", NeurIPS 2021, https://doi.org/10.48550/arXiv.2106.07009
    J. H. Lim, A. Courville, C. Pal, C.-W. Huang, "AR-DAE: Towards Unbiased Neural Entropy
    Gradient Estimation", ICML 2020, https://doi.org/10.48550/arXiv.2006.05164
    """

    most: float = Field(
        1.0,
        gt=0,
        le=10,
        title="Noise added at first",
        description="It falls with the steps, to learn coarse things first.",
        json_schema_extra={"unit": "standard deviations of the noise", "advanced": True},
    )
    least: float = Field(
        0.2,
        gt=0,
        le=10,
        title="Noise added at last",
        description="Less is nearer to the truth, and learned more slowly.",
        json_schema_extra={"unit": "standard deviations of the noise", "advanced": True},
    )

    _noise: NoiseModel | None = PrivateAttr(None)
    _spread: float = PrivateAttr(1.0)
    _step: int = PrivateAttr(0)

    @property
    def restores(self) -> bool:
        """No: what the network learns becomes a picture by Tweedie's formula only."""
        return False

    @property
    def trusts_noise(self) -> bool:
        """Yes."""
        return True

    def begin(self, noise: NoiseModel) -> None:
        """Start with much noise again."""
        self._noise, self._step = None, 0

    def after_step(self) -> None:
        """Add less noise."""
        self._step += 1

    def __call__(
        self,
        network: Network,
        y: Tensor,
        physics: Physics,
        noise: NoiseModel,
        generator: torch.Generator,
        held: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """The term ``score``."""
        counted, seen = admitted(y, physics, held)
        if self._noise is None:
            self._noise = noise
            self._spread = float(noise.unbiased_variance(seen).mean().clamp_min(1e-8).sqrt())
        part = math.exp(-self._step / ANNEALING)
        a = self.least + (self.most - self.least) * part if self.most > self.least else self.least
        u = torch.randn(y.shape, generator=generator, device=y.device, dtype=y.dtype)
        moved = seen + a * self._spread * u
        residual = u + a / self._spread * (physics.A(network(physics.initial(moved))) - moved)
        weight = counted.to(y.dtype)
        return {"score": (residual.square() * weight).sum() / weight.sum().clamp_min(1)}

    def once(self, network: Network, seen: Tensor) -> Tensor:
        """Tweedie's formula with the score that the network gives."""
        x = network(seen)
        if self._noise is None:
            return x
        return self._noise.tweedie(seen, (x - seen) / self._spread**2)
