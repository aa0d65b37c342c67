"""The loss of a network that cannot see the pixel it estimates."""

from __future__ import annotations

import torch
from torch import Tensor

from ..noise.base import NoiseModel
from ..physics.base import Physics
from .base import Loss, Network, admitted, misfit

ABOUT = {
    "blind_spot": {
        "label": "Blind spot",
        "summary": "A network that cannot see a pixel, nor those that share its noise, estimates it "
        "from all others, and every pixel counts in every step.",
        "when": "As Noise2Self; each step learns from more pixels, and takes longer.",
        "physics": ["denoising"],
        "noise": ["independent", "gaussian", "poisson", "poisson_gaussian", "gamma", "correlated"],
        "network": ["blind_spot"],
    },
}


class BlindSpotLoss(Loss):
    r"""The mean of :math:`(\mu(f(y))_i - y_i)^2` over all pixels, f blind to its own pixel.

    With noise independent from pixel to pixel, :math:`f(y)_i` is independent of that of y_i, so that
    without bias, with :math:`\mu(z) = E[y | z]`,

    .. math:: E \|\mu(f(y)) - y\|^2 = E \|\mu(f(y)) - E[y]\|^2 + E \|y - E[y]\|^2

    the error and a constant. Under correlated noise f is blind to all pixels that share noise with
    its own, and the same holds. Nothing is masked: the blindness is that of the network, see
    :class:`~napari_ssi.networks.blind_spot.BlindSpotModule`. The pixel's own value
    comes in afterwards, see :func:`~napari_ssi.training.given_back.weights`.

    References
    ----------
    S. Laine, T. Karras, J. Lehtinen, T. Aila, "High-Quality Self-Supervised Deep Image
    Denoising", NeurIPS 2019, https://doi.org/10.48550/arXiv.1901.10277
    """

    def __call__(
        self,
        network: Network,
        y: Tensor,
        physics: Physics,
        noise: NoiseModel,
        generator: torch.Generator,
        held: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """The term ``blind``."""
        counted, seen = admitted(y, physics, held)
        return {"blind": misfit(network, seen, y, counted, physics, noise)}
