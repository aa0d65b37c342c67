"""The blind-spot network: blind exactly, and to nothing else."""

from __future__ import annotations

import math

import pytest
import torch

from napari_ssi.errors import InputError
from napari_ssi.networks.blind_spot import BlindSpot
from napari_ssi.noise.correlated import Correlated


@pytest.mark.parametrize(
    ("shape", "at"), [((13, 16), (6, 7)), ((13, 16), (0, 15)), ((5, 8, 9), (2, 3, 8))]
)
@pytest.mark.parametrize("guided", [False, True])
def test_the_output_at_a_pixel_does_not_depend_on_the_input_there(shape, at, guided):
    torch.manual_seed(0)
    network = BlindSpot(channels=4).build(shape, guided=guided)
    x = torch.rand(1, 1 + guided, *shape, requires_grad=True)
    (gradient,) = torch.autograd.grad(network(x)[(0, 0, *at)], x)
    here = gradient[(slice(None), slice(None), *at)]
    assert torch.equal(here, torch.zeros_like(here))
    seen = gradient[0, 0] != 0
    near = [slice(max(0, a - 1), a + 2) for a in at]
    assert int(seen[tuple(near)].sum()) == seen[tuple(near)].numel() - 1  # all but the pixel
    with torch.no_grad():
        other = x.detach().clone()
        other[(slice(None), slice(None), *at)] = 1e6
        assert float(network(other)[(0, 0, *at)]) == float(network(x)[(0, 0, *at)])


ROWS = ((0.0, 0.0, 0.0), (0.3, 1.0, 0.3), (0.0, 0.0, 0.0))


@pytest.mark.parametrize(
    ("shape", "autocorrelation", "row_sigma"),
    [
        ((15, 17), ROWS, 0.0),
        ((15, 17), ((0.1, 0.3, 0.1), (0.3, 1.0, 0.3), (0.1, 0.3, 0.1)), 0.0),
        ((15, 17), ROWS, 0.2),
        ((5, 9, 9), ROWS, 0.0),
    ],
)
def test_it_is_blind_to_all_that_share_the_noise_of_the_pixel(shape, autocorrelation, row_sigma):
    noise = Correlated(
        sigma=0.1, row_sigma=row_sigma, column_sigma=0.0, autocorrelation=autocorrelation
    )
    torch.manual_seed(0)
    network = BlindSpot(channels=4).build(shape)
    network.apart(noise.extent(len(shape)))
    at = tuple(n // 2 for n in shape)
    x = torch.rand(1, 1, *shape, requires_grad=True)
    (gradient,) = torch.autograd.grad(network(x)[(0, 0, *at)], x)
    pixel = torch.zeros(1, 1, *shape, dtype=torch.bool)
    pixel[(0, 0, *at)] = True
    sharing = noise.sharing(pixel)
    assert not gradient[sharing].any()
    assert float((gradient != 0).float().mean()) > 0.5  # and sees much of the rest


def test_nothing_is_left_to_see_where_rows_and_columns_share_their_noise():
    noise = Correlated(sigma=0.1, row_sigma=0.1, column_sigma=0.1, autocorrelation=((1.0,),))
    with pytest.raises(InputError, match="nothing to see where whole rows and whole columns"):
        BlindSpot(channels=4).build((8, 8)).apart(noise.extent(2))


@pytest.mark.parametrize("extent", [(0.0, 0.0), (3.0, 1.0), (2.0, math.inf)])
def test_it_sees_as_far_as_it_says(extent):
    torch.manual_seed(0)
    network = BlindSpot(channels=4).build((99, 99))
    network.apart(extent)
    reach = network.reach[0]
    x = torch.rand(1, 1, 99, 99, requires_grad=True)
    (gradient,) = torch.autograd.grad(network(x)[0, 0, 49, 49], x)
    rows = gradient[0, 0].abs().sum(1).nonzero()[:, 0]
    assert int(rows.min()) >= 49 - reach and int(rows.max()) <= 49 + reach
    assert reach - int(49 - rows.min()) <= 1


def test_it_is_not_negative_where_that_is_known():
    network = BlindSpot(channels=4).build((8, 8), positive=True)
    assert float(network(-torch.rand(1, 1, 8, 8)).min().detach()) >= 0
