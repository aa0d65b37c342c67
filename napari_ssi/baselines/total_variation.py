"""Total variation and its second-order relative, for denoising and deconvolution."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from ..errors import InputError
from ..noise.base import NoiseModel
from ..physics.base import Physics
from ._photons import Photons
from ._splitting import Prox, Splitting
from ._tuning import OUTLYING
from .base import AT_ONCE, Baseline, relative_spacing

ABOUT = {
    "total_variation": {
        "label": "Total variation",
        "summary": "The image with the fewest and smallest steps that still explains the recording.",
        "when": "Objects with even areas and sharp edges; smooth shapes turn into terraces.",
        "physics": ["linear"],
    },
    "hessian": {
        "label": "Hessian (second-order variation)",
        "summary": "As total variation, but penalises bends instead of steps: smooth shapes stay "
        "smooth.",
        "when": "Nearly always better than total variation on microscope images.",
        "recommended": True,
        "physics": ["linear"],
        "params": {"curvature": 0.8},
    },
}


#: The weight that a solve begins with, as a multiple of the one that it has after so many steps.
HEAD_START, HEAD_STEPS = 32.0, 30
#: Iterations that most images need; the most that are made, the fewer the larger the image.
USUAL, MOST, WORK = 60, 600, 400_000_000


class TotalVariation(Baseline):
    r"""Restoration by a sparse gradient, or sparse gradient and curvature together.

    .. math:: \min_x \; \sum_i w_i \, \phi((A x)_i - y_i)
              + \lambda \sum_i \sqrt{(1 - c)^2 |\nabla x|_i^2 + c^2 |\nabla^2 x|_i^2}

    with the Frobenius norm of the Hessian, isotropic, and no difference taken across an
    edge; ``c`` is ``curvature``, 0 for total variation. x >= 0 for blur. phi is half the
    square; or Huber's, which beyond 2 standard deviations of the noise grows linearly and
    so is not led astray by hot pixels; or the Poisson likelihood, of data moved by what
    read noise there is, see :mod:`._photons`. Where the noise model knows the mean mu(z)
    of clipped noise, :math:`z - \mu(z)`, z = A x, is added to y.
    The solver is described in :mod:`._splitting`; lambda is in engine units (the brightest
    part of the image is 1).

    References
    ----------
    Rudin, Osher and Fatemi (1992), https://doi.org/10.1016/0167-2789(92)90242-F
    Lefkimmiatis, Ward and Unser (2013), https://doi.org/10.1109/TIP.2013.2237919

    Examples
    --------
    >>> TotalVariation(weight=0.03, iterations=40).steps(0.03)
    40
    """

    weight: float | None = Field(
        None,
        gt=0,
        le=100,
        title="Weight",
        description="How much smoothness counts against the recording, whose brightest part is 1. "
        "Left open, the weight that best predicts pixels kept out is used.",
    )
    curvature: float = Field(
        0.0,
        ge=0,
        le=1,
        title="Curvature",
        description="0 punishes steps (total variation), 1 punishes bends (Hessian), between both.",
    )
    data_term: Literal["automatic", "robust", "least_squares", "poisson"] = Field(
        "automatic",
        title="Data term",
        description="How the recording is compared: least squares, the same without being led "
        "astray by outliers, or for counted photons; automatic: for photons where these "
        "are counted without further noise, else robust.",
        json_schema_extra={"advanced": True},
    )
    voxel: tuple[float, ...] | None = Field(
        None,
        title="Voxel size",
        description="Size of a voxel along (Z,) Y, X in any unit; only the proportions matter. "
        "Left open, that of the image if it is known, else equal.",
        json_schema_extra={"advanced": True},
    )
    nonnegative: bool | None = Field(
        None,
        title="No negative values",
        description="Left open: for deconvolution only.",
        json_schema_extra={"advanced": True},
    )
    iterations: int | None = Field(
        None,
        ge=1,
        le=10000,
        title="Most iterations",
        description="Steps of the solver for the final image, at most. About 60 are usual; left "
        "open, up to 600 of a small image where the blur leaves little.",
        json_schema_extra={"unit": "iterations", "advanced": True},
    )
    tolerance: float = Field(
        0.005,
        ge=0,
        le=0.1,
        title="Tolerance",
        description="The solver ends when ten iterations change the image by less than this part "
        "of it.",
        json_schema_extra={"advanced": True},
    )

    @property
    def setting(self) -> float | None:
        """The weight, if fixed."""
        return self.weight

    @property
    def fallback(self) -> float:
        """0.03, that of a rather noisy image."""
        return 0.03

    @property
    def setting_name(self) -> str:
        """``weight``."""
        return "weight"

    @property
    def tries(self) -> int:
        """Weights from 2.4 standard deviations of the noise downwards: each 1 / sqrt(2) of the last,
        from the twelfth on half of it."""
        return 24

    def steps(self, setting: float) -> int:
        """What is usual."""
        return min(self.iterations or USUAL, USUAL)

    def pixels_at_once(self, ndim: int) -> int:
        """Measured: 48 arrays of float32 with nine kinds of differences, transforms included."""
        kinds = (ndim if self.curvature < 1 else 0) + (
            ndim * (ndim + 1) // 2 if self.curvature > 0 else 0
        )
        return AT_ONCE // ((39 + kinds) * 4)

    def path(
        self, y: Tensor, w: Tensor, physics: Physics, noise: NoiseModel, sigma: float
    ) -> Iterator[tuple[float, Tensor] | None]:
        """Each weight starts from the result of the one before."""
        y = y.expand_as(w).contiguous()
        solver = self._solver(y, w, physics, noise)
        prox = self._prox(y, w, noise, sigma)
        top = 2.4 * max(sigma, 1e-3) * _spread(noise, y)
        for count in range(self.tries):
            weight = top * 2 ** -max(count / 2, count - 6)
            for _ in range(20 if y.ndim == 4 else 10):
                solver.step(weight, prox)
                yield None
            yield weight, solver.z

    def solve(
        self,
        y: Tensor,
        physics: Physics,
        noise: NoiseModel,
        sigma: float,
        setting: float,
        w: Tensor | None = None,
    ) -> Iterator[Tensor]:
        """One iterate a step of the solver, whose weight falls to the one set in the first steps.

        A strong weight first finds the coarse structure, which a weak one would take long to move.
        """
        w = torch.ones_like(y) if w is None else w
        y = y.expand_as(w).contiguous()
        solver = self._solver(y, w, physics, noise)
        prox = self._prox(y, w, noise, sigma)
        most = self.iterations or min(max(WORK // solver.x[0].numel(), USUAL), MOST)
        head = max(1, min(HEAD_STEPS, most // 2))
        before = None
        for step in range(1, most + 1):
            solver.step(setting * HEAD_START ** max(0.0, 1 - step / head), prox)
            image = solver.image()
            yield image
            if step > head and step % 10 == 0:
                if before is not None and (image - before).norm() < self.tolerance * image.norm():
                    return
                before = image.clone()

    def _solver(self, y: Tensor, w: Tensor, physics: Physics, noise: NoiseModel) -> Splitting:
        ndim = y.ndim - 2
        spacing = relative_spacing(physics, ndim)
        if self.voxel is not None:
            if len(self.voxel) < ndim or min(self.voxel) <= 0:
                raise InputError(
                    f"The voxel size of TotalVariation must be {ndim} numbers above 0, along "
                    f"{'Z, Y, X' if ndim == 3 else 'Y, X'}. Got {self.voxel} instead."
                )
            spacing = [v / min(self.voxel[-ndim:]) for v in self.voxel[-ndim:]]
        nonnegative = self.nonnegative
        if nonnegative is None:
            nonnegative = not physics.identity
        return Splitting(
            physics,
            y,
            w,
            spacing=spacing,
            first=1 - self.curvature,
            second=self.curvature,
            nonnegative=nonnegative,
            photons=self._counted(Photons.of(noise)),
        )

    def _counted(self, photons: Photons | None) -> bool:
        """Whether the likelihood of counted photons compares the recording."""
        return self.data_term == "poisson" or (
            self.data_term == "automatic" and photons is not None
        )

    def _prox(self, y: Tensor, w: Tensor, noise: NoiseModel, sigma: float) -> Prox:
        limit = OUTLYING * sigma

        def data(z: Tensor) -> Tensor:
            mean = noise.mean(z)
            return y if mean is z else y + z - mean

        def least_squares(v: Tensor, rho: float, z: Tensor) -> Tensor:
            return (w * data(z) + rho * v) / (w + rho)

        def robust(v: Tensor, rho: float, z: Tensor) -> Tensor:
            residual = v - data(z)
            pulled = residual.clamp(-limit * (1 + rho) / rho, limit * (1 + rho) / rho) / (1 + rho)
            return v - w * pulled

        def poisson(v: Tensor, rho: float, z: Tensor) -> Tensor:
            # the variance of the counts is as that of the Gaussian at the mean brightness
            scale = w * level
            b = v + shift - scale / rho
            root = (b * b + 4 * scale * (counts(z) + shift).clamp_min(0) / rho).sqrt()
            return torch.where(w > 0, (b + root) / 2 - shift, v)

        def counts(z: Tensor) -> Tensor:
            return data(z) if photons is None else photons.admissible(data(z), z)

        photons = Photons.of(noise)
        if self._counted(photons):
            shift = 0.0 if photons is None else photons.shift
            level = ((w * y.clamp_min(0)).sum() / w.sum().clamp_min(1)).clamp_min(1e-6) + shift
            return poisson
        huber = self.data_term in ("robust", "automatic") and sigma > 0
        return robust if huber else least_squares


def _spread(noise: NoiseModel, y: Tensor) -> float:
    """By how much the sum of the noise over 7 x 7 pixels varies more than if pixels were independent."""
    if not noise.correlated:
        return 1.0
    one = y.new_zeros((1,) * (y.ndim - 2) + (7, 7))
    one[..., 3, 3] = 1
    return math.sqrt(max(1.0, float(noise.correlate(one).sum())))
