"""The light that an objective gathers from one point, and the picture it makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.fft import ifft
from scipy.special import j0, j1, jv

from .optics import Optics
from .zernike import wavefront

Real = NDArray[np.float64]
Complex = NDArray[np.complex128]
#: Sines of the angle (times the index) and the weights of a quadrature over them.
Nodes = tuple[Real, Real]
#: Angular harmonics of an aberrated pupil that are weaker than this are left out.
WEAK = 1e-5


@dataclass(frozen=True)
class Pupil:
    r"""Waves in the pupil, on the nodes of a radial quadrature, as angular harmonics.

    A wave is :math:`a(s, \varphi) = \sum_m a_m(s) e^{i m \varphi}`, with s = n sin θ the
    same in every layer (Snell). Its field about the focus is

    .. math:: F(r, \psi, z) = \sum_m i^m e^{i m \psi} \int a_m(s)\, J_m(k s r)\,
              e^{-i k z \sqrt{n_i^2 - s^2}}\, s\, ds, \qquad k = 2 \pi / \lambda

    and the intensity the weighted sum of its waves' :math:`|F|^2`, scaled so that each
    plane holds one unit of light.

    Parameters
    ----------
    wavelength
        In vacuum, µm.
    axial
        :math:`\sqrt{n_i^2 - s^2}` at the nodes.
    sines, waves
        s at the nodes, and per wave its weight and harmonics, quadrature weights included.
    """

    wavelength: float
    sines: Real
    axial: Real
    waves: tuple[tuple[float, dict[int, Complex]], ...]

    @property
    def order(self) -> int:
        """The highest angular frequency of the intensity; 0 where it is round."""
        return max(max(h) - min(h) for _, h in self.waves)

    def refocused(self, z: float) -> Pupil:
        """The same with z as the origin of the axis; µm."""
        shift = np.exp(-2j * np.pi / self.wavelength * z * self.axial)
        waves = tuple((w, {m: a * shift for m, a in h.items()}) for w, h in self.waves)
        return replace(self, waves=waves)

    def intensity(self, r: Real, z: Real, angles: int = 1) -> Real:
        """Light per µm² at radii r and focus positions z (µm), at so many angles about the axis.

        Returns
        -------
        ndarray
            (angles, r, z); one angle is enough where ``order`` is 0.
        """
        k = 2 * np.pi / self.wavelength
        phase = np.exp(-1j * k * np.outer(self.axial, z))
        argument = k * np.outer(r, self.sines)
        bessel = _bessel({abs(m) for _, h in self.waves for m in h}, argument)
        total = np.zeros((angles, len(r), len(z)))
        for weight, harmonics in self.waves:
            series: Complex = np.zeros(total.shape, complex)
            for m, amplitude in harmonics.items():  # i^m J_m is the same for m and -m
                turned = (1j ** abs(m) * amplitude)[:, None] * phase
                # real times complex, as two real products
                series[m % angles] += (bessel[abs(m)] @ turned.view(float)).view(complex)
            field = series if angles == 1 else ifft(series, axis=0, norm="forward")
            total += weight * (field.real**2 + field.imag**2)
        return total


def make_pupil(
    optics: Optics,
    wavelength: float,
    *,
    radius: float = 0.0,
    height: float = 0.0,
    wave: float | None = None,
    nodes: Nodes | None = None,
) -> Pupil:
    r"""The pupil of an objective for a point beneath the coverslip.

    The phase is Gibson and Lanni's optical path difference in Aguet's form,

    .. math:: \Lambda(s) = \left(-z + n_i \left[\frac{t_i^*}{n_i^*} + \frac{t_g^*}{n_g^*}
              - \frac{t_g}{n_g} - \frac{d}{n_s}\right]\right) c_i + d\, c_s + t_g c_g
              - t_g^* c_g^* - t_i^* c_i^*, \qquad c_m = \sqrt{n_m^2 - s^2}

    with z = 0 the paraxial focus of a point at depth d, i, g, s immersion, glass and
    sample, t thickness and * the design. Scalar: one wave of even amplitude up to the
    smaller of NA and n_s. Vectorial: the waves of a dipole that turns freely, or of
    unpolarised light that is focused, :math:`I = |I_0|^2 + 2 |I_1|^2 + |I_2|^2`,

    .. math:: a_0 = \frac{t_s + t_p \cos\theta_s}{\sqrt{\cos\theta_i}}, \quad
              a_1 = \frac{t_p \sin\theta_s}{\sqrt{\cos\theta_i}}, \quad
              a_2 = \frac{t_s - t_p \cos\theta_s}{\sqrt{\cos\theta_i}}

    with Fresnel's coefficients of both interfaces; beyond the critical angle
    :math:`\cos\theta_s` is imaginary, which is the light that only points at the coverslip
    send into an objective of NA > n_s.

    Parameters
    ----------
    optics
        Indices and thicknesses.
    wavelength
        In vacuum, µm.
    radius, height
        How far from the focus the field will be wanted, µm: they set the number of nodes.
    wave
        The wavelength (µm) in which the Zernike coefficients are given; ``wavelength``.
    nodes
        Another quadrature over s, as a reference may use; by default Gauss–Legendre with the
        critical angle at a seam, converged to better than 1e-6.

    References
    ----------
    S. F. Gibson, F. Lanni, "Experimental test of an analytical model of aberration in an
    oil-immersion objective lens", J. Opt. Soc. Am. A 9, 154 (1992),
    doi:10.1364/JOSAA.9.000154

    P. Török, P. Varga, "Electromagnetic diffraction of light focused through a stratified
    medium", Appl. Opt. 36, 2305 (1997), doi:10.1364/AO.36.002305

    F. Aguet, "Super-resolution fluorescence microscopy based on physical models", thesis,
    EPFL (2009), doi:10.5075/epfl-thesis-4418

    B. Richards, E. Wolf, "Electromagnetic diffraction in optical systems II", Proc. R. Soc. A
    253, 358 (1959), doi:10.1098/rspa.1959.0200
    """
    k = 2 * np.pi / wavelength
    if nodes is None:
        nodes = _quadrature(optics, k, radius, height)
    s, ds = nodes
    ratio = wavelength if wave is None else wave
    scalar = optics.model == "scalar"
    fixed = np.exp(1j * k * _path(optics, s))
    c_i, c_s = (_cosine(n, s) for n in (optics.immersion_index, optics.sample_index))
    if scalar:
        shapes: list[tuple[int, float, Complex]] = [(0, 1.0, np.ones_like(c_i))]
    else:
        t_s, t_p = _transmission(optics, s)
        axial, radial = t_p * c_s / optics.sample_index, t_p * s / optics.sample_index
        shapes = [
            (0, 1.0, t_s + axial),
            (1, 1.0, radial),
            (-1, 1.0, radial),
            (2, 0.5, t_s - axial),
            (-2, 0.5, t_s - axial),
        ]
        fixed = fixed / np.sqrt(c_i / optics.immersion_index)
    aberration = _harmonics(optics, s, ratio / wavelength)
    if len(aberration) == 1:  # round: what differs in the sense of rotation only is the same
        shapes = [(m, w * (2 if m else 1), shape) for m, w, shape in shapes if m >= 0]
    scale = 2 * np.pi / k**2 * sum(w * _power(a, fixed, s * ds) for _, w, a in shapes)
    waves = tuple(
        (w / scale, {n + m: c * a * fixed * s * ds for n, c in aberration.items()})
        for m, w, a in shapes
    )
    return Pupil(wavelength, s, c_i.real, waves)


def best_focus(optics: Optics, pupils: Sequence[Pupil]) -> float:
    """Where, along z (µm from the paraxial focus), the light on the axis is brightest.

    With several pupils the product of their intensities; the Zernike coefficients are waves
    of the last one, detection.
    """
    low, high = _foci(optics, pupils[-1].wavelength)
    step = min(p.wavelength for p in pupils) * optics.immersion_index
    step /= 16 * min(optics.numerical_aperture, optics.sample_index) ** 2
    around = 16 * max(1, max(_extra(optics)))
    first, last = np.floor(low / step) - around, np.ceil(high / step) + around
    z = step * np.arange(first, last + 1)
    light = _on_axis(pupils, z)
    best = int(np.argmax(light))
    if not 0 < best < len(z) - 1:
        return float(z[best])
    fine = z[best] + step * np.linspace(-1, 1, 65)
    light = _on_axis(pupils, fine)
    top = int(np.clip(np.argmax(light), 1, len(fine) - 2))
    left, middle, right = light[top - 1 : top + 2]
    bend = left - 2 * middle + right
    offset = 0.0 if bend >= 0 else float(np.clip(0.5 * (left - right) / bend, -1, 1))
    return float(fine[top] + offset * (fine[1] - fine[0]))


def _bessel(orders: set[int], x: Real) -> dict[int, Real]:
    """J of whole orders: upwards from 0 and 1 where that is stable (x above the order)."""
    found = {0: j0(x), 1: j1(x)}
    safe = np.where(x == 0, 1.0, x)
    for n in range(2, max(orders) + 1):
        found[n] = 2 * (n - 1) / safe * found[n - 1] - found[n - 2]
        small = x < n
        found[n][small] = jv(n, x[small])
    return {n: found[n] for n in orders}


def _on_axis(pupils: Sequence[Pupil], z: Real) -> Real:
    origin = np.zeros(1)
    light = np.ones(len(z))
    for pupil in pupils:
        on_axis = replace(
            pupil,
            waves=tuple((w, {0: h[0]}) for w, h in pupil.waves if 0 in h),
        )
        for first in range(0, len(z), 1024):  # far from the paraxial focus there are many
            some = slice(first, first + 1024)
            light[some] *= on_axis.intensity(origin, z[some])[0, 0]
    return light


def _cosine(n: float, s: Real) -> Complex:
    """n cos θ; imaginary beyond the critical angle."""
    cosine: Complex = np.sqrt(n**2 - s**2 + 0j)
    return cosine


def _layers(optics: Optics) -> list[tuple[float, float]]:
    """Thickness (µm, with its sign in the path difference) and index of all fixed layers."""
    glass, thick = optics.coverslip_index, optics.coverslip_thickness
    made_for = optics.design_coverslip_index or glass
    thick_for = optics.design_coverslip_thickness
    return [
        (optics.depth, optics.sample_index),
        (thick, glass),
        (-(thick if thick_for is None else thick_for), made_for),
        (-optics.working_distance, optics.design_immersion_index or optics.immersion_index),
    ]


def _path(optics: Optics, s: Real) -> Complex:
    """Optical path difference in µm in the paraxial focus."""
    layers = _layers(optics)
    immersion = -optics.immersion_index * sum(t / n for t, n in layers)
    path: Complex = immersion * _cosine(optics.immersion_index, s)
    for thickness, n in layers:
        path = path + thickness * _cosine(n, s)
    path -= path[np.argmin(s)].real  # the smaller number of turns is the more precise
    return path


def _foci(optics: Optics, wave: float) -> tuple[float, float]:
    """Where, in z (µm), rays of all angles cross the axis: the first and the last."""
    edge = min(optics.numerical_aperture, 0.98 * optics.sample_index)
    s = np.linspace(0.05, 1, 100) * edge
    path = _path(optics, s).real
    if optics.zernike:
        round_ones = {j: c for j, c in optics.zernike.items() if j in (4, 11, 22, 37, 56)}
        path = path + wave * wavefront(round_ones, s / optics.numerical_aperture, np.zeros(1))
    # a ray of slope s crosses where the phase does not change with s
    crossing = np.gradient(path, s) / np.gradient(_cosine(optics.immersion_index, s).real, s)
    return min(0.0, float(crossing.min())), max(0.0, float(crossing.max()))


def _extra(optics: Optics) -> list[float]:
    return [abs(c) for c in optics.zernike.values()] or [0.0]


def _transmission(optics: Optics, s: Real) -> tuple[Complex, Complex]:
    """Fresnel's coefficients of immersion to glass times glass to sample, for s and p light."""
    glass = optics.coverslip_index if optics.coverslip_thickness else optics.immersion_index
    t_s: Complex = np.ones(len(s), complex)
    t_p: Complex = np.ones(len(s), complex)
    for a, b in ((optics.immersion_index, glass), (glass, optics.sample_index)):
        c_a, c_b = _cosine(a, s), _cosine(b, s)
        t_s = t_s * 2 * c_a / (c_a + c_b)
        t_p = t_p * 2 * a * b * c_a / (b**2 * c_a + a**2 * c_b)
    return t_s, t_p


def _harmonics(optics: Optics, s: Real, waves: float) -> dict[int, Complex]:
    """The aberrated pupil as a Fourier series over its angle; ``{0: 1}`` without aberration."""
    faults = {j: c * waves for j, c in optics.zernike.items() if c}
    if not faults:
        return {0: np.ones(len(s), complex)}
    count = 64 * (1 + int(4 * sum(map(abs, faults.values()))))
    phi = 2 * np.pi * np.arange(count) / count
    w = wavefront(faults, s[:, None] / optics.numerical_aperture, phi)
    series = np.fft.fft(np.exp(2j * np.pi * w), axis=1) / count
    found = {}
    for m in range(-(count // 2) + 1, count // 2):
        if m == 0 or np.abs(series[:, m]).max() > WEAK:
            found[m] = series[:, m]
    return found


def _power(amplitude: Complex, phase: Complex, weights: Real) -> float:
    return float((np.abs(amplitude * phase) ** 2 * weights).sum())


def _quadrature(optics: Optics, k: float, radius: float, height: float) -> Nodes:
    """Gauss–Legendre nodes for s ds, dense enough for the phase that the field turns through."""
    aperture, critical = optics.numerical_aperture, optics.sample_index
    if optics.model == "scalar":
        aperture = min(aperture, critical)
    n = optics.immersion_index
    probe = np.linspace(0, min(aperture, critical), 400)
    turns = np.ptp(_path(optics, probe).real) + height * (n - np.sqrt(n**2 - aperture**2))
    turns = k * (turns + radius * aperture)
    turns += 2 * np.pi * 4 * sum(_extra(optics)) * max(1, len(optics.zernike))
    count = 32 + int(turns / 2)
    x, w = np.polynomial.legendre.leggauss(count)
    x, w = (x + 1) / 2, w / 2
    # s = n sin t runs smoothly through the steep end of a high aperture
    inner = min(aperture, critical)
    bend = critical if aperture > critical else n
    top = np.arcsin(inner / bend)
    s, ds = bend * np.sin(top * x), w * top * bend * np.cos(top * x)
    if aperture > critical:  # and s = n_s cosh u away from the critical angle
        top = np.arccosh(aperture / critical)
        s = np.concatenate([s, critical * np.cosh(top * x)])
        ds = np.concatenate([ds, w * top * critical * np.sinh(top * x)])
    return s, ds
