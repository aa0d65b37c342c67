"""The one that is not linear: cut off where the detector is full, and refused where that matters."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_ssi import ImageStack, InputError, Recipe, registry, run
from napari_ssi.physics.blur import Blur
from napari_ssi.physics.saturation import Saturation

PSF = np.outer([1, 2, 3, 2, 1], [1, 2, 3, 2, 1]).astype(float)


def test_it_is_the_blur_cut_off_with_its_gradient() -> None:
    physics = Saturation(level=150)
    physics.bind((20, 22), (0.1, 0.1), PSF)
    physics.calibrate(100.0, 100.0)  # 150 is 0.5 in engine units
    blur = Blur.from_array(PSF, (20, 22))
    x = torch.rand(1, 1, *physics.object_shape((20, 22)), requires_grad=True)
    y = physics.A(x)
    torch.testing.assert_close(y, blur.A(x).clamp_max(0.5))
    (gradient,) = torch.autograd.grad(y.sum(), x)
    below = (blur.A(x) < 0.5).float()
    torch.testing.assert_close(gradient, blur.A_adjoint(below), atol=1e-6, rtol=1e-5)


def test_what_needs_linear_models_is_refused() -> None:
    fitting = [
        name
        for name, entry in registry.methods().items()
        if not entry.refusal(physics="saturation", noise=(entry.noise or ("independent",))[0])
    ]
    assert fitting == ["ssi", "autoencoder", "deep_image_prior"]  # they need no more than A itself
    with pytest.raises(InputError, match="needs the level"):
        Saturation().calibrate(1.0, 0.0)
    with pytest.raises(InputError, match="above the camera's offset"):
        Saturation(level=10).calibrate(1.0, 100.0)


def test_light_beyond_the_level_is_not_denied() -> None:
    """Where the detector is full the estimate may exceed the level, as the truth does."""
    i, j = np.mgrid[:40, :40]
    x = 100 + 400 * np.exp(-((i - 20) ** 2 + (j - 20) ** 2) / 60)
    y = np.minimum(x, 350) + np.random.default_rng(0).normal(0, 5, x.shape)
    recipe = Recipe.create(
        physics={"name": "saturation", "params": {"level": 350}},
        method="ssi",
        training={"steps": 120},
    )
    image = run(recipe, ImageStack(y.astype(np.float32), "YX")).image
    dark = x < 300
    assert np.abs(image - x)[dark].mean() < 8
    assert image[18:23, 18:23].mean() > 345


def test_the_background_of_its_psf_can_be_subtracted() -> None:
    bead = np.pad(PSF, 4) + 2.0
    physics = Saturation(level=1, subtract_background=True)
    physics.bind((20, 22), (0.1, 0.1), bead)
    blur = Blur.from_array(bead, (20, 22), subtract_background=True)
    x = torch.rand(1, 1, *blur.object_shape((20, 22)))
    torch.testing.assert_close(physics.A(x), blur.A(x))
    assert physics.halo == blur.halo
