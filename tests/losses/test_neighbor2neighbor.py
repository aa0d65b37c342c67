"""Neighbor2Neighbor: pairs of the same mean and independent noise; what it does not claim."""

from __future__ import annotations

import math

import pytest
import torch

from napari_ssi.losses.neighbor2neighbor import Neighbor2Neighbor, cells, draw, picked
from napari_ssi.noise.independent import Independent
from napari_ssi.physics.denoising import Denoising


def state(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def bound(shape) -> Denoising:
    physics = Denoising()
    physics.bind(shape, (1.0,) * len(shape))
    return physics


@pytest.mark.parametrize("shape", [(9, 12), (3, 8, 7)])
def test_pairs_are_neighbours_in_one_cell_and_equally_often_either(shape):
    at = torch.stack(torch.meshgrid(*map(torch.arange, shape), indexing="ij"))[None].float()
    drawn = [draw(at[:, :1], state(seed)) for seed in range(400)]
    first, second = drawn[0]
    steps = torch.stack(
        [picked(a[None, None], first) - picked(a[None, None], second) for a in at[0]]
    )
    assert bool((steps.abs().sum(0) == 1).all())  # beside each other, in the plane
    if len(shape) == 3:
        assert not bool(steps[0].any())
    y = torch.rand(1, 1, *shape, generator=state(9))
    for place in (0, 1):
        mean = torch.stack([picked(y, pair[place]) for pair in drawn]).mean(0)
        assert float((mean - cells(y).mean(-1)).abs().max()) < 4 * 0.5 / math.sqrt(400)


def test_the_noise_of_a_pair_is_independent_and_the_loss_the_risk_beside_its_constant():
    """On an even picture, where neighbours have one brightness, the target is unbiased."""
    sigma, physics = 0.3, bound((64, 64))
    f = lambda v: 0.8 * v + 0.1  # noqa: E731
    found = []
    for seed in range(60):
        y = 0.5 + sigma * torch.randn(8, 1, 64, 64, generator=state(100 + seed))
        (value,) = Neighbor2Neighbor(regularisation=0)(
            f, y, physics, Independent(), state(seed)
        ).values()
        found.append(float(value))
    risk = (0.8 * sigma) ** 2  # f keeps the mean
    assert sum(found) / 60 == pytest.approx(risk + sigma**2, rel=0.02)
    naive = ((f(y) - y) ** 2).mean()  # the same pixel on both sides
    assert float(naive) < 0.1 * (risk + sigma**2)


def test_on_a_slope_only_the_difference_term_does_without_the_slope():
    """No unbiasedness: neighbours differ, here by 0.1; f(y) = y takes that off in the second term."""
    y = 0.1 * torch.arange(32.0).expand(1, 1, 32, 32)
    terms = Neighbor2Neighbor(regularisation=1)(
        lambda v: v, y, bound((32, 32)), Independent(), state()
    )
    assert float(terms["neighbours"]) == pytest.approx(0.1**2 / 2, rel=0.2)  # half lie in a row
    assert float(terms["difference"]) == pytest.approx(0, abs=1e-10)
