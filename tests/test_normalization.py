"""An affine map and its inverse, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from napari_ssi.errors import InputError
from napari_ssi.normalization import Normalization


@pytest.mark.parametrize("offset", [0.0, 102.3, -5.0])
def test_the_inverse_is_exact_to_rounding(offset: float) -> None:
    y = np.random.default_rng(0).gamma(2, 300, (64, 64)).astype(np.float32) + np.float32(offset)
    there = Normalization.fit([y], offset)
    back = there.inverse(there(y))
    assert there(y).dtype == back.dtype == np.float32
    np.testing.assert_allclose(back, y, rtol=3e-7, atol=3e-5)


def test_bright_values_are_near_one_and_nothing_is_clipped() -> None:
    y = 100 + np.random.default_rng(0).normal(0, 3, (100, 100)).astype(np.float32)
    y[:5] += 500
    y[0, 0] = 5000
    scaled = Normalization.fit([y[:50], y[50:]], 100.0)(y)
    assert np.percentile(scaled, 99.8) == pytest.approx(1, rel=1e-5)
    assert scaled.min() < 0
    assert scaled.max() > 5


def test_a_few_spots_in_the_dark() -> None:
    y = np.zeros((100, 100), np.float32)
    y[50, 50] = 40
    assert Normalization.fit([y], 0.0).scale == 40


def test_torch_is_welcome() -> None:
    torch = pytest.importorskip("torch")
    y = torch.rand(1, 1, 4, 4)
    assert torch.allclose(Normalization(2.0, 3.0).inverse(Normalization(2.0, 3.0)(y)), y, atol=1e-6)


def test_errors_are_sentences() -> None:
    with pytest.raises(InputError, match=r"constant \(every pixel is 7\)"):
        Normalization.fit([np.full((8, 8), 7, np.float32)], 3.0)
    y = np.arange(64, dtype=np.float32).reshape(8, 8)
    with pytest.raises(
        InputError, match=r"offset of 1000 is not below any pixel \(the brightest is 63\)"
    ):
        Normalization.fit([y], 1000.0)


def test_an_offset_far_below_the_pixels_is_refused_for_what_it_is():
    plane = np.random.default_rng(0).random((16, 16)).astype(np.float32)
    with pytest.raises(InputError, match="offset of -1e\\+09 is too far below"):
        Normalization.fit([plane], -1e9)
    with pytest.raises(InputError, match="not below any pixel"):
        Normalization.fit([plane], 1e9)
