"""What every physics in the registry must do, found by discovery: a new one is tested by being there."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_ssi import registry
from napari_ssi.physics.base import Physics, extend, transform

SHAPES = [(47, 61), (32, 32), (5, 12, 17), (8, 9, 8)]


def lopsided(ndim: int) -> np.ndarray:
    """A PSF without any symmetry, of a different size along each axis, odd and even."""
    psf = np.random.default_rng(3).random((3, 4, 7)[-ndim:])
    psf[tuple(n // 2 for n in psf.shape)] = 4.0
    return psf


def bound(name: str, shape: tuple[int, ...]) -> Physics:
    physics: Physics = registry.find("physics", name).build()
    physics.bind(shape, (0.3, 0.1, 0.1)[-len(shape) :], lopsided(len(shape)))
    return physics


def objects(
    physics: Physics, shape: tuple[int, ...], *, seed: int = 0, dtype: torch.dtype = torch.float64
) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, 1, *physics.object_shape(shape), generator=generator, dtype=dtype)


@pytest.fixture(params=sorted(registry.entries("physics")))
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=SHAPES, ids=str)
def shape(request: pytest.FixtureRequest) -> tuple[int, ...]:
    return request.param


def test_the_adjoint_is_the_adjoint(name: str, shape: tuple[int, ...]) -> None:
    physics = bound(name, shape)
    x = objects(physics, shape)
    y = torch.randn(physics.A(x).shape, dtype=torch.float64)
    forward, back = (physics.A(x) * y).sum(), (x * physics.A_adjoint(y)).sum()
    assert torch.allclose(forward, back, rtol=1e-6, atol=1e-6)  # the PSF itself is float32


def test_linear(name: str, shape: tuple[int, ...]) -> None:
    physics = bound(name, shape)
    a, b = objects(physics, shape, seed=1), objects(physics, shape, seed=2)
    assert torch.allclose(physics.A(2 * a - 3 * b), 2 * physics.A(a) - 3 * physics.A(b), atol=1e-12)


def test_shapes_agree(name: str, shape: tuple[int, ...]) -> None:
    physics = bound(name, shape)
    x = objects(physics, shape, dtype=torch.float32)
    y = physics.A(x)
    assert tuple(y.shape[2:]) == shape
    assert physics.A_adjoint(y).shape == x.shape
    assert physics.initial(y).shape == x.shape
    assert physics.target(y).shape == y.shape
    assert tuple(physics.crop(x).shape[2:]) == shape
    assert physics.ndim in (None, len(shape))
    assert torch.equal(physics.crop(extend(y, physics.halo)), y)


def test_dtype_and_device_are_kept(name: str, shape: tuple[int, ...]) -> None:
    physics = bound(name, shape).to("cpu")
    for dtype in (torch.float32, torch.float64):
        x = objects(physics, shape, dtype=dtype)
        y = physics.A(x)
        assert y.dtype == dtype
        assert physics.A_adjoint(y).dtype == dtype
        assert y.device == x.device == physics.device


def test_the_gradient_is_the_adjoint(name: str, shape: tuple[int, ...]) -> None:
    physics = bound(name, shape)
    x = objects(physics, shape).requires_grad_()
    g = torch.randn(2, 1, *shape, dtype=torch.float64)
    (gradient,) = torch.autograd.grad(physics.A(x), x, g)
    assert torch.allclose(gradient, physics.A_adjoint(g), atol=1e-7)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # inside torch
def test_it_differentiates_twice_and_forwards(name: str) -> None:
    # divergences are taken either way
    physics = bound(name, (9, 8))
    x = objects(physics, (9, 8))[:1].requires_grad_()
    assert torch.autograd.gradcheck(physics.A, x, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(physics.A, x)


def test_what_was_seen_in_inference_can_be_trained(name: str) -> None:
    shape = (47, 61)
    with torch.inference_mode():
        physics = bound(name, shape)
        physics.A(objects(physics, shape))
    x = objects(physics, shape).requires_grad_()
    physics.A(x).sum().backward()
    assert x.grad is not None
    assert bool(torch.isfinite(x.grad).all())


def test_constants_stay(name: str, shape: tuple[int, ...]) -> None:
    physics = bound(name, shape)
    y = physics.A(torch.full_like(objects(physics, shape), 7.0))
    assert torch.allclose(y, torch.full_like(y, 7.0), rtol=1e-6)


def test_arguments_are_left_alone(name: str, shape: tuple[int, ...]) -> None:
    physics = bound(name, shape)
    x = objects(physics, shape)
    kept = x.clone()
    y = physics.A(x)
    physics.A_adjoint(y)
    physics.initial(y)
    assert torch.equal(x, kept)


def test_images_of_a_batch_do_not_mix(name: str, shape: tuple[int, ...]) -> None:
    physics = bound(name, shape)
    x = torch.cat(
        [objects(physics, shape, seed=s) for s in (1, 2)], dim=1
    )  # (2, 2, …): batch and channels
    whole = physics.A(x)
    for n in range(2):
        for c in range(2):
            alone = physics.A(x[n : n + 1, c : c + 1])
            assert torch.allclose(whole[n : n + 1, c : c + 1], alone, atol=1e-12)


def test_the_initial_image_is_linear_in_y(name: str, shape: tuple[int, ...]) -> None:
    physics = bound(name, shape)
    a, b = torch.randn(1, 1, *shape), torch.randn(1, 1, *shape)
    assert torch.allclose(
        physics.initial(a + 2 * b), physics.initial(a) + 2 * physics.initial(b), atol=1e-5
    )


def test_symmetries_commute(name: str) -> None:
    shape = (24, 24)
    symmetric = np.outer([1, 3, 5, 3, 1], [2, 3, 4, 3, 2])
    physics: Physics = registry.find("physics", name).build()
    physics.bind(shape, (0.1, 0.1), symmetric)
    found = physics.symmetries(2)
    assert found[0] == ((0, 1), ())
    x = objects(physics, shape)
    for order, flips in found:
        moved = physics.A(transform(x, order, flips))
        assert torch.allclose(moved, transform(physics.A(x), order, flips), atol=1e-6)


# --- the registry itself ------------------------------------------------------------------


@pytest.mark.parametrize(
    "entry",
    [entry for kind in registry.PACKAGES for entry in registry.entries(kind).values()],
    ids=lambda entry: f"{entry.kind}:{entry.name}",
)
def test_every_entry_is_sound(entry: registry.Entry) -> None:
    configured = entry.load()
    assert configured.__name__ == entry.class_name
    assert configured.__module__ == entry.module
    assert set(entry.params) <= set(configured.model_fields)
    entry.build()
    assert entry.label
    assert entry.summary.endswith(".")
    assert set(entry.physics) <= set(registry.entries("physics"))
    assert set(entry.noise) <= set(registry.entries("noise"))
    for field, facts in configured.model_fields.items():
        assert facts.title, f"{field} has no title for the form"
        assert facts.description, f"{field} has no description for the tooltip"
