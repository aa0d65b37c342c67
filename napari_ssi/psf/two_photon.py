"""The PSF of a two-photon microscope: fluorescence goes with the square of the light."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import Field

from .optics import wavelength
from .polar import Polar, Real
from .pupil import Pupil
from .theory import TheoryPSF


class TwoPhotonPSF(TheoryPSF):
    r"""The square of the excitation, all emission being collected without a pinhole.

    .. math:: h(r, z) = \left(|F_{ex}(r, z)|^2\right)^2

    The beam is taken to fill the back aperture of the objective; give a smaller aperture
    where it does not.

    References
    ----------
    W. Denk, J. H. Strickler, W. W. Webb, "Two-photon laser scanning fluorescence microscopy",
    Science 248, 73 (1990), doi:10.1126/science.2321027

    Examples
    --------
    >>> psf = TwoPhotonPSF(numerical_aperture=1.0, immersion_index=1.33, excitation_wavelength=0.92)
    >>> psf.compute((0.1, 0.1), shape=(21, 21)).shape
    (21, 21)
    """

    kind: Literal["two_photon"] = "two_photon"
    excitation_wavelength: float = wavelength(
        "Excitation wavelength", "Of the pulsed laser, in vacuum: 0.92 for GFP.", low=0.5
    )
    pixel_integration: bool = Field(
        False,
        title="Pixel integration",
        description="Each pixel takes the mean over its area. The detector of a scanning "
        "microscope has no pixels: off, unless the scan is binned.",
        json_schema_extra={"unit": "", "advanced": True},
    )

    @property
    def wavelengths(self) -> tuple[float, ...]:
        """Excitation."""
        return (self.excitation_wavelength,)

    @property
    def bandwidth(self) -> float:
        """Twice that of the light; cycles per µm."""
        return 2 * super().bandwidth

    def combined(self, pupils: Sequence[Pupil], r: Real, far: Real, z: Real, angles: int) -> Polar:
        """The square of the excitation."""
        return Polar(r, np.square(pupils[0].intensity(r, z, angles)))
