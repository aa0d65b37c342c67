"""A network that cannot see the pixel it estimates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import pad, softplus

from ..configured import Configured
from ..errors import InputError
from ._module import NetworkModule
from .unet import SHARP

ABOUT = {
    "blind_spot": {
        "label": "Blind spot",
        "summary": "A convolutional network whose output at a pixel does not depend on the input at "
        "that pixel.",
        "when": "For the blind-spot loss, which chooses it by itself.",
    },
}

#: Distance between the taps of each 3-wide convolution.
DILATIONS = (1, 2, 4, 8, 4, 2)


class BlindSpot(Configured):
    """Settings of the blind-spot network; :meth:`build` makes the module."""

    channels: int | None = Field(
        None,
        ge=4,
        le=128,
        title="Channels",
        description="Feature maps; empty for 24, or 12 in 3D.",
        json_schema_extra={"advanced": True},
    )

    def build(
        self, shape: Sequence[int], *, positive: bool = False, guided: bool = False
    ) -> BlindSpotModule:
        """The module for objects of spatial ``shape``; see :class:`~.unet.UNet` for the rest."""
        channels = self.channels or (24 if len(shape) == 2 else 12)
        return BlindSpotModule(channels, len(shape), positive, guided)


class BlindSpotModule(NetworkModule):
    r"""``(N, 1, [Z,] Y, X)`` to the same, with :math:`\partial f_i / \partial y_i = 0` exactly.

    One branch of dilated convolutions looks only to smaller indices along an axis: each layer
    takes the taps at 0, d and 2d *before* a pixel there, and d to either side along the others.
    In the end its output is moved on by one pixel, so that the pixel's own row has no part in it;
    by n more where noise is shared by pixels up to n apart along that axis (:meth:`apart`), so that
    the blind spot covers them all. Where whole rows share it, nothing is seen along X.
    It is applied in all directions of Y and X, flipped and swapped; in a stack a second
    branch looks along Z. Convolutions of 1 x 1 put the directions together. Without pooling: the
    grid does not matter, and beyond the edges there are zeros. In a stack, of the line through a
    pixel along Z only the two half-spaces above and below it tell.

    References
    ----------
    S. Laine, T. Karras, J. Lehtinen, T. Aila, "High-Quality Self-Supervised Deep Image
    Denoising", NeurIPS 2019, https://doi.org/10.48550/arXiv.1901.10277
    J. Li, Z. Zhang, X. Liu et al., "Spatially Adaptive Self-Supervised Learning for Real-World
    Image Denoising", CVPR 2023, https://doi.org/10.48550/arXiv.2303.14934 (blind neighbourhoods)
    """

    corrects = False  # a guess that is added would let a pixel see itself

    def __init__(self, channels: int, ndim: int, positive: bool, guided: bool) -> None:
        super().__init__()
        self.conv: Any = nn.Conv3d if ndim == 3 else nn.Conv2d
        self.channels, self.ndim = channels, ndim
        self.positive, self.guided = positive, guided
        self.extent: tuple[float, ...] = (0.0,) * ndim
        # the causal axis is the last but one; Z takes its place in a branch of its own
        self.branches = nn.ModuleList(self._branch() for _ in range(ndim - 1))
        directions = 2 * ndim
        self.first = self.conv(directions * channels, 2 * channels, 1)
        self.second = self.conv(2 * channels, channels, 1)
        self.last = self.conv(channels, 1, 1)
        self.act = nn.LeakyReLU(0.1)

    def _branch(self) -> nn.ModuleList:
        widths = [1 + self.guided, *[self.channels] * len(DILATIONS)]
        return nn.ModuleList(
            self.conv(a, b, 3, dilation=d)
            for a, b, d in zip(widths, widths[1:], DILATIONS, strict=False)
        )

    def apart(self, extent: Sequence[float]) -> None:
        """See nothing of the pixels that share noise with the one estimated.

        Raises :class:`~napari_ssi.errors.InputError` where that leaves nothing: whole rows and columns share it.
        """
        if not any(map(math.isfinite, extent)):
            raise InputError(
                "A blind-spot network has nothing to see where whole rows and whole columns share their "
                "noise; choose another method, such as Noise2Self."
            )
        self.extent = tuple(extent)

    @property
    def multiple(self) -> tuple[int, ...]:
        """Any size."""
        return (1,) * self.ndim

    @property
    def reach(self) -> tuple[int, ...]:
        """Twice the sum of the dilations, and the pixels by which the output is moved on."""
        moved = 1 + max(int(n) for n in self.extent if math.isfinite(n))
        return (2 * sum(DILATIONS) + moved,) * self.ndim

    def forward(self, x: Tensor) -> Tensor:
        """Estimate each pixel from the others."""
        seen = []
        for axis in range(2, x.ndim):
            moved = 1 + min(self.extent[axis - 2], x.shape[axis])
            branch = self.branches[1 if self.ndim == 3 and axis == 2 else 0]
            for flipped in (False, True):
                y = x.flip(axis) if flipped else x
                y = self._causal(branch, y.transpose(axis, -2), int(moved)).transpose(axis, -2)
                seen.append(y.flip(axis) if flipped else y)
        y = self.act(self.second(self.act(self.first(torch.cat(seen, 1)))))
        with torch.autocast(x.device.type, enabled=False):  # the image itself in full precision
            y = self.last(y.float())
        return softplus(y, beta=SHARP) if self.positive else y

    def _causal(self, branch: nn.Module, y: Tensor, moved: int) -> Tensor:
        """Of what comes before along the last but one axis, by ``moved`` pixels or more."""
        assert isinstance(branch, nn.ModuleList)
        for layer, d in zip(branch, DILATIONS, strict=True):
            sides = [d, d, 2 * d, 0, d, d][: 2 * self.ndim]
            new = self.act(layer(pad(y, sides)))
            y = new + y if new.shape == y.shape else new
        return pad(y, (0, 0, moved, 0)).narrow(-2, 0, y.shape[-2])
