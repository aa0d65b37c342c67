"""A detector that fills up: no more light is seen beyond a level."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr
from torch import Tensor

from ..errors import InputError
from ..psf.source import PSFSource
from ._chain import Chain
from .base import Physics
from .blur import Blur

ABOUT = {
    "saturation": {
        "label": "Saturated detector",
        "summary": "Above some level the detector sees no more light; noise is added after that.",
        "when": "The detector itself (full well, photodiode) saturates. Clipping at the end of "
        "the camera's range needs no setting: every noise model allows for it.",
        "traits": ["saturating"],
    },
}


class Saturation(Chain):
    r"""``A x = min(h * x, c)``: not linear.

    For saturation that comes *before* the noise. Where the end of the camera's range clips the
    noisy signal, y = min(h * x + n, c), the noise model already compares y with E[y | h * x], and
    plain ``blur`` or ``denoising`` is the right forward model.

    A masked loss then is a censored likelihood in the limit of little noise: a saturated pixel
    asks for nothing while h * x is above c, and for more light while it is below. Losses and
    baselines that need a linear A are refused; :meth:`A_adjoint` is that of the convolution.

    Examples
    --------
    >>> import torch
    >>> physics = Saturation(level=0.5)
    >>> _ = physics.bind((8, 8), (0.1, 0.1))
    >>> physics.calibrate(1.0, 0.0)
    >>> float(physics.A(torch.ones(1, 1, 8, 8)).max())
    0.5
    """

    level: float | None = Field(
        None,
        title="Level",
        description="Where the detector saturates, in the units of the recording, its offset included.",
    )
    psf: PSFSource | None = Field(
        None, title="PSF", description="Point-spread function; none for no blur."
    )
    subtract_background: bool = Field(
        False,
        title="Subtract background",
        description="Subtract the level of the PSF's rim, as for a measured bead with a camera "
        "offset.",
    )

    _given: bool = PrivateAttr(False)
    _ceiling: float | None = PrivateAttr(None)

    def bind(
        self,
        shape: Sequence[int],
        pixel_size: Sequence[float],
        psf: NDArray[np.floating] | None = None,
    ) -> list[str]:
        """Bind the blur."""
        self._given = psf is not None
        return super().bind(shape, pixel_size, psf)

    def calibrate(self, scale: float, offset: float) -> None:
        """Take the level to the units of the engine."""
        if self.level is None:
            raise InputError(
                "A saturated detector needs the level at which it saturates, in the units of the "
                "recording (physics.level)."
            )
        if self.level <= offset:
            raise InputError(
                f"The level at which the detector saturates must be above the camera's offset of "
                f"{offset:g}. Got {self.level:g} instead."
            )
        self._ceiling = (self.level - offset) / scale

    @property
    def linear(self) -> bool:
        """No."""
        return False

    @property
    def identity(self) -> bool:
        """No."""
        return False

    @property
    def invariant(self) -> bool:
        """It is no convolution."""
        return False

    def made(self) -> list[Physics]:
        """The blur, if there is one."""
        if not self._given and self.psf is None:
            return []
        return [Blur(psf=self.psf, subtract_background=self.subtract_background)]

    def A(self, x: Tensor) -> Tensor:
        """Blur, then cut off."""
        return super().A(x).clamp_max(self._ceiling) if self._ceiling is not None else super().A(x)
