"""A penalty on the size of the network's weights, as in the SSI paper."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from .base import Penalty, Scene

ABOUT = {
    "weights": {
        "label": "Small weights",
        "summary": "Discourages large network weights (L1 and L2).",
        "when": "To repeat the regularisation of the SSI paper.",
        "role": "term",
    },
}


class Weights(Penalty):
    """``l1 · mean|w| + l2 · mean w²`` over all weights of the network.

    H. Kobayashi et al., 2020, https://doi.org/10.48550/arXiv.2006.06156, section 3.
    """

    l1: float = Field(1e-6, ge=0, title="L1", description="Weight of the mean absolute value.")
    l2: float = Field(1e-6, ge=0, title="L2", description="Weight of the mean square.")

    def __call__(self, x: Tensor, network: nn.Module, scene: Scene | None = None) -> Tensor:
        """The penalty."""
        w = torch.cat([p.flatten() for p in network.parameters()])
        return self.l1 * w.abs().mean() + self.l2 * w.square().mean()
