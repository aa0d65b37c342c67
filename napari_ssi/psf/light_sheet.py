"""The PSF of a light-sheet microscope: a thin sheet of light, seen from the side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from .optics import wavelength
from .polar import Polar, Real
from .pupil import Pupil
from .theory import TheoryPSF


class LightSheetPSF(TheoryPSF):
    r"""Detection as in a widefield microscope times a Gaussian sheet across the axis.

    .. math:: h(r, z) = |F_{em}(r, z)|^2 \, e^{-2 z^2 / w^2}, \qquad
              w = \frac{\lambda_{ex}}{\pi\, NA_{sheet}}, \qquad
              \mathrm{FWHM} = w \sqrt{2 \ln 2}

    The sheet is at its waist, in the plane in focus, everywhere in the picture; away from
    the waist it is thicker by :math:`\sqrt{1 + (x/x_R)^2}`.

    References
    ----------
    O. E. Olarte et al., "Light-sheet microscopy: a tutorial", Adv. Opt. Photonics 10, 111
    (2018), doi:10.1364/AOP.10.000111

    Examples
    --------
    >>> psf = LightSheetPSF(numerical_aperture=0.8, immersion_index=1.33, emission_wavelength=0.52,
    ...                     sheet_thickness=2.0)
    >>> psf.compute((0.5, 0.2, 0.2), shape=(11, 21, 21)).shape
    (11, 21, 21)
    """

    kind: Literal["light_sheet"] = "light_sheet"
    emission_wavelength: float = wavelength(
        "Emission wavelength", "Of the light that is recorded, in vacuum: GFP 0.51."
    )
    sheet_thickness: float | None = Field(
        None,
        gt=0,
        le=1000,
        title="Sheet thickness",
        description="Full width of the sheet at half its brightness; empty: from its aperture.",
        json_schema_extra={"unset": "open", "unit": "µm"},
    )
    sheet_aperture: float | None = Field(
        None,
        gt=0,
        le=1.2,
        title="Sheet aperture",
        description="Numerical aperture of the beam that makes the sheet, where its brightness in "
        "the pupil has fallen to 1/e²; needs the excitation wavelength.",
        json_schema_extra={"unset": "open", "unit": ""},
    )
    excitation_wavelength: float | None = Field(
        None,
        ge=0.2,
        le=2.0,
        title="Excitation wavelength",
        description="Of the sheet, in vacuum; needed with its aperture only.",
        json_schema_extra={"unset": "open", "unit": "µm"},
    )

    @model_validator(mode="after")
    def _one_sheet(self) -> Self:
        if (self.sheet_thickness is None) == (self.sheet_aperture is None):
            raise ValueError(
                "a light sheet needs either its thickness (µm) or its aperture, and not both"
            )
        if self.sheet_aperture is not None and self.excitation_wavelength is None:
            raise ValueError("the sheet's aperture needs the excitation wavelength (µm) beside it")
        return self

    @property
    def thickness(self) -> float:
        """Full width of the sheet at half maximum; µm."""
        if self.sheet_thickness is not None:
            return self.sheet_thickness
        if self.excitation_wavelength is None or self.sheet_aperture is None:
            raise ValueError("checked above")
        waist = self.excitation_wavelength / (np.pi * self.sheet_aperture)
        return float(waist * np.sqrt(2 * np.log(2)))

    @property
    def wavelengths(self) -> tuple[float, ...]:
        """Emission."""
        return (self.emission_wavelength,)

    def combined(self, pupils: Sequence[Pupil], r: Real, far: Real, z: Real, angles: int) -> Polar:
        """Detection times the sheet."""
        sheet: Real = np.exp(-4 * np.log(2) * (z / self.thickness) ** 2)
        return Polar(r, pupils[0].intensity(r, z, angles)) * sheet
