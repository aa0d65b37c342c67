"""Autoencoder: what it does not correct for, what stops it, and that it cannot copy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_ssi import ImageStack, Recipe, registry, run
from napari_ssi.errors import InputError
from napari_ssi.losses.autoencoder import Autoencoder
from napari_ssi.noise.independent import Independent
from napari_ssi.physics.denoising import Denoising
from napari_ssi.psf.gaussian import gaussian

SIGMA = 0.3
QUICK = {"steps": 120, "patch": (48, 48), "batch": 1, "learning_rate": 4e-3, "ensemble": False}


def specimen(shape=(64, 64)):
    x = gaussian_filter((np.random.default_rng(0).random(shape) > 0.97).astype(float), 3)
    return (x / x.max()).astype(np.float32)


def noisy(x):
    noise = np.random.default_rng(1).normal(size=x.shape)
    return (x + SIGMA * noise).astype(np.float32)


def test_the_noise_that_f_follows_is_what_it_falls_short_of_the_risk():
    """Of f(y) = c y: 2 c σ² below the risk and the noise."""
    c, generator = 0.4, torch.Generator().manual_seed(0)
    z = torch.linspace(0, 1, 64).expand(64, 1, 64, 64)
    y = z + SIGMA * torch.randn(64, 1, 64, 64, generator=generator)
    physics = Denoising()
    physics.bind((64, 64), (1.0, 1.0))
    (value,) = Autoencoder()(lambda v: c * v, y, physics, Independent(), generator).values()
    risk = float((c * y - z).square().mean())
    assert float(value) == pytest.approx(risk + SIGMA**2 - 2 * c * SIGMA**2, rel=0.02)
    assert float(value) < 0.8 * risk + SIGMA**2


def test_it_denoises_and_the_weights_are_those_that_predict_held_out_pixels():
    x = specimen()
    y = noisy(x)
    result = run(Recipe.create(method="autoencoder", training=QUICK), ImageStack(y, "YX"))
    assert np.mean((result.image - x) ** 2) < 0.25 * np.mean((y - x) ** 2)
    scores = result.history[0]["held_out"]
    assert result.estimates["held_out"] == pytest.approx(np.nanmin(scores), rel=1e-6)
    # a pixel that is changed alone is hardly followed: the description has a number for eight
    places = [(9, 9), (30, 41), (45, 18), (50, 50)]
    spoiled = y.copy()
    for at in places:
        spoiled[at] += 1
    again = run(result.recipe, ImageStack(spoiled, "YX"), models=result.models)
    followed = [float(again.image[at] - result.image[at]) for at in places]
    assert np.mean(np.square(followed)) < 0.3**2


@pytest.mark.slow
def test_a_blur_is_undone_through_the_forward_model():
    """f makes the object: blurred again it is the recording, and itself sharper than that."""
    psf = gaussian((2.5, 2.5), (1.0, 1.0))
    grid = np.arange(64)
    x = np.float32(0.5 + 0.5 * np.sin(grid / 1.6))[:, None] * np.ones((64, 64), np.float32)
    blurred = gaussian_filter(x, 2.5 / 2.355, mode="reflect")
    recipe = Recipe.create(
        method="autoencoder",
        physics="blur",
        training={**QUICK, "steps": 500, "batch": 2},
        levels={"offset": 0.0},
    )
    result = run(recipe, ImageStack(blurred, "YX"), psf=psf)
    inner = (slice(8, -8), slice(8, -8))
    error = np.mean((result.image - x)[inner] ** 2)
    assert error < 0.5 * np.mean((blurred - x)[inner] ** 2)


def test_it_brings_its_network():
    assert registry.network_for("autoencoder") == "bottleneck"
    assert Recipe.create(method="autoencoder").network.name == "bottleneck"
    with pytest.raises(InputError, match="needs the network bottleneck; the recipe has unet"):
        Recipe.create(method="autoencoder", network="unet")
