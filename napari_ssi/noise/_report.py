"""What was found of the noise, and what it means in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ._correlation import REACH
from ._line import Array, Scatter

#: What neighbouring pixels have in common.
Common = Literal["nothing", "noise", "texture", "noise or texture"]
#: Relative distance of the variances from a line above which there is no line.
BENT = 0.3


@dataclass(frozen=True)
class NoiseReport:
    """What was found on one channel, in the units of the recording (ADU).

    Attributes
    ----------
    gain, read_noise, offset
        ``variance = gain (z - offset) + read_noise²``: ADU per photon, ADU, ADU.
    gain_error, read_noise_error
        Standard errors; infinite where there is nothing to tell it by.
    gaussian_sigma
        Standard deviation of the noise as a whole, robust; ADU.
    autocorrelation
        Of the noise at lags -3..3 in y and x; 1 in the middle.
    correlation_error
        Standard error of its values beside the middle.
    correlated
        Whether neighbouring pixels share noise, or what may be noise.
    common
        What they have in common: ``nothing``, ``noise``, ``texture`` of the specimen (as it rises with what
        happens around them), or ``noise or texture``, where noise is weak or what they share is broader than a
        filter leaves it, and the two cannot be told apart.
    noiseless
        Where least happens there is no noise at all: what neighbours share cannot be told.
    row_noise, column_noise
        Whether whole rows or columns do; ``row_size`` and ``column_size`` how much, ADU.
    clipped_low, saturated
        Share of the pixels at the ends of the range.
    photonless
        Share of the pixels that are dark because no photon reached them; they are not clipped.
    outliers
        Share of single pixels far beyond the noise (hot or dead ones).
    left_out
        Share of the pixels that were not looked at: masked, or without data.
    identifiable
        Of ``gain`` and ``read_noise``: whether its error is below a twelfth.
    misfit
        Relative distance of the variances from the line.
    points
        The mean–variance scatter.
    sentence
        The gist, in plain words.
    """

    gain: float
    read_noise: float
    offset: float
    gain_error: float
    read_noise_error: float
    gaussian_sigma: float
    autocorrelation: Array
    correlation_error: float
    correlated: bool
    common: Common
    noiseless: bool
    row_noise: bool
    row_size: float
    column_noise: bool
    column_size: float
    clipped_low: float
    saturated: float
    photonless: float
    outliers: float
    left_out: float
    identifiable: dict[str, bool]
    misfit: float
    points: Scatter
    sentence: str


def kind_of(report: NoiseReport) -> str:
    """Which noise model the line speaks for."""
    if report.misfit > BENT or math.isinf(report.gain_error):
        return "independent"
    x = np.maximum(report.points.means - report.offset, 0.0)
    photons = report.gain * float(np.max(x))
    floor = report.read_noise**2
    if photons < 0.2 * floor or not report.gain > 3 * report.gain_error:
        # too little changes over the picture for a model of it to matter
        even = np.ptp(report.points.variances) < 0.5 * np.mean(report.points.variances)
        return "gaussian" if photons < 0.2 * floor or even else "independent"
    return "poisson" if report.read_noise < 0.4 * report.gain else "poisson_gaussian"


def sentence_of(report: NoiseReport) -> str:
    """How strong the noise is and what it follows; who shares it; faulty pixels."""
    return f"{_strength(report)}; {_neighbours(report)}{_faults(report)}."


def _strength(report: NoiseReport) -> str:
    kind = kind_of(report)
    gain = f"gain {_pair(report.gain, report.gain_error)} ADU per photon"
    read = f"read noise {_number(report.read_noise)} ADU"
    if not report.identifiable["read_noise"]:
        read = f"read noise about {_number(report.read_noise)} ADU, uncertain"
    if kind == "poisson":
        return f"Photon noise ({gain})"
    if kind == "poisson_gaussian":
        x = np.maximum(report.points.means - report.offset, 0.0)
        typical = report.gain * float(np.average(x, weights=report.points.counts))
        first = "Photon noise" if typical > report.read_noise**2 else "Read noise"
        return f"{first} dominates ({gain}, {read})"
    if kind == "gaussian":
        return f"The noise is about the same everywhere ({_number(report.gaussian_sigma)} ADU)" + (
            ""
            if report.identifiable["gain"]
            else "; what photon noise there is cannot be told from it"
        )
    if math.isinf(report.gain_error) or not report.identifiable["gain"]:
        few = "too much is clipped" if report.clipped_low + report.saturated > 0.05 else ""
        few = few or "the brightness varies too little"
        return f"The noise is about {_number(report.gaussian_sigma)} ADU; {few} to tell its gain"
    return f"The noise is about {_number(report.gaussian_sigma)} ADU and follows no straight line"


def _neighbours(report: NoiseReport) -> str:
    if report.correlated:
        beside = report.autocorrelation.copy()
        beside[REACH, REACH] = 0.0
        most = float(beside.flat[int(np.abs(beside).argmax())])
        what = "noise" if report.common == "noise" else "noise or fine texture"
        text = f"neighbouring pixels share {what} (correlation up to {most:.2f})"
    elif report.common == "texture":
        text = (
            "neighbouring pixels share fine texture of the specimen, and are taken to have "
            "independent noise"
        )
    elif report.noiseless:
        text = "what is even has no noise at all, so that nothing tells whether neighbouring pixels share it"
    elif math.isinf(report.correlation_error):
        text = (
            "too little is whole (90 x 90 pixels) to tell whether neighbouring pixels share noise"
        )
    else:
        text = "neighbouring pixels are independent"
    whole = stripes(report)
    return f"{text}; {whole[0].lower()}{whole[1:]} share noise" if whole else text


def stripes(report: NoiseReport) -> str:
    """``Whole rows (2 ADU) and columns (3 ADU)``, those that share noise; empty for none."""
    named = [(report.row_noise, "rows", report.row_size)]
    named.append((report.column_noise, "columns", report.column_size))
    words = [f"{name} ({_number(size)} ADU)" for there, name, size in named if there]
    return f"Whole {' and '.join(words)}" if words else ""


def _faults(report: NoiseReport) -> str:
    named = [(report.clipped_low, "clipped"), (report.photonless, "without a photon")]
    named += [(report.saturated, "saturated")]
    named += [(report.outliers, "hot or dead"), (report.left_out, "left out")]
    words = [f"{share:.2%} of the pixels are {name}" for share, name in named if share >= 1e-4]
    return "; " + ", ".join(words) if words else ""


def _number(value: float) -> str:
    return f"{value:.2g}" if value < 100 else f"{value:.0f}"


def _pair(value: float, error: float) -> str:
    return f"{_number(value)} ± {error:.1g}" if math.isfinite(error) else _number(value)
