"""The optional terms of the SSI paper."""

from __future__ import annotations

import pytest
import torch

from napari_ssi.errors import InputError
from napari_ssi.losses.bounds import Bounds
from napari_ssi.losses.variation import Variation
from napari_ssi.losses.weights import Weights


def test_bounds_are_zero_inside_and_grow_outside():
    x = torch.tensor([[-0.5, 0.0, 0.7, 1.5]], requires_grad=True)
    network = torch.nn.Linear(1, 1)
    assert float(Bounds(lower=-1, upper=2)(x, network).detach()) == 0
    value = Bounds(lower=0, upper=1)(x, network)
    assert float(value.detach()) == pytest.approx((0.25 + 0.25) / 4)
    value.backward()
    assert x.grad is not None
    assert x.grad[0].tolist() == pytest.approx([-0.25, 0, 0, 0.25])


def test_weights_count_every_parameter():
    network = torch.nn.Linear(2, 1)
    with torch.no_grad():
        network.weight.copy_(torch.tensor([[1.0, -2.0]]))
        network.bias.fill_(3.0)
    value = Weights(l1=1.0, l2=10.0)(torch.zeros(1), network)
    assert float(value.detach()) == pytest.approx(2 + 10 * 14 / 3)


def test_bounds_that_leave_nothing_between_are_refused():
    with pytest.raises(InputError, match=r"lower bound \(2\) must be below the upper one \(1\)"):
        Bounds.from_params({"lower": 2, "upper": 1})


@pytest.mark.parametrize("shape", [(1, 1, 20, 24), (2, 1, 6, 20, 24)])
def test_variation_is_the_length_of_the_edges_times_their_height(shape):
    x = torch.zeros(shape)
    x[..., 5:15, 8:20] = 0.5  # in 3D a prism through all planes
    edges = 0.5 * (10 + 10 + 12 + 12) - 1 + 0.5 * 2**0.5  # one corner pixel has both differences
    found = float(Variation()(x, torch.nn.Identity()))
    assert found == pytest.approx(edges / (20 * 24), rel=0.02)
    step = torch.zeros(1, 1, 4, 8, 8)
    step[:, :, 2:] = 1.0
    assert float(Variation(depth=0.5)(step, torch.nn.Identity())) == pytest.approx(0.125, rel=0.02)


def test_variation_makes_the_estimate_more_even():
    x = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0)).requires_grad_()
    Variation()(x, torch.nn.Identity()).backward()
    lower = x.detach() - 5.0 * x.grad
    assert Variation()(lower, torch.nn.Identity()) < Variation()(x, torch.nn.Identity())
