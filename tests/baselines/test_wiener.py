"""The Wiener filter against scikit-image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import convolve, gaussian_filter
from skimage.restoration import wiener as skimage_wiener

from napari_ssi.baselines.wiener import Wiener
from napari_ssi.noise.independent import Independent
from napari_ssi.physics.base import Physics
from napari_ssi.physics.blur import Blur
from napari_ssi.physics.denoising import Denoising
from napari_ssi.psf.gaussian import gaussian


def solve(y: np.ndarray, physics: Physics, balance: float) -> np.ndarray:
    frame = torch.from_numpy(y.astype(np.float32))[None, None]
    (x,) = Wiener().solve(frame, physics, Independent(), 0.0, balance)
    return physics.crop(x)[0, 0].numpy()


def test_where_the_edges_are_dark_it_is_that_of_scikit_image() -> None:
    rng = np.random.default_rng(0)
    truth = np.zeros((96, 90))
    truth[30:60, 30:60] = gaussian_filter(rng.random((30, 30)), 1)
    odd = rng.random((5, 3)) + 0.1
    odd /= odd.sum()
    y = convolve(truth, odd, mode="constant") + rng.normal(0, 0.001, truth.shape)
    for balance in (0.02, 0.5):
        expected = skimage_wiener(y, odd, balance, clip=False)
        found = solve(y, Blur.from_array(odd, y.shape), balance)
        inner = (slice(25, 65), slice(25, 65))
        np.testing.assert_allclose(found[inner], expected[inner], atol=2e-3)


def test_the_reference_of_scikit_image(shared_data: Path) -> None:
    folder = shared_data / "D" / "skimage-0.16.2"
    y = np.load(folder / "camera_blurred_noisy_input_f32.npz")["a"]
    expected = np.load(folder / "camera_wiener_float32.npz")["a"]
    psf = np.ones((5, 5)) / 25
    balance = 0.05
    live = skimage_wiener(y, psf, balance)
    np.testing.assert_allclose(live, expected, atol=1e-4)  # the balance of the reference
    found = solve(y, Blur.from_array(np.pad(psf, 1), y.shape), balance).clip(-1, 1)
    inner = (slice(40, -40),) * 2
    # where the edges are not felt; there the other's wrap and ours differ
    assert np.abs(found - expected)[inner].mean() < 2e-3


def test_edges_that_do_not_match_leave_no_ripples() -> None:
    large = np.add.outer(np.zeros(72), np.linspace(0, 1, 84))
    physics = Blur.from_array(np.pad(np.ones((9, 9)), 1), (64, 76))
    y = physics.A(torch.from_numpy(large.astype(np.float32))[None, None])[0, 0].numpy()
    error = np.abs(solve(y, physics, 1e-2) - large[4:-4, 4:-4])
    theirs = np.abs(skimage_wiener(y, np.ones((9, 9)) / 81, 1e-2, clip=False) - large[4:-4, 4:-4])
    assert error.max() < 0.2 * theirs.max()


def test_denoising_is_the_division_of_spectra() -> None:
    # a cosine with the period of the extended grid's mirror: damped by 1 / (1 + b L^2) alone
    n = np.arange(64)
    wave = np.cos(np.pi * 8 * (2 * n + 1) / 128)
    y = np.ones((40, 1)) * wave
    laplacian = 2 - 2 * np.cos(np.pi * 8 / 64)
    found = solve(y, Denoising(), 2.0)[10:-10, 24:-24]
    expected = (y / (1 + 2 * laplacian**2))[10:-10, 24:-24]
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_no_setting_is_tried_that_drowns_the_object_in_noise() -> None:
    rng = np.random.default_rng(0)
    physics = Blur.from_array(gaussian((5.0, 5.0), (1.0, 1.0)), (96, 96))
    noise = rng.normal(0, 0.05, (96, 96))
    y = gaussian_filter(rng.random((96, 96)), 8) * 20 + noise
    frame = torch.from_numpy(y.astype(np.float32))[None, None]
    path = Wiener().path(frame, torch.ones_like(frame), physics, Independent(), 0.05)
    settings = [step[0] for step in path if step is not None]
    assert 5 < len(settings) < Wiener().tries
    last = settings[-1]
    assert solve(noise, physics, last).std() < 1.5 * y.std()
    assert solve(noise, physics, last / 64).std() > 1.5 * y.std()
