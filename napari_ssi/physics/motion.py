"""Blur by a steady motion during the exposure, or along the lines of a scan."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr

from ..errors import InputError
from ._chain import Chain
from .base import Physics
from .blur import Blur

ABOUT = {
    "motion": {
        "label": "Motion (line blur)",
        "summary": "The specimen or the scanner moved along a straight line while a pixel was "
        "recorded.",
        "when": "Drift, a moving stage, or a line scan that is faster than its detector.",
        "traits": ["linear", "mixing", "invariant"],
    },
}

#: The longest line, in pixels.
MOST = 512


class Motion(Chain):
    r"""The mean over a line of length L at an angle in the plane.

    .. math:: (A x)(r) = \frac{1}{L} \int_{-L/2}^{L/2} x(r - t u)\, dt,
        \qquad u = (\sin\varphi, \cos\varphi) \text{ along } (Y, X)

    with x linear between the pixels. In a stack all planes move alike.

    Examples
    --------
    >>> motion = Motion(length=4)
    >>> _ = motion.bind((32, 32), (0.1, 0.1))
    >>> motion.halo
    ((0, 0), (2, 2))
    """

    length: float = Field(
        5.0,
        gt=0,
        le=MOST,
        title="Length",
        description="How far it moved during the exposure of a pixel.",
    )
    unit: Literal["pixels", "µm"] = Field(
        "pixels", title="Unit of the length", description="Pixels of the recording, or µm."
    )
    angle: float = Field(
        0.0,
        ge=-180,
        le=180,
        title="Angle",
        description="Direction of the motion: 0 along X (left to right), 90 along Y (downwards).",
        json_schema_extra={"unit": "degrees"},
    )

    _run: list[float] = PrivateAttr()
    _planes: bool = PrivateAttr()

    def bind(
        self,
        shape: Sequence[int],
        pixel_size: Sequence[float],
        psf: NDArray[np.floating] | None = None,
    ) -> list[str]:
        """Draw the line on the grid of the recording."""
        phi = math.radians(self.angle)
        along = (math.sin(phi), math.cos(phi))
        sizes = tuple(pixel_size)[-2:] if self.unit == "µm" else (1.0, 1.0)
        run = [self.length * u / size for u, size in zip(along, sizes, strict=True)]
        if math.hypot(*run) > min(MOST, 2 * min(shape[-2:])):
            raise InputError(
                f"A motion of {self.length:g} {self.unit} is {math.hypot(*run):.0f} pixels long, and "
                f"at most {min(MOST, 2 * min(shape[-2:]))} can be undone here; check the unit."
            )
        self._run, self._planes = run, len(shape) == 3
        return super().bind(shape, pixel_size)

    def made(self) -> list[Physics]:
        """A blur by the line, of one plane in a stack."""
        kernel = line(self._run)
        return [Blur.with_kernel(kernel[None] if self._planes else kernel)]


def line(run: Sequence[float]) -> NDArray[np.float32]:
    """The kernel of a line that runs so many pixels along (Y, X); it sums to 1, in the middle."""
    radius = [math.ceil(abs(r) / 2 - 1e-9) for r in run]
    n = 64 * (1 + math.ceil(math.hypot(*run)))
    t = (np.arange(n) + 0.5) / n - 0.5
    places = [t * r + c for r, c in zip(run, radius, strict=True)]
    kernel = np.zeros([2 * r + 2 for r in radius])
    low = [np.floor(p + 1e-12).astype(int) for p in places]
    part = [p - a for p, a in zip(places, low, strict=True)]
    for dy, dx in ((0, 0), (0, 1), (1, 0), (1, 1)):
        weight = (part[0] if dy else 1 - part[0]) * (part[1] if dx else 1 - part[1])
        np.add.at(kernel, (low[0] + dy, low[1] + dx), weight)
    kernel = kernel[:-1, :-1]
    normalised: NDArray[np.float32] = (kernel / kernel.sum()).astype(np.float32)
    return normalised
