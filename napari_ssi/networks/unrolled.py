"""A network that knows the forward model: a few steps of gradient descent, each corrected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import softplus

from ..configured import Configured
from ._module import NetworkModule, Operator
from .unet import SHARP, UNetModule, before_softplus, poolings

ABOUT = {
    "unrolled": {
        "label": "Unrolled",
        "summary": "A few gradient steps through the forward model, each corrected by one small network.",
        "when": "Deblurring with a PSF that you trust.",
        "physics": ["invariant"],
    },
}


class Unrolled(Configured):
    """Settings of the unrolled network; :meth:`build` makes the module."""

    iterations: int | None = Field(
        None,
        ge=1,
        le=12,
        title="Iterations",
        description="Gradient steps, each with a correction; empty for 4, or 3 in 3D.",
        json_schema_extra={"advanced": True},
    )
    channels: int | None = Field(
        None,
        ge=4,
        le=128,
        title="Channels",
        description="Feature maps at full resolution, doubled below; empty for 12, or 8 in 3D.",
        json_schema_extra={"advanced": True},
    )

    def build(
        self, shape: Sequence[int], *, positive: bool = False, guided: bool = False
    ) -> UnrolledModule:
        """The module for objects of spatial ``shape``; see :class:`~.unet.UNet` for the rest."""
        flat = len(shape) == 2
        denoiser = UNetModule(
            self.channels or (12 if flat else 8),
            poolings(shape, 2 if flat else 1),
            len(shape),
            positive=False,
            guided=True,
        )
        return UnrolledModule(denoiser, self.iterations or (4 if flat else 3), positive, guided)


class UnrolledModule(NetworkModule):
    r"""Proximal gradient descent with a learned step and a learned proximal operator.

    .. math:: x_{k+1} = D_\theta\bigl(y,\; x_k - \tau_k A^T (A x_k - y)\bigr), \qquad k = 0 \dots K - 1

    The same small U-Net D serves all iterations. It adds a correction that is zero before
    training: the network begins as K steps of Landweber's iteration from :math:`x_0 = y`
    (:math:`\tau_k = 1`, which converges as :math:`\|A\| \le 1`); or, where there is a first
    guess :math:`x_0`, as that guess (:math:`\tau_k = 0`). The residual is looked at where the window
    determines :math:`A x` fully. y is what the network is shown, hidden pixels replaced, so that data that
    a loss keeps from it have no way around.

    References
    ----------
    K. Gregor, Y. LeCun, "Learning fast approximations of sparse coding", ICML 2010
    J. Adler, O. Öktem, "Learned primal-dual reconstruction", IEEE Trans. Med. Imaging 37 (2018),
    https://doi.org/10.1109/TMI.2018.2799231
    """

    def __init__(self, denoiser: UNetModule, iterations: int, positive: bool, guided: bool) -> None:
        super().__init__()
        self.denoiser = denoiser
        self.steps = nn.Parameter(torch.full((iterations,), 0.0 if guided else 1.0))
        self.ndim, self.positive, self.guided = denoiser.ndim, positive, guided
        self.channels = denoiser.channels * iterations  # what training holds in memory
        self._operator: Any = None

    def under(self, operator: Operator) -> None:
        """Take ``operator`` for A: one convolution, the same everywhere."""
        self._operator = operator

    def shrink(self, share: float) -> None:
        """The steps along the gradient, and those of the small network; nearly in proportion."""
        with torch.no_grad():
            self.steps.mul_(share)
        self.denoiser.shrink(share)

    @property
    def multiple(self) -> tuple[int, ...]:
        """As the small network."""
        return self.denoiser.multiple

    @property
    def reach(self) -> tuple[int, ...]:
        """That of the small network and of A and its adjoint, once an iteration."""
        halo = self._operator.halo or ((0, 0),) * self.ndim
        return tuple(
            len(self.steps) * (r + a + b)
            for r, (a, b) in zip(self.denoiser.reach, halo, strict=True)
        )

    def forward(self, seen: Tensor) -> Tensor:
        """Estimate the object from the extended measurement, and the first guess if there is one."""
        y, x = seen[:, :1], seen[:, -1:]
        measured = y
        for axis, (a, b) in enumerate(self._operator.halo, start=2):
            measured = measured.narrow(axis, a, measured.shape[axis] - a - b)
        for step in self.steps:
            with torch.autocast(seen.device.type, enabled=False):  # the image in full precision
                x = x - step * self._operator.A_adjoint(self._operator.A(x) - measured)
            before, x = x, self.denoiser(torch.cat([y, x], 1))
        if not self.positive:
            return x
        return softplus(before_softplus(before) + (x - before), beta=SHARP)
