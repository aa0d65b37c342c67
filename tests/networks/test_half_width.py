"""Half-width arithmetic changes little: oneDNN's is wrong for some convolutions, and may crash."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from napari_ssi import registry
from napari_ssi.physics.denoising import Denoising
from napari_ssi.training.model import precision

CPU = torch.device("cpu")
ABLE = getattr(torch.cpu, "get_capabilities", dict)()
SHAPES = [(48, 48), (47, 61), (8, 24, 24), (5, 32, 20), (2, 24, 24)]


def gradients(network: Any, x: torch.Tensor, *, half: bool) -> torch.Tensor:
    network.zero_grad()
    if half:
        # what is read without having been written shows
        torch.full((1 << 22,), float("nan"))
        with precision(CPU, x.shape[2:], network):
            y = network(x)
    else:
        y = network(x)
    weights = torch.randn(y.shape, generator=torch.Generator().manual_seed(1))
    (y.float() * weights).sum().backward()
    return torch.cat([p.grad.ravel() for p in network.parameters() if p.grad is not None])


@pytest.mark.skipif(
    not (ABLE.get("avx512_bf16") or ABLE.get("amx_bf16")),
    reason="this processor has no half-width arithmetic",
)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", sorted(registry.entries("network")))
def test_gradients_are_those_of_full_precision(name: str, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    network = registry.find("network", name).load().from_params({}).build(shape)
    network.under(Denoising())
    form = torch.channels_last if len(shape) == 2 else torch.channels_last_3d
    network.to(memory_format=form)
    x = torch.rand(2, 1, *shape)
    exact = gradients(network, x, half=False)
    assert float(exact.norm()) > 0
    for _ in range(3):
        found = gradients(network, x, half=True)
        assert float((found - exact).norm() / exact.norm()) < 0.1
