"""The bottleneck: how little passes, any size, the stated receptive field."""

from __future__ import annotations

import pytest
import torch

from napari_ssi.errors import InputError
from napari_ssi.networks.bottleneck import Bottleneck
from napari_ssi.networks.unet import UNet


def jacobian(network: torch.nn.Module, shape: tuple[int, ...]) -> torch.Tensor:
    """The derivative of all outputs by all inputs at a random picture, (n, n)."""
    y = torch.rand(1, 1, *shape, generator=torch.Generator().manual_seed(0))
    found = torch.autograd.functional.jacobian(network, y, vectorize=True)
    return found.reshape(y.numel(), y.numel())


@pytest.mark.parametrize(
    ("settings", "shape", "cell", "numbers"),
    [
        ({}, (16, 32), 8, 1),  # an axis of 16 is halved once
        ({}, (32, 32), 16, 2),
        ({"depth": 1, "squeeze": 2}, (16, 16), 4, 2),
        ({"depth": 3, "squeeze": 32}, (32, 32), 16, 1),
        ({"squeeze": 4}, (3, 16, 16), 4, 1),
    ],
)
def test_no_more_passes_than_the_description_holds(settings, shape, cell, numbers):
    """The rank of the Jacobian, and what a pixel that is changed alone does on average (Eckart-Young)."""
    torch.manual_seed(0)
    network = Bottleneck(channels=4, **settings).build(shape)
    assert network.numbers == numbers
    found = jacobian(network, shape)
    n = len(found)
    share = numbers / cell
    assert 0 < torch.linalg.matrix_rank(found, rtol=1e-5) <= share * n
    assert float((found - torch.eye(n)).square().sum()) / n >= 1 - share


def test_a_unet_has_no_such_limit():
    torch.manual_seed(0)
    found = jacobian(UNet(channels=4, depth=2).build((32, 32)), (32, 32))
    assert torch.linalg.matrix_rank(found, rtol=1e-5) > 0.9 * len(found)


@pytest.mark.parametrize("shape", [(47, 61), (16, 5), (5, 33, 40), (3, 9, 200), (17, 17, 17)])
@pytest.mark.parametrize("guided", [False, True])
def test_any_size_comes_back_the_same_and_every_weight_learns(shape, guided):
    torch.manual_seed(0)
    network = Bottleneck(channels=4).build(shape, guided=guided)
    x = torch.rand(2, 1 + guided, *shape)
    assert network(x).shape == (2, 1, *shape)
    if guided:  # nothing added to the guess yet
        torch.testing.assert_close(network(x), x[:, 1:])
        torch.nn.init.constant_(network.last.weight, 0.1)
    network(x).square().mean().backward()
    assert all(p.grad is not None and bool(p.grad.any()) for p in network.parameters())


def test_no_bottleneck_no_network():
    with pytest.raises(InputError, match="at least 16 pixels along one axis; this one has 8 x 9"):
        Bottleneck().build((8, 9))


def test_it_is_not_negative_where_that_is_known():
    for guided in (False, True):
        network = Bottleneck(channels=4).build((24, 24), positive=True, guided=guided)
        assert float(network(-torch.rand(1, 1 + guided, 24, 24)).min().detach()) >= 0


@pytest.mark.parametrize(("depth", "shape"), [(2, (96, 96)), (3, (160, 160)), (2, (12, 64, 64))])
def test_receptive_field_is_what_it_says(depth, shape):
    torch.manual_seed(0)
    network = Bottleneck(channels=4, depth=depth).build(shape)
    x = torch.rand(1, 1, *shape, requires_grad=True)
    for shift in range(3):
        at = tuple(n // 2 + shift for n in shape)
        (gradient,) = torch.autograd.grad(network(x)[(0, 0, *at)], x)
        for axis, (c, reach) in enumerate(zip(at, network.reach, strict=True)):
            others = tuple(a for a in range(2 + len(shape)) if a != 2 + axis)
            touched = gradient.abs().amax(others).nonzero().flatten()
            assert c - reach <= int(touched.min()) and int(touched.max()) <= c + reach
            assert int(touched.max()) - int(touched.min()) > min(10, shape[axis] // 2)
