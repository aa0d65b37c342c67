"""Lengths in files, as µm."""

from __future__ import annotations

import math

#: µm per unit, by the names that OME, ImageJ, NGFF and napari use.
_MICROMETRES = {
    "": None,
    "pm": 1e-6,
    "picometer": 1e-6,
    "å": 1e-4,
    "angstrom": 1e-4,
    "nm": 1e-3,
    "nanometer": 1e-3,
    "nanometre": 1e-3,
    "µm": 1.0,
    "um": 1.0,
    "micron": 1.0,
    "microns": 1.0,
    "micrometer": 1.0,
    "micrometre": 1.0,
    "mm": 1e3,
    "millimeter": 1e3,
    "millimetre": 1e3,
    "cm": 1e4,
    "centimeter": 1e4,
    "inch": 25400.0,
    "in": 25400.0,
    "m": 1e6,
    "meter": 1e6,
    "metre": 1e6,
}

#: A pixel larger than this, in µm, is a printer's or a screen's resolution and not a microscope's.
LARGEST = 20.0


def micrometres(value: object, unit: object = "µm") -> float | None:
    r"""``value`` in µm; ``None`` where value or unit is none, unknown or not a length.

    Examples
    --------
    >>> micrometres(65, "nm"), micrometres(0.1, r"\u00B5m"), micrometres(1, "pixel")
    (0.065, 0.1, None)
    """
    try:
        number = abs(float(value))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    name = str(unit).strip().replace("\\u00B5", "µ").replace("\u03bc", "µ")  # ImageJ; Greek mu
    factor = _MICROMETRES.get(name) or _MICROMETRES.get(name.lower())
    if factor is None or not math.isfinite(number) or number == 0:
        return None
    return (
        number if factor == 1.0 else float(f"{number * factor:.12g}")
    )  # 65 nm: 0.065, not 0.06500…1
