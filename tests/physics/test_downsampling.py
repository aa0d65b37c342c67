"""Coarse pixels against block means of numpy, and where the fine pixels lie."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.signal import convolve
from skimage.transform import resize

from napari_ssi import ImageStack, InputError, Recipe, run
from napari_ssi.io import read, write
from napari_ssi.physics.downsampling import Downsampling


def bound(shape: tuple[int, ...], psf: np.ndarray | None = None, **params: object) -> Downsampling:
    physics = Downsampling(**params)
    physics.bind(shape, (0.6, 0.2, 0.2)[-len(shape) :], psf)
    return physics


def test_it_is_the_mean_over_blocks() -> None:
    physics = bound((7, 9), factor=(3, 2))
    x = np.random.default_rng(0).random((21, 18))
    expected = x.reshape(7, 3, 9, 2).mean((1, 3))
    ours = physics.A(torch.from_numpy(x)[None, None])[0, 0].numpy()
    np.testing.assert_allclose(ours, expected, rtol=1e-12)


@pytest.mark.parametrize("size", [(5, 5), (4, 7), (3, 10)], ids=str)
def test_blur_comes_first_on_the_fine_grid(size: tuple[int, int]) -> None:
    psf = np.random.default_rng(1).random(size) + 0.5
    psf[size[0] // 2, size[1] // 2] = 4
    physics = bound((12, 13), psf, factor=(2, 3))
    x = np.random.default_rng(2).random(physics.object_shape((12, 13)))
    blurred = convolve(x, psf / psf.sum(), mode="valid")
    # the object begins a whole number of measured pixels before the picture: the blurred one as much
    # earlier than that as the PSF reaches
    start = [
        h[0] * z - (s - 1 - s // 2) for h, z, s in zip(physics.halo, (2, 3), size, strict=True)
    ]
    inner = blurred[start[0] : start[0] + 24, start[1] : start[1] + 39]
    expected = inner.reshape(12, 2, 13, 3).mean((1, 3))
    ours = physics.A(torch.from_numpy(x)[None, None])[0, 0].numpy()
    np.testing.assert_allclose(ours, expected, rtol=1e-5)


@pytest.mark.parametrize(("f", "weights"), [(3, [0, 1, 0]), (4, [0, 0.5, 0.5, 0])])
def test_planes_are_thin_unless_they_are_not(f: int, weights: list[float]) -> None:
    x = torch.from_numpy(np.random.default_rng(3).random((1, 1, 5 * f, 8, 8)))
    blocks = x.reshape(1, 1, 5, f, 8, 8)
    thin = (blocks * torch.tensor(weights).reshape(f, 1, 1)).sum(3)
    torch.testing.assert_close(bound((5, 8, 8), factor=(f, 1, 1)).A(x), thin)
    thick = bound((5, 8, 8), factor=(f, 1, 1), thin_planes=False)
    torch.testing.assert_close(thick.A(x), blocks.mean(3))


def test_cubic_voxels_divide_the_z_step() -> None:
    physics = bound((6, 20, 20), factor=(1,), isotropic=True)
    assert physics.zoom == (3, 1, 1)  # 0.6 µm over 0.2 µm
    assert bound((6, 20, 20), factor=(2,), isotropic=True).zoom == (6, 2, 2)
    with pytest.raises(InputError, match="z-stack"):
        bound((20, 20), isotropic=True)
    with pytest.raises(InputError, match="at most 16"):
        Downsampling(isotropic=True, factor=(1,)).bind((6, 20, 20), (4.0, 0.1, 0.1))
    with pytest.raises(InputError, match="from 1 to 16"):
        Downsampling.from_params({"factor": [0]})


@pytest.mark.parametrize("zoom", [2, 3])
def test_upsampling_is_linear_between_pixel_centres(zoom: int) -> None:
    y = np.random.default_rng(4).random((9, 11))
    ours = bound((9, 11), factor=(zoom,)).upsample(torch.from_numpy(y)[None, None])[0, 0].numpy()
    np.testing.assert_allclose(
        ours, resize(y, (9 * zoom, 11 * zoom), order=1, mode="edge"), atol=1e-12
    )


@pytest.mark.parametrize("method", ["hessian", "ssi"])
def test_the_result_lies_where_the_recording_lay(method: str, tmp_path) -> None:
    """A spot comes out at the same place in µm, with its brightness, through a file."""
    i, j = np.mgrid[:48, :60] + 0.5
    fine = np.exp(-((i - 17.5) ** 2 + (j - 40.5) ** 2) / 18)
    y = 10 + 100 * fine.reshape(24, 2, 30, 2).mean((1, 3))
    y += np.random.default_rng(5).normal(0, 0.3, y.shape)
    recipe = Recipe.create(
        physics={"name": "downsampling", "params": {"factor": [2]}},
        method=method,
        training={"steps": 200} if method == "ssi" else {},
    )
    result = run(recipe, ImageStack(y.astype(np.float32), "YX", (0.2, 0.2)))
    assert result.image.shape == (48, 60)
    assert result.source.pixel_size == (0.1, 0.1)
    assert result.estimates["flux_ratio"] == pytest.approx(1, abs=0.05)
    light = np.clip(result.image - 20, 0, None)
    centre = [(light * axis).sum() / light.sum() for axis in (i, j)]
    np.testing.assert_allclose(centre, (17.5, 40.5), atol=0.25)
    again = read(write(result, tmp_path / "fine.ome.tif"))
    assert again.pixel_size == (0.1, 0.1)
    assert again.shape == (48, 60)


def test_planes_of_a_stack_and_channels_keep_their_axes() -> None:
    y = np.random.default_rng(6).poisson(20, (2, 3, 4, 16, 18)).astype(np.float32)
    physics = {"name": "downsampling", "params": {"factor": [2, 1, 3]}}
    hessian = {"name": "hessian", "params": {"weight": 0.1, "iterations": 10}}
    recipe = Recipe.create(physics=physics, method=[hessian])
    result = run(recipe, ImageStack(y, "TCZYX", (0.4, 0.1, 0.3)))
    assert result.image.shape == (2, 3, 8, 16, 54)
    assert result.source.pixel_size == pytest.approx((0.2, 0.1, 0.1))


def test_finer_planes_are_refused_where_each_is_restored_by_itself() -> None:
    psf = np.outer([1, 2, 1], [1, 2, 1])
    with pytest.raises(InputError, match="PSF of the stack or none"):
        bound((4, 12, 12), psf, isotropic=True, factor=(1,))
    assert bound((4, 12, 12), psf, factor=(2,)).zoom == (2, 2)
    assert bound(
        (4, 12, 12), psf[None] * [[[1]], [[3]], [[1]]], isotropic=True, factor=(1,)
    ).zoom == (3, 1, 1)
