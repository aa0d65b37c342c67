"""Neighbor2Neighbor: two half-size recordings of neighbouring pixels."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from ..noise.base import NoiseModel
from ..physics.base import Physics
from .base import Loss, Network, admitted

ABOUT = {
    "neighbor2neighbor": {
        "label": "Neighbor2Neighbor",
        "summary": "The recording is split into two of half the size, made of neighbouring "
        "pixels; the network predicts one from the other.",
        "when": "Finely sampled recordings, noise independent from pixel to pixel; a step is quick.",
        "physics": ["denoising"],
        "noise": ["independent", "gaussian", "poisson", "poisson_gaussian", "gamma"],
    },
}

#: Neighbours within a cell of 2 x 2 (row, column), each way round.
PAIRS = [
    ((0, 0), (0, 1)),
    ((0, 0), (1, 0)),
    ((1, 1), (0, 1)),
    ((1, 1), (1, 0)),
]
PAIRS += [(b, a) for a, b in PAIRS]


class Neighbor2Neighbor(Loss):
    r"""Predict a pixel's neighbour, at half the resolution.

    Of each cell of 2 x 2 pixels (in Y, X) two neighbours are drawn at random, which make the
    pictures :math:`g_1(y)` and :math:`g_2(y)`. With :math:`f(y)` held fixed in the second term

    .. math::
        \|f(g_1(y)) - g_2(y)\|^2
        + \gamma\, \| f(g_1(y)) - g_2(y) - (g_1(f(y)) - g_2(f(y))) \|^2

    Given the cell, both have the same mean over the draws, and independent noise. But the specimen is not
    the same at two neighbours, so that the first term's target is *not* unbiased: it is the
    neighbour's brightness. The second takes off that difference as far as f(y) knows it, and
    vanishes in expectation for the perfect f. f is learned at half the resolution and used at
    the full one.

    References
    ----------
    T. Huang, S. Li, X. Jia, H. Lu, J. Liu, "Neighbor2Neighbor: Self-Supervised Denoising from
    Single Noisy Images", CVPR 2021, https://doi.org/10.1109/CVPR46437.2021.01454
    """

    regularisation: float = Field(
        2.0,
        ge=0,
        le=100,
        title="Regularisation",
        description="Weight γ of what allows for the difference between neighbours: more keeps more "
        "detail, and learns more slowly.",
        json_schema_extra={"advanced": True},
    )

    def __call__(
        self,
        network: Network,
        y: Tensor,
        physics: Physics,
        noise: NoiseModel,
        generator: torch.Generator,
        held: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """The terms ``neighbours`` and ``difference``."""
        counted, seen = admitted(y, physics, held)

        def f(v: Tensor) -> Tensor:
            return noise.mean(physics.A(network(physics.initial(v))))

        first, second = draw(y, generator)
        with torch.no_grad():
            whole = f(seen)
            difference = picked(whole, first) - picked(whole, second)
        weight = picked(counted, second).to(y.dtype)
        n = weight.sum().clamp_min(1)
        residual = f(picked(seen, first)) - picked(y, second)
        terms = {"neighbours": (residual.square() * weight).sum() / n}
        if self.regularisation:
            rest = (residual - difference).square() * weight
            terms["difference"] = self.regularisation * rest.sum() / n
        return terms


def cells(y: Tensor) -> Tensor:
    """The four pixels of each cell of 2 x 2, in a last axis; an odd row or column is left out."""
    rows, columns = y.shape[-2] // 2, y.shape[-1] // 2
    y = y[..., : 2 * rows, : 2 * columns]
    return torch.stack([y[..., a::2, b::2] for a in (0, 1) for b in (0, 1)], -1)


def draw(y: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """For each cell the place (0 to 3, rows first) of one pixel and of one of its neighbours."""
    shape = (*y.shape[:-2], y.shape[-2] // 2, y.shape[-1] // 2)
    which = torch.randint(len(PAIRS), shape, generator=generator, device=y.device)
    table = torch.tensor([[2 * r + c for r, c in pair] for pair in PAIRS], device=y.device)
    return table[which, 0], table[which, 1]


def picked(y: Tensor, places: Tensor) -> Tensor:
    """The picture of half the size with the pixel of each cell at ``places``."""
    return cells(y).gather(-1, places[..., None])[..., 0]
