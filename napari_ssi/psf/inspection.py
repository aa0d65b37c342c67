"""One PSF looked at from all sides, the same for computed, measured and read ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from .fitting import GaussianFit, fit_gaussian
from .measure import asymmetry, describe, fwhm
from .prepare import core_centre, prepare

#: A pixel this much larger than Nyquist's is worth a word.
COARSE = 1.1
#: Widths against the diffraction limit: below the first the optics or the pixel size are wrong
#: (a confocal is 0.72 of it at best), above the second there is more than diffraction.
IMPOSSIBLE, ABERRATED = 0.65, 1.5


@dataclass(frozen=True)
class Inspection:
    """What :func:`inspect` returns; lengths in µm, per axis in the order ([Z,] Y, X).

    Attributes
    ----------
    views
        Planes through the brightest voxel by name: ``xy``, and ``xz``, ``yz`` for a stack, in
        the PSF's own units.
    profiles
        Per axis letter: positions (0 at the brightest voxel) and values on the line through it.
    fit
        The Gaussian fitted to the core, in voxels of the kernel that a restoration uses; ``None``
        where there is no spot.
    fwhm
        Of a Gaussian fitted to the core, which is less moved by noise and coarse pixels; NaN
        where there is none.
    half_maximum
        Full widths at half maximum, read off the profiles (:func:`~napari_ssi.psf.measure.fwhm`).
    diffraction
        ``0.51 λ/NA`` laterally and ``0.88 λ / (n - sqrt(n² - NA²))`` along z; ``None`` without optics.
    nyquist
        The coarsest pixel, ``λ/(4 NA)``, and z-step, ``λ / (2 n (1 - cos α))``; ``None`` without optics.
    outside
        Share of the energy that lies outside of the kernel that a restoration uses.
    asymmetry
        Share of the weight that moves when the PSF is mirrored through its centre.
    centre_error
        Pixels per axis from ``size // 2`` to the core.
    repairs
        What a restoration does to it (:func:`~napari_ssi.psf.prepare.prepare`).
    warnings
        What to mind, a sentence each.
    """

    voxel_size: tuple[float, ...]
    shape: tuple[int, ...]
    views: Mapping[str, NDArray[np.floating]]
    profiles: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]]
    fit: GaussianFit | None
    fwhm: tuple[float, ...]
    half_maximum: tuple[float, ...]
    diffraction: tuple[float, ...] | None
    nyquist: tuple[float, ...] | None
    outside: float
    asymmetry: float
    centre_error: tuple[float, ...]
    repairs: tuple[str, ...]
    warnings: tuple[str, ...]

    def describe(self) -> list[str]:
        """All of it in lines for a terminal or a panel."""
        names = "ZYX"[-len(self.shape) :]
        grid = " x ".join(str(n) for n in self.shape)
        lines = [f"{grid} voxels of {_sizes(self.voxel_size)} µm ({names})"]
        lines.append(f"FWHM {_sizes(self.fwhm)} µm fitted, {_sizes(self.half_maximum)} µm read off")
        if self.diffraction is not None and self.nyquist is not None:
            lines.append(f"diffraction limit {_sizes(self.diffraction)} µm")
            lines.append(f"Nyquist voxel {_sizes(self.nyquist)} µm")
        off = " x ".join(f"{c:+.2f}" for c in self.centre_error)
        lines.append(
            f"off centre by {off} pixels; {self.asymmetry:.0%} asymmetric; "
            f"{self.outside:.1%} of the energy outside the kernel"
        )
        lines += [f"repair: {note}" for note in self.repairs]
        return [*lines, *(f"mind: {warning}" for warning in self.warnings)]


def inspect(
    psf: ArrayLike,
    voxel_size: Sequence[float],
    *,
    numerical_aperture: float | None = None,
    wavelength: float | None = None,
    index: float = 1.515,
    subtract_background: bool = False,
) -> Inspection:
    """Measure a PSF and say what to mind.

    Parameters
    ----------
    psf
        2D or 3D, as it came.
    voxel_size
        µm per axis.
    numerical_aperture, wavelength, index
        Of the objective; of emission, µm; of the immersion. With the first two, widths and
        voxels are compared with theory.
    subtract_background
        As for the restoration.

    Raises
    ------
    InputError
        A PSF that cannot be mended, or optics that cannot be.

    Examples
    --------
    >>> from napari_ssi.psf.gaussian import gaussian
    >>> found = inspect(gaussian((0.6, 0.25, 0.25), (0.2, 0.08, 0.08)), (0.2, 0.08, 0.08))
    >>> [round(w, 2) for w in found.fwhm], found.warnings
    ([0.62, 0.26, 0.26], ())
    """
    array = np.squeeze(np.asarray(psf))
    room = tuple(4 * n for n in array.shape)
    prepared = prepare(array, room, subtract_background=subtract_background)
    size = tuple(float(s) for s in voxel_size)[-array.ndim :]
    if len(size) != array.ndim or not all(0 < s < np.inf for s in size):
        raise InputError(f"Give one voxel size above 0 µm per axis ({array.ndim}); got {size}.")
    kernel = prepared.kernel.astype(np.float64)
    raw = array.astype(np.float64)
    whole = prepare(array, room, subtract_background=subtract_background, tail=0.0).kernel
    names = "ZYX"[-array.ndim :]
    peak = tuple(int(p) for p in np.unravel_index(int(np.argmax(kernel)), kernel.shape))
    profiles: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
    for axis, (name, step) in enumerate(zip(names, size, strict=True)):
        line = kernel[tuple(slice(None) if a == axis else p for a, p in enumerate(peak))]
        profiles[name] = (step * (np.arange(len(line), dtype=np.float64) - peak[axis]), line)
    views = {"xy": kernel[peak[0]] if array.ndim == 3 else kernel}
    if array.ndim == 3:
        views |= {"xz": kernel[:, peak[1]], "yz": kernel[:, :, peak[2]]}
    fit = fit_gaussian(kernel)
    width = (float("nan"),) * array.ndim if fit is None else fit.width(size)
    limit = nyquist = None
    warnings = describe(raw, size)
    if numerical_aperture is not None and wavelength is not None:
        limit, nyquist = theory(numerical_aperture, wavelength, index, array.ndim)
        warnings += _against_theory(names, size, width, limit, nyquist)
    centre = core_centre(raw)
    return Inspection(
        size,
        tuple(array.shape),
        views,
        profiles,
        fit,
        width,
        fwhm(kernel, size),
        limit,
        nyquist,
        max(0.0, 1 - _inner(whole.astype(np.float64), kernel.shape)),
        asymmetry(kernel, core_centre(kernel)),
        tuple(c - n // 2 for c, n in zip(centre, array.shape, strict=True)),
        prepared.notes,
        tuple(w for w in dict.fromkeys(warnings) if w not in prepared.notes),
    )


def theory(
    numerical_aperture: float, wavelength: float, index: float, ndim: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    r"""Widefield FWHM and the coarsest voxel, µm per axis.

    .. math:: 0.51 \lambda / NA, \quad 0.88 \lambda / (n - \sqrt{n^2 - NA^2}); \qquad
              \lambda / (4 NA), \quad \lambda / (2 n (1 - \cos \alpha)), \; NA = n \sin \alpha

    Examples
    --------
    >>> limit, nyquist = theory(1.2, 0.52, 1.33, 3)
    >>> [round(v, 3) for v in (*limit, *nyquist)]
    [0.605, 0.221, 0.221, 0.344, 0.108, 0.108]
    """
    if not 0 < numerical_aperture < index or not 0 < wavelength < 20 or not index < 4:
        raise InputError(
            "The NA must be above 0 and below the immersion's refractive index, and the wavelength in "
            f"µm; got NA {numerical_aperture:g}, index {index:g}, wavelength {wavelength:g} µm."
        )
    depth = index - np.sqrt(index**2 - numerical_aperture**2)  # n (1 - cos α)
    lateral, step = 0.51 * wavelength / numerical_aperture, wavelength / (4 * numerical_aperture)
    axial = (float(0.88 * wavelength / depth),), (float(wavelength / (2 * depth)),)
    along_z = axial if ndim == 3 else ((), ())
    return (*along_z[0], lateral, lateral), (*along_z[1], step, step)


def _against_theory(
    names: str,
    size: tuple[float, ...],
    width: tuple[float, ...],
    limit: tuple[float, ...],
    nyquist: tuple[float, ...],
) -> list[str]:
    found = []
    for name, s, n in zip(names, size, nyquist, strict=True):
        if s <= COARSE * n or name == "Y":
            continue
        thing, lost = (
            ("z-step", "axial gain")
            if name == "Z"
            else ("pixel size", "gain in the plane beyond the pixels")
        )
        times = f"{s / n:.1f}".removesuffix(".0")
        found.append(
            f"{thing} {s:.3g} µm is {times} x coarser than Nyquist ({n:.2g} µm): expect no {lost}."
        )
    for name, w, least in zip(names, width, limit, strict=True):
        if w < IMPOSSIBLE * least:
            found.append(
                f"FWHM along {name}, {w:.3g} µm, is below what these optics can show ({least:.3g} µm): "
                "check the voxel size, NA and wavelength."
            )
        elif w > ABERRATED * least:
            found.append(
                f"FWHM along {name}, {w:.3g} µm, is {w / least:.1f} x the diffraction limit: the "
                "microscope is aberrated, the beads are large, or the voxel size is wrong."
            )
    return found


def _inner(psf: NDArray[np.float64], shape: tuple[int, ...]) -> float:
    """Share of the weight within the middle ``shape`` pixels."""
    box = tuple(
        slice(max(0, n // 2 - k // 2), n // 2 - k // 2 + k)
        for n, k in zip(psf.shape, shape, strict=True)
    )
    return float(psf[box].sum() / psf.sum())


def _sizes(values: Sequence[float]) -> str:
    return " x ".join("?" if np.isnan(v) else f"{v:.3g}" for v in values)
