"""Blur by a PSF that changes with depth, as under a mismatch of refractive indices."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr
from scipy.fft import next_fast_len
from torch import Tensor
from torch.nn.functional import pad

from ..errors import InputError
from ..psf.prepare_depths import prepare_depths
from ..psf.source import PSFSource, load
from ._passed import by_kernel
from .base import Halo, Physics, dihedral, transform
from .blur import SYMMETRIC

ABOUT = {
    "depth_varying_blur": {
        "label": "Blur by a PSF that changes with depth",
        "summary": "A few PSFs along z, each valid at its depth, and mixtures of them in between.",
        "when": "A thick specimen whose refractive index is not that of the immersion.",
        "traits": ["linear", "mixing"],
    },
}


class DepthVaryingBlur(Physics):
    r"""Each plane of the object has its own PSF, interpolated linearly between K of them.

    .. math:: A x = \sum_k h_k * (w_k(z)\, x), \qquad \sum_k w_k(z) = 1

    with :math:`w_k` the hat functions of linear interpolation between the depths; beyond the first
    and the last depth their PSF holds. This is the sum over the planes of the object, each blurred
    with the PSF of its own depth. A transform in the plane, one along z for each PSF, and
    one back: the planes are not blurred one by one.

    The PSFs are (K, Z, Y, X) on the voxels of the image, their centre at ``size // 2``. They are not
    centred: a focus that shifts with depth is part of what is undone.

    Examples
    --------
    >>> import numpy as np, torch
    >>> psfs = np.random.default_rng(0).random((2, 3, 5, 5))
    >>> physics = DepthVaryingBlur(depths=(0.0, 4.0))
    >>> _ = physics.bind((8, 16, 16), (0.5, 0.1, 0.1), psfs)
    >>> physics.A(torch.ones(1, 1, *physics.object_shape((8, 16, 16)))).shape
    torch.Size([1, 1, 8, 16, 16])
    """

    depths: tuple[float, ...] | None = Field(
        None,
        title="Depths",
        description="Depth of each PSF below the first plane of the recording, rising; empty: from "
        "the first plane to the last, evenly.",
        json_schema_extra={"unit": "µm"},
    )
    psf: PSFSource | None = Field(
        None, title="PSFs", description="Where the PSFs come from: one file with (K, Z, Y, X)."
    )

    _kernels: Tensor = PrivateAttr()
    _weights: Tensor = PrivateAttr()
    _otf: dict[tuple[tuple[int, ...], torch.dtype], Tensor] = PrivateAttr(default_factory=dict)

    def bind(
        self,
        shape: Sequence[int],
        pixel_size: Sequence[float],
        psf: NDArray[np.floating] | None = None,
    ) -> list[str]:
        """Load the PSFs if none are given, check them, and find the share of each in each plane."""
        super().bind(shape, pixel_size)
        if len(shape) != 3:
            raise InputError("A PSF that changes with depth needs a z-stack.")
        if psf is None:
            if self.psf is None:
                raise InputError(
                    "Blur that changes with depth needs PSFs: give a file with (K, Z, Y, X)."
                )
            psf = load(self.psf, pixel_size)
        kernels, notes = prepare_depths(psf, shape)
        depths = self.depths
        if depths is None:
            depths = tuple(np.linspace(0, (shape[0] - 1) * pixel_size[0], len(kernels)).tolist())
        if len(depths) != len(kernels) or any(b <= a for a, b in itertools.pairwise(depths)):
            raise InputError(
                f"Give one depth per PSF ({len(kernels)}), rising, in µm. Got {depths} instead."
            )
        with torch.inference_mode(False):  # a kernel made in it could not be trained through
            self._kernels = torch.from_numpy(kernels).to(self.device)
            before, after = self.halo[0]
            places = np.arange(-before, shape[0] + after) * pixel_size[0]
            shares = np.stack(
                [np.interp(places, depths, row) for row in np.eye(len(depths))]
            )  # (K, planes)
            # single, as the PSFs: an Apple GPU has no double precision
            self._weights = torch.from_numpy(shares.astype(np.float32))[None].to(self.device)
        self._otf.clear()
        return notes

    @property
    def ndim(self) -> int:
        """3."""
        return 3

    @property
    def halo(self) -> Halo:
        """As of one of the PSFs; all have one size."""
        return tuple((s - 1 - s // 2, s // 2) for s in self._kernels.shape[1:])

    @property
    def invariant(self) -> bool:
        """No."""
        return False

    def part(self, starts: Sequence[Sequence[int]], shape: Sequence[int]) -> Physics:
        """With the PSFs of the planes that lie there."""
        n = self.extent(shape)[0]
        if n == self._weights.shape[-1]:
            return self
        copy = self.model_copy()
        copy._weights = torch.cat([self._weights[..., s[0] : s[0] + n] for s in starts])
        return copy

    def A(self, x: Tensor) -> Tensor:
        """Mix and blur, keeping what is fully determined ("valid"); float32 or float64 in and out."""
        x = _wide(x)
        grid = self._grid(x.shape[2:])
        flat = torch.fft.rfft2(x, s=grid[1:])
        total = x.new_zeros(())
        for otf, share in self._pairs(grid, x):
            total = total + torch.fft.fft(flat * share, n=grid[0], dim=2) * otf
        full: Tensor = torch.fft.irfft2(torch.fft.ifft(total, dim=2), s=grid[1:])
        for axis, (s, n) in enumerate(
            zip(self._kernels.shape[1:], x.shape[2:], strict=True), start=2
        ):
            full = full.narrow(axis, s - 1, n - s + 1)
        return full

    def A_adjoint(self, y: Tensor) -> Tensor:
        """Correlate with each PSF, and add up with its shares; float32 or float64 in and out."""
        y = _wide(y)
        y = pad(y, [p for s in reversed(self._kernels.shape[1:]) for p in (s - 1, 0)])
        shape = tuple(y.shape[2:])  # of the object
        grid = self._grid(shape)
        spectrum = torch.fft.fft(torch.fft.rfft2(y, s=grid[1:]), n=grid[0], dim=2)
        total = y.new_zeros(())
        for otf, share in self._pairs(grid, y):
            back = torch.fft.ifft(spectrum * otf.conj(), dim=2).narrow(2, 0, shape[0])
            total = total + back * share
        full: Tensor = torch.fft.irfft2(total, s=grid[1:])
        for axis, n in enumerate(shape, start=2):
            full = full.narrow(axis, 0, n)
        return full

    def passes(self, spectrum: NDArray[np.float64]) -> NDArray[np.float64]:
        """As of the PSF that lets most of it through."""
        kernels = self._kernels.cpu().numpy()
        passed = np.stack([by_kernel(kernel, spectrum.shape) for kernel in kernels])
        found: NDArray[np.float64] = spectrum * passed.max(0)
        return found

    def symmetries(self, ndim: int) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
        """Flips and swaps in the plane under which all PSFs stay the same to 2 % of their weight."""
        kernels = self._kernels[:, None]
        if any(s % 2 == 0 for s in self._kernels.shape[1:]):
            return dihedral(ndim)[:1]
        return [
            (order, flips)
            for order, flips in dihedral(ndim)
            if 0 not in flips
            and (moved := transform(kernels, order, flips)).shape == kernels.shape
            and float((moved - kernels).abs().sum((1, 2, 3, 4)).max()) <= SYMMETRIC
        ]

    def to(self, device: torch.device | str) -> Self:
        """Move the PSFs to ``device``, in place; returns itself."""
        super().to(device)
        with torch.inference_mode(False):
            self._kernels, self._weights = self._kernels.to(device), self._weights.to(device)
        self._otf.clear()
        return self

    def _grid(self, shape: Sequence[int]) -> tuple[int, ...]:
        return tuple(int(next_fast_len(int(n), real=axis == 2)) for axis, n in enumerate(shape))

    def _pairs(self, grid: tuple[int, ...], like: Tensor) -> list[tuple[Tensor, Tensor]]:
        """For each PSF its transform on ``grid``, and its share in each plane."""
        key = (grid, like.dtype)
        otf = self._otf.get(key)
        if otf is None:
            if len(self._otf) >= 4:  # a run uses two or three sizes; do not hoard
                self._otf.clear()
            with torch.inference_mode(False):  # or it could not be used in training afterwards
                otf = torch.fft.rfftn(self._kernels.to(like.dtype), s=grid, dim=(1, 2, 3))
            self._otf[key] = otf
        weights = self._weights.to(like.dtype)[:, :, None, :, None, None]
        return [(otf[k], weights[:, k]) for k in range(len(otf))]


def _wide(x: Tensor) -> Tensor:
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
