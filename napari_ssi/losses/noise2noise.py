"""Noise2Noise: predict one recording of a scene from another."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from ..errors import InputError
from ..noise.base import NoiseModel
from ..physics.base import Physics
from .base import Loss, Network, admitted, misfit

ABOUT = {
    "noise2noise": {
        "label": "Noise2Noise",
        "summary": "Two recordings of one scene: the network predicts each from the other.",
        "when": "The scene was recorded twice at the same brightness and stood still in between: "
        "neighbouring time points, or two exposures as two channels. The noise may be of any kind, "
        "shared by neighbours too.",
        "physics": ["denoising", "blur"],
    },
}


class Noise2Noise(Loss):
    r"""The mean of :math:`(\mu(A f(y_1)) - y_2)^2` and the same with y_1, y_2 exchanged.

    y_1 and y_2 are recordings of the same z = A x whose noise is independent of each
    other (from pixel to pixel it need not be). With :math:`\mu(z) = E[y | z]`,

    .. math:: E \|\mu(A f(y_1)) - y_2\|^2 = E \|\mu(A f(y_1)) - \mu(z)\|^2 + E \|y_2 - \mu(z)\|^2

    without bias: the error at y_1 and the noise of y_2, for any A. Nothing is
    masked. What moves or bleaches from y_1 to y_2 is learned as if it were the mean; the
    pipeline measures it and refuses where it is not small beside the noise (see
    :mod:`napari_ssi.pairing`).

    References
    ----------
    J. Lehtinen, J. Munkberg, J. Hasselgren, S. Laine, T. Karras, M. Aittala, T. Aila,
    "Noise2Noise: Learning Image Restoration without Clean Data", ICML 2018,
    https://doi.org/10.48550/arXiv.1803.04189
    """

    between: Literal["auto", "time points", "channels"] = Field(
        "auto",
        title="Recordings",
        description="What the two recordings are: neighbouring time points, or two channels; auto "
        "takes time points where there are several.",
    )

    @property
    def recordings(self) -> int:
        """Two, as the channels of y."""
        return 2

    def __call__(
        self,
        network: Network,
        y: Tensor,
        physics: Physics,
        noise: NoiseModel,
        generator: torch.Generator,
        held: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """The term ``other``; y is ``(N, 2, [Z,] Y, X)``."""
        if y.shape[1] != 2:
            raise InputError("Noise2Noise needs two recordings of the scene, and there is one.")
        total = y.new_zeros(())
        for a, b in ((0, 1), (1, 0)):
            hidden = None if held is None else held[:, a : a + 1] | held[:, b : b + 1]
            counted, seen = admitted(y[:, a : a + 1], physics, hidden)
            other = y[:, b : b + 1]
            total = total + misfit(network, seen, other, counted, physics, noise) / 2
        return {"other": total}
