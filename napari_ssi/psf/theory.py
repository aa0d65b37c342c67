"""What all computed PSFs share: from optics to pixels."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.fft import next_fast_len

from ..errors import InputError
from .optics import Optics
from .polar import Polar, Real
from .pupil import Pupil, best_focus, make_pupil

#: Share of the light of the kept planes that the support holds.
ENERGY = 0.99
#: Planes are kept where the PSF is still this bright, against its peak.
FAINT = 0.005
#: The support is at most this large by itself, pixels along x and y, and along z.
MOST = (257, 129)
#: The support ends at so many widths of the focus.
FAR = 64
#: Rings up to which a PSF is computed.
MOST_RINGS = 20000
#: Rings per period of the finest detail that the light can have.
RINGS = 16
#: Values (angles, rings, planes) that are computed together.
BLOCK = 1 << 22


class TheoryPSF(Optics):
    """A PSF from the optics; a kind of microscope says which light is multiplied with which.

    A subclass names the wavelengths of its pupils, detection last, and puts the intensities
    together in :meth:`combined`.
    """

    pixel_integration: bool = Field(
        True,
        title="Pixel integration",
        description="Each pixel of the camera takes the mean over its area, not the value in its "
        "middle.",
        json_schema_extra={"unit": "", "advanced": True},
    )

    @property
    @abstractmethod
    def wavelengths(self) -> tuple[float, ...]:
        """Of the pupils, excitation before detection; µm."""

    @property
    def margin(self) -> float:
        """How far beyond the picture :meth:`combined` needs the light; µm."""
        return 0.0

    @property
    def bandwidth(self) -> float:
        """The finest detail across the axis; cycles per µm."""
        return sum(2 * self.numerical_aperture / w for w in self.wavelengths)

    @abstractmethod
    def combined(self, pupils: Sequence[Pupil], r: Real, far: Real, z: Real, angles: int) -> Polar:
        """The PSF on rings ``r``, at focus positions ``z``; ``far`` are rings up to the margin."""

    def compute(
        self,
        pixel_size: Sequence[float],
        shape: Sequence[int] | None = None,
        *,
        paraxial: bool = False,
    ) -> NDArray[np.float32]:
        """The PSF on pixels, summing to 1, its focus at ``size // 2``.

        Along z the focus moves into the specimen.

        Parameters
        ----------
        pixel_size
            µm, (Y, X) for the plane in focus or (Z, Y, X).
        shape
            In the same order; by default odd sizes that hold 99 % of the light of all planes
            that reach 0.5 % of the peak, up to 129 planes of 257 x 257 pixels.
        paraxial
            The origin is the paraxial focus, from which aberrations move the light away; by
            default it is where the light on the axis is brightest.

        Raises
        ------
        InputError
            A pixel size that is not positive, or a shape that does not go with it.
        """
        size = tuple(float(s) for s in pixel_size)
        if len(size) not in (2, 3) or not all(0 < s < 1e4 for s in size):
            raise InputError(
                "A PSF from the optics needs a pixel size above 0 µm per axis, (Y, X) or (Z, Y, X); "
                f"got {tuple(pixel_size)}."
            )
        if shape is None:
            shape = self._support(size)
        if len(shape) != len(size) or not all(1 <= n <= 4096 for n in shape):
            raise InputError(
                f"The shape of the PSF must have {len(size)} sizes from 1 to 4096 pixels, one per "
                f"pixel size; got {tuple(shape)}."
            )
        depth, step = (shape[0], size[0]) if len(size) == 3 else (1, 1.0)
        z = (np.arange(depth, dtype=np.float64) - depth // 2) * step
        half_y, half_x = ((n // 2 + 0.5) * s for n, s in zip(shape[-2:], size[-2:], strict=True))
        reach = float(np.hypot(half_y, half_x))
        points = 2 + int(np.ceil(max(size[-2:]) * self.bandwidth)) if self.pixel_integration else 1
        planes = [
            polar.sampled(size[-2:], shape[-2:], points)
            for polar in self._light(reach, z, paraxial)
        ]
        psf = np.maximum(np.concatenate(planes), 0)
        kernel: NDArray[np.float32] = (psf / psf.sum()).astype(np.float32)
        return kernel if len(size) == 3 else kernel[0]

    def pupils(
        self, radius: float = 0.0, height: float = 0.0, *, paraxial: bool = False
    ) -> list[Pupil]:
        """One per wavelength, z = 0 in focus, for fields up to so far from it (µm)."""
        waves = self.wavelengths
        found = [make_pupil(self, w, radius=radius, height=height, wave=waves[-1]) for w in waves]
        focus = 0.0 if paraxial else best_focus(self, found)
        return [pupil.refocused(focus) for pupil in found]

    def _light(self, reach: float, z: Real, paraxial: bool = False) -> Iterator[Polar]:
        """The PSF up to a radius (µm), some planes at a time: memory stays bounded."""
        step = 1 / (RINGS * self.bandwidth)
        r = step * np.arange(max(8, int(np.ceil(reach / step)) + 2), dtype=np.float64)
        more = int(np.ceil(self.margin / step))
        far = step * np.arange(len(r) + more, dtype=np.float64)
        if len(far) > MOST_RINGS:
            raise InputError(
                f"A PSF of {reach:.4g} µm about its centre is {len(far) / MOST_RINGS:.1f} times as "
                "large as can be computed; check the pixel size (µm), or ask for fewer pixels."
            )
        pupils = self.pupils(float(far[-1]), float(np.abs(z).max()) + 1.0, paraxial=paraxial)
        order = sum(pupil.order for pupil in pupils)
        angles = int(next_fast_len(2 * order + 1, real=True)) if order else 1
        some = max(1, BLOCK // (angles * len(far)))
        for first in range(0, len(z), some):
            yield self.combined(pupils, r, far, z[first : first + some], angles)

    def _support(self, size: tuple[float, ...]) -> tuple[int, ...]:
        """Odd sizes that hold what matters of the PSF."""
        most_xy, most_z = (n // 2 for n in MOST)
        # however coarse the pixels, no further than so many widths of the focus
        reach = min(most_xy * min(size[-2:]), FAR / self.bandwidth)
        z = np.zeros(1)
        if len(size) == 3:
            long = 2 * self.immersion_index / self.numerical_aperture / self.bandwidth
            planes = int(np.clip(FAR * long / size[0], 1, most_z))
            z = size[0] * np.unique(np.linspace(-planes, planes, 65).round())
        blocks = [polar.mean() for polar in self._light(reach, z)]
        r = np.arange(len(blocks[0])) / (RINGS * self.bandwidth)
        light = np.concatenate(blocks, 1)
        half_z = 0
        bright = light.max(0) >= FAINT * light.max()
        if len(size) == 3:
            half_z = max(1, round(float(np.abs(z[bright]).max()) / size[0]))
        inside = np.cumsum((light[:, bright] * r[:, None]).sum(1))
        radius = float(r[np.searchsorted(inside, ENERGY * inside[-1])])
        halves = [int(np.clip(np.ceil(radius / s), 1, most_xy)) for s in size[-2:]]
        halves = [half_z, *halves] if len(size) == 3 else halves
        return tuple(2 * half + 1 for half in halves)
