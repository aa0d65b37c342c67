"""Equivariant imaging: the movements, what it is zero for, and what it brings back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from napari_ssi.errors import InputError
from napari_ssi.events import Control, Watched
from napari_ssi.losses.base import Scene
from napari_ssi.losses.equivariant import Equivariant, scaled
from napari_ssi.losses.masked import MaskedLoss
from napari_ssi.networks.unet import UNet
from napari_ssi.noise.gaussian import Gaussian
from napari_ssi.noise.independent import Independent
from napari_ssi.physics.base import Physics
from napari_ssi.physics.blur import Blur
from napari_ssi.physics.denoising import Denoising
from napari_ssi.restorer import iterate
from napari_ssi.training.settings import Training
from napari_ssi.training.trainer import Trainer


def state(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def scene(physics: Physics, f, noise=None, held: Tensor | None = None) -> Scene:
    return Scene(f, physics, noise or Independent(), state(), held)


@pytest.mark.parametrize("shape", [(2, 1, 12, 12), (1, 1, 3, 12, 10)])
@pytest.mark.parametrize("movement", ["shift", "rotate"])
def test_shifts_and_turns_move_every_pixel_and_lose_none(movement, shape):
    x = torch.arange(float(np.prod(shape))).reshape(shape)
    for seed in range(10):
        moved = Equivariant(movement=movement).moved(x, state(seed))
        assert not torch.equal(moved, x)
        assert torch.equal(moved.flatten().sort().values, x.flatten())


def test_scaling_is_about_the_middle_and_right():
    grid = torch.linspace(-1, 1, 41)
    x = (grid[:, None] + 2 * grid)[None, None]
    inner = slice(12, 29)
    expected = x[..., inner, inner] / 0.8
    torch.testing.assert_close(scaled(x, 0.8)[..., inner, inner], expected, atol=1e-5, rtol=1e-5)


def test_it_is_zero_where_nothing_is_lost_and_the_size_of_the_loss_else():
    x = torch.rand(2, 1, 16, 16, generator=state())
    identity = Denoising()
    identity.bind((16, 16), (1.0, 1.0))
    for movement in ("shift", "rotate", "scale"):
        term = Equivariant(movement=movement)
        assert float(term(x, nn.Identity(), scene(identity, lambda v: v))) == 0
        lost = float(term(x, nn.Identity(), scene(identity, lambda v: 0.5 * v)))
        moved = term.moved(x, state())
        assert lost == pytest.approx(float((0.5 * moved).square().mean()), rel=1e-5)


def test_noise_is_drawn_where_the_model_can():
    x, sigma = torch.rand(8, 1, 32, 32, generator=state()), 0.2
    identity = Denoising()
    identity.bind((32, 32), (1.0, 1.0))
    around = scene(identity, lambda v: v, Gaussian(sigma=sigma))
    value = float(Equivariant(movement="shift")(x, nn.Identity(), around))
    assert value == pytest.approx(sigma**2, rel=0.1)


def test_of_a_blur_the_shapes_are_right_and_the_gradient_reaches_f():
    psf = np.outer([1.0, 2, 3, 1], [1, 2, 1])
    blur = Blur.from_array(psf, (24, 24))
    x = torch.rand(1, 1, *blur.object_shape((24, 24)), generator=state())
    gain = torch.tensor(1.0, requires_grad=True)
    held = torch.rand(1, 1, 24, 24, generator=state(1)) < 0.1
    value = Equivariant()(x, nn.Identity(), scene(blur, lambda v: gain * v, held=held))
    value.backward()
    assert float(gain.grad.abs()) > 0
    with pytest.raises(InputError, match="beside a loss"):
        Equivariant()(x, nn.Identity())


class Holes(Physics):
    """A camera with dead pixels, always the same: A x = x where it is not dead, else 0."""

    _alive: Tensor

    def __init__(self, alive: Tensor) -> None:
        super().__init__()
        object.__setattr__(self, "_alive", alive)

    def A(self, x: Tensor) -> Tensor:
        return x * self._alive

    def A_adjoint(self, y: Tensor) -> Tensor:
        return y * self._alive

    def symmetries(self, ndim: int):
        return [(tuple(range(ndim)), ())]


@pytest.mark.slow
def test_it_brings_back_what_dead_pixels_lost():
    """30 % dead, no noise. The same data term without it leaves them as dark as they were seen."""
    shape = (48, 48)
    rows, columns = torch.meshgrid(*(torch.linspace(0, 9, n) for n in shape), indexing="ij")
    x = (0.6 + 0.3 * (rows.sin() * (1.3 * columns).cos()))[None, None]
    alive = (torch.rand(1, 1, *shape, generator=state(2)) > 0.3).float()
    physics = Holes(alive)
    error = []
    for terms in ([], [(Equivariant(movement="shift"), 1.0, "equivariant")]):
        settings = Training(steps=250, patch=shape, batch=1, augment=False, ensemble=False)
        trainer = Trainer(settings, MaskedLoss(density=0.0), terms, UNet(channels=8, depth=2))
        steps = iterate(trainer, physics.A(x), physics, Independent(), Control(), state())
        restored = Watched(steps).finish()
        error.append(float((restored - x).square().mean()))
    assert error[1] < error[0] / 10**0.1  # a decibel
