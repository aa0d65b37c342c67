"""What is written on an objective, and what lies between it and the specimen."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from ..configured import Configured

#: Zernike polynomials that are offered, by Noll's index; 1 (piston) changes nothing.
NOLL_INDICES = (2, 66)
#: Largest aberration of one polynomial; waves, root mean square.
MAX_WAVES = 2.0


def wavelength(title: str, description: str, low: float = 0.2) -> Any:
    """A field for a wavelength in vacuum, µm, that must be given."""
    return Field(
        ge=low,
        le=2.0,
        title=title,
        description=description,
        json_schema_extra={"unit": "µm"},
    )


class Optics(Configured):
    """Objective, immersion, coverslip and specimen: the layers of Gibson and Lanni's model.

    "Design" values are those that the objective is corrected for. Where the actual ones
    are the same and the particle lies at the coverslip, there is no aberration.
    """

    model_config = ConfigDict(frozen=True)

    numerical_aperture: float = Field(
        ge=0.02,
        le=1.7,
        title="Numerical aperture",
        description="NA, as written on the objective.",
        json_schema_extra={"unit": ""},
    )
    immersion_index: float = Field(
        ge=1,
        le=2,
        title="Immersion index",
        description="Refractive index of what is between objective and coverslip: air 1, water "
        "1.33, silicone oil 1.406, glycerol 1.47, oil 1.515.",
        json_schema_extra={"unit": ""},
    )
    sample_index: float = Field(
        1.33,
        ge=1,
        le=2,
        title="Sample index",
        description="Refractive index of the specimen: water or cells 1.33 to 1.38, mounting "
        "medium 1.45 to 1.52.",
        json_schema_extra={"unit": ""},
    )
    depth: float = Field(
        0.0,
        ge=0,
        le=500,
        title="Depth",
        description="How deep the imaged points lie beneath the coverslip. With an index other "
        "than that of the immersion, depth brings spherical aberration.",
        json_schema_extra={"unit": "µm"},
    )
    model: Literal["vectorial", "scalar"] = Field(
        "vectorial",
        title="Model of light",
        description="Vectorial: electric fields with polarisation and the coverslip's "
        "transmission (Richards and Wolf), for any aperture. Scalar (Gibson and Lanni): simpler, "
        "right up to an aperture of about 0.7.",
        json_schema_extra={"unit": ""},
    )
    coverslip_index: float = Field(
        1.515,
        ge=1,
        le=2,
        title="Coverslip index",
        description="Refractive index of the coverslip.",
        json_schema_extra={"unit": "", "advanced": True},
    )
    coverslip_thickness: float = Field(
        170.0,
        ge=0,
        le=2000,
        title="Coverslip thickness",
        description="Actual thickness; 0 where the objective dips into the medium.",
        json_schema_extra={"unit": "µm", "advanced": True},
    )
    design_coverslip_thickness: float | None = Field(
        None,
        ge=0,
        le=2000,
        title="Design coverslip thickness",
        description="Thickness that the objective, or its correction collar, is set to; empty: "
        "the actual one.",
        json_schema_extra={"unset": "as actual", "unit": "µm", "advanced": True},
    )
    design_coverslip_index: float | None = Field(
        None,
        ge=1,
        le=2,
        title="Design coverslip index",
        description="Refractive index of the coverslip that the objective is made for; empty: the "
        "actual one.",
        json_schema_extra={"unset": "as actual", "unit": "", "advanced": True},
    )
    design_immersion_index: float | None = Field(
        None,
        ge=1,
        le=2,
        title="Design immersion index",
        description="Refractive index of the immersion that the objective is made for; empty: the "
        "actual one.",
        json_schema_extra={"unset": "as actual", "unit": "", "advanced": True},
    )
    working_distance: float = Field(
        150.0,
        gt=0,
        le=20000,
        title="Working distance",
        description="From the front lens to the coverslip by design; it matters where the "
        "immersion has not its design index.",
        json_schema_extra={"unit": "µm", "advanced": True},
    )
    zernike: dict[int, float] = Field(
        default_factory=dict,
        title="Zernike coefficients",
        description="Further aberrations of the pupil by Noll's index: 4 defocus, 5 and 6 "
        "astigmatism, 7 and 8 coma, 9 and 10 trefoil, 11 spherical.",
        json_schema_extra={"unit": "waves RMS", "advanced": True},
    )

    @field_validator("zernike")
    @classmethod
    def _sensible_zernike(cls, value: dict[int, float]) -> dict[int, float]:
        first, last = NOLL_INDICES
        for number, waves in value.items():
            if not first <= number <= last:
                raise ValueError(
                    f"an index after Noll must be from {first} to {last}, not {number}"
                )
            if not abs(waves) <= MAX_WAVES:
                raise ValueError(f"coefficients must be within ±{MAX_WAVES:g} waves RMS")
        return value

    @model_validator(mode="after")
    def _light_gets_through(self) -> Self:
        aperture = self.numerical_aperture
        for layer in ("immersion", "design_immersion", "coverslip", "design_coverslip"):
            medium = getattr(self, f"{layer}_index")
            if medium is not None and aperture >= medium:
                raise ValueError(
                    f"the numerical aperture ({aperture:g}) must be below the "
                    f"{layer.replace('_', ' ')} index ({medium:g}); check both on the objective "
                    "(air 1, water 1.33, oil 1.515)"
                )
        return self
