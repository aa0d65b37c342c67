"""Richardson-Lucy against scikit-image, a reference in plain numpy, and what it must do on its own."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, convolve, gaussian_filter
from scipy.stats import norm
from skimage.restoration import richardson_lucy as skimage_rl

from napari_ssi.baselines.richardson_lucy import RichardsonLucy
from napari_ssi.noise.independent import Independent
from napari_ssi.physics.base import Physics
from napari_ssi.physics.blur import Blur


def tensor(image: NDArray[np.floating]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(image, dtype=np.float32))[None, None]


def ours(
    y: NDArray[np.floating],
    physics: Physics,
    iterations: int,
    start: torch.Tensor,
    **params: object,
) -> NDArray[np.float32]:
    method = RichardsonLucy(**params)
    updates = method.update(tensor(y), torch.ones(1, 1, *y.shape), physics, start=start)
    *_, x = islice(updates, iterations)
    return physics.crop(x)[0, 0].numpy()


@pytest.mark.parametrize("shape", [(80, 90), (36, 38, 40)])
def test_far_from_the_edges_it_is_that_of_scikit_image(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    psf = rng.random((3,) * len(shape)) ** 2  # asymmetric
    psf /= psf.sum()
    y = convolve(gaussian_filter(rng.random(shape), 1), psf, mode="reflect") + 0.1
    physics = Blur.from_array(psf, shape)
    start = torch.full((1, 1, *physics.object_shape(shape)), 0.5)
    expected = skimage_rl(y, psf, num_iter=5, clip=False)
    found = ours(y, physics, 5, start, accelerated=False)
    inner = (slice(11, -11),) * len(shape)  # an update reaches twice the half-width
    np.testing.assert_allclose(found[inner], expected[inner], rtol=1e-4)


def test_the_reference_of_scikit_image(shared_data: Path) -> None:
    folder = shared_data / "D" / "skimage-0.16.2"
    y = np.load(folder / "camera_blurred_noisy_input_f32.npz")["a"]
    expected = np.load(folder / "camera_rl_float32.npz")["a"]
    physics = Blur.from_array(np.pad(np.ones((5, 5)), 1), y.shape)
    start = torch.full((1, 1, *physics.object_shape(y.shape)), 0.5)
    found = ours(y, physics, 5, start, accelerated=False).clip(-1, 1)
    # it lets negative pixels in, and zeros beyond the edge: compare where neither is felt
    elsewhere = binary_dilation(y < 0, np.ones((41, 41)))
    far = np.zeros(y.shape, bool)
    far[21:-21, 21:-21] = True
    far &= ~elsewhere
    assert far.mean() > 0.4
    np.testing.assert_allclose(found[far], expected[far], rtol=1e-3)


class Circular(Physics):
    """Periodic convolution by one FFT: an independent forward model of another boundary."""

    psf: object

    def otf(self, shape: tuple[int, ...]) -> torch.Tensor:
        kernel = torch.zeros(shape)
        h = torch.as_tensor(self.psf, dtype=torch.float32)
        kernel[: h.shape[0], : h.shape[1]] = h
        kernel = kernel.roll([-(n // 2) for n in h.shape], (0, 1))
        return torch.fft.rfft2(kernel)

    def A(self, x: torch.Tensor) -> torch.Tensor:
        shape = tuple(x.shape[2:])
        return torch.fft.irfft2(torch.fft.rfft2(x) * self.otf(shape), s=shape)

    def A_adjoint(self, y: torch.Tensor) -> torch.Tensor:
        shape = tuple(y.shape[2:])
        return torch.fft.irfft2(torch.fft.rfft2(y) * self.otf(shape).conj(), s=shape)


def test_a_reference_in_plain_numpy_on_a_real_image(shared_data: Path) -> None:
    image = tifffile.imread(shared_data / "B" / "sdeconv" / "celegans_airyscan.tif")[3:-3, 3:-3]
    psf = tifffile.imread(shared_data / "D" / "sdeconv" / "psf_gauss13_sigma1.5_float64.tif")
    name = "celegans_rl30_correct_adjoint_independent.npz"
    expected = np.load(shared_data / "D" / "sdeconv" / name)["a"]
    wrong = tifffile.imread(shared_data / "D" / "sdeconv" / "celegans_richardson_lucy.tif")
    padded = np.pad(image, 13, mode="reflect")
    found = ours(padded, Circular(psf=psf), 30, tensor(padded), accelerated=False)[13:-13, 13:-13]

    def distance(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
        return float(np.sqrt(np.mean((a - b) ** 2) / np.mean(b**2)))

    assert distance(found, expected) < 1e-4
    assert distance(found, wrong) > 0.03  # an adjoint that is one pixel off


def scene(size: int = 96) -> tuple[NDArray[np.float64], NDArray[np.float64], Blur]:
    """Truth under the measurement, noise-free measurement, physics; bright beyond the edges too."""
    rng = np.random.default_rng(4)
    large = 0.05 + gaussian_filter((rng.random((size + 8, size + 8)) > 0.97).astype(float), 1)
    axis = np.arange(9) - 4
    psf = np.exp(-(np.add.outer(axis**2, axis**2)) / (2 * 1.8**2))
    physics = Blur.from_array(psf, (size, size))
    y = physics.A(tensor(large))[0, 0].numpy().astype(float)
    return large[4:-4, 4:-4], y, physics


def divergence(y: NDArray[np.floating], x: torch.Tensor, physics: Physics) -> float:
    z = physics.A(x)[0, 0].double().numpy()
    return float(np.sum(z - y + y * np.log(y / z)))


def test_acceleration_needs_a_third_of_the_iterations() -> None:
    _, y, physics = scene()
    noisy = np.random.default_rng(0).poisson(500 * y) / 500 + 1e-3
    w = torch.ones(1, 1, *y.shape)
    plain = RichardsonLucy(accelerated=False).update(tensor(noisy), w, physics)
    quick = RichardsonLucy().update(tensor(noisy), w, physics)
    target = divergence(noisy, next(islice(plain, 59, None)), physics)
    assert divergence(noisy, next(islice(quick, 19, None)), physics) <= target


def test_the_edges_are_as_good_as_the_middle() -> None:
    truth, y, physics = scene()
    image = ours(y, physics, 60, torch.full((1, 1, *physics.object_shape(y.shape)), y.mean()))
    rim = np.ones(truth.shape, bool)
    rim[6:-6, 6:-6] = False
    theirs = skimage_rl(y, physics.kernel.numpy().astype(float), num_iter=60, clip=False)
    errors = [np.sqrt(np.mean((i - truth)[rim] ** 2)) for i in (image, theirs)]
    middle = np.sqrt(np.mean((image - truth)[~rim] ** 2))
    assert errors[0] < 0.5 * errors[1]
    assert errors[0] < 2 * middle


def test_light_is_kept_and_nothing_is_negative() -> None:
    _, y, physics = scene()
    w = torch.ones(1, 1, *y.shape)
    x = next(islice(RichardsonLucy().update(tensor(y), w, physics), 10, None))
    assert float(x.min()) >= 0
    assert float(physics.A(x).mean()) == pytest.approx(float(y.mean()), rel=1e-3)


def test_negative_pixels_are_set_to_zero_and_counted() -> None:
    _, y, physics = scene(48)
    y[:12] = -0.3
    method = RichardsonLucy()
    assert method.measured(tensor(y))["negative"] == pytest.approx(0.25)
    w = torch.ones(1, 1, *y.shape)
    zero = next(islice(method.update(tensor(y.clip(0)), w, physics), 4, None))
    assert torch.equal(next(islice(method.update(tensor(y), w, physics), 4, None)), zero)


class Clipped(Independent):
    """Gaussian noise of 0.1, cut off at 0: its mean from tables of the rectified normal."""

    def mean(self, z: torch.Tensor) -> torch.Tensor:
        u = z.double().numpy() / 0.1
        return torch.from_numpy(0.1 * (norm.pdf(u) + u * norm.cdf(u))).to(z.dtype)


def test_clipping_that_the_noise_model_knows_is_undone() -> None:
    truth = np.full((64, 64), 0.02)
    truth[20:44, 20:44] = 0.8
    axis = np.exp(-((np.arange(13) - 6) ** 2) / (2 * 2.5**2))
    psf = np.outer(axis, axis)
    physics = Blur.from_array(psf, truth.shape)
    z = convolve(truth, psf / psf.sum(), mode="nearest")
    y = (z + np.random.default_rng(0).normal(0, 0.1, z.shape)).clip(0)
    dark = []
    for noise in (None, Clipped()):
        w = torch.ones(1, 1, *y.shape)
        x = next(islice(RichardsonLucy().update(tensor(y), w, physics, noise), 11, None))
        dark.append(float(physics.crop(x)[0, 0, :9].mean()))
    assert abs(dark[1] - 0.02) < 0.5 * abs(dark[0] - 0.02)


def test_the_smoothing_term_smooths() -> None:
    _, y, physics = scene(64)
    noisy = (y + np.random.default_rng(0).normal(0, 0.05, y.shape)).clip(0)
    start = torch.full((1, 1, *physics.object_shape(y.shape)), float(y.mean()))
    rough, smooth = (
        np.abs(np.diff(ours(noisy, physics, 20, start, total_variation=t), axis=0)).mean()
        for t in (0.0, 0.02)
    )
    assert smooth < 0.8 * rough
