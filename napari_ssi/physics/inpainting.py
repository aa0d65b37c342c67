"""Pixels that say nothing: dead, hot, saturated, missing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, PrivateAttr
from torch import Tensor

from .. import background
from ..outliers import outlying
from ._mask import FileMask, PackedMask, fitting, read_mask
from .base import Physics

ABOUT = {
    "inpainting": {
        "label": "Unusable pixels (fill in)",
        "summary": "Dead, hot and saturated pixels and missing planes are ignored, and restored "
        "from what surrounds them.",
        "when": "A camera with faults, a saturated spot, or a damaged plane.",
        "traits": ["linear", "identity", "invariant"],
    },
}


class Inpainting(Physics):
    r"""``y_i = x_i`` for usable pixels i; the others are not compared with anything.

    Which they are :meth:`missing` says: those of a mask, and on request those that the recording
    itself gives away: single pixels that no noise explains, pixels piled up at the brightest value,
    and planes that are the same everywhere. They count in no loss and no baseline, and the
    network sees their neighbours in their place.

    Examples
    --------
    >>> import numpy as np, torch
    >>> mask = np.zeros((16, 16), bool)
    >>> mask[3, 4] = True
    >>> physics = Inpainting.from_mask(mask)
    >>> _ = physics.bind((16, 16), (0.1, 0.1))
    >>> int(physics.missing(torch.rand(1, 1, 16, 16)).sum())
    1
    """

    mask: str | FileMask | PackedMask | None = Field(
        None,
        title="Mask",
        description="File (TIFF or .npy) whose pixels are not zero where the recording is "
        "unusable; of one plane, it holds for all.",
    )
    single: bool = Field(
        True,
        title="Dead or hot",
        description="Single pixels that are too far from all their neighbours to be noise.",
    )
    saturated: bool = Field(
        True,
        title="Saturated",
        description="Pixels that pile up at the brightest value of the recording.",
    )
    blank: bool = Field(
        True,
        title="Blank planes",
        description="Planes of a stack in which all pixels have the same value.",
    )

    unmeasured: float | None = Field(
        None,
        allow_inf_nan=False,
        title="Value of unmeasured pixels",
        description="Pixels of exactly this value were not measured, in each time point others: as "
        "after a rotation, or in a scan that leaves some out. Empty: there are none.",
        json_schema_extra={"unit": "units of the recording", "advanced": True},
    )

    _mask: Tensor | None = PrivateAttr(None)
    _scale: float = PrivateAttr(1.0)
    _offset: float = PrivateAttr(0.0)

    @classmethod
    def from_mask(cls, mask: ArrayLike) -> Inpainting:
        """With this mask and nothing else."""
        return cls(mask=PackedMask.of(mask), single=False, saturated=False, blank=False)

    def bind(
        self,
        shape: Sequence[int],
        pixel_size: Sequence[float],
        psf: NDArray[np.floating] | None = None,
    ) -> list[str]:
        """Read the mask, and see that it fits."""
        super().bind(shape, pixel_size)
        self._mask = None
        if self.mask is None:
            return []
        found = read_mask(self.mask) if isinstance(self.mask, str) else self.mask.array()
        mask = fitting(found, tuple(shape))
        self._mask = torch.from_numpy(mask.copy())[None, None]
        return [f"{mask.mean():.2%} of the pixels are masked as unusable."]

    def calibrate(self, scale: float, offset: float) -> None:
        """For the value of unmeasured pixels."""
        self._scale, self._offset = scale, offset

    def A(self, x: Tensor) -> Tensor:
        """The object itself."""
        return x

    def A_adjoint(self, y: Tensor) -> Tensor:
        """The measurement itself."""
        return y

    def part(self, starts: Sequence[Sequence[int]], shape: Sequence[int]) -> Physics:
        """With the part of the mask that lies there."""
        if self._mask is None:
            return self
        copy = self.model_copy()
        windows = [tuple(slice(a, a + n) for a, n in zip(s, shape, strict=True)) for s in starts]
        copy._mask = torch.cat([self._mask[(slice(None), slice(None), *w)] for w in windows])
        return copy

    def missing(self, y: Tensor) -> Tensor | None:
        """The mask, and what y gives away."""
        found = torch.zeros(y.shape, dtype=torch.bool)
        if self._mask is not None:
            found |= self._mask
        if self.unmeasured is not None:
            value = (self.unmeasured - self._offset) / self._scale
            # to the rounding of single precision, in which y was brought to these units
            found |= ((y - value).abs() <= 1e-6 * max(1.0, abs(value))).cpu()
        planes = y.detach().reshape(-1, *y.shape[-2:]).cpu().numpy()
        marks = found.view(-1, *y.shape[-2:]).numpy()
        if self.saturated:
            high = background.brightest(planes)
            if high is not None:
                marks |= planes >= high
        for plane, mark in zip(planes, marks, strict=True):
            if self.blank and len(planes) > 1 and plane.min() == plane.max():
                mark[:] = True
            elif self.single:
                mark |= unlike(plane, mark)
        if not bool(found.any()) or bool(found.all()):
            return None
        return found.to(y.device)


def unlike(plane: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Single pixels of a plane that no noise explains, whose strength is measured on it.

    The spread of a pixel about the mean of its four neighbours, as it follows brightness; ``known``
    pixels have no part in it.
    """
    if min(plane.shape) < 8:
        return np.zeros(plane.shape, bool)
    around = (plane[:-2, 1:-1] + plane[2:, 1:-1] + plane[1:-1, :-2] + plane[1:-1, 2:]) / 4
    clean = ~(known[1:-1, 1:-1] | known[:-2, 1:-1] | known[2:, 1:-1])
    clean &= ~(known[1:-1, :-2] | known[1:-1, 2:])
    level, residual = around[clean], (plane[1:-1, 1:-1] - around)[clean]
    if level.size < 64:
        return np.zeros(plane.shape, bool)
    edges = np.quantile(level, np.linspace(0, 1, 9))
    group = np.clip(np.searchsorted(edges, level, side="right") - 1, 0, 7)
    points = [
        (float(level[group == g].mean()), float(np.median(np.abs(residual[group == g]))))
        for g in range(8)
        if np.count_nonzero(group == g) >= 8
    ]
    at = np.array([p for p, _ in points])
    # 1.25: the mean of four neighbours is noisy, too
    variance = np.square(np.array([s for _, s in points]) / 0.6745) / 1.25
    variance = np.maximum.accumulate(variance)  # of light, noise grows
    rise = at[-1] - at[0]
    gain = float((variance[-1] - variance[0]) / rise) if rise > 0 else 0.0
    if variance[-1] <= 0:
        return np.zeros(plane.shape, bool)
    floor = 1e-6 * float(variance[-1])
    return outlying(plane, lambda z: np.maximum(np.interp(z, at, variance), floor), gain)
