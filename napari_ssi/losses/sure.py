"""SURE: the mean squared error, estimated without the truth, where the noise is known."""

from __future__ import annotations

import torch
from pydantic import Field, PrivateAttr
from torch import Tensor

from ..noise.base import NoiseModel
from ..physics.base import Physics
from ._belief import Belief
from ._divergence import STEP, around, derivative, signs, visible
from .base import Loss, Network, admitted

ABOUT = {
    "sure": {
        "label": "SURE",
        "summary": "Stein's unbiased risk estimate: the network sees every pixel, and is "
        "penalised for following each of them too closely, so that it does not copy the noise.",
        "when": "The noise is known (or well measured), and hardly any pixels are outlying.",
        "physics": ["linear"],
        "noise": ["gaussian", "poisson", "poisson_gaussian", "correlated"],
    },
}


class Sure(Loss):
    r"""Stein's unbiased risk estimate of the error in the measurement domain.

    With :math:`g = A f`, z = A x, and noise whose variance is :math:`v(z) = \gamma z + \sigma^2`,

    .. math::
        \frac1n \sum_i \Big[ (g_i(y) - y_i)^2 - v(y_i) + 2\, v(u_i)\, \partial_i g_i(y) \Big]

    whose expectation is :math:`\frac1n E\|g(y) - z\|^2`: exactly for Gaussian noise
    (γ = 0: Stein 1981), to second order in a pixel's noise for photon noise, where
    :math:`E[(y_i - z_i) g_i] = v E[\partial_i g_i] + \tfrac12 \gamma^2 z_i E[\partial_{ii} g_i]`
    (from Hudson 1978). With :math:`\bar y_i` the mean of the neighbours,
    :math:`u_i = \bar y_i + w (y_i - \bar y_i)` and :math:`w = \gamma z / 2 v` the second term
    comes by itself, as :math:`E[\gamma w (y_i - z_i)\, \partial_i g_i] = \gamma w v E[\partial_{ii} g_i]`.
    With v(y_i) in its place a network gains by bending: :math:`\partial_{ii} g` is 0 almost
    everywhere for leaky ReLUs, but not on average over the noise. v may be negative
    where y is: that keeps the estimate unbiased.

    Of correlated Gaussian noise with covariance Σ the last term is
    :math:`2 \operatorname{tr}(\Sigma\, \partial g / \partial y)`: with the derivative
    along Σ b in place of the probe b, since :math:`E[b^T J \Sigma b] = \operatorname{tr}(\Sigma J)`.
    Where such noise follows the light, Σ is that of the brightness around each pixel, and the
    estimate as good as that is known.

    Where the camera clips, μ(z) takes the place of z, and of v(y_i) as much as
    :meth:`~napari_ssi.noise.base.NoiseModel.stein_share` leaves at what the network itself takes for z.

    The divergence takes one random probe per step. Beside a first guess only
    pixels that had no part in it count, and the probe moves these alone (or, where noise is shared, all that are seen).

    An error cannot be negative: where its estimate clearly is, the noise is not what it was taken for
    (:attr:`belied`). Single photons are not Gaussian, and a network learns to turn away from each of
    the few values that they leave.

    References
    ----------
    C. Stein 1981, https://doi.org/10.1214/aos/1176345632
    H. M. Hudson 1978, https://doi.org/10.1214/aos/1176344201
    S. Ramani, T. Blu, M. Unser 2008, https://doi.org/10.1109/TIP.2008.2001404
    Y. Le Montagner, E. D. Angelini, J.-C. Olivo-Marin 2014,
    https://doi.org/10.1109/TIP.2014.2323126
    """

    step: float = Field(
        STEP,
        gt=0,
        le=10,
        title="Probe step",
        description="How far a pixel is moved to see how the network follows it.",
        json_schema_extra={"unit": "standard deviations of the noise", "advanced": True},
    )

    _belief: Belief = PrivateAttr(default_factory=Belief)

    @property
    def cross_fits(self) -> bool:
        """Yes: Stein's identity needs the derivative with respect to the pixels that count only."""
        return True

    def begin(self, noise: NoiseModel) -> None:
        """Believe what is told of the noise."""
        self._belief = Belief()

    @property
    def belied(self) -> bool:
        """Whether its estimate of the error is clearly negative."""
        return self._belief.lost

    @property
    def exact(self) -> bool:
        """Yes: a difference of two outputs is lost in half precision."""
        return True

    @property
    def trusts_noise(self) -> bool:
        """Yes."""
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
        """The terms ``fidelity`` and ``divergence``; their sum estimates the error."""
        counted, seen = admitted(y, physics, held)

        def g(seen: Tensor) -> Tensor:
            return noise.mean(physics.A(network(physics.initial(seen))))

        variance = noise.unbiased_variance(y)
        # of what is seen: not even the step may depend on pixels that are held out
        spread = float(noise.unbiased_variance(seen).mean().clamp_min(1e-8).sqrt())
        probe = signs(y, generator) * counted
        z = physics.A(network(physics.initial(seen)))
        at, target = noise.mean(z), physics.target(y)
        if noise.correlated:  # pixels beside those that count, too, share their noise
            v = torch.full_like(y, spread**2)
            along = noise.covary(probe, seen) / v * visible(y, held)
        else:
            v = noise.stein_variance(y, around(y, held))
            along = probe
        slope = derivative(g, seen, at, along, self.step * spread)
        weight = physics.target(counted).to(at.dtype)
        n = weight.sum().clamp_min(1)
        left = noise.stein_share(target, z.detach())
        squares = (at - target).square() - left * physics.target(variance)
        fidelity = (squares * weight).sum() / n
        divergence = 2 * (left * physics.target(v * probe) * slope).sum() / n
        self._belief.note((fidelity + divergence) / spread**2)
        return {"fidelity": fidelity, "divergence": divergence}
