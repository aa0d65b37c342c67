"""The identity; everything else is in the contract tests."""

from __future__ import annotations

import torch

from napari_ssi.physics.denoising import Denoising


def test_it_does_nothing() -> None:
    x = torch.rand(2, 1, 5, 7)
    assert torch.equal(Denoising().A(x), x)
    assert torch.equal(Denoising().initial(x), x)
    assert Denoising().object_shape((5, 7)) == (5, 7)
