"""A small U-Net in 2D and 3D for one image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, avg_pool3d, interpolate, softplus
from torch.nn.functional import pad as pad_edges

from ..configured import Configured
from ._module import NetworkModule

ABOUT = {
    "unet": {
        "label": "U-Net",
        "summary": "A small multi-scale convolutional network, sized for one recording.",
        "when": "Always a good start.",
        "recommended": True,
    },
}


#: Steepness of the softplus at the end, per unit of the engine.
SHARP = 20.0


class UNet(Configured):
    """Settings of the U-Net; :meth:`build` makes the module.

    Two convolutions a level on the way down and one on the way up; pooling by
    averages, upsampling by repetition followed by a convolution (no checkerboard);
    no normalisation layers, so that a tile sees what the whole image would; leaky
    ReLU. Along an axis with few pixels (a thin stack) it pools less often.
    """

    channels: int | None = Field(
        None,
        ge=4,
        le=128,
        title="Channels",
        description="Feature maps at full resolution, doubled below; empty for 24, or 16 in 3D.",
        json_schema_extra={"advanced": True},
    )
    depth: int | None = Field(
        None,
        ge=1,
        le=5,
        title="Depth",
        description="How many times the resolution is halved; empty for 3, or 2 in 3D.",
        json_schema_extra={"unit": "levels", "advanced": True},
    )

    def build(
        self, shape: Sequence[int], *, positive: bool = False, guided: bool = False
    ) -> UNetModule:
        """The module for objects of spatial ``shape`` (2 or 3 axes).

        ``positive`` ends it with a softplus: no estimate is below 0. ``guided``: a
        second input channel holds a first guess of the object, which the network corrects.
        """
        flat = len(shape) == 2
        channels = self.channels or (24 if flat else 16)
        depth = self.depth or (3 if flat else 2)
        return UNetModule(channels, poolings(shape, depth), len(shape), positive, guided)


def poolings(shape: Sequence[int], depth: int) -> list[tuple[int, ...]]:
    """Pooling factors per level: 2, or 1 along an axis with fewer than 16 pixels left."""
    sizes = list(shape)
    factors = []
    for _ in range(depth):
        factor = tuple(2 if n >= 16 else 1 for n in sizes)
        if all(f == 1 for f in factor):
            break
        factors.append(factor)
        sizes = [-(-n // f) for n, f in zip(sizes, factor, strict=True)]
    return factors


class UNetModule(NetworkModule):
    """The network: ``(N, 1, [Z,] Y, X)``, or 2 channels if guided, to one channel of any size."""

    def __init__(
        self,
        channels: int,
        factors: list[tuple[int, ...]],
        ndim: int,
        positive: bool,
        guided: bool = False,
    ) -> None:
        super().__init__()
        conv: Any = nn.Conv3d if ndim == 3 else nn.Conv2d
        self.pool: Any = avg_pool3d if ndim == 3 else avg_pool2d
        self.factors = factors
        self.channels = channels
        self.ndim = ndim
        self.positive = positive
        self.guided = guided
        widths = [channels, *[2 * channels] * len(factors)]

        def block(n_in: int, n_out: int, n: int) -> nn.Sequential:
            layers: list[nn.Module] = []
            for i in range(n):
                layers += [conv(n_out if i else n_in, n_out, 3, padding=1), nn.LeakyReLU(0.1)]
            return nn.Sequential(*layers)

        self.down = nn.ModuleList(
            block(widths[level - 1] if level else 1 + guided, width, 2)
            for level, width in enumerate(widths)
        )
        self.up = nn.ModuleList(
            block(widths[level + 1] + widths[level], widths[level], 1)
            for level in range(len(factors))
        )
        self.last = conv(channels, 1, 1)
        if guided:  # begin with the guess itself
            nn.init.zeros_(self.last.weight)
            nn.init.zeros_(self.last.bias)

    @property
    def multiple(self) -> tuple[int, ...]:
        """Sizes that are multiples of this per axis are pooled without a remainder."""
        product = [1] * self.ndim
        for factor in self.factors:
            product = [p * f for p, f in zip(product, factor, strict=True)]
        return tuple(product)

    @property
    def reach(self) -> tuple[int, ...]:
        """Receptive field: how far an output pixel can look, per axis."""
        scale = [1] * self.ndim
        reach = [2] * self.ndim
        for factor in self.factors:
            scale = [s * f for s, f in zip(scale, factor, strict=True)]
            # two convolutions going down, one going up, and the grid of the pooling
            reach = [r + 3 * s + s for r, s in zip(reach, scale, strict=True)]
        return tuple(reach)

    def forward(self, x: Tensor) -> Tensor:
        """Estimate the object from the extended measurement, and the first guess if there is one."""
        shape = x.shape[2:]
        guess = x[:, 1:]
        x = padded(x, self.multiple)
        skips = []
        for level, factor in enumerate(self.factors):
            x = self.down[level](x)
            skips.append(x)
            x = self.pool(x, factor)
        x = self.down[-1](x)
        for level in reversed(range(len(self.factors))):
            scale = tuple(float(f) for f in self.factors[level])
            x = interpolate(x, scale_factor=scale, mode="nearest")
            x = self.up[level](torch.cat([x, skips[level]], 1))
        with torch.autocast(x.device.type, enabled=False):  # the image itself in full precision
            x = self.last(x.float())
        for axis, n in enumerate(shape, start=2):
            x = x.narrow(axis, 0, n)
        if self.guided:
            x = x + (before_softplus(guess) if self.positive else guess)
        return softplus(x, beta=SHARP) if self.positive else x


def padded(x: Tensor, multiple: Sequence[int]) -> Tensor:
    """The edge pixels repeated at the far ends, until each size is a multiple of this."""
    pads = [(-n) % m for n, m in zip(x.shape[2:], multiple, strict=True)]
    if not any(pads):
        return x
    flat = [p for pad in reversed(pads) for p in (0, pad)]
    return pad_edges(x, flat, mode="replicate")


def before_softplus(x: Tensor) -> Tensor:
    """What the softplus at the end makes x of; finite down to 0."""
    x = x.clamp_min(0.002)
    # beyond 1 both are the same to rounding, and the exponential would overflow
    return torch.where(x < 1, torch.expm1(SHARP * x.clamp_max(1)).log() / SHARP, x)
