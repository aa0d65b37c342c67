"""Masked losses: self-supervised inversion (SSI), Noise2Self, Noise2Void."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor

from ..noise.base import NoiseModel
from ..physics.base import Physics
from ._masks import grid_mask, random_mask, replaced, replaced_randomly, widened
from .base import Loss, Network

ABOUT = {
    "ssi": {
        "label": "SSI",
        "summary": "Self-supervised inversion: a network learns to sharpen and denoise this one "
        "recording, by predicting pixels that were hidden from it, blurred again.",
        "when": "One blurred, noisy recording, noise independent from pixel to pixel.",
        "recommended": True,
        "physics": ["mixing", "saturating"],
    },
    "noise2self": {
        "label": "Noise2Self",
        "summary": "A network learns to denoise this one recording, by predicting pixels that "
        "were hidden from it.",
        "when": "Noise independent from pixel to pixel, and no blur to undo.",
        "recommended": True,
        "physics": ["identity"],
    },
    "noise2void": {
        "label": "Noise2Void",
        "summary": "As Noise2Self with the settings of Noise2Void: few pixels hidden at a time, "
        "each replaced by a random neighbour.",
        "when": "To compare with Noise2Void.",
        "physics": ["identity"],
        "params": {"density": 0.002, "replacement": "random"},
    },
}


#: Share of the pixels that are hidden at most, where each hides others that share its noise.
HIDDEN = 0.5


class MaskedLoss(Loss):
    r"""Predict hidden pixels from their surroundings, through the forward model.

    .. math::
        \frac{1}{|J|} \sum_{i \in J} \big( \mu(A f(m_J(y)))_i - y_i \big)^2

    with J a random set of pixels, ``m_J`` the masking that replaces them from
    unmasked neighbours, and ``μ(z) = E[y | A x = z]`` (z itself unless the camera
    clips). As ``f(m_J(y))`` has not seen ``y_J``, whose noise is independent of
    the rest, copying noise does not lower the loss: its expectation is
    ``E‖μ(A f(m_J(y)))_J − E[y_J]‖²`` plus the variance of the noise. With A the
    identity it is Noise2Self. Where pixels share noise (``correlated``), all that share it
    with those in J are hidden from f as well, as far as the noise model says that it
    reaches, and J is thinned such that half of the pixels are hidden at most. Density 0
    switches masking off, the control of the SSI paper, which fits the noise.

    References
    ----------
    H. Kobayashi, A. C. Solak, J. Batson, L. A. Royer, "Image Deconvolution via
    Noise-Tolerant Self-Supervised Inversion", 2020, Eq. 3,
    https://doi.org/10.48550/arXiv.2006.06156
    J. Batson, L. Royer, "Noise2Self", ICML 2019, https://doi.org/10.48550/arXiv.1901.11365
    A. Krull, T.-O. Buchholz, F. Jug, "Noise2Void", CVPR 2019,
    https://doi.org/10.1109/CVPR.2019.00223
    C. Broaddus, A. Krull, M. Weigert, U. Schmidt, G. Myers, "Removing Structured Noise with
    Self-Supervised Blind-Spot Networks", ISBI 2020,
    https://doi.org/10.1109/ISBI45749.2020.9098336
    """

    density: float = Field(
        0.2,
        ge=0,
        le=0.5,
        title="Mask density",
        description="Share of the pixels that are hidden and predicted at each step; "
        "0 switches masking off and fits the noise.",
        json_schema_extra={"unit": "fraction of pixels", "advanced": True},
    )
    pattern: Literal["random", "grid", "structured"] = Field(
        "random",
        title="Mask pattern",
        description="Single pixels at random, a regular grid, or random pixels with the "
        "neighbours in 'reach' hidden too (for noise that spreads).",
        json_schema_extra={"advanced": True},
    )
    reach: tuple[int, ...] = Field(
        (0, 2),
        title="Reach of a structured mask",
        description="Neighbours hidden on either side, along (Z,) Y, X; used by the "
        "structured pattern only.",
        json_schema_extra={"unit": "pixels", "advanced": True},
    )
    replacement: Literal["mean", "random"] = Field(
        "mean",
        title="Replacement",
        description="A hidden pixel is replaced by the mean of the visible pixels next to it, "
        "or by one of them at random.",
        json_schema_extra={"advanced": True},
    )
    norm: Literal["l2", "l1"] = Field(
        "l2",
        title="Norm",
        description="Squared or absolute differences; absolute ones are for strong outliers.",
        json_schema_extra={"advanced": True},
    )

    @field_validator("reach")
    @classmethod
    def _not_negative(cls, reach: tuple[int, ...]) -> tuple[int, ...]:
        if len(reach) > 3 or any(r < 0 for r in reach):
            raise ValueError("input should be at most three numbers of pixels, 0 or more")
        return reach

    @property
    def cross_fits(self) -> bool:
        """Yes, while single pixels are hidden: noise that spreads would reach the first guess."""
        return self.density > 0 and not self.noise_spreads

    @property
    def mixes(self) -> bool:
        """Yes, but with the replacement of Noise2Void, which is there to be compared as it is, and with
        structured masks: for these the noise is shared, which the estimate that chooses does not know.
        """
        return self.cross_fits and self.replacement == "mean"

    @property
    def noise_spreads(self) -> bool:
        """With structured masks, which are for that."""
        return self.pattern == "structured"

    def __call__(
        self,
        network: Network,
        y: Tensor,
        physics: Physics,
        noise: NoiseModel,
        generator: torch.Generator,
        held: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """The term ``masked``; see the class."""
        fresh = physics.unseen(torch.ones_like(y, dtype=torch.bool))
        counted, hidden = self.draw(y, generator, fresh, noise)
        if held is not None:
            counted, hidden = counted & ~held, hidden | held
        seen = self.hide(y, physics.hidden(hidden), generator)
        z = noise.mean(physics.A(network(physics.initial(seen))))
        residual = z - physics.target(y)
        penalty = residual.abs() if self.norm == "l1" else residual.square()
        weight = physics.target(counted).to(z.dtype)
        return {"masked": (penalty * weight).sum() / weight.sum().clamp_min(1)}

    def draw(
        self,
        y: Tensor,
        generator: torch.Generator,
        fresh: Tensor | None = None,
        noise: NoiseModel | None = None,
    ) -> tuple[Tensor, Tensor]:
        """The pixels that count in the loss, and those that are hidden (the same or more).

        All pixels may count, or those that are ``fresh``, more densely so that as many do.
        Under correlated noise those that do, and all that share noise with them, are hidden.
        """
        if self.density == 0:
            return torch.ones_like(y, dtype=torch.bool), torch.zeros_like(y, dtype=torch.bool)
        make = grid_mask if self.pattern == "grid" else random_mask
        density = self.density
        if noise is not None:
            density = noise.thinned(density, HIDDEN, y)
        if self.cross_fits and fresh is not None:
            share = float(fresh.float().mean())
            counted = make(y, min(1.0, density / max(share, 1e-3)), generator) & fresh
        else:
            counted = make(y, density, generator)
        hidden = counted
        if noise is not None:
            hidden = noise.sharing(counted)
            counted = noise.alone(hidden)  # all of a row, say, of which one pixel was drawn
            counted = counted if fresh is None else counted & fresh
        if self.pattern != "structured":
            return counted, hidden
        reach = (0,) * (y.ndim - 2 - len(self.reach)) + self.reach[-(y.ndim - 2) :]
        return counted, widened(hidden, reach)

    def hide(self, y: Tensor, hidden: Tensor, generator: torch.Generator) -> Tensor:
        """m_J: y with the hidden pixels replaced."""
        if self.replacement == "random":
            return replaced_randomly(y, hidden, 2, generator)
        return replaced(y, hidden)
