"""Tiled inference agrees with untiled, everywhere."""

from __future__ import annotations

import pytest
import torch

from napari_ssi.networks.unet import UNet
from napari_ssi.training.tiles import run_tiled


@pytest.mark.parametrize(
    ("shape", "pixels"),
    [((47, 61), 4000), ((200, 333), 30_000), ((5, 90, 141), 60_000), ((44, 50, 66), 260_000)],
)
def test_tiled_equals_untiled(shape, pixels):
    torch.manual_seed(0)
    network = UNet(channels=4, depth=2).build(shape)
    y = torch.rand(1, 1, *shape)
    whole, tiled = torch.full_like(y, -1), torch.full_like(y, -1)
    assert list(run_tiled(network, network, y, whole, pixels=10**9)) == [(1, 1)]
    steps = list(run_tiled(network, network, y, tiled, pixels=pixels))
    assert steps[-1][0] == steps[-1][1]
    assert torch.allclose(whole, tiled, atol=1e-5)
    if shape != (47, 61):
        assert len(steps) > 1


def test_a_region_is_the_same_as_the_whole_and_nothing_else_is_touched():
    torch.manual_seed(0)
    network = UNet(channels=4, depth=2).build((12, 40, 36))
    y = torch.rand(1, 1, 12, 40, 36)
    whole, part = torch.zeros_like(y), torch.full_like(y, -1)
    list(run_tiled(network, network, y, whole))
    region = [slice(7, 8), slice(0, 40), slice(0, 36)]
    list(run_tiled(network, network, y, part, region, pixels=40_000))
    assert torch.allclose(part[:, :, 7], whole[:, :, 7], atol=1e-5)
    assert (part[:, :, :7] == -1).all() and (part[:, :, 8:] == -1).all()


def test_edges_are_like_the_inside():
    """On a constant image the result is constant up to the edge (a network that copies)."""
    network = UNet(channels=4, depth=1).build((64, 64))
    for p in network.parameters():
        torch.nn.init.constant_(p, 0.02)
    y = torch.full((1, 1, 45, 51), 0.5)
    out = torch.empty_like(y)
    list(run_tiled(network, network, y, out))
    assert float(out.max() - out.min()) < 1e-6
