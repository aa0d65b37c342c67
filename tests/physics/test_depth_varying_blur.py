"""The PSF that changes with depth, against the sum of the planes blurred one by one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.signal import convolve

from napari_ssi.errors import InputError
from napari_ssi.physics.blur import Blur
from napari_ssi.physics.depth_varying_blur import DepthVaryingBlur


def gaussians(*widths: float, size: tuple[int, int, int] = (7, 9, 8)) -> np.ndarray:
    z, y, x = np.meshgrid(*(np.arange(n) - n // 2 for n in size), indexing="ij")
    found = []
    for n, w in enumerate(widths):  # wider, and shifted along z, with depth
        found.append(np.exp(-((z - 0.5 * n) ** 2 / 3 + (y**2 + x**2) / w**2) / 2))
    return np.array(found)


def test_it_is_the_sum_of_the_planes_each_with_the_psf_of_its_depth() -> None:
    shape, step, depths = (10, 17, 19), 0.5, (0.0, 1.5, 4.0)
    psfs = gaussians(1.0, 1.5, 2.2)
    physics = DepthVaryingBlur(depths=depths)
    physics.bind(shape, (step, 0.1, 0.1), psfs)
    psfs /= psfs.sum((1, 2, 3), keepdims=True)
    kernels = physics._kernels.numpy().astype(np.float64)
    assert kernels.shape == psfs.shape  # nothing was cropped: the same numbers
    np.testing.assert_allclose(kernels, psfs, atol=1e-6)
    x = np.random.default_rng(0).random(physics.object_shape(shape))
    slow = np.zeros(shape)
    before = physics.halo[0][0]
    for plane in range(x.shape[0]):
        depth = (plane - before) * step
        psf = np.array(
            [np.interp(depth, depths, psfs[:, *at]) for at in np.ndindex(psfs.shape[1:])]
        ).reshape(psfs.shape[1:])
        alone = np.zeros_like(x)
        alone[plane] = x[plane]
        slow += convolve(alone, psf, mode="valid")
    ours = physics.A(torch.from_numpy(x)[None, None])[0, 0].numpy()
    assert np.abs(ours - slow).max() < 1e-5 * slow.max()


def test_with_one_psf_throughout_it_is_blur() -> None:
    psf = gaussians(1.3)[0]
    physics = DepthVaryingBlur()
    physics.bind((6, 15, 16), (0.3, 0.1, 0.1), np.stack([psf, psf]))
    blur = Blur.from_array(psf, (6, 15, 16))
    x = torch.rand(1, 1, *physics.object_shape((6, 15, 16)), dtype=torch.float64)
    assert blur.halo == physics.halo
    torch.testing.assert_close(physics.A(x), blur.A(x), rtol=1e-5, atol=1e-6)


def test_no_light_is_lost_inside() -> None:
    physics = DepthVaryingBlur()
    physics.bind((12, 24, 24), (0.3, 0.1, 0.1), gaussians(1.0, 2.0))
    reach = [slice(s, -s) for s in physics._kernels.shape[1:]]
    given = physics.A_adjoint(torch.ones(1, 1, 12, 24, 24))[0, 0]
    torch.testing.assert_close(given[tuple(reach)], torch.ones_like(given[tuple(reach)]))


def test_refusals_are_sentences() -> None:
    psfs = gaussians(1.0, 2.0)
    for shape, given, depths, words in (
        ((20, 20), psfs, None, "z-stack"),
        ((8, 20, 20), psfs[0], None, "K, Z, Y, X"),
        ((8, 20, 20), psfs, (1.0,), "one depth per PSF"),
        ((8, 20, 20), psfs, (2.0, 1.0), "rising"),
        ((8, 20, 20), psfs * np.nan, None, "NaN"),
        ((8, 20, 20), psfs * 0, None, "zero everywhere"),
        ((8, 20, 20), None, None, "give a file"),
    ):
        with pytest.raises(InputError, match=words):
            DepthVaryingBlur(depths=depths).bind(shape, (0.3, 0.1, 0.1)[-len(shape) :], given)
