"""What every physics in the registry must do, found by discovery: a new one is tested by being there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_ssi import ImageStack, Recipe, registry, run
from napari_ssi.baselines import total_variation
from napari_ssi.errors import InputError
from napari_ssi.physics.base import Physics, extend, transform

SHAPES = [(47, 61), (32, 32), (5, 12, 17), (8, 9, 8)]
#: What a forward model does not do without; ``compose`` here is three at once.
PARAMS = {
    "compose": {
        "parts": [
            {"name": "blur"},
            {"name": "motion", "params": {"length": 2.5, "angle": 30}},
            {"name": "downsampling", "params": {"factor": [2, 3, 2]}},
            {"name": "inpainting"},
        ]
    },
    "downsampling": {"factor": [3, 2, 4]},
}


def lopsided(ndim: int) -> np.ndarray:
    """A PSF without any symmetry, of a different size along each axis, odd and even."""
    psf = np.random.default_rng(3).random((3, 4, 7)[-ndim:])
    psf[tuple(n // 2 for n in psf.shape)] = 4.0
    return psf


def bound(name: str, shape: tuple[int, ...]) -> Physics:
    physics: Physics = registry.find("physics", name).build(PARAMS.get(name))
    psf = lopsided(len(shape))
    if name == "depth_varying_blur":
        psf = np.stack([psf, psf[..., ::-1], psf**2])
    try:
        physics.bind(shape, (0.3, 0.1, 0.1)[-len(shape) :], psf)
    except InputError as refusal:
        if len(shape) == 2 and "z-stack" in str(refusal):  # it says that it is for stacks only
            pytest.skip(str(refusal))
        raise
    return physics


def objects(
    physics: Physics, shape: tuple[int, ...], *, seed: int = 0, dtype: torch.dtype = torch.float64
) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, 1, *physics.object_shape(shape), generator=generator, dtype=dtype)


LINEAR = sorted(n for n, e in registry.entries("physics").items() if "linear" in e.traits)


@pytest.fixture(params=LINEAR)
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
    assert tuple(physics.crop(x).shape[2:]) == physics.finer(shape)
    assert physics.ndim in (None, len(shape))
    fine = physics.crop(physics.initial(y))
    assert fine.shape == physics.crop(x).shape == physics.upsample(y).shape
    if not any(z > 1 for z in physics.zoom):
        assert torch.equal(fine, y)
        assert torch.equal(physics.initial(y), extend(y, physics.halo))


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


@pytest.mark.filterwarnings("ignore:.*torch.jit.script")  # inside torch
def test_it_differentiates_twice_and_forwards(name: str) -> None:
    # divergences are taken either way
    shape = (
        (3, 6, 5) if registry.find("physics", name).load().model_fields.get("depths") else (5, 4)
    )
    physics = bound(name, shape)
    x = objects(physics, shape)[:1].requires_grad_()
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
    if name == "depth_varying_blur":
        pytest.skip("where the PSF changes light gathers; that none is lost its own test shows")
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
    physics: Physics = registry.find("physics", name).build(PARAMS.get(name))
    try:
        physics.bind(shape, (0.1, 0.1), symmetric)
    except InputError as refusal:
        pytest.skip(str(refusal))
    found = physics.symmetries(2)
    assert found[0] == ((0, 1), ())
    x = objects(physics, shape)
    for order, flips in found:
        moved = physics.A(transform(x, order, flips))
        assert torch.allclose(moved, transform(physics.A(x), order, flips), atol=1e-6)


def test_a_part_is_a_part(name: str, shape: tuple[int, ...]) -> None:
    """A window sees of the object what the whole sees there."""
    physics = bound(name, shape)
    x = objects(physics, shape)
    y = physics.A(x)
    size = [max(1, n // 2) for n in shape]
    starts = [[n // 3 for n in shape], [n - s for n, s in zip(shape, size, strict=True)]]
    part = physics.part(starts, size)
    assert part.object_shape(size) == physics.object_shape(size)
    assert (part.halo, part.zoom) == (physics.halo, physics.zoom)

    def cut(image: Tensor, start: Sequence[int], size: Sequence[int]) -> Tensor:
        for axis, (a, n) in enumerate(zip(start, size, strict=True), start=2):
            image = image.narrow(axis, a, n)
        return image

    windows = [
        cut(x[n : n + 1], physics.finer(start), physics.object_shape(size))
        for n, start in enumerate(starts)
    ]
    seen = part.A(torch.cat(windows))
    for n, start in enumerate(starts):
        assert torch.allclose(seen[n : n + 1], cut(y[n : n + 1], start, size), atol=1e-6)
    # and its adjoint is still one
    z = torch.randn(seen.shape, dtype=seen.dtype)
    back = (torch.cat(windows) * part.A_adjoint(z)).sum()
    assert torch.allclose((seen * z).sum(), back, rtol=1e-6, atol=1e-6)


def test_traits_are_true(name: str, shape: tuple[int, ...]) -> None:
    physics, traits = bound(name, shape), registry.find("physics", name).traits
    assert set(traits) <= set(registry.TRAITS)
    assert physics.linear == ("linear" in traits)
    assert physics.identity == ("identity" in traits) != ("mixing" in traits)
    assert physics.invariant == ("invariant" in traits)
    x = objects(physics, shape)
    assert physics.identity == (physics.A(x).shape == x.shape and torch.equal(physics.A(x), x))


@pytest.mark.parametrize("method", sorted(registry.methods()))
def test_every_method_valid_for_linear_models_runs_with_every_one(
    name: str, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if registry.find("physics", name).load().model_fields.get("depths"):
        shape = (6, 20, 22)
    else:
        shape = (22, 24)
    entry = registry.methods()[method]
    noise = (entry.noise or ("independent",))[0]
    if entry.refusal(physics=name, noise=noise):
        pytest.skip(entry.refusal(physics=name, noise=noise))
    physics = bound(name, shape)
    rng = np.random.default_rng(0)
    truth = np.ones((1, 1, *physics.object_shape(shape)), np.float32)
    truth[..., 5:9, 6:12] = 3
    y = physics.A(torch.from_numpy(truth))[0, 0].numpy() + rng.normal(0, 0.05, shape)
    psf = lopsided(len(shape))
    if len(shape) == 3:
        psf = np.stack([psf, psf**2])
    # that solver and search arrive somewhere is tested elsewhere
    monkeypatch.setattr(total_variation, "MOST", 20)
    monkeypatch.setattr(total_variation.TotalVariation, "tries", 4)
    training = {"steps": 2, "patch": (16, 16), "batch": 1, "first_guess": "richardson_lucy"}
    recipe = Recipe.create(
        physics={"name": name, "params": PARAMS.get(name, {})},
        noise=noise,
        method=method,
        training=training if entry.kind == "loss" else {},
    )
    stages = set()
    y, axes = y.astype(np.float32), "ZYX"[-len(shape) :]
    if method == "noise2noise":  # of one scene
        again = physics.A(torch.from_numpy(truth))[0, 0].numpy() + rng.normal(0, 0.05, shape)
        y, axes = np.stack([y, again.astype(np.float32)]), "T" + axes
    result = run(recipe, ImageStack(y, axes), psf=psf, report=lambda p: stages.add(p.stage))
    guided = entry.kind == "loss" and entry.build().cross_fits and not physics.identity
    assert ("first guess" in stages) == guided
    assert result.image.shape[-len(shape) :] == physics.finer(shape)
    assert np.isfinite(result.image).all()


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
    assert set(entry.physics) <= set(registry.entries("physics")) | set(registry.TRAITS)
    assert (entry.kind == "physics") == bool(entry.traits)
    assert set(entry.noise) <= set(registry.entries("noise"))
    for field, facts in configured.model_fields.items():
        assert facts.title, f"{field} has no title for the form"
        assert facts.description, f"{field} has no description for the tooltip"
