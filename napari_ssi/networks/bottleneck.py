"""An autoencoder: the picture passes through fewer numbers than it has pixels."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import interpolate, softplus

from ..configured import Configured
from ..errors import InputError
from ._module import NetworkModule
from .unet import SHARP, before_softplus, padded, poolings

ABOUT = {
    "bottleneck": {
        "label": "Bottleneck",
        "summary": "A convolutional network that compresses the picture to fewer numbers and "
        "rebuilds it from them.",
        "when": "For the autoencoder, which chooses it by itself.",
    },
}


class Bottleneck(Configured):
    """Settings of the bottleneck network; :meth:`build` makes the module."""

    channels: int | None = Field(
        None,
        ge=4,
        le=128,
        title="Channels",
        description="Feature maps at full resolution, doubled below; empty for 24, or 16 in 3D.",
        json_schema_extra={"advanced": True},
    )
    depth: int = Field(
        2,
        ge=1,
        le=5,
        title="Depth",
        description="How many times the resolution is halved.",
        json_schema_extra={"unit": "levels", "advanced": True},
    )
    squeeze: float = Field(
        8.0,
        ge=2,
        le=256,
        title="Pixels per number",
        description="How many pixels of the picture share one number of its description: more "
        "removes more noise, and finer structure with it.",
        json_schema_extra={"unit": "pixels", "advanced": True},
    )

    def build(
        self, shape: Sequence[int], *, positive: bool = False, guided: bool = False
    ) -> BottleneckModule:
        """The module for objects of spatial ``shape``; see :class:`~.unet.UNet` for the rest."""
        flat = len(shape) == 2
        channels = self.channels or (24 if flat else 16)
        factors = poolings(shape, self.depth)
        if not factors:
            raise InputError(
                "The bottleneck network needs an image of at least 16 pixels along one axis; this one "
                f"has {' x '.join(str(n) for n in shape)}; choose another method."
            )
        return BottleneckModule(channels, factors, self.squeeze, len(shape), positive, guided)


class BottleneckModule(NetworkModule):
    r"""``(N, 1, [Z,] Y, X)`` to the same, through a description with fewer numbers than pixels.

    Convolutions and pooling by averages make k numbers of each cell of m pixels,
    :math:`k = \max(1, \lfloor m / s \rfloor)` with s = ``squeeze``; upsampling by repetition and convolutions
    make the picture of them. Nothing goes around the description. So for n pixels on the
    grid of the cells the Jacobian of f has a rank of kn/m at most, and by Eckart and Young

    .. math:: \frac1n \sum_i \|f'(y)\, e_i - e_i\|^2 = \frac1n \|f'(y) - I\|_F^2 \ge 1 - \frac{k}{m}

    whatever the weights: that each pixel by itself is copied, as an identity would, is not to be had.
    Where there is a first guess (a second channel) it is corrected, as by the U-Net.

    References
    ----------
    G. E. Hinton, R. R. Salakhutdinov, "Reducing the Dimensionality of Data with Neural
    Networks", Science 313 (2006), https://doi.org/10.1126/science.1127647
    C. Eckart, G. Young, "The approximation of one matrix by another of lower rank",
    Psychometrika 1 (1936), https://doi.org/10.1007/BF02288367
    """

    def __init__(
        self,
        channels: int,
        factors: list[tuple[int, ...]],
        squeeze: float,
        ndim: int,
        positive: bool,
        guided: bool,
    ) -> None:
        super().__init__()
        conv: Any = nn.Conv3d if ndim == 3 else nn.Conv2d
        pool: Any = nn.AvgPool3d if ndim == 3 else nn.AvgPool2d
        self.channels, self.ndim = channels, ndim
        self.factors = factors
        self.positive, self.guided = positive, guided
        widths = [channels, *[2 * channels] * len(factors)]

        def block(n_in: int, n_out: int) -> list[nn.Module]:
            return [conv(n_in, n_out, 3, padding=1), nn.LeakyReLU(0.1)]

        down = block(1 + guided, channels)
        for before, after, factor in zip(widths, widths[1:], factors, strict=False):
            down += [*block(before, before), pool(factor), *block(before, after)]
        #: Of each cell.
        self.numbers = max(1, int(prod(self.multiple) / squeeze))
        self.encode = nn.Sequential(*down, conv(widths[-1], self.numbers, 1))
        self.decode = nn.ModuleList([nn.Sequential(*block(self.numbers, widths[-1]))])
        for level in reversed(range(len(factors))):
            self.decode.append(nn.Sequential(*block(widths[level + 1], widths[level])))
        self.last = conv(channels, 1, 1)
        if guided:  # begin with the guess itself
            nn.init.zeros_(self.last.weight)
            nn.init.zeros_(self.last.bias)

    @property
    def multiple(self) -> tuple[int, ...]:
        """The size of a cell."""
        return tuple(prod(along) for along in zip(*self.factors, strict=True))

    @property
    def reach(self) -> tuple[int, ...]:
        """Receptive field: how far an output pixel can look, per axis."""
        scale = [1] * self.ndim
        reach = [2] * self.ndim  # of the first block and the last
        for factor in self.factors:
            # a convolution before the pooling and one after going down, one going up, and the cell
            below = [s * f for s, f in zip(scale, factor, strict=True)]
            reach = [r + s + 3 * b for r, s, b in zip(reach, scale, below, strict=True)]
            scale = below
        return tuple(reach)

    def forward(self, x: Tensor) -> Tensor:
        """Describe the picture, and make it from the description."""
        shape = x.shape[2:]
        guess = x[:, 1:]
        x = self.encode(padded(x, self.multiple))
        for level, block in enumerate(self.decode):
            if level:
                factor = tuple(float(f) for f in self.factors[-level])
                x = interpolate(x, scale_factor=factor, mode="nearest")
            x = block(x)
        with torch.autocast(x.device.type, enabled=False):  # the image itself in full precision
            x = self.last(x.float())
        for axis, n in enumerate(shape, start=2):
            x = x.narrow(axis, 0, n)
        if self.guided:
            x = x + (before_softplus(guess) if self.positive else guess)
        return softplus(x, beta=SHARP) if self.positive else x
