"""The PSF of a widefield microscope: the whole specimen is lit, a camera takes the picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from .optics import wavelength
from .polar import Polar, Real
from .pupil import Pupil
from .theory import TheoryPSF


class WidefieldPSF(TheoryPSF):
    r"""The picture of a point that shines by itself.

    .. math:: h(r, z) = |F_{em}(r, z)|^2

    with the field of :class:`~napari_ssi.psf.pupil.Pupil`: scalar (Gibson and Lanni) or
    vectorial (Richards and Wolf), aberrated by the layers and Zernike coefficients.

    Examples
    --------
    >>> oil = WidefieldPSF(numerical_aperture=1.4, immersion_index=1.515, emission_wavelength=0.52)
    >>> psf = oil.compute((0.2, 0.065, 0.065), shape=(31, 33, 33))
    >>> psf.shape, bool(psf[15, 16, 16] == psf.max())
    ((31, 33, 33), True)
    """

    kind: Literal["widefield"] = "widefield"
    emission_wavelength: float = wavelength(
        "Emission wavelength", "Of the light that is recorded, in vacuum: GFP 0.51."
    )

    @property
    def wavelengths(self) -> tuple[float, ...]:
        """Emission."""
        return (self.emission_wavelength,)

    def combined(self, pupils: Sequence[Pupil], r: Real, far: Real, z: Real, angles: int) -> Polar:
        """The intensity of emission."""
        return Polar(r, pupils[0].intensity(r, z, angles))
