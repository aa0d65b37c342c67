"""A small U-Net in 2D and 3D for one image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import interpolate

from ..configured import Configured

ABOUT = {
    "unet": {
        "label": "U-Net",
        "summary": "A small multi-scale convolutional network, sized for one recording.",
        "when": "Always a good start.",
        "recommended": True,
    },
}


class UNet(Configured):
    """Settings of the U-Net; :meth:`build` makes the module.

    Pooling by averages, upsampling by repetition followed by a convolution (no
    checkerboard), no normalisation layers (so that a tile sees what the whole
    image would), leaky ReLU. Along an axis with few pixels (a thin stack) it
    pools less often.
    """

    channels: int = Field(
        24,
        ge=4,
        le=128,
        title="Channels",
        description="Feature maps at full resolution; doubled at half resolution and below.",
        json_schema_extra={"advanced": True},
    )
    depth: int = Field(
        3,
        ge=1,
        le=5,
        title="Depth",
        description="How many times the resolution is halved.",
        json_schema_extra={"unit": "levels", "advanced": True},
    )
    max_factor: int = Field(2, ge=1, le=16)
    kernel0: int = 3
    out_act: str = "none"
    dec_convs: int = 1
    skip_in: bool = False

    def build(self, shape: Sequence[int]) -> UNetModule:
        """The module for objects of spatial ``shape`` (2 or 3 axes)."""
        return UNetModule(self, poolings(shape, self.depth))


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


class UNetModule(nn.Module):
    """The network: ``(N, 1, [Z,] Y, X)`` to the same shape, any size."""

    def __init__(self, settings: UNet, factors: list[tuple[int, ...]]) -> None:
        super().__init__()
        ndim = len(factors[0]) if factors else 2
        conv: Any = nn.Conv3d if ndim == 3 else nn.Conv2d
        self.pool: Any = nn.functional.avg_pool3d if ndim == 3 else nn.functional.avg_pool2d
        self.factors = factors
        widths = [settings.channels * min(2**level, settings.max_factor) for level in range(len(factors) + 1)]
        self.act = nn.LeakyReLU(0.1)

        def block(n_in: int, n_out: int, n: int = 2) -> nn.Sequential:
            layers: list[nn.Module] = []
            for i in range(n):
                layers += [conv(n_in if i == 0 else n_out, n_out, 3, padding=1), self.act]
            return nn.Sequential(*layers)

        self.down = nn.ModuleList(
            block(1 if level == 0 else widths[level - 1], width) for level, width in enumerate(widths)
        )
        self.up = nn.ModuleList(
            block(widths[level + 1] + widths[level], widths[level], settings.dec_convs)
            for level in range(len(factors))
        )
        self.skip_in = settings.skip_in
        self.last = conv(widths[0] + (1 if self.skip_in else 0), 1, 1)
        self.out_act = settings.out_act

    @property
    def multiple(self) -> tuple[int, ...]:
        """Sizes that are multiples of this per axis are pooled without a remainder."""
        product = [1] * len(self.factors[0])
        for factor in self.factors:
            product = [p * f for p, f in zip(product, factor, strict=True)]
        return tuple(product)

    @property
    def reach(self) -> tuple[int, ...]:
        """Receptive field: how far an output pixel can look, per axis."""
        scale = [1] * len(self.factors[0])
        reach = [2] * len(scale)
        for factor in self.factors:
            scale = [s * f for s, f in zip(scale, factor, strict=True)]
            # two convolutions going down, one going up, and the grid of the pooling
            reach = [r + 3 * s + s for r, s in zip(reach, scale, strict=True)]
        return tuple(reach)

    def forward(self, x: Tensor) -> Tensor:
        """Estimate the object from the extended measurement."""
        shape = x.shape[2:]
        pads = [(-n) % m for n, m in zip(shape, self.multiple, strict=True)]
        if any(pads):
            flat = [p for pad in reversed(pads) for p in (0, pad)]
            x = nn.functional.pad(x, flat, mode="replicate")
        inp = x
        skips = []
        for level, factor in enumerate(self.factors):
            x = self.down[level](x)
            skips.append(x)
            x = self.pool(x, factor)
        x = self.down[-1](x)
        for level in reversed(range(len(self.factors))):
            x = interpolate(x, scale_factor=tuple(float(f) for f in self.factors[level]), mode="nearest")
            x = self.up[level](torch.cat([x, skips[level]], 1))
        if self.skip_in:
            x = torch.cat([x, inp], 1)
        x = self.last(x)
        for axis, (n, pad) in enumerate(zip(shape, pads, strict=True), start=2):
            if pad:
                x = x.narrow(axis, 0, n)
        if self.out_act == "softplus":
            x = nn.functional.softplus(x, beta=20)
        return x
