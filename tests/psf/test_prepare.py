"""Every line of what is promised about PSFs, on made ones with a known answer and on real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from scipy.ndimage import gaussian_filter

from napari_ssi.errors import InputError
from napari_ssi.physics.blur import Blur
from napari_ssi.psf.prepare import prepare


def spot(shape: tuple[int, ...], at: tuple[float, ...], sigma: float = 1.5) -> np.ndarray:
    squares = sum((g - a) ** 2 for g, a in zip(np.indices(shape), at, strict=True))
    return np.exp(-squares / (2 * sigma**2))


def comet() -> np.ndarray:
    """Asymmetric, ending in zeros."""
    psf = spot((15, 15), (7, 7)) + 0.3 * spot((15, 15), (10, 8), 1.0)
    psf[psf < 1e-3] = 0
    return psf


# --- refusals, in words ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("psf", "words"),
    [
        (np.zeros((15, 15)), "zero everywhere"),
        (np.full((15, 15), 3.0), "constant"),
        (np.full((15, 15), np.nan), "225 of 225 values that are NaN"),
        (np.where(spot((15, 15), (7, 7)) > 0.9, np.inf, 0.1), "infinite"),
        (np.ones(5), "2D .Y, X. or 3D"),
        (np.ones((2, 3, 4, 5)), "2D .Y, X. or 3D"),
        (np.ones((4, 4), complex), "real numbers"),
        (-spot((15, 15), (7, 7)), "zero everywhere"),
    ],
)
def test_what_is_no_psf_is_refused_in_words(psf: np.ndarray, words: str) -> None:
    with pytest.raises(InputError, match=words):
        prepare(psf, (64, 64))


@pytest.mark.parametrize("file", ["generated/psf_all_zero.tif", "real/psf_all_nan_float32.tif"])
def test_bad_files_are_refused(shared_data: Path, file: str) -> None:
    psf = tifffile.imread(shared_data / "E" / file)
    with pytest.raises(InputError, match=r"The PSF .*; choose"):
        prepare(psf, (64, 64) if psf.ndim == 2 else (41, 64, 64))


# --- a sane kernel ---------------------------------------------------------------------------


def test_the_benchmark_psf_is_left_alone(shared_data: Path) -> None:
    psf = np.load(next((shared_data / "ssi_benchmark").rglob("psf.npy")))
    prepared = prepare(psf, (256, 256))
    assert prepared.notes == ()
    np.testing.assert_allclose(prepared.kernel, psf / psf.sum(), rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, ">u2", np.int32, np.float32, np.float64])
def test_any_type_is_normalised_and_not_touched(dtype: str) -> None:
    psf = (200 * comet()).astype(dtype)
    kept = psf.copy()
    kernel = prepare(psf, (64, 64)).kernel
    np.testing.assert_array_equal(psf, kept)
    assert kernel.dtype == np.float32
    assert float(kernel.sum()) == pytest.approx(1, abs=1e-6)
    assert kernel.min() >= 0


def test_negatives_are_set_to_zero_and_counted() -> None:
    psf = comet()
    psf[0, :5] = -0.01
    prepared = prepare(psf, (64, 64))
    assert prepared.kernel.min() >= 0
    assert any(note.startswith("5 negative PSF values") for note in prepared.notes)


def test_cropped_alike_along_all_axes_and_the_tail_is_as_said() -> None:
    psf = spot((61, 61, 61), (30, 30, 30), 3)
    kernel = prepare(psf, (64, 64, 64)).kernel
    assert len(set(kernel.shape)) == 1
    assert kernel.shape[0] < 25
    # what the box leaves out, along each axis, is at most the tail, and one pixel less would be more
    profile = psf.sum((1, 2)) / psf.sum()
    radius = kernel.shape[0] // 2
    assert profile[30 - radius : 31 + radius].sum() >= 0.995
    assert profile[31 - radius : 30 + radius].sum() < 0.995


def test_zeros_around_are_cropped_and_nothing_else() -> None:
    box = np.zeros((9, 9))
    box[2:7, 2:7] = 1
    np.testing.assert_allclose(prepare(box, (64, 64)).kernel, np.full((5, 5), 0.04), rtol=1e-6)


# --- the centre ------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(31, 31), (32, 32), (31, 40), (48, 64)])
@pytest.mark.parametrize("off", [(0, 0), (1, 0), (-1, 0), (0, 5), (-7, 9), (-1, -1), (2, -4)])
def test_a_point_comes_back_where_it_was(shape: tuple[int, int], off: tuple[int, int]) -> None:
    at = tuple(n // 2 + o for n, o in zip(shape, off, strict=True))
    prepared = prepare(spot(shape, at), (64, 64))
    kernel = prepared.kernel
    peak = np.unravel_index(int(kernel.argmax()), kernel.shape)
    assert peak == tuple(n // 2 for n in kernel.shape)
    assert len(prepared.notes) == sum(o != 0 for o in off)
    # through the physics: the blurred point has its centre of mass where the point is
    blur = Blur.from_array(spot(shape, at), (64, 64))
    x = torch.zeros(1, 1, 64, 64)
    x[..., 30, 25] = 1
    y = blur.A(torch.nn.functional.pad(x, [p for pair in reversed(blur.halo) for p in pair]))[
        0, 0
    ].numpy()
    found = [(y * g).sum() / y.sum() for g in np.indices(y.shape)]
    np.testing.assert_allclose(found, (30, 25), atol=0.02)


def test_between_two_pixels_either_may_be_the_centre() -> None:
    psf = spot((32, 32), (15.5, 15.5))
    prepared = prepare(psf, (64, 64))
    assert prepared.notes == ()
    radius = prepared.kernel.shape[0] // 2  # about pixel 16, the centre by convention
    kept = psf[16 - radius : 17 + radius, 16 - radius : 17 + radius]
    np.testing.assert_allclose(prepared.kernel, kept / kept.sum(), atol=1e-7)


def test_a_stray_bead_does_not_move_it_and_two_lobes_stay() -> None:
    stray = spot((41, 41), (20, 20)) + 0.8 * spot((41, 41), (35, 33))
    assert not any("off its centre" in note for note in prepare(stray, (64, 64)).notes)
    lobes = spot((41, 41), (20, 14)) + 0.99 * spot((41, 41), (20, 26))
    assert not any("off its centre" in note for note in prepare(lobes, (64, 64)).notes)


def test_one_of_real_files_is_moved(shared_data: Path) -> None:
    folder = shared_data / "E" / "generated"
    straight = prepare(tifffile.imread(folder / "psf_even_48x64.tif"), (64, 64))
    moved = prepare(tifffile.imread(folder / "psf_offcenter.tif"), (64, 64))
    assert straight.notes == ()
    assert moved.notes == (
        "PSF was 7 pixels off its centre along Y: moved there.",
        "PSF was 9 pixels off its centre along X: moved there.",
    )
    np.testing.assert_allclose(moved.kernel, straight.kernel, atol=1e-6)


# --- against the image -----------------------------------------------------------------------


def test_longer_than_the_image_is_cropped_to_2n_minus_1_with_a_note() -> None:
    psf = spot((101, 101), (50, 50), 6)
    prepared = prepare(psf, (12, 64))
    assert prepared.kernel.shape[0] == 23
    assert any(
        "cropped to 23 pixels along Y, as the image has only 12" in note for note in prepared.notes
    )
    assert float(prepared.kernel.sum()) == pytest.approx(1, abs=1e-6)


def test_refused_where_more_than_a_fifth_is_lost() -> None:
    psf = spot((101, 101), (50, 50), 20)
    with pytest.raises(
        InputError, match=r"longer than the image along Y \(101 against 10 pixels\) and \d\d% .*20%"
    ):
        prepare(psf, (10, 512))


def test_3d_psf_with_2d_image_gives_its_in_focus_slice() -> None:
    # widefield: each plane holds as much light, the background is high, and focus is not the middle plane
    planes = [gaussian_filter(spot((41, 41), (20, 20), 0.5), 0.5 + abs(z - 6)) for z in range(17)]
    psf = np.stack([p / p.sum() for p in planes]) + 0.01
    prepared = prepare(psf, (64, 64))
    assert any("in-focus slice (plane 6 of 17)" in note for note in prepared.notes)
    assert prepared.kernel.ndim == 2


def test_2d_psf_with_a_stack_is_said() -> None:
    prepared = prepare(comet()[None], (5, 64, 64))  # one plane is 2D
    assert prepared.kernel.ndim == 2
    assert any("slice by slice" in note for note in prepared.notes)


def test_motion_blur_is_a_psf() -> None:
    assert prepare(np.array([[1.0, 2, 1]]), (64, 64)).kernel.shape == (1, 3)
