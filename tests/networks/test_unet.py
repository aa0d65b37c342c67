"""The U-Net: any size, no edge or checkerboard artefacts, the stated receptive field."""

from __future__ import annotations

import pytest
import torch

from napari_ssi.networks.unet import UNet, poolings


@pytest.mark.parametrize(
    "shape", [(47, 61), (8, 8), (5, 33, 40), (1, 32, 32), (64, 64), (3, 9, 200)]
)
def test_any_size_comes_back_the_same(shape):
    network = UNet(channels=4).build(shape)
    x = torch.rand(2, 1, *shape)
    assert network(x).shape == x.shape


def test_thin_stacks_are_not_pooled_in_z():
    assert poolings((5, 64, 64), 3) == [(1, 2, 2)] * 3
    assert poolings((32, 64, 64), 2) == [(2, 2, 2)] * 2
    assert poolings((8, 8), 3) == []


@pytest.mark.parametrize("shape", [(128, 128), (24, 96, 96)])
def test_receptive_field_is_what_it_says(shape):
    torch.manual_seed(0)
    network = UNet(channels=4, depth=2).build(shape)
    x = torch.rand(1, 1, *shape, requires_grad=True)
    centre = tuple(n // 2 for n in shape)
    network(x)[(0, 0, *centre)].backward()
    assert x.grad is not None
    for axis, (c, reach) in enumerate(zip(centre, network.reach, strict=True)):
        others = tuple(a for a in range(2 + len(shape)) if a != 2 + axis)
        touched = x.grad.abs().amax(others).nonzero().flatten()
        assert c - reach <= int(touched.min()) and int(touched.max()) <= c + reach
        assert int(touched.max()) - int(touched.min()) > 10


def test_untrained_network_has_no_checkerboard():
    """On a constant image, away from the edges, the output is constant."""
    torch.manual_seed(0)
    network = UNet(channels=8).build((160, 160))
    with torch.no_grad():
        out = network(torch.full((1, 1, 160, 160), 0.5))[..., 72:88, 72:88]
    assert float(out.max() - out.min()) < 1e-5
