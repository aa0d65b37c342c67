"""Richardson-Lucy deconvolution, accelerated and without assumptions beyond the edge."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from pydantic import Field
from torch import Tensor

from ..noise.base import NoiseModel
from ..physics.base import Physics
from .base import AT_ONCE, Baseline

ABOUT = {
    "richardson_lucy": {
        "label": "Richardson-Lucy",
        "summary": "The classical iterative deconvolution: sharpens step by step, and noise with it.",
        "when": "A quick first look, or as the reference that everybody knows.",
        "physics": ["mixing"],
    },
}

_TINY = 1e-6
#: Pixels of the object that weigh less, over the one that weighs most, are not seen at all: what
#: a transform leaves of zero is smaller.
_BLIND = 1e-5


class RichardsonLucy(Baseline):
    r"""Richardson-Lucy deconvolution of the measurement y, an estimate of the object x >= 0.

    .. math:: x \leftarrow x \cdot \frac{A^T (w \, y / (A x))}{A^T w}

    from an even start. The object is larger than the measurement by the halo of the PSF:
    light from beyond the edge is explained by what lies there, not by mirrors or zeros.
    ``w`` is 0 for pixels held out while the number of iterations is chosen, else 1.
    Values of y below zero are set to 0 and counted (estimate ``negative``, a share).

    Accelerated by vector extrapolation: each update starts from
    :math:`x + \alpha (x - x_{previous})` with :math:`\alpha` from the last two updates.
    Where the noise model knows the mean :math:`\mu(z)` of clipped noise, y is divided by
    :math:`\mu(A x)` in place of A x; then the dark is not brightened.
    With ``total_variation`` the update is divided by
    :math:`1 - \lambda \, \mathrm{div}(\nabla x / |\nabla x|)`.

    References
    ----------
    Richardson (1972), https://doi.org/10.1364/JOSA.62.000055
    Lucy (1974), https://doi.org/10.1086/111605
    Biggs and Andrews (1997), https://doi.org/10.1364/AO.36.001766
    Dey et al. (2006), https://doi.org/10.1002/jemt.20294

    Examples
    --------
    >>> RichardsonLucy(iterations=10).steps(10)
    10
    """

    iterations: int | None = Field(
        None,
        ge=1,
        le=10000,
        title="Iterations",
        description="How often to update; more is sharper and noisier. Left open, the number that "
        "best predicts pixels kept out is used.",
        json_schema_extra={"unit": "iterations"},
    )
    max_iterations: int = Field(
        200,
        ge=1,
        le=10000,
        title="Most iterations to try",
        description="The search for the number of iterations ends here at the latest.",
        json_schema_extra={"unit": "iterations", "advanced": True},
    )
    accelerated: bool = Field(
        True,
        title="Accelerate",
        description="Take larger steps along the way so far: about a third of the iterations.",
        json_schema_extra={"advanced": True},
    )
    total_variation: float = Field(
        0.0,
        ge=0.0,
        le=0.1,
        title="Smoothing (total variation)",
        description="Weight of a term that smooths but keeps edges; 0 for none, 0.002 to 0.02 is "
        "usual.",
        json_schema_extra={"advanced": True},
    )

    @property
    def setting(self) -> float | None:
        """The number of iterations, if fixed."""
        return self.iterations

    @property
    def fallback(self) -> float:
        """10 iterations."""
        return min(10, self.max_iterations)

    @property
    def setting_name(self) -> str:
        """``iterations``."""
        return "iterations"

    @property
    def tries(self) -> int:
        """As many as iterations."""
        return self.max_iterations

    def steps(self, setting: float) -> int:
        """One iterate an iteration."""
        return int(setting)

    def pixels_at_once(self, ndim: int) -> int:
        """About twenty arrays of float32 are held at a time."""
        return AT_ONCE // (20 * 4)

    def measured(self, y: Tensor) -> dict[str, float]:
        """The share of pixels below zero, which are set to 0."""
        return {"negative": float((y < 0).float().mean())}

    def path(
        self, y: Tensor, w: Tensor, physics: Physics, noise: NoiseModel, sigma: float
    ) -> Iterator[tuple[float, Tensor] | None]:
        """One score an iteration."""
        updates = self.update(y.expand_as(w), w, physics, noise)
        for count, x in zip(range(1, self.max_iterations + 1), updates, strict=False):
            yield count, physics.A(x)

    def solve(
        self,
        y: Tensor,
        physics: Physics,
        noise: NoiseModel,
        sigma: float,
        setting: float,
        w: Tensor | None = None,
    ) -> Iterator[Tensor]:
        """One iterate an iteration."""
        w = torch.ones_like(y) if w is None else w
        updates = self.update(y.expand_as(w), w, physics, noise)
        for _, x in zip(range(int(setting)), updates, strict=False):
            yield x

    def update(
        self,
        y: Tensor,
        w: Tensor,
        physics: Physics,
        noise: NoiseModel | None = None,
        start: Tensor | None = None,
    ) -> Iterator[Tensor]:
        """Object-shaped estimates without end, from ``start`` or an even light.

        ``y`` and the weights ``w`` are ``(N, 1, *shape)``; each of the N is solved for itself.
        """
        axes = tuple(range(1, y.ndim))
        counts = w * y.clamp_min(0)
        seen = physics.A_adjoint(w)
        # what is seen by no pixel that counts stays as it is
        blind = seen < _BLIND * seen.max()
        share = seen.clamp_min(_TINY).reciprocal_()  # seen may be w itself
        if start is None:
            mean = counts.sum(axes, keepdim=True) / w.sum(axes, keepdim=True).clamp_min(1)
            start = physics.initial(mean + torch.zeros_like(counts))
        x = previous = start
        step = before = None
        z = torch.empty_like(counts)
        while True:
            # large arrays are written where others have served their turn: new ones cost as much
            # as the arithmetic
            point = x
            if self.accelerated and step is not None and before is not None:
                alpha = _dot(step, before) / _dot(before, before).clamp_min(1e-20)
                point = torch.lerp(previous, x, 1 + alpha.clamp(0, 1), out=before).clamp_min_(0)
            torch.clamp_min(physics.A(point), _TINY, out=z)
            mean = z if noise is None else noise.mean(z).clamp_min(_TINY)
            ratio = physics.A_adjoint(torch.div(counts, mean, out=z))
            previous, x = x, (ratio * share).masked_fill_(blind, 1.0)
            if self.total_variation > 0:
                x /= (1 - self.total_variation * _curvature(point)).clamp_min_(0.1)
            x *= point
            x.clamp_min_(0)  # an FFT leaves tiny negatives
            if self.accelerated:
                free = None if point is previous else point
                before, step = step, torch.sub(x, point, out=free)
            yield x


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """The inner product of each of the N, ``(N, 1, …)``."""
    found = torch.einsum("np,np->n", a.flatten(1), b.flatten(1))
    return found.reshape(-1, *(1,) * (a.ndim - 1))


def _curvature(x: Tensor) -> Tensor:
    """``div(grad x / |grad x|)``, with no flow across the edges."""
    axes = range(2, x.ndim)
    gradient = []
    for axis in axes:
        d = torch.zeros_like(x)
        d.narrow(axis, 0, x.shape[axis] - 1).copy_(x.diff(dim=axis))
        gradient.append(d)
    size = torch.stack(gradient).square().sum(0).sqrt().clamp_min(1e-4)
    out = torch.zeros_like(x)
    for axis, d in zip(axes, gradient, strict=True):
        flow = d / size
        out += flow
        out.narrow(axis, 1, x.shape[axis] - 1).sub_(flow.narrow(axis, 0, x.shape[axis] - 1))
    return out
