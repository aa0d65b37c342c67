"""The check by photons that no method has seen: its expectation is the true error."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_ssi import ImageStack, Recipe
from napari_ssi.errors import InputError
from napari_ssi.photon_check import check_by_photons, split_photons
from napari_ssi.physics.base import extend
from napari_ssi.physics.blur import Blur
from napari_ssi.psf.gaussian import gaussian

PSF = gaussian((1.5, 1.5), (1.0, 1.0))


def scene(shape=(48, 50)) -> np.ndarray:
    """Photons a pixel."""
    x = gaussian_filter((np.random.default_rng(1).random(shape) > 0.97).astype(float), 2)
    return 3 + 30 * x / x.max()


def test_splitting_keeps_photons_units_and_type():
    gain, offset = 4, 100
    y = (offset + gain * np.random.default_rng(0).poisson(scene())).astype(np.uint16)
    a, b = split_photons(ImageStack(y, "YX"), gain=gain, offset=offset, share=0.25)
    assert a.data.dtype == b.data.dtype == np.uint16
    assert np.array_equal(a.data.astype(int) - offset + b.data, y)
    photons = (y.astype(int) - offset).sum() / gain
    moved = (b.data.astype(int) - offset).sum() / gain
    assert moved == pytest.approx(photons / 4, abs=4 * np.sqrt(photons * 3 / 16))
    again, _ = split_photons(ImageStack(y, "YX"), gain=gain, offset=offset, share=0.25)
    assert np.array_equal(a.data, again.data)


FIXED = {"name": "total_variation", "params": {"weight": 0.03, "iterations": 60}}


@pytest.mark.parametrize(("method", "blurred"), [([FIXED], False), ("wiener", True)])
def test_its_error_is_the_true_one_on_average(method, blurred: bool):
    """Over 30 recordings of one scene, against the mean squared error that the truth gives."""
    z = scene()
    recipe = Recipe.create(physics="blur" if blurred else "denoising", method=method)
    off, said, inputs = [], [], []
    for seed in range(30):
        y = np.random.default_rng(seed).poisson(z).astype(np.uint16)
        found = check_by_photons(
            recipe, ImageStack(y, "YX"), psf=PSF if blurred else None, seed=seed
        )
        result = torch.from_numpy(found.restoration.image)[None, None]
        inner = (slice(None), slice(None))
        if blurred:
            physics = Blur.from_array(PSF, z.shape)
            result = physics.A(extend(result, physics.halo))
            inner = tuple(slice(max(p), -max(p)) for p in physics.halo)
        error = ((2 * result[0, 0].numpy() - z) ** 2)[inner].mean()
        off.append(found.error - error)
        said.append(found.standard_error)
        inputs.append(found.input_error)
        assert found.error < found.input_error
    spread = np.std(off, ddof=1)
    assert abs(np.mean(off)) < 3 * spread / np.sqrt(30)
    assert spread == pytest.approx(np.mean(said), rel=0.5)
    assert np.mean(inputs) == pytest.approx(2 * z.mean(), rel=0.05)


def test_what_is_not_counted_in_photons_is_refused():
    stack = ImageStack(np.random.default_rng(0).normal(50, 5, (32, 32)), "YX")
    with pytest.raises(InputError, match=r"no whole number of photons with a gain of 1"):
        split_photons(stack)
    with pytest.raises(InputError, match=r"between 0 and 1. Got 1 instead"):
        split_photons(stack, share=1.0)
