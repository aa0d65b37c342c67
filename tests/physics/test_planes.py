"""Large stacks, plane by plane: the same numbers as one transform of everything."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.signal import fftconvolve

from napari_ssi.physics import _planes
from napari_ssi.physics import blur as module
from napari_ssi.physics.blur import Blur

KERNELS = [(3, 5, 4), (1, 6, 3), (4, 1, 1), (7, 2, 8)]
SHAPE = (9, 31, 26)


@pytest.fixture(params=[1, 20_000, 10**9], ids=["one by one", "a few", "all at once"])
def by_planes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGE", 0)
    monkeypatch.setattr(_planes, "BLOCK", request.param)


def made(kernel: tuple[int, ...]) -> Blur:
    weights = np.random.default_rng(sum(kernel)).random(kernel) + 0.1
    return Blur.with_kernel((weights / weights.sum()).astype(np.float32))


@pytest.mark.parametrize("kernel", KERNELS, ids=str)
@pytest.mark.usefixtures("by_planes")
def test_it_is_scipys_convolution_both_ways(kernel: tuple[int, ...]) -> None:
    blur, rng = made(kernel), np.random.default_rng(1)
    h = blur.kernel.numpy().astype(np.float64)
    x, y = rng.random((2, 2, *blur.object_shape(SHAPE))), rng.random((2, 2, *SHAPE))
    ours, back = blur.A(torch.from_numpy(x)), blur.A_adjoint(torch.from_numpy(y))
    assert blur.A(torch.from_numpy(x).float()).dtype == torch.float32
    for i in np.ndindex(2, 2):
        valid = fftconvolve(x[i], h, "valid")
        np.testing.assert_allclose(ours[i].numpy(), valid, rtol=1e-9)
        np.testing.assert_allclose(back[i], fftconvolve(y[i], h[::-1, ::-1, ::-1]), atol=1e-12)


@pytest.mark.usefixtures("by_planes")
def test_what_is_differentiated_goes_the_other_way_to_the_same_numbers() -> None:
    blur = made((3, 5, 4))
    x = torch.rand(1, 1, *blur.object_shape(SHAPE), dtype=torch.float64, requires_grad=True)
    assert not blur._large(x, x.shape[2:])
    z = blur.A(x)
    z.sum().backward()
    torch.testing.assert_close(blur.A(x.detach()), z.detach())
    torch.testing.assert_close(x.grad, blur.A_adjoint(torch.ones_like(z)))


@pytest.mark.usefixtures("by_planes")
def test_a_map_over_a_batch_goes_through() -> None:
    blur = made((3, 5, 4))
    x = torch.rand(3, 1, 1, *blur.object_shape(SHAPE))
    torch.testing.assert_close(torch.func.vmap(blur.A)(x)[:, 0], blur.A(x[:, 0]))
