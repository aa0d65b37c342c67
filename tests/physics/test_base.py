"""Extension, cropping and the flips of the dihedral group."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_ssi.physics.base import crop, dihedral, extend, reflected, transform


@pytest.mark.parametrize("length", [1, 2, 3, 7])
@pytest.mark.parametrize("before", [0, 1, 5, 20])
def test_reflection_is_numpys(length: int, before: int) -> None:
    line = np.arange(length)
    expected = (
        np.pad(line, before, mode="reflect") if length > 1 else np.zeros(length + 2 * before, int)
    )
    np.testing.assert_array_equal(line[reflected(-before, length + before, length)], expected)


def test_extend_and_crop_are_inverse() -> None:
    y = torch.rand(1, 2, 4, 5, 6)
    halo = ((0, 1), (2, 0), (9, 3))
    x = extend(y, halo)
    assert x.shape == (1, 2, 5, 7, 18)
    assert torch.equal(crop(x, halo), y)


@pytest.mark.parametrize("ndim", [2, 3])
def test_the_group_is_complete_and_without_doubles(ndim: int) -> None:
    image = torch.arange(3.0**ndim).reshape(1, 1, *(3,) * ndim)
    moved = {
        tuple(transform(image, order, flips).flatten().tolist()) for order, flips in dihedral(ndim)
    }
    assert len(moved) == len(dihedral(ndim)) == {2: 8, 3: 16}[ndim]
    assert torch.equal(transform(image, *dihedral(ndim)[0]), image)
