"""Training windows: the right pixels, the edge reflected after masking, symmetries that commute."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_ssi.losses.masked import MaskedLoss
from napari_ssi.noise.independent import Independent
from napari_ssi.physics.base import extend
from napari_ssi.physics.blur import Blur
from napari_ssi.physics.denoising import Denoising
from napari_ssi.training.windows import Windows

SYMMETRIC = np.outer([1, 2, 3, 2, 1], [1, 2, 3, 2, 1]).astype(float)
ASYMMETRIC = np.arange(1, 21, dtype=float).reshape(4, 5)


def windows_of(y, physics, size, symmetric=False):
    return Windows([y], [torch.zeros_like(y, dtype=torch.bool)], physics, size, symmetric)


@pytest.mark.parametrize("psf", [SYMMETRIC, ASYMMETRIC])
@pytest.mark.parametrize("symmetric", [False, True])
def test_the_target_lies_under_the_prediction(psf, symmetric):
    """A ramp blurred is the ramp, moved by the PSF's centroid: a target one pixel off would show."""
    physics = Blur.from_array(psf, (60, 64))
    i, j = torch.meshgrid(torch.arange(60.0), torch.arange(64.0), indexing="ij")
    ramp = (i + 3 * j)[None, None]
    constant = (physics.A(ramp) - physics.crop(ramp)).mean()
    windows = windows_of(ramp, physics, (20, 20), symmetric)
    generator = torch.Generator().manual_seed(0)
    inside = 0
    for _ in range(40):
        patch, _, view = windows.draw(1, generator)
        if all(fold is None for fold in view._folds):  # no edge of the picture in it
            z = view.A(view.initial(patch))
            assert torch.allclose(z, view.target(patch) + constant, atol=1e-3)
            inside += 1
    assert inside > 10


def test_only_symmetries_of_the_psf_are_used():
    assert len(windows_of(torch.rand(1, 1, 40, 40), Denoising(), (16, 16), True).moves) == 8
    blur = Blur.from_array(ASYMMETRIC, (40, 40))
    assert len(windows_of(torch.rand(1, 1, 40, 40), blur, (16, 16), True).moves) == 1
    # not square: no swap of the axes
    assert len(windows_of(torch.rand(1, 1, 40, 40), Denoising(), (16, 24), True).moves) == 4


def test_the_whole_object_is_one_window_if_it_is_small():
    physics = Blur.from_array(SYMMETRIC, (20, 24))
    y = torch.rand(1, 1, 20, 24)
    windows = windows_of(y, physics, (500, 500))
    patch, _, view = windows.draw(1, torch.Generator())
    assert torch.equal(view.initial(patch), extend(y, physics.halo))
    assert torch.equal(view.target(patch), y)


def test_the_edge_is_reflected_after_masking():
    """A value beyond the picture's edge in the window is overwritten by what is inside."""
    physics = Blur.from_array(SYMMETRIC, (20, 24))
    windows = windows_of(torch.rand(1, 1, 20, 24), physics, (500, 500))
    patch, _, view = windows.draw(1, torch.Generator())
    spoiled = patch.clone()
    spoiled[..., :2, :] = 1e6
    spoiled[..., -2:] = -1e6
    assert torch.equal(view.initial(spoiled), view.initial(patch))


@pytest.mark.parametrize("replacement", ["mean", "random"])
@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("size", [(16, 16), (80, 80)])
def test_the_network_does_not_see_what_it_is_to_predict(replacement, symmetric, size):
    """Nor the copies of it that the window holds beyond the picture's edge."""
    shape = (24, 24)
    physics = Blur.from_array(SYMMETRIC, shape)
    loss = MaskedLoss(replacement=replacement)
    y = torch.rand(1, 1, *shape, generator=torch.Generator().manual_seed(0))
    held = torch.rand(y.shape, generator=torch.Generator().manual_seed(1)) < 0.03
    number = torch.arange(y.numel(), dtype=torch.float32).reshape(y.shape)

    def seen(y, seed):
        def network(x):
            inputs.append(x)
            return x

        inputs = []
        generator = torch.Generator().manual_seed(seed)
        patch, mask, view = Windows([y], [held], physics, size, symmetric).draw(1, generator)
        terms = loss(network, patch, view, Independent(), generator, mask)
        return inputs[0], sum(terms.values())

    for seed in range(15):
        x, value = seen(y, seed)
        # held-out pixels: neither the input nor the loss knows them
        other, same = seen(torch.where(held, y + 100, y), seed)
        assert torch.equal(x, other) and torch.equal(value, same)
        # the pixels that this step predicts: the input does not know them
        generator = torch.Generator().manual_seed(seed)
        numbers, mask, view = Windows([number], [held], physics, size, symmetric).draw(1, generator)
        counted = loss.draw(numbers, generator)[0] & ~mask
        predicted = view.target(numbers)[view.target(counted)].long()
        changed = y.flatten().index_add(0, predicted, torch.full(predicted.shape, 100.0))
        assert predicted.numel() and torch.equal(x, seen(changed.reshape(y.shape), seed)[0])
