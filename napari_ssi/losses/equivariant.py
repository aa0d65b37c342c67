"""Equivariant imaging: what an operator loses of a picture it shows of a moved one."""

from __future__ import annotations

from contextlib import suppress
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import affine_grid, grid_sample

from ..errors import InputError
from ._masks import replaced
from .base import Penalty, Scene

ABOUT = {
    "equivariant": {
        "label": "Equivariant imaging",
        "summary": "The estimate, moved and recorded again in simulation, must be restored to "
        "itself: this teaches the network what the forward model loses.",
        "when": "Missing pixels or lost resolution (use shifts or rotations), or a blur (use "
        "scale). A weight of 0.1 to 1 is usual.",
        "role": "term",
    },
}


class Equivariant(Penalty):
    r"""``mean |f(n(A T x̂)) - T x̂|²``, with x̂ = f(y) and a random movement T.

    The set of specimens is the same moved as unmoved, so that for each T the operator :math:`A T`
    is one more look at it. What A loses of x̂ is seen in :math:`A T \hat x`, *if A and T do not commute*:
    a mask or a sampling grid does not commute with shifts and rotations, a blur only with these, and
    not with a change of scale. A term, not an estimate of a risk: no unbiasedness is claimed. With noise
    drawn from the noise model (robust EI, REI) where it can be simulated, else without (EI).
    There is no first guess beside it.

    References
    ----------
    D. Chen, J. Tachella, M. E. Davies, "Equivariant Imaging: Learning Beyond the Range Space",
    ICCV 2021, https://doi.org/10.1109/ICCV48922.2021.00434
    D. Chen, J. Tachella, M. E. Davies, "Robust Equivariant Imaging", CVPR 2022,
    https://doi.org/10.1109/CVPR52688.2022.00561
    """

    movement: Literal["shift", "rotate", "scale"] = Field(
        "scale",
        title="Movement",
        description="Scale is for a blur; shifts, or turns by 90 degrees, are for missing pixels and "
        "lost resolution.",
    )

    @property
    def goes_with_a_guess(self) -> bool:
        """No: that would show f the answer."""
        return False

    def __call__(self, x: Tensor, network: nn.Module, scene: Scene | None = None) -> Tensor:
        """The penalty; the movement and the noise are drawn anew each time."""
        if scene is None:
            raise InputError(
                "Equivariant imaging is a term beside a loss; it needs the forward model."
            )
        moved = self.moved(x, scene.generator).detach()
        z = scene.physics.A(moved)
        y = z
        with suppress(InputError):  # a model that knows independence only cannot: EI without noise
            y = scene.noise.sample(z, scene.generator)
        hidden = scene.physics.target(scene.held) if scene.held is not None else None
        if hidden is not None:  # what says nothing of the specimen is seen as it is elsewhere
            y = replaced(y, hidden)
        again = scene.f(scene.physics.retaken(y))
        return (again - moved).square().mean()

    def moved(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """T x, all pictures of a batch alike."""

        def uniform(low: float, high: float) -> float:
            return low + (high - low) * float(
                torch.rand((), generator=generator, device=generator.device)
            )

        h, w = x.shape[-2:]
        if self.movement == "shift":
            steps = (1 + int(uniform(0, h - 1)), 1 + int(uniform(0, w - 1)))
            return x.roll(steps, (-2, -1))
        if self.movement == "rotate":
            turns = 1 + int(uniform(0, 3))
            turns = 2 if h != w else turns
            return x.rot90(turns, (-2, -1))
        return scaled(x, uniform(0.6, 0.95))


def scaled(x: Tensor, factor: float) -> Tensor:
    """Each plane made smaller about its middle, and reflected beyond its edges."""
    planes = x.reshape(-1, 1, *x.shape[-2:])
    theta = x.new_tensor([[1 / factor, 0, 0], [0, 1 / factor, 0]]).expand(len(planes), 2, 3)
    grid = affine_grid(theta, list(planes.shape), align_corners=False)
    found = grid_sample(planes, grid, "bilinear", "reflection", align_corners=False)
    return found.reshape(x.shape)
