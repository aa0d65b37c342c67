"""UNSURE: SURE where the level of the noise is not known."""

from __future__ import annotations

import math

import torch
from pydantic import Field, PrivateAttr
from torch import Tensor

from ..noise.base import NoiseModel
from ..physics.base import Physics
from ._divergence import STEP, derivative, signs
from .base import Loss, Network, admitted

ABOUT = {
    "unsure": {
        "label": "UNSURE",
        "summary": "As SURE, while the noise level is found along the way: the network is kept from "
        "following single pixels on average.",
        "when": "The noise is even over the picture, or grows with brightness, but its level is "
        "not known.",
        "noise": ["independent", "gaussian", "poisson_gaussian"],
    },
}


class Unsure(Loss):
    r"""SURE with the noise level as a Lagrange multiplier.

    .. math::
        \min_f \max_{\eta} \; \frac1n \sum_i \Big[ (g_i(y) - y_i)^2
        + 2\,(\eta + \gamma\, y_i)\, \partial_i g_i(y) \Big]

    with g = A f: among all f whose divergence is zero on average (and, with γ, zero
    when weighted with the brightness) the one nearest to y. η rises while g still
    follows single pixels and falls when it turns away from them. It converges to
    :math:`\eta^* = \sigma^2 / (1 - r)`, r the error of SURE over σ²: an upper estimate
    of the noise's variance, not the variance. Under the noise model
    ``poisson_gaussian`` both η and γ are found, else γ = 0.

    η and γ start at what neighbouring pixels differ by, are kept at or above 0 and
    follow a running mean of the divergence (one probe a step is noisy).

    References
    ----------
    J. Tachella, M. Davies, L. Jacques, "UNSURE: self-supervised learning with Unknown
    Noise level and Stein's Unbiased Risk Estimate", ICLR 2025,
    https://doi.org/10.48550/arXiv.2409.01985
    """

    rate: float = Field(
        0.02,
        gt=0,
        le=1,
        title="Rate of the noise estimate",
        description="How quickly the estimated noise level follows the divergence.",
        json_schema_extra={"unit": "of its start, per step", "advanced": True},
    )
    momentum: float = Field(
        0.9,
        ge=0,
        lt=1,
        title="Momentum of the noise estimate",
        description="Share of the former divergence in its running mean.",
        json_schema_extra={"advanced": True},
    )

    _start: Tensor | None = PrivateAttr(None)
    _multiplier: Tensor | None = PrivateAttr(None)
    _mean: Tensor | None = PrivateAttr(None)
    _seen: Tensor | None = PrivateAttr(None)
    _spread: Tensor = PrivateAttr(default_factory=lambda: torch.zeros(()))
    _brightness: Tensor = PrivateAttr(default_factory=lambda: torch.ones(1))

    @property
    def cross_fits(self) -> bool:
        """Yes, as SURE."""
        return True

    @property
    def exact(self) -> bool:
        """Yes, as SURE."""
        return True

    @property
    def estimates(self) -> dict[str, float]:
        """``sigma_upper`` (√η) and, where it is sought, ``gain_upper`` (γ)."""
        if self._multiplier is None:
            return {}
        eta, *gamma = self._multiplier.tolist()
        found = {"sigma_upper": math.sqrt(eta)}
        return found | {"gain_upper": gamma[0]} if gamma else found

    def begin(self) -> None:
        """Forget what an earlier fit has found."""
        self._start = self._multiplier = self._mean = self._seen = None

    def __call__(
        self,
        network: Network,
        y: Tensor,
        physics: Physics,
        noise: NoiseModel,
        generator: torch.Generator,
        held: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """The terms ``fidelity`` and ``divergence``."""
        counted, seen = admitted(y, physics, held)
        if self._multiplier is None:
            self._first_level(y, noise)
        assert self._start is not None and self._multiplier is not None

        def g(seen: Tensor) -> Tensor:
            return noise.mean(physics.A(network(physics.initial(seen))))

        probe = signs(y, generator) * counted
        at = g(seen)
        slope = derivative(g, seen, at, probe, STEP * float(self._spread))
        target = physics.target(y)
        weight = physics.target(counted).to(at.dtype)
        n = weight.sum().clamp_min(1)
        local = physics.target(probe) * slope
        parts = [local.sum() / n]
        if len(self._multiplier) > 1:
            parts.append((target * local).sum() / n)
        slopes = torch.stack(parts)
        self._seen = slopes.detach()
        return {
            "fidelity": ((at - target).square() * weight).sum() / n,
            "divergence": 2 * (self._multiplier * slopes).sum(),
        }

    def after_step(self) -> None:
        """Dual ascent on η and γ."""
        if self._seen is None or self._multiplier is None or self._start is None:
            return
        keep = self.momentum if self._mean is not None else 0.0
        before = self._mean if self._mean is not None else torch.zeros_like(self._seen)
        self._mean = keep * before + (1 - keep) * self._seen
        # the weighted divergence has the brightness in it, and the start of γ its inverse
        step = self.rate * self._mean * self._start[0] / self._brightness.square()
        self._multiplier = (self._multiplier + step).clamp_min(0)

    def _first_level(self, y: Tensor, noise: NoiseModel) -> None:
        """η, and γ where brightness matters, from the differences of neighbours."""
        difference = y.diff(dim=-1) if y.shape[-1] > 1 else y - y.mean()
        robust = (difference.abs().median() / 0.6745).square()
        # where most pixels are dark and equal the median is 0, and the start would never move
        variance = robust.maximum(difference.square().mean() / 4).clamp_min(1e-8) / 2
        self._spread = variance.sqrt()
        level = y.clamp_min(0).mean().clamp_min(1e-3)
        one = torch.ones_like(level)
        if noise.grows:
            self._start = torch.stack([variance, variance / level]) / 2
            self._brightness = torch.stack([one, level])
        else:
            self._start = variance.reshape(1)
            self._brightness = one.reshape(1)
        self._multiplier = self._start.clone()
