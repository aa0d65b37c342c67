"""An autoencoder: reproduce the recording from a description that is too short for the noise."""

from __future__ import annotations

import torch
from torch import Tensor

from ..noise.base import NoiseModel
from ..physics.base import Physics
from .base import Loss, Network, admitted, misfit

ABOUT = {
    "autoencoder": {
        "label": "Autoencoder",
        "summary": "A network compresses the recording to fewer numbers and rebuilds it from "
        "them, which leaves little room for the noise.",
        "when": "As a control: coarse, repeated structure and unknown noise.",
        "network": ["bottleneck"],
    },
}


class Autoencoder(Loss):
    r"""The mean of :math:`(\mu(A f(y)) - y)^2` over the pixels that are not held out.

    f sees what it is to reproduce, but through a description with fewer numbers than there are
    pixels, see :class:`~napari_ssi.networks.bottleneck.BottleneckModule`. With
    :math:`\mu(z) = E[y | z]` and z = A x,

    .. math:: E \|\mu(A f(y)) - y\|^2 = E \|\mu(A f(y)) - E[y]\|^2 + E\|y - E[y]\|^2
              - 2 E \langle \mu(A f(y)) - E[y],\, y - E[y] \rangle

    The last term is the noise that f follows. It is *not* corrected for, so that no unbiasedness is
    claimed: a description of k numbers for each m pixels keeps about k/m of the variance of white
    noise where f is a projection, and what of the specimen it cannot describe is lost. The error at
    held-out pixels, replaced in what f sees, stops the training and chooses the weights. That
    choice needs noise that is independent from pixel to pixel (or the model ``correlated``).

    References
    ----------
    G. E. Hinton, R. R. Salakhutdinov, "Reducing the Dimensionality of Data with Neural
    Networks", Science 313 (2006), https://doi.org/10.1126/science.1127647
    """

    @property
    def mixes(self) -> bool:
        """No: it is there to be compared as it is."""
        return False

    def __call__(
        self,
        network: Network,
        y: Tensor,
        physics: Physics,
        noise: NoiseModel,
        generator: torch.Generator,
        held: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """The term ``reproduced``."""
        counted, seen = admitted(y, physics, held)
        return {"reproduced": misfit(network, seen, y, counted, physics, noise)}
