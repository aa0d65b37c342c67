"""No blur: the camera sees the specimen itself, with noise."""

from __future__ import annotations

from torch import Tensor

from .base import Physics

ABOUT = {
    "denoising": {
        "label": "No blur (denoise only)",
        "summary": "The image is noisy but sharp enough: only the noise is removed.",
        "when": "The blur is small, or there is no point-spread function.",
        "traits": ["linear", "identity", "invariant"],
    },
}


class Denoising(Physics):
    """The identity, ``A x = x``, in any number of dimensions.

    Examples
    --------
    >>> import torch
    >>> x = torch.rand(1, 1, 5, 7)
    >>> bool((Denoising().A(x) == x).all())
    True
    """

    def A(self, x: Tensor) -> Tensor:
        """The object itself."""
        return x

    def A_adjoint(self, y: Tensor) -> Tensor:
        """The measurement itself."""
        return y
