"""The deep image prior: make the recording out of a random picture, and stop in time."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from ..noise.base import NoiseModel
from ..physics.base import Physics
from .base import Loss, Network, misfit

ABOUT = {
    "deep_image_prior": {
        "label": "Deep image prior",
        "summary": "A network learns to produce the recording from a random picture, and is "
        "stopped before it reproduces the noise.",
        "when": "As a control: a single frame whose noise is independent from pixel to pixel, and "
        "otherwise unknown.",
        "network": ["unet"],
    },
}


class DeepImagePrior(Loss):
    r"""The mean of :math:`(\mu(A f(v)) - y)^2` over the pixels that are not held out.

    v is a random field of the object's shape, drawn once: the windows of a step are windows of
    that one field, and the network never sees the recording. With :math:`\mu(z) = E[y | z]`,
    and z = A x,

    .. math:: E \|\mu(A f(v)) - y\|^2 = E \|A f(v) - z\|^2 + E\|y - z\|^2
              - 2 E \langle A f(v) - z,\, y - z \rangle

    The last term is what is *not* corrected for, as f has been fitted to y, so no unbiasedness is
    claimed: the longer it is trained, the more f follows the noise. What stops it in time, and chooses
    the weights, is the error at held-out pixels, which f has not been fitted to. That choice
    needs noise that is independent from pixel to pixel (or the model ``correlated``).

    References
    ----------
    D. Ulyanov, A. Vedaldi, V. Lempitsky, "Deep Image Prior", CVPR 2018,
    https://doi.org/10.1109/CVPR.2018.00984
    H. Wang, T. Li, Z. Zhuang, T. Chen, H. Liang, J. Sun, "Early Stopping for Deep Image Prior",
    TMLR 2023, https://doi.org/10.48550/arXiv.2112.06074
    """

    @property
    def sees_a_field(self) -> bool:
        """Yes, and nothing else."""
        return True

    def __call__(
        self,
        network: Network,
        y: Tensor,
        physics: Physics,
        noise: NoiseModel,
        generator: torch.Generator,
        held: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """The term ``fit``."""
        counted = torch.ones_like(y, dtype=torch.bool) if held is None else ~held
        shown = torch.where(counted, y, torch.zeros_like(y))
        f = partial(self.once, network)
        return {"fit": misfit(f, shown, y, counted, physics, noise)}

    def once(self, network: Network, seen: Tensor) -> Tensor:
        """The network's output for the field, which stands beside the recording."""
        return network(seen[:, -1:])
