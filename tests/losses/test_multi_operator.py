"""Multi-operator imaging: the masks change places, and f learns from one recording what another misses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from napari_ssi import ImageStack, Recipe, run
from napari_ssi.errors import InputError
from napari_ssi.losses.base import Scene
from napari_ssi.losses.multi_operator import MultiOperator
from napari_ssi.noise.gaussian import Gaussian
from napari_ssi.noise.independent import Independent
from napari_ssi.physics.inpainting import Inpainting

ONLY = {"single": False, "saturated": False, "blank": False}


def scene(f, held: Tensor | None, noise=None) -> Scene:
    physics = Inpainting(**ONLY)
    physics.bind((16, 16), (1.0, 1.0))
    return Scene(f, physics, noise or Independent(), torch.Generator().manual_seed(0), held)


def test_each_window_is_seen_through_the_mask_of_another() -> None:
    """An f that marks what it is shown: single pixels miss, so that each has its 8 neighbours' mean."""
    x = torch.rand(3, 1, 16, 16, generator=torch.Generator().manual_seed(1))
    held = torch.zeros(3, 1, 16, 16, dtype=torch.bool)
    places = [(2, 3), (9, 9), (13, 5)]
    for n, (row, column) in enumerate(places):
        held[n, 0, row, column] = True
    shown: list[Tensor] = []

    def f(seen: Tensor) -> Tensor:
        shown.append(seen)
        return 0.5 * seen

    value = float(MultiOperator()(x, nn.Identity(), scene(f, held)))
    expected = x.clone()
    for n in range(3):
        row, column = places[n - 1]
        around = x[n, 0, row - 1 : row + 2, column - 1 : column + 2]
        expected[n, 0, row, column] = (around.sum() - x[n, 0, row, column]) / 8
    torch.testing.assert_close(shown[0], expected)
    assert value == pytest.approx(float((0.5 * expected - x).square().mean()), rel=1e-5)


def test_noise_is_drawn_where_the_model_can_and_the_gradient_reaches_both() -> None:
    x = torch.rand(4, 1, 16, 16, requires_grad=True)
    gain = torch.tensor(1.0, requires_grad=True)
    held = torch.zeros(4, 1, 16, 16, dtype=torch.bool)
    value = MultiOperator()(x, nn.Identity(), scene(lambda v: gain * v, held, Gaussian(sigma=0.2)))
    assert float(value.detach()) == pytest.approx(0.04, rel=0.1)
    value.backward()
    assert float(gain.grad.abs()) > 0
    quiet = float(MultiOperator()(x.detach(), nn.Identity(), scene(lambda v: v, held)))
    assert quiet == 0  # nothing is missing, and without noise f agrees with itself


def test_what_it_cannot_do_is_refused() -> None:
    x = torch.rand(1, 1, 16, 16)
    with pytest.raises(InputError, match="beside a loss"):
        MultiOperator()(x, nn.Identity())
    with pytest.raises(InputError, match=r"training\.batch to 2"):
        MultiOperator()(x, nn.Identity(), scene(lambda v: v, x > 2))
    with pytest.raises(InputError, match="needs the forward model inpainting or compose"):
        Recipe.create(physics="blur", method=[{"name": "ssi"}, {"name": "multi_operator"}])


def missed(terms: list[dict[str, object]], *, alike: bool) -> float:
    """Squared error (ADU²) at the pixels that six time points of one specimen miss, five squares each."""
    shape, rng = (32, 32), np.random.default_rng(5)
    rows, columns = np.meshgrid(*(np.linspace(0, 12, n) for n in shape), indexing="ij")
    x = 100 * (0.6 + 0.3 * np.sin(rows) * np.cos(1.3 * columns))
    missing = np.zeros((6, *shape), bool)
    for mask in missing:
        for row, column in rng.integers(0, 27, (5, 2)):
            mask[row : row + 6, column : column + 6] = True
    if alike:
        missing[:] = missing[0]
    recipe = Recipe.create(
        physics={"name": "inpainting", "params": {"unmeasured": 0, **ONLY}},
        method=terms,
        network={"name": "unet", "params": {"channels": 8, "depth": 2}},
        # windows of the whole frame: all masks lie where they are
        training={
            "steps": 250,
            "patch": shape,
            "batch": 2,
            "augment": False,
            "ensemble": False,
            "select": False,
        },
    )
    result = run(recipe, ImageStack(np.where(missing, 0, x).astype(np.float32), "TYX"))
    return float(np.square(result.image - x)[missing].mean())


@pytest.mark.slow
def test_it_learns_from_other_time_points_and_only_if_they_miss_other_pixels() -> None:
    """No noise; a data term that fits all it is given, alone and with the term."""
    data = {"name": "noise2self", "params": {"density": 0}}
    both = [data, {"name": "multi_operator", "weight": 1.0}]
    assert missed(both, alike=False) < 0.5 * missed([data], alike=False)
    assert missed(both, alike=True) > 0.75 * missed([data], alike=True)
