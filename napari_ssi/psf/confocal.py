"""The PSF of a confocal laser-scanning microscope: a focused beam, and a pinhole before the detector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from .optics import wavelength
from .polar import Polar, Real
from .pupil import Pupil
from .theory import TheoryPSF


class ConfocalPSF(TheoryPSF):
    r"""Excitation times what the pinhole lets through of the emission.

    .. math:: h(r, z) = |F_{ex}|^2 \cdot \frac{1}{\pi a^2}
              \int_{|r'| \le a} |F_{em}(r - r', z)|^2\, d^2 r'

    a is the pinhole's radius in the specimen: 0.61 λ/NA of emission for one Airy unit.

    References
    ----------
    T. Wilson, "Resolution and optical sectioning in the confocal microscope", J. Microsc. 244,
    113 (2011), doi:10.1111/j.1365-2818.2011.03549.x

    Examples
    --------
    >>> psf = ConfocalPSF(numerical_aperture=1.2, immersion_index=1.33, pinhole=1.0,
    ...                   excitation_wavelength=0.488, emission_wavelength=0.52)
    >>> psf.compute((0.06, 0.06), shape=(21, 21)).shape
    (21, 21)
    """

    kind: Literal["confocal"] = "confocal"
    excitation_wavelength: float = wavelength(
        "Excitation wavelength", "Of the laser, in vacuum: 0.488 for GFP."
    )
    emission_wavelength: float = wavelength(
        "Emission wavelength", "Of the light that is recorded, in vacuum: GFP 0.51."
    )
    pinhole: float = Field(
        1.0,
        ge=0.02,
        le=10,
        title="Pinhole",
        description="Diameter of the pinhole; 1 is the first dark ring of the emission, 1.22 λ/NA.",
        json_schema_extra={"unit": "Airy units"},
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
        """Excitation and emission."""
        return (self.excitation_wavelength, self.emission_wavelength)

    @property
    def margin(self) -> float:
        """The radius of the pinhole in the specimen; µm."""
        return self.pinhole * 0.61 * self.emission_wavelength / self.numerical_aperture

    def combined(self, pupils: Sequence[Pupil], r: Real, far: Real, z: Real, angles: int) -> Polar:
        """Excitation times detection."""
        excitation, emission = pupils
        detection = Polar(far, emission.intensity(far, z, angles)).averaged(self.margin, r)
        return Polar(r, excitation.intensity(r, z, angles)) * detection
