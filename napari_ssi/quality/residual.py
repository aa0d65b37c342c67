"""Whether what a restoration leaves unexplained is noise: a wrong PSF leaves more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.fft import fftfreq, fftn
from scipy.signal.windows import tukey
from scipy.stats import norm
from torch import Tensor

#: At most so many pixels per axis are looked at, in the middle: 64 MiB of spectrum.
LARGEST = (16, 512, 512)
#: Fewer pixels than this under the whole PSF do not tell.
LEAST = 48
#: Frequencies (cycles per pixel, in the plane) from which there is noise alone in a picture that is
#: sampled finely enough, and the width of a band below them.
NOISE, BAND = 0.4, 0.04
#: Where the PSF lets so little through, a residual can be no shrinkage of the image; elsewhere a
#: method that is tuned well leaves less power than the noise has, and this much more is let pass.
BLIND, LET_PASS = 0.02, 0.3
#: Besides, this part of the power that the recording has there (a tenth of the contrast): bright
#: specimens show the last per cent of any PSF, and what a method has not finished.
SHARE = 0.01
#: What the PSF passes better than this is not looked at: haze and slow gradients, which a method that
#: is stopped early leaves, whatever the PSF.
PLAIN = 0.5
#: Fewer frequencies than this do not tell the level of the noise.
FLOOR = 100
#: Standard errors from which it is said.
ALARM = 3.0

_WRONG = "(too wide, mirrored, or of another voxel size)"
#: What is probably wrong then.
BLAMED = {
    "PSF": f"the PSF is probably wrong {_WRONG}",
    "motion": "length or angle of the motion are probably wrong",
    "PSF or motion": f"the PSF {_WRONG} or the motion is probably wrong",
}


@dataclass(frozen=True)
class Structure:
    """What :func:`structure` found in a residual.

    Attributes
    ----------
    errors
        By how many standard errors the most conspicuous band exceeds white noise,
        allowing for the number of bands that were looked at.
    excess
        Its power above the noise, in parts of the noise.
    period
        Of the structure, in pixels.
    """

    errors: float
    excess: float
    period: float

    @property
    def conspicuous(self) -> bool:
        """Whether it deserves a word."""
        return self.errors > ALARM

    def describe(self, blamed: str = "PSF") -> str:
        """In a sentence, where it is conspicuous; else empty. ``blamed`` is one of :data:`BLAMED`."""
        if not self.conspicuous:
            return ""
        return (
            f"The residual is not noise alone: structures of about {self.period:.0f} pixels are left in "
            f"it, {min(self.errors, 99):.0f} standard errors above the noise; {BLAMED[blamed]}, or the "
            "method was stopped too early."
        )


def structure(
    residual: NDArray[np.floating], recording: NDArray[np.floating], otf: NDArray[np.floating]
) -> Structure:
    r"""Compare the power spectrum of a residual with that of white noise.

    The spectrum is the Fourier transform of the autocorrelation, so that correlated
    neighbours show as power above the noise in some band of frequencies. It is taken plane
    by plane. For each band of in-plane frequencies with n independent values of mean P, and
    the noise's level :math:`P_0` from above 0.4 cycles per pixel where little passes,

    .. math:: t = \frac{P / P_0 - 1 - \epsilon}{\sqrt{1/n + 1/n_0}}

    A tuned method leaves less than the noise at frequencies that it restores
    (:math:`N^2 / (S + N) < N`, with Wiener's filter), so only too much power counts,
    and ε = 0.3 is let pass where the PSF transmits; where it does not, ε = 0. To both comes
    a hundredth of the power that the recording itself has there. The largest t of K bands is
    given as the number of standard errors that a single one would need to be as rare.

    Parameters
    ----------
    residual, recording
        (Y, X) or (Z, Y, X), each pixel in units of its noise.
    otf
        What the forward model passes at most at each in-plane frequency of that grid, 1 at zero.

    Notes
    -----
    A PSF that is too narrow, and one mirrored, has transfer at the same frequencies as the
    right one: a linear method can then explain all of the recording with a wrong image, and
    only non-negativity makes it show.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(size=(128, 128))
    >>> wave = noise + np.sin(np.arange(128))
    >>> structure(noise, wave, np.zeros((128, 128))).conspicuous
    False
    >>> structure(wave, wave, np.zeros((128, 128))).conspicuous
    True
    """
    r = _centred(residual)
    tapers = [tukey(n, 0.25) for n in r.shape[-2:]]
    window = np.multiply.outer(*tapers)
    spread = float(np.prod([len(t) * (t**4).sum() / (t**2).sum() ** 2 for t in tapers]))
    own = np.asarray(recording, np.float64)
    power, own = (
        np.square(np.abs(fftn(image * window, axes=(-2, -1)))).reshape(-1, *window.shape)
        for image in (r, own - own.mean())
    )
    planes = len(power)
    power, own = power.mean(0), own.mean(0)
    radius = np.hypot(*np.meshgrid(*(fftfreq(n) for n in window.shape), indexing="ij"))
    # what passes there, as across the direction of a motion, is restored, and no measure of the noise
    quiet = (radius >= NOISE) & (otf < PLAIN)
    floor = power[quiet if np.count_nonzero(quiet) >= FLOOR else radius >= NOISE]
    level, n0 = float(floor.mean()), planes * floor.size / 2 / spread
    scores: list[tuple[float, float, float]] = []
    for low in np.arange(1.5 / min(r.shape[-2:]), NOISE - 1e-9, BAND):
        for blind in (False, True):
            band = (
                (radius >= low)
                & (radius < min(low + BAND, NOISE))
                & ((otf < BLIND) == blind)
                & (otf < PLAIN)
            )
            n = planes * np.count_nonzero(band) / 2 / spread
            if n < 8:
                continue
            excess = float(power[band].mean()) / max(level, 1e-30) - 1
            passed = SHARE * max(0.0, float(own[band].mean()) / max(level, 1e-30) - 1)
            passed += 0.0 if blind else LET_PASS
            score = (excess - passed) / np.sqrt(1 / n + 1 / n0)
            scores.append((float(score), excess, float(1 / radius[band].mean())))
    if not scores:
        return Structure(0.0, 0.0, float("nan"))
    best = max(scores)
    # the rarest of K: its logarithm, so that many standard errors do not end in a zero
    rarity = norm.logsf(best[0]) + np.log(len(scores))
    errors = float(norm.isf(np.exp(rarity))) if rarity > -700 else best[0]
    return Structure(errors if rarity < 0 else 0.0, best[1], best[2])


def _centred(residual: NDArray[np.floating]) -> NDArray[np.float64]:
    """Around its mean, and single pixels no further than five standard deviations from it."""
    r = np.asarray(residual, np.float64)
    r = r - r.mean()
    scale = 1.4826 * float(np.median(np.abs(r))) or float(r.std()) or 1.0
    found: NDArray[np.float64] = np.clip(r, -5 * scale, 5 * scale)
    return found


def check(x: Tensor, y: Tensor, physics: Any, noise: Any) -> Structure | str:
    """Look at what a restored frame leaves of its recording.

    Parameters
    ----------
    x, y
        The object under the measurement, on its own grid, and the measurement, (1, 1, [Z,] Y, X),
        in engine units.
    physics, noise
        A bound forward model that is linear, and the noise model. Pixels that say nothing of the object
        (``physics.missing``) are taken to be explained, as outliers are.

    Returns
    -------
    Structure or str
        Or why it cannot be told, in a sentence.
    """
    if noise.correlated:
        return "The residual was not checked for a wrong PSF, as neighbours share noise."
    halo = physics.halo or ((0, 0),) * (y.ndim - 2)
    valid = [n - a - b for n, (a, b) in zip(y.shape[2:], halo, strict=True)]
    if min(valid) < 1 or min(valid[-2:]) < LEAST:
        return (
            "The residual was not checked for a wrong PSF: too little of the image lies further than "
            "the PSF reaches from its edge."
        )
    size = [min(v, m) for v, m in zip(valid, LARGEST[-len(valid) :], strict=True)]
    start = [(v - s) // 2 for v, s in zip(valid, size, strict=True)]
    inside: list[slice] = [slice(None)] * 2
    whole: list[slice] = [slice(None)] * 2
    zoom = physics.zoom or (1,) * len(valid)
    for at, n, (before, after), f in zip(start, size, halo, zoom, strict=True):
        whole.append(slice(at * f, (at + n + before + after) * f))
        inside.append(slice(at + before, at + before + n))
    here = physics.part([[s.start for s in inside[2:]]], size)
    missing = physics.missing(y)
    with torch.inference_mode():
        z = noise.mean(here.A(x[tuple(whole)].to(physics.device))).cpu()
        seen = y[tuple(inside)]
        if missing is not None:
            seen = torch.where(missing[tuple(inside)].cpu(), z, seen)
        r = seen - z
        if noise.growth is not None:
            gain, floor = noise.growth
            deviation = (gain * z + floor).clamp_min(1e-12).sqrt()
            r, seen = r / deviation, seen / deviation
        r[noise.outliers(y)[tuple(inside)]] = 0
    plane = [n * f for n, f in zip(size[-2:], zoom[-2:], strict=True)]
    return structure(r[0, 0].numpy(), seen[0, 0].numpy(), physics.passes(np.ones(plane)))


def summary(
    found: Sequence[Structure | str], names: Sequence[str] = ("blur",)
) -> tuple[dict[str, float], list[str]]:
    """Estimates and notes of several frames: a wrong PSF shows in most, chance in one.

    ``names`` are those of the forward model's parts.
    """
    told = sorted((f for f in found if isinstance(f, Structure)), key=lambda f: f.errors)
    if not told:
        return {}, [str(f) for f in found[:1]]
    moved = "motion" in names
    blamed = (
        "motion" if {*names} <= {"motion", "inpainting"} else "PSF or motion" if moved else "PSF"
    )
    middle = told[(len(told) - 1) // 2]
    return {"residual_structure": middle.errors}, [s for s in (middle.describe(blamed),) if s]
