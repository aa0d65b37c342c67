"""UNSURE: SURE where the level of the noise is not known."""

from __future__ import annotations

import math

import torch
from pydantic import Field, PrivateAttr
from torch import Tensor

from ..noise.base import NoiseModel
from ..physics.base import Physics
from ._divergence import STEP, around, derivative, signs, visible
from ._lags import LAGS, covariance, followed
from .base import Loss, Network, admitted

ABOUT = {
    "unsure": {
        "label": "UNSURE",
        "summary": "As SURE, but the noise level is estimated during training: on average the "
        "network must not follow single pixels.",
        "when": "The noise is even over the picture, grows with brightness, or is shared by "
        "neighbours, but its level is not known.",
        "physics": ["linear"],
        "noise": ["independent", "gaussian", "poisson_gaussian", "correlated"],
    },
}


#: The upper estimate of the variance, in parts of where it started, below which noise is not what it is taken for.
#: A level that is given twice too high comes down to a quarter.
BELIED = 0.15


class Unsure(Loss):
    r"""SURE with the noise level as a Lagrange multiplier.

    .. math::
        \min_f \max_{\eta} \; \frac1n \sum_i \Big[ (g_i(y) - y_i)^2
        + 2\,(\eta + \gamma\, u_i)\, \partial_i g_i(y) \Big]

    with g = A f: among all f whose divergence is zero on average (and, with γ, zero
    when weighted with the brightness) the one nearest to y. η rises while g still
    follows single pixels and falls when it turns away from them. It converges to
    :math:`\eta^* = \sigma^2 / (1 - r)`, r the error of SURE over σ²: an upper estimate
    of the noise's variance, not the variance. Under the noise model
    ``poisson_gaussian`` both η and γ are found where the recording shows that noise follows the
    light, else γ = 0.

    Under ``correlated`` noise there is a multiplier :math:`\eta_k` for each lag k up to
    two pixels in y and x (with :math:`\eta_{-k} = \eta_k`), which asks that no output follows
    its neighbour at that lag:

    .. math::
        \min_f \max_{\eta} \; \frac1n \sum_i \Big[ (g_i(y) - y_i)^2
        + 2 \sum_k \eta_k\, s_i s_{i+k}\, \partial_{i+k}\, g_i(y) \Big]

    with :math:`s_i` how strong the noise was measured to be at the brightness around pixel i, 1 at the
    typical one: where noise follows the light, its shape is taken from the measurement, its level and
    who shares it are not. One probe b tells all of them, as
    :math:`E[(J b)_i\, b_{i+k}] = \partial_{i+k}\, g_i`. They start
    at the covariance that was measured, and none exceeds :math:`\eta_0`, which is necessary for
    a covariance, if not enough. What whole rows or columns share has a multiplier of its own
    (where it was measured at all) for the sum of the derivatives along them.

    Where the camera clips, pixels count as in SURE, by what η and γ say of the variance.

    Otherwise η starts at what neighbouring pixels differ by, η and γ together at the line of
    variances that was measured. All follow a running mean of the slopes (one probe a step is
    noisy); η, γ and those of rows and columns stay at or above 0.

    With :math:`\phi_i = (1, u_i)` and u as in SURE, the dual function falls off from its maximum
    with the curvature :math:`M = \frac1n \sum_i \phi_i \phi_i^T / v_i`, which is all but
    singular where the picture is evenly bright. η and γ therefore rise by :math:`M^{-1}` times
    their slopes: a step changes the variance curve, and not a number, by a like share everywhere.

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

    _multiplier: Tensor | None = PrivateAttr(None)
    _mean: Tensor | None = PrivateAttr(None)
    _seen: Tensor | None = PrivateAttr(None)
    _spread: Tensor = PrivateAttr(default_factory=lambda: torch.zeros(()))
    #: By how much each multiplier rises for a slope of 1, at a rate of 1.
    _pace: Tensor = PrivateAttr(default_factory=lambda: torch.ones(1))
    #: In which both are conditioned alike, where there are η and γ.
    _metric: Tensor | None = PrivateAttr(None)

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
        """``sigma_upper`` (√η) and, where sought, ``gain_upper`` (γ) or what neighbours share."""
        if self._multiplier is None:
            return {}
        eta, *more = self._multiplier.tolist()
        found = {"sigma_upper": math.sqrt(eta)}
        if len(more) == 1:
            found["gain_upper"] = more[0]
        elif more:
            *lags, row, column = more
            found["neighbour_correlation"] = max(lags, key=abs) / eta
            found |= {"row_upper": math.sqrt(row), "column_upper": math.sqrt(column)}
        return found

    def begin(self, noise: NoiseModel) -> None:
        """Forget what an earlier fit has found."""
        self._multiplier = self._mean = self._seen = self._metric = None

    @property
    def trusts_noise(self) -> bool:
        """Yes."""
        return True

    @property
    def belied(self) -> bool:
        """Whether η, an upper estimate, is a small part of the variance that was measured or given."""
        if self._multiplier is None:
            return False
        return bool(self._multiplier[0] < BELIED * self._pace[0])

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
            self._first_level(seen, noise)
        assert self._multiplier is not None

        def g(seen: Tensor) -> Tensor:
            return noise.mean(physics.A(network(physics.initial(seen))))

        # where noise is shared, pixels beside those that count are followed, too
        probe = signs(y, generator) * (visible(y, held) if noise.correlated else counted)
        z = physics.A(network(physics.initial(seen)))
        at = noise.mean(z)
        slope = derivative(g, seen, at, probe, STEP * float(self._spread))
        target = physics.target(y)
        weight = physics.target(counted).to(at.dtype)
        n = weight.sum().clamp_min(1)
        if noise.correlated:
            strength = noise.deviation(seen) / self._spread
            counts = noise.stein_share(target, z.detach()) * weight
            slopes = followed(probe, slope * counts, physics.target, strength) / n
        else:
            both = len(self._multiplier) == 2
            light = physics.target(self._brightness(y, held)) if both else None
            variance = self._multiplier[0].expand_as(target)
            if light is not None:
                variance = variance + self._multiplier[1] * light
            left = noise.stein_share(target, z.detach(), variance)
            local = left * physics.target(probe) * slope
            slopes = local.sum().reshape(1) / n
            if light is not None:
                slopes = torch.cat([slopes, (light * local).sum().reshape(1) / n])
                self._measure(light, weight / n)
        self._seen = slopes.detach()
        return {
            "fidelity": ((at - target).square() * weight).sum() / n,
            "divergence": 2 * (self._multiplier * slopes).sum(),
        }

    def after_step(self) -> None:
        """Dual ascent on the multipliers."""
        if self._seen is None or self._multiplier is None:
            return
        keep = self.momentum if self._mean is not None else 0.0
        before = self._mean if self._mean is not None else torch.zeros_like(self._seen)
        self._mean = keep * before + (1 - keep) * self._seen
        if self._metric is not None:
            steps = torch.linalg.solve(self._metric, self._mean)
            self._multiplier = _nearest(self._multiplier + self.rate * steps, self._metric)
            return
        risen = self._multiplier + self.rate * self._mean * self._pace
        if len(risen) == 1:
            self._multiplier = risen.clamp_min(0)
            return
        eta = risen[:1].clamp_min(1e-3 * float(self._pace[0]))
        lags, stripes = risen[1 : len(LAGS)], risen[len(LAGS) :]
        self._multiplier = torch.cat([eta, lags.clamp(-eta, eta), stripes.clamp_min(0)])

    def _first_level(self, y: Tensor, noise: NoiseModel) -> None:
        """The measured covariance; else η, and γ where brightness matters, from neighbours."""
        if noise.correlated:
            self._multiplier = covariance(noise, y)
            self._spread = (self._multiplier[0] + self._multiplier[-2:].sum()).sqrt()
            self._pace = self._multiplier[0].expand(len(LAGS))
            # rows and columns as strong as they are, or, where none are, not at all
            self._pace = torch.cat([self._pace, self._multiplier[-2:]])
            return
        difference = y.diff(dim=-1) if y.shape[-1] > 1 else y - y.mean()
        robust = (difference.abs().median() / 0.6745).square()
        # where most pixels are dark and equal the median is 0, and the start would never move
        variance = robust.maximum(difference.square().mean() / 4).clamp_min(1e-8) / 2
        self._spread = variance.sqrt()
        self._multiplier = self._pace = variance.reshape(1)
        if noise.grows:
            level = y.clamp_min(0).mean().clamp_min(1e-3)
            self._multiplier = torch.stack([variance, variance / level]) / 2
            gain, floor = noise.growth or (0.0, 0.0)
            if floor >= 0 and floor + gain * float(level) > 0.01 * float(variance):
                # without a gain all is about as bright, and γ would be anything
                self._multiplier = self._multiplier.new_tensor([floor, gain][: 2 if gain else 1])
            self._pace = self._multiplier

    def _brightness(self, y: Tensor, held: Tensor | None) -> Tensor:
        """Where the variance is taken, as in SURE's second order: the less of y_i the less photons."""
        assert self._multiplier is not None
        floor, gain = self._multiplier.unbind()
        beside = around(y, held)
        photons = gain * beside.clamp_min(0)
        return beside + photons / (photons + floor).clamp_min(1e-12) / 2 * (y - beside)

    def _measure(self, light: Tensor, weight: Tensor) -> None:
        """A running mean of the metric; ``weight`` sums to 1 over the pixels that count."""
        assert self._multiplier is not None
        start, now = (pair[0] + pair[1] * light for pair in (self._pace, self._multiplier))
        variance = now.maximum(0.05 * (start * weight).sum())
        share = weight / variance
        moments = [(share * light**k).sum() for k in range(3)]
        found = torch.stack([torch.stack(moments[:2]), torch.stack(moments[1:])])
        # of one brightness only the sum of both can be told
        found = found + 1e-3 * found.diag().diag()
        if self._metric is not None:
            found = torch.lerp(found, self._metric, self.momentum)
        self._metric = found


def _nearest(found: Tensor, metric: Tensor) -> Tensor:
    """The pair of numbers, both at least 0, that is nearest in the metric."""
    for one, other in ((0, 1), (1, 0)):
        if found[one] < 0:
            moved = found[other] + metric[one, other] / metric[other, other] * found[one]
            pair = [moved, torch.zeros_like(moved)]
            return torch.stack([pair[other], pair[one]]).clamp_min(0)
    return found
