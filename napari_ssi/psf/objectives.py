"""Common objectives: what a PSF needs of them, as plain data."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InputError


@dataclass(frozen=True)
class Objective:
    """One of its class, as most makers sell it.

    Parameters
    ----------
    magnification
        Nominal.
    numerical_aperture, immersion_index
        At about 23 °C and 0.55 µm.
    working_distance, coverslip_thickness
        µm; the thickness is 0 for those that dip into the medium.
    """

    magnification: float
    numerical_aperture: float
    immersion: str
    immersion_index: float
    working_distance: float
    coverslip_thickness: float = 170.0

    def params(self) -> dict[str, float]:
        """Parameters of a computed PSF that follow from the objective."""
        return {
            "numerical_aperture": self.numerical_aperture,
            "immersion_index": self.immersion_index,
            "working_distance": self.working_distance,
            "coverslip_thickness": self.coverslip_thickness,
        }


#: By name: magnification/aperture immersion.
OBJECTIVES: dict[str, Objective] = {
    "10x/0.3 air": Objective(10, 0.3, "air", 1.0, 5500),
    "10x/0.45 air": Objective(10, 0.45, "air", 1.0, 2000),
    "20x/0.5 air": Objective(20, 0.5, "air", 1.0, 2000),
    "20x/0.8 air": Objective(20, 0.8, "air", 1.0, 600),
    "40x/0.95 air": Objective(40, 0.95, "air", 1.0, 200),
    "20x/1.0 water dipping": Objective(20, 1.0, "water", 1.333, 2000, 0),
    "25x/1.1 water dipping": Objective(25, 1.1, "water", 1.333, 2000, 0),
    "40x/0.8 water dipping": Objective(40, 0.8, "water", 1.333, 3500, 0),
    "40x/1.15 water": Objective(40, 1.15, "water", 1.333, 600),
    "60x/1.2 water": Objective(60, 1.2, "water", 1.333, 280),
    "30x/1.05 silicone": Objective(30, 1.05, "silicone oil", 1.406, 800),
    "60x/1.3 silicone": Objective(60, 1.3, "silicone oil", 1.406, 300),
    "40x/1.3 oil": Objective(40, 1.3, "oil", 1.515, 200),
    "60x/1.4 oil": Objective(60, 1.4, "oil", 1.515, 130),
    "63x/1.4 oil": Objective(63, 1.4, "oil", 1.515, 140),
    "100x/1.45 oil": Objective(100, 1.45, "oil", 1.515, 130),
    "100x/1.49 oil": Objective(100, 1.49, "oil", 1.515, 120),
}


def objective(name: str) -> Objective:
    """The objective of that name, spelt in small or capital letters.

    Raises
    ------
    InputError
        There is none; the sentence lists those there are.

    Examples
    --------
    >>> objective("60x/1.4 oil").params()["numerical_aperture"]
    1.4
    """
    known = {key.lower(): value for key, value in OBJECTIVES.items()}
    found = known.get(" ".join(name.lower().split()))
    if found is None:
        raise InputError(
            f"There is no objective called {name!r}; choose one of: {', '.join(OBJECTIVES)}; or "
            "give its numerical aperture and immersion index."
        )
    return found
