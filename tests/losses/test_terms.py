"""The optional terms of the SSI paper."""

from __future__ import annotations

import pytest
import torch

from napari_ssi.errors import InputError
from napari_ssi.losses.bounds import Bounds
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
