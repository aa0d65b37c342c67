"""Wiener filtering: one division of spectra."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from pydantic import Field
from scipy.fft import next_fast_len
from torch import Tensor

from ..noise.base import NoiseModel
from ..physics.base import Physics, reflected
from ._filling import filled
from ._tiles import box
from ._transfer import transfer
from .base import AT_ONCE, Baseline, relative_spacing

ABOUT = {
    "wiener": {
        "label": "Wiener filter",
        "summary": "Linear and immediate: damps the frequencies in which the noise wins.",
        "when": "A first look within a second, or where a linear result is wanted.",
        "physics": ["invariant"],
    },
}

#: Pixels of extension beyond the measurement, at least.
_FADE = 32


class Wiener(Baseline):
    r"""The Wiener filter with a smoothness prior.

    .. math:: \hat X = \frac{\bar H}{|H|^2 + b \, |\Lambda|^2} \, Y

    for spectra X, Y of object and measurement, transfer function H (1 for denoising) and
    Laplacian Lambda, as scikit-image's ``wiener``. The balance b stands for the share of
    noise in the signal. Beyond its edges the measurement is continued by reflection that
    fades into that of the opposite edge, so that the circular transform meets no step.
    The result may be negative.

    References
    ----------
    Orieux, Giovannelli and Rodet (2010), https://doi.org/10.1364/JOSAA.27.001593

    Examples
    --------
    >>> Wiener(balance=0.1).setting
    0.1
    """

    balance: float | None = Field(
        None,
        gt=0,
        le=1e6,
        title="Balance",
        description="More is smoother. Left open, the value that best predicts pixels kept out "
        "is used.",
    )

    @property
    def setting(self) -> float | None:
        """The balance, if fixed."""
        return self.balance

    @property
    def fallback(self) -> float:
        """0.3."""
        return 0.3

    @property
    def setting_name(self) -> str:
        """``balance``."""
        return "balance"

    @property
    def tries(self) -> int:
        """Balances from 1000 downwards, each half of the last."""
        return 34

    def steps(self, setting: float) -> int:
        """One."""
        return 1

    def pixels_at_once(self, ndim: int) -> int:
        """At most 24 arrays of float32 are held at a time."""
        return AT_ONCE // (24 * 4)

    def path(
        self, y: Tensor, w: Tensor, physics: Physics, noise: NoiseModel, sigma: float
    ) -> Iterator[tuple[float, Tensor] | None]:
        """Held-out pixels are replaced by the mean of their neighbours that are not held out.

        It ends where the noise in the object alone would be as strong as the recording's contrast:
        blurred again it is invisible, and held-out pixels cannot tell.
        """
        contrast = float(y.std(correction=0))
        spectra = _Spectra(filled(y.expand_as(w), w), physics)
        for count in range(self.tries):
            balance = 1000 * 2.0**-count
            if count and sigma * spectra.amplification(balance) > contrast:
                return
            yield balance, spectra.blurred(balance)

    def solve(
        self,
        y: Tensor,
        physics: Physics,
        noise: NoiseModel,
        sigma: float,
        setting: float,
        w: Tensor | None = None,
    ) -> Iterator[Tensor]:
        """The result, at once."""
        yield _Spectra(y if w is None else filled(y.expand_as(w), w), physics).object(setting)


class _Spectra:
    """Those of one measurement, for any balance."""

    def __init__(self, y: Tensor, physics: Physics) -> None:
        self.shape = tuple(y.shape[2:])
        self.axes = tuple(range(-len(self.shape), 0))
        self._object = physics.object_shape(self.shape)
        self.halo = physics.halo or ((0, 0),) * len(self.shape)
        self.grid = tuple(
            int(next_fast_len(n + max(_FADE, 2 * sum(pair)), real=True)) if n > 1 else 1
            for n, pair in zip(self.shape, self.halo, strict=True)
        )
        for axis, n in enumerate(self.grid, start=2):
            y = _periodic(y, axis, n)
        self.data: Tensor = torch.fft.rfftn(y, dim=self.axes)
        self.otf = transfer(physics, self.shape, self.grid, y)
        laplacian = y.new_zeros(())
        spacing = relative_spacing(physics, len(self.shape))
        for axis, n in enumerate(self.grid):
            frequencies = torch.fft.rfftfreq if axis == len(self.grid) - 1 else torch.fft.fftfreq
            along = [-1 if a == axis else 1 for a in range(len(self.grid))]
            f = frequencies(n, device=y.device).reshape(along)
            laplacian = laplacian + (2 - 2 * torch.cos(2 * torch.pi * f)) / spacing[axis] ** 2
        self.roughness = laplacian**2

    def object(self, balance: float) -> Tensor:
        """The object, halo included."""
        return self._back(self._solved(balance))[box(self._object)]

    def blurred(self, balance: float) -> Tensor:
        """A x."""
        spectrum = self._solved(balance)
        return self._back(spectrum if self.otf is None else spectrum * self.otf)[box(self.shape)]

    def amplification(self, balance: float) -> float:
        """Standard deviation of the noise in the object over that in the measurement (white)."""
        if self.otf is None:
            return float((1 / (1 + balance * self.roughness)).square().mean().sqrt())
        power = (self.otf.abs() ** 2 + balance * self.roughness).clamp_min(1e-9)
        return float((self.otf.abs() / power).square().mean().sqrt())

    def _solved(self, balance: float) -> Tensor:
        if self.otf is None:
            return self.data / (1 + balance * self.roughness)
        power = self.otf.abs() ** 2 + balance * self.roughness
        return self.otf.conj() * self.data / power.clamp_min(1e-9)

    def _back(self, spectrum: Tensor) -> Tensor:
        full: Tensor = torch.fft.irfftn(spectrum, s=self.grid, dim=self.axes)
        return full


def _periodic(y: Tensor, axis: int, size: int) -> Tensor:
    """Continue along ``axis`` to ``size``: reflection that fades into the opposite edge's."""
    n = y.shape[axis]
    extra = size - n
    if extra <= 0:
        return y
    right = torch.as_tensor(reflected(n, n + extra, n), device=y.device)
    left = torch.as_tensor(reflected(-extra, 0, n), device=y.device)
    t = torch.arange(1, extra + 1, device=y.device, dtype=y.dtype) / (extra + 1)
    fade = (0.5 - 0.5 * torch.cos(torch.pi * t)).reshape([-1] + [1] * (y.ndim - 1 - axis))
    between = torch.lerp(y.index_select(axis, right), y.index_select(axis, left), fade)
    return torch.cat([y, between], dim=axis)
