"""A penalty on steps in the estimate: total variation."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn

from .base import Penalty, Scene

ABOUT = {
    "variation": {
        "label": "Total variation",
        "summary": "Discourages steps in the estimate, so that even areas become more even.",
        "when": "Few photons and simple shapes; a weight of 0.001 to 0.01 is usual.",
        "role": "term",
    },
}

#: Steps below this are noise of the network, not structure; engine units.
EPSILON = 1e-3


class Variation(Penalty):
    r"""``mean |∇x|``, isotropic, with forward differences and none across an edge.

    .. math:: \frac1n \sum_i \sqrt{(\Delta_y x)_i^2 + (\Delta_x x)_i^2 + d^2 (\Delta_z x)_i^2
              + \epsilon^2} - \epsilon

    with d = ``depth`` and :math:`\epsilon = 10^{-3}` of the brightest part, below which it is smooth.

    References
    ----------
    L. I. Rudin, S. Osher, E. Fatemi 1992, https://doi.org/10.1016/0167-2789(92)90242-F
    """

    depth: float = Field(
        1.0,
        ge=0,
        le=10,
        title="Between planes",
        description="How much steps from plane to plane count, beside those within a plane: the "
        "pixel size over the distance of the planes.",
        json_schema_extra={"advanced": True},
    )

    def __call__(self, x: Tensor, network: nn.Module, scene: Scene | None = None) -> Tensor:
        """The penalty."""
        square = x.new_full((), EPSILON**2)
        for axis in range(2, x.ndim):
            step = x.diff(dim=axis, append=x.narrow(axis, x.shape[axis] - 1, 1))
            size = self.depth if x.ndim == 5 and axis == 2 else 1.0
            square = square + (size * step).square()
        return square.sqrt().mean() - EPSILON
