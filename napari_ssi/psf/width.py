"""What held-out errors over the width of a PSF say, and what they leave open."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .gaussian import gaussian
from .source import GaussianPSF

#: Standard errors by which a width's held-out error may exceed the best and still be as good.
ERRORS = 2.0
#: A range wider than this (upper over lower end) tells next to nothing.
TELLING = 3.0


@dataclass(frozen=True)
class Curve:
    """Held-out errors of one quick restoration over the widths.

    Attributes
    ----------
    method
        Name of the restoration, e.g. ``wiener``.
    fwhm
        Lateral full widths at half maximum that were tried, ascending; pixels.
    held_out
        Mean loss of the pixels kept out, where the brightest part of the image is 1: its square,
        or the deviance of photon counts.
    excess, standard_error
        By how much each exceeds the least, pixel by pixel, and the standard error of that.
    """

    method: str
    fwhm: tuple[float, ...]
    held_out: tuple[float, ...]
    excess: tuple[float, ...]
    standard_error: tuple[float, ...]

    @property
    def best(self) -> float:
        """The vertex of the parabola through the least and its neighbours, over log width; pixels."""
        at = int(np.argmin(self.held_out))
        if at in (0, len(self.fwhm) - 1):
            return self.fwhm[at]
        x = np.log(self.fwhm[at - 1 : at + 2])
        bend, slope, _ = np.polyfit(x - x[1], self.held_out[at - 1 : at + 2], 2)
        if bend <= 0:
            return self.fwhm[at]
        return float(np.exp(np.clip(x[1] - slope / (2 * bend), x[0], x[2])))

    @property
    def distance(self) -> tuple[float, ...]:
        """The excess in standard errors; 0 for the least."""
        pairs = zip(self.excess, self.standard_error, strict=True)
        return tuple(excess / error if error > 0 else 0.0 for excess, error in pairs)

    @property
    def range(self) -> tuple[float, float]:
        """The widths about the least within :data:`ERRORS` standard errors of it; pixels.

        Between the widths tried the excess is taken to grow as the square of the distance
        (of log width) from the least, and its standard error in proportion.
        """
        at = int(np.argmin(self.held_out))
        return self._reach(range(at, -1, -1)), self._reach(range(at, len(self.fwhm)))

    def _reach(self, indices: Sequence[int]) -> float:
        """How far one can go that way."""
        within = [i for i in indices if self.excess[i] <= ERRORS * self.standard_error[i]]
        last = indices.index(max(within, key=indices.index))
        if last == len(indices) - 1:
            return self.fwhm[indices[-1]]
        near, far = math.log(self.fwhm[indices[last]]), math.log(self.fwhm[indices[last + 1]])
        beyond = indices[last + 1]
        allowed = ERRORS * self.standard_error[beyond]
        if last == 0:
            share = allowed / self.excess[beyond]
        else:
            here = ERRORS * self.standard_error[indices[last]] - self.excess[indices[last]]
            share = here / (here + self.excess[beyond] - allowed)
        return math.exp(near + share * (far - near))


@dataclass(frozen=True)
class WidthEstimate:
    """The width of a Gaussian PSF, chosen by held-out pixels, and how far it can be trusted.

    Attributes
    ----------
    curves
        One for each quick restoration.
    pixel_size
        µm along ([Z,] Y, X); ``None`` where it is not known.
    axial_ratio
        FWHM along z over that in the plane, both in µm (or pixels); ``None`` in 2D.
    notes
        Sentences on what the recording made difficult.
    """

    curves: tuple[Curve, ...]
    pixel_size: tuple[float, ...] | None
    axial_ratio: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def fwhm(self) -> float:
        """The suggestion, lateral, in pixels: the geometric mean over the restorations."""
        return float(np.exp(np.mean([np.log(curve.best) for curve in self.curves])))

    @property
    def range(self) -> tuple[float, float]:
        """From the narrowest to the widest that any of the restorations cannot tell apart; pixels."""
        lows = [min(curve.range[0], curve.best) for curve in self.curves]
        highs = [max(curve.range[1], curve.best) for curve in self.curves]
        return min(lows), max(highs)

    @property
    def fwhm_um(self) -> float | None:
        """The suggestion in µm."""
        return None if self.pixel_size is None else self.fwhm * self.pixel_size[-1]

    @property
    def open_below(self) -> bool:
        """Whether the narrowest width tried, next to no blur, does as well."""
        return self.range[0] <= 1.01 * min(curve.fwhm[0] for curve in self.curves)

    @property
    def open_above(self) -> bool:
        """Whether the widest tried does."""
        return self.range[1] >= 0.99 * max(curve.fwhm[-1] for curve in self.curves)

    @property
    def told(self) -> bool:
        """Whether the image says something of its PSF.

        A stack does not: there smooth restorations with a PSF that is too narrow do as well, and
        their range has been measured not to hold the truth.
        """
        low, high = self.range
        return (
            self.axial_ratio is None
            and not self.open_below
            and not self.open_above
            and high <= TELLING * low
        )

    @property
    def statement(self) -> str:
        """The result in one sentence."""
        low, high = self.range
        span = f"{self._in_words(low, unit=False)} to {self._in_words(high)}"
        if self.told:
            return (
                f"Pixels kept out are predicted best by a Gaussian of {self._in_words(self.fwhm)} "
                f"FWHM, and hardly worse from {span}: a suggestion, which beads or the optics "
                "should confirm."
            )
        if self.axial_ratio is not None and not self.open_below and not self.open_above:
            return (
                f"Pixels kept out are predicted best by {self._in_words(self.fwhm)} FWHM in the "
                "plane, but in stacks this has been wrong by up to a half, mostly too narrow: measure "
                "beads, or compute the PSF from the optics."
            )
        if self.open_below and self.open_above:
            found = "any width that was tried predicts the pixels kept out as well as another"
        elif self.open_below:
            found = f"no blur does as well as any up to {self._in_words(high)} FWHM"
        elif self.open_above:
            found = f"any width from {self._in_words(low)} FWHM on does as well"
        else:
            found = f"widths from {span} FWHM do about as well"
        return (
            f"The image cannot tell its PSF: {found}; measure beads, or compute it from the optics."
        )

    def source(self, fwhm: float | None = None) -> GaussianPSF:
        """As a recipe's ``psf`` holds it (µm; pixels where their size is not known).

        ``fwhm`` is lateral and in pixels; the suggestion if it is not given.
        """
        return GaussianPSF(fwhm=widths(fwhm or self.fwhm, self.pixel_size, self.axial_ratio))

    def psf(self, fwhm: float | None = None) -> NDArray[np.float32]:
        """The PSF on the pixels of the recording, ([Z,] Y, X), summing to 1."""
        ndim = 2 if self.axial_ratio is None else 3
        return gaussian(self.source(fwhm).fwhm, (self.pixel_size or (1.0,) * ndim)[-ndim:])

    def facts(self) -> dict[str, Any]:
        """What a file or layer with the PSF says of where it comes from; plain values."""
        return {
            "kind": "from_image",
            "family": "gaussian",
            "fwhm": list(self.source().fwhm),
            "fwhm_pixels": self.fwhm,
            "range_pixels": list(self.range),
            "told": self.told,
            "statement": self.statement,
            "curves": [
                {
                    name: value if name == "method" else list(value)
                    for name, value in vars(c).items()
                }
                for c in self.curves
            ],
        }

    def _in_words(self, fwhm: float, *, unit: bool = True) -> str:
        pixels = f"{fwhm:.2g}" + (" pixels" if unit else "")
        if self.pixel_size is None or not unit:
            return pixels
        return f"{pixels} ({fwhm * self.pixel_size[-1]:.2g} µm)"


def widths(
    fwhm: float, pixel_size: Sequence[float] | None, axial_ratio: float | None
) -> tuple[float, ...]:
    """FWHM per axis, (Y, X) or (Z, Y, X), of so many pixels in the plane; µm if they have a size."""
    lateral = fwhm * (pixel_size[-1] if pixel_size is not None else 1.0)
    plane = (lateral, lateral)
    return plane if axial_ratio is None else (axial_ratio * lateral, *plane)
