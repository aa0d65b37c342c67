"""Blur against scipy, an independent implementation of a true convolution."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.signal import convolve

from napari_ssi.errors import InputError
from napari_ssi.physics import blur as module
from napari_ssi.physics.blur import Blur

KERNELS = [(3, 3), (1, 5), (4, 4), (5, 2), (7, 10), (3, 3, 3), (2, 4, 5), (6, 1, 3)]


def asymmetric(shape: tuple[int, ...]) -> np.ndarray:
    """Random, its brightest pixel where the centre should be, so that nothing is moved or cropped."""
    psf = np.random.default_rng(sum(shape)).random(shape) + 0.5
    psf[tuple(n // 2 for n in shape)] = 4
    return psf


def made(kernel: tuple[int, ...]) -> tuple[Blur, np.ndarray, tuple[int, ...]]:
    shape = (47, 61) if len(kernel) == 2 else (6, 13, 11)
    psf = asymmetric(kernel)
    return Blur.from_array(psf, shape), psf / psf.sum(), shape


@pytest.mark.parametrize("way", ["direct", "fft"])
@pytest.mark.parametrize("kernel", KERNELS, ids=str)
def test_it_is_scipys_valid_convolution(
    kernel: tuple[int, ...], way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DIRECT", {2: 10**6, 3: 10**6} if way == "direct" else {2: 0, 3: 0})
    blur, psf, shape = made(kernel)
    x = np.random.default_rng(0).random(blur.object_shape(shape))
    ours = blur.A(torch.from_numpy(x)[None, None])[0, 0].numpy()
    assert tuple(blur.kernel.shape) == kernel
    np.testing.assert_allclose(ours, convolve(x, psf, mode="valid"), rtol=1e-6)


@pytest.mark.parametrize("kernel", KERNELS, ids=str)
def test_the_two_ways_are_one(kernel: tuple[int, ...]) -> None:
    blur, _, shape = made(kernel)
    x = torch.randn(2, 3, *blur.object_shape(shape))
    y = torch.randn(2, 3, *shape)
    torch.testing.assert_close(blur._A_direct(x), blur._A_fft(x), rtol=0, atol=2e-6)
    torch.testing.assert_close(blur._adjoint_direct(y), blur._adjoint_fft(y), rtol=0, atol=2e-6)


@pytest.mark.parametrize("kernel", [(5, 5), (4, 6), (3, 4, 5)], ids=str)
def test_a_point_comes_out_where_it_was_as_the_psf_itself(kernel: tuple[int, ...]) -> None:
    blur, psf, shape = made(kernel)
    x = torch.zeros(1, 1, *blur.object_shape(shape))
    at = tuple(n // 2 for n in shape)  # in the picture; the object has the halo before it
    x[(0, 0, *(a + before for a, (before, _) in zip(at, blur.halo, strict=True)))] = 1
    y = blur.A(x)[0, 0].numpy()
    window = tuple(slice(a - n // 2, a - n // 2 + n) for a, n in zip(at, kernel, strict=True))
    np.testing.assert_allclose(y[window], psf, atol=1e-6)  # not its mirror image
    assert y.sum() == pytest.approx(1, abs=1e-5)
    assert np.unravel_index(int(y.argmax()), y.shape) == at


def test_half_precision_is_widened() -> None:
    blur, _, shape = made((3, 3))
    for way in (blur._A_direct, blur._A_fft):
        x = torch.rand(1, 1, *blur.object_shape(shape))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = way(x.bfloat16())
        assert y.dtype == torch.float32
        torch.testing.assert_close(y, way(x.bfloat16().float()))


def test_a_2d_psf_on_a_stack_works_plane_by_plane() -> None:
    blur = Blur()
    notes = blur.bind((5, 20, 20), (0.3, 0.1, 0.1), asymmetric((3, 3)))
    assert blur.ndim == 2
    assert any("slice by slice" in note for note in notes)


def test_symmetries_are_those_of_the_psf() -> None:
    def found(psf: np.ndarray) -> int:
        return len(Blur.from_array(psf, (32,) * psf.ndim).symmetries(psf.ndim))

    round_one = np.outer([1, 4, 9, 4, 1], [1, 4, 9, 4, 1]).astype(float)
    assert found(round_one) == 8
    assert found(np.outer([1, 4, 9, 4, 1], [2, 4, 9, 4, 2])) == 4  # flips, no swap
    tilted = round_one.copy()
    tilted[1, 1] += 4
    tilted[3, 3] += 4
    assert found(tilted) == 4  # both axes at once, the swap, and both
    comet = round_one.copy()
    comet[4, 2] += 8
    assert found(comet) == 2  # left and right
    assert found(np.multiply.outer([1.0, 2, 1], round_one)) == 16
    assert found(np.outer([1, 4, 4, 1], [1, 4, 4, 1])) == 1  # even: a flip moves it


def test_errors_are_sentences() -> None:
    with pytest.raises(InputError, match="choose a layer, a file or a width"):
        Blur().bind((32, 32), (0.1, 0.1))
    with pytest.raises(InputError, match="'psf'"):
        Blur.from_params({"psf": {"kind": "magic"}})
    with pytest.raises(InputError, match="must name its 'kind'"):
        Blur.from_params({"psf": {"path": "psf.tif"}})


def test_a_gaussian_by_width() -> None:
    blur = Blur.from_params({"psf": {"kind": "gaussian", "fwhm": [0.5]}})
    blur.bind((8, 64, 64), (0.25, 0.1, 0.1))
    depth, height, width = blur.kernel.shape
    assert height == width > depth  # the same width in µm on coarser planes
    spread = (blur.kernel.sum((0, 1)) * (torch.arange(width) - width // 2) ** 2).sum().sqrt()
    assert float(spread) == pytest.approx(0.5 / 2.3548 / 0.1, rel=0.03)


def test_few_transforms_are_kept() -> None:
    blur, _, _ = made((7, 10))
    for n in range(20, 40, 2):
        blur.A(torch.rand(1, 1, n, n))
    assert len(blur._otf) <= 4
