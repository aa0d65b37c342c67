"""The PSF of a spinning-disk confocal microscope: many pinholes, and a camera behind them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import Field

from .optics import wavelength
from .polar import Polar, Real
from .pupil import Pupil
from .theory import TheoryPSF


class SpinningDiskPSF(TheoryPSF):
    r"""Light goes to the specimen and back through the same pinholes, and a camera sees the disk.

    While the disk P turns, camera position d sees a point at o through every place s of a
    pinhole, :math:`\int P(d - s)\, (|F_{ex}|^2 * P)(o - s)\, ds \; |F_{em}(d - o)|^2`, so that

    .. math:: h(r, z) = |F_{em}|^2 \cdot \left(|F_{ex}|^2 * P * P + X(z)\right), \qquad
              X(z) = \frac{1 - q(z)}{A}

    P is one round pinhole of unit weight. X is the crosstalk: the share 1 − q of its
    excitation that falls outside the area A of the disk that belongs to it (a hexagonal
    lattice) falls on its neighbours', and theirs on its own, taken as even there. The
    in-focus light of a point through neighbouring pinholes is left out: it passes where
    the emission has fallen off.

    References
    ----------
    T. Wilson, "Resolution and optical sectioning in the confocal microscope", J. Microsc. 244,
    113 (2011), doi:10.1111/j.1365-2818.2011.03549.x

    S. Inoué, T. Inoué, "Direct-view high-speed confocal scanner: the CSU-10", Methods Cell
    Biol. 70, 87 (2002), doi:10.1016/S0091-679X(02)70003-4

    Examples
    --------
    >>> psf = SpinningDiskPSF(numerical_aperture=1.4, immersion_index=1.515, magnification=100,
    ...                       excitation_wavelength=0.488, emission_wavelength=0.52)
    >>> psf.compute((0.2, 0.065, 0.065), shape=(9, 21, 21)).shape
    (9, 21, 21)
    """

    kind: Literal["spinning_disk"] = "spinning_disk"
    excitation_wavelength: float = wavelength(
        "Excitation wavelength", "Of the laser, in vacuum: 0.488 for GFP."
    )
    emission_wavelength: float = wavelength(
        "Emission wavelength", "Of the light that is recorded, in vacuum: GFP 0.51."
    )
    magnification: float = Field(
        gt=0,
        le=250,
        title="Magnification",
        description="From the specimen to the disk, usually that of the objective.",
        json_schema_extra={"unit": "x"},
    )
    pinhole_diameter: float = Field(
        50.0,
        ge=5,
        le=500,
        title="Pinhole diameter",
        description="On the disk; 50 in the most common ones.",
        json_schema_extra={"unit": "µm"},
    )
    pinhole_spacing: float = Field(
        250.0,
        ge=10,
        le=5000,
        title="Pinhole spacing",
        description="From the middle of one pinhole to the next, on the disk.",
        json_schema_extra={"unit": "µm"},
    )

    @property
    def wavelengths(self) -> tuple[float, ...]:
        """Excitation and emission."""
        return (self.excitation_wavelength, self.emission_wavelength)

    @property
    def radius(self) -> float:
        """Of a pinhole, in the specimen; µm."""
        return self.pinhole_diameter / 2 / self.magnification

    @property
    def area(self) -> float:
        """Of the specimen that belongs to one pinhole; µm²."""
        return float(np.sqrt(3) / 2 * (self.pinhole_spacing / self.magnification) ** 2)

    @property
    def margin(self) -> float:
        """Two radii of a pinhole, beyond the area that belongs to it; µm."""
        return 2 * self.radius + float(np.sqrt(self.area / np.pi))

    def combined(self, pupils: Sequence[Pupil], r: Real, far: Real, z: Real, angles: int) -> Polar:
        """Emission times the excitation through pinholes."""
        excitation, emission = pupils
        lost = int(np.ceil(self.radius / far[1]))
        light = Polar(far, excitation.intensity(far, z, angles))
        for _ in range(2):
            light = light.averaged(self.radius, light.r[: len(light.r) - lost])
        share = light.within(float(np.sqrt(self.area / np.pi)))
        light = Polar(r, light.values[:, : len(r)]) + (1 - np.minimum(share, 1)) / self.area
        return Polar(r, emission.intensity(r, z, angles)) * light
