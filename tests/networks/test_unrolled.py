"""The unrolled network: gradient descent with corrections, tile by tile the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_ssi import ImageStack, InputError, Recipe, run
from napari_ssi.networks.unrolled import Unrolled
from napari_ssi.physics.blur import Blur
from napari_ssi.physics.denoising import Denoising
from napari_ssi.training.tiles import run_tiled

PSF = np.outer([1, 3, 4, 1], [2, 4, 1]).astype(np.float32)


def blur(shape: tuple[int, ...]) -> Blur:
    return Blur.from_array(PSF if len(shape) == 2 else np.stack([PSF, PSF**2, PSF]), shape)


@pytest.mark.parametrize("shape", [(24, 27), (7, 20, 18)])
def test_untrained_it_is_landwebers_iteration(shape: tuple[int, ...]) -> None:
    """Against the iteration with the operator as a matrix, on the pixels that the window determines."""
    physics = blur(shape)
    y = physics.initial(torch.rand(1, 1, *shape, generator=torch.Generator().manual_seed(0)))
    network = Unrolled(iterations=3).build(y.shape[2:])
    network.under(physics)
    with torch.no_grad():
        found = network(y)
    n = y.numel()
    matrix = physics.A(torch.eye(n).reshape(n, 1, *y.shape[2:])).reshape(n, -1).T.double()
    inner = tuple(
        slice(a, size - b) for size, (a, b) in zip(y.shape[2:], physics.halo, strict=True)
    )
    x, measured = y.double().flatten(), y[0, 0][inner].double().flatten()
    for _ in range(3):
        x = x - matrix.T @ (matrix @ x - measured)
    torch.testing.assert_close(found.double().flatten(), x, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("positive", [False, True])
def test_it_begins_with_a_first_guess_and_every_weight_learns(positive: bool) -> None:
    shape = (24, 28)
    physics = blur(shape)
    seen = torch.rand(2, 2, *physics.object_shape(shape)) + 0.1
    network = Unrolled().build(seen.shape[2:], positive=positive, guided=True)
    network.under(physics)
    out = network(seen)
    torch.testing.assert_close(out, seen[:, 1:], rtol=1e-4, atol=1e-5)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    before = [p.detach().clone() for p in network.parameters()]
    for _ in range(2):  # what lies before the zeros of the last layer learns from the second on
        optimizer.zero_grad()
        (physics.A(network(seen)) - 1).square().mean().backward()
        optimizer.step()
    for p, old in zip(network.parameters(), before, strict=True):
        assert not torch.equal(p, old)


@pytest.mark.parametrize(("shape", "pixels"), [((150, 170), 9_000), ((12, 60, 64), 30_000)])
def test_tiled_equals_untiled(shape: tuple[int, ...], pixels: int) -> None:
    torch.manual_seed(1)
    network = Unrolled(iterations=2, channels=4).build(shape)
    network.under(blur(shape))
    for p in network.parameters():
        torch.nn.init.normal_(p, std=0.1)
    y = torch.rand(1, 1, *shape)
    whole, tiled = torch.empty_like(y), torch.empty_like(y)
    tiles = [n for _, n in run_tiled(network, network, y, whole, pixels=10**9)]
    assert tiles == [1]
    assert len(list(run_tiled(network, network, y, tiled, pixels=pixels))) > 1
    torch.testing.assert_close(tiled, whole, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("method", ["ssi", "sure", "r2r"])
def test_it_trains_under_any_loss(method: str) -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(1, 0.2, (32, 36)).astype(np.float32)
    recipe = Recipe.create(
        physics="blur",
        noise={"name": "gaussian", "params": {"sigma": 0.2}} if method != "ssi" else "independent",
        method=method,
        network={"name": "unrolled", "params": {"channels": 4, "iterations": 2}},
        training={"steps": 4, "patch": (16, 16), "batch": 1, "select": False}
        | {"first_guess": "richardson_lucy"},
    )
    result = run(recipe, ImageStack(y, "YX"), psf=PSF)
    assert np.isfinite(result.image).all()
    assert result.estimates["steps"] == 4
    again = run(Recipe.from_json(recipe.to_json()), ImageStack(y, "YX"), psf=PSF)
    np.testing.assert_array_equal(result.image, again.image)


def test_without_blur_it_steps_towards_the_measurement() -> None:
    network = Unrolled(iterations=2).build((16, 16), guided=True)
    network.under(Denoising())
    torch.nn.init.constant_(network.steps, 0.5)
    seen = torch.rand(1, 2, 16, 16)
    y, x = seen[:, :1], seen[:, 1:]
    torch.testing.assert_close(network(seen), y + (x - y) / 4)


def test_other_forward_models_are_refused() -> None:
    with pytest.raises(InputError, match="Unrolled needs a forward model that is one convolution"):
        Recipe.create(physics="downsampling", method="ssi", network="unrolled")
    with pytest.raises(InputError, match="needs the network unet"):
        Recipe.create(physics="blur", method="deep_image_prior", network="unrolled")
