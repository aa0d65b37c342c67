"""Deep image prior: what stops it, and what the network is shown."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_ssi import ImageStack, Recipe, run
from napari_ssi.errors import InputError
from napari_ssi.losses.deep_image_prior import DeepImagePrior
from napari_ssi.noise.independent import Independent
from napari_ssi.physics.denoising import Denoising


def recording(sigma=0.3, shape=(48, 48)):
    rng = np.random.default_rng(0)
    x = gaussian_filter((rng.random(shape) > 0.97).astype(float), 2)
    x = (x / x.max()).astype(np.float32)
    return x, (x + sigma * rng.normal(size=shape)).astype(np.float32)


def test_it_is_not_unbiased_and_by_how_much():
    """f = c y: the term is (1 - c)² E y², where the risk and the noise are c² σ² + … + σ²: 2 c σ² less."""
    sigma, c = 0.3, 0.7
    generator = torch.Generator().manual_seed(0)
    y = sigma * torch.randn(64, 1, 64, 64, generator=generator)
    physics = Denoising()
    physics.bind((64, 64), (1.0, 1.0))
    (value,) = DeepImagePrior()(lambda v: c * v, y, physics, Independent(), generator).values()
    unbiased = (c * sigma) ** 2 + sigma**2
    assert float(value) == pytest.approx(unbiased - 2 * c * sigma**2, rel=0.02)


def test_the_weights_are_those_that_predict_held_out_pixels():
    x, y = recording()
    settings = {"steps": 120, "patch": (48, 48), "batch": 1, "learning_rate": 5e-3}
    recipe = Recipe.create(method="deep_image_prior", training=settings)
    result = run(recipe, ImageStack(y, "YX"))
    assert np.mean((result.image - x) ** 2) < 0.5 * np.mean((y - x) ** 2)
    scores = result.history[0]["held_out"]
    assert result.estimates["held_out"] == pytest.approx(np.nanmin(scores), rel=1e-6)


def test_the_same_seed_gives_the_same_image():
    _, y = recording()
    training = {"steps": 6, "patch": (16, 16), "batch": 1, "select": False}
    recipe = Recipe.create(method="deep_image_prior", training=training)
    first, again = (run(recipe, ImageStack(y, "YX")).image for _ in range(2))
    assert np.array_equal(first, again)


def test_the_network_of_the_prior_is_shown_a_field_and_not_the_recording():
    loss = DeepImagePrior()
    seen = []
    shown = torch.rand(1, 2, 48, 48)
    loss.once(lambda v: seen.append(v) or v, shown)
    assert torch.equal(seen[0], shown[:, 1:])


def test_of_another_frame_the_prior_says_nothing():
    _, y = recording()
    recipe = Recipe.create(method="deep_image_prior", training={"steps": 1, "patch": (16, 16)})
    result = run(recipe, ImageStack(y, "YX"))
    run(recipe, ImageStack(y, "YX"), models=result.models)
    with pytest.raises(InputError, match="one frame only"):
        run(recipe, ImageStack(y + 1, "YX"), models=result.models)
    with pytest.raises(InputError, match="learns one frame"):
        run(recipe, ImageStack(np.stack([y, y]), "TYX"))
