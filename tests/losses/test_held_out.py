"""Design section 8, for every loss there is: held-out pixels reach no term and no network input."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_ssi import registry
from napari_ssi.background import Levels
from napari_ssi.physics.base import Physics

SHAPE = (32, 36)
CASES = [
    (method, physics, noise)
    for method, entry in registry.entries("loss").items()
    if entry.role == "data"
    for physics in ("denoising", "blur")
    for noise in registry.entries("noise")
    if not entry.refusal(physics=physics, noise=noise)
]


def bound(name: str) -> Physics:
    physics: Physics = registry.find("physics", name).build()
    physics.bind(SHAPE, (1.0, 1.0), np.random.default_rng(1).random((3, 4)))
    return physics


@pytest.mark.parametrize(("method", "physics", "noise"), CASES)
def test_held_out_pixels_reach_neither_terms_nor_input(
    method: str, physics: str, noise: str
) -> None:
    forward = bound(physics)
    generator = torch.Generator().manual_seed(0)
    two = registry.find("loss", method).build().recordings
    y = torch.poisson(torch.full((2, two, *SHAPE), 8.0), generator=generator) / 16
    given = {"poisson": {"gain": 1 / 16}, "poisson_gaussian": {"gain": 1 / 16, "sigma": 0.1}}
    known = registry.find("noise", noise).build(given.get(noise, {}))
    known = known.fitted([y[0, 0].numpy()], Levels(offset=0.0)).rescaled(1.0, 0.0)
    held = torch.rand(y.shape, generator=generator) < 0.05
    other = torch.where(held, y + 4 + torch.rand(y.shape, generator=generator).round(), y)
    seen: list[Tensor] = []

    def f(v: Tensor) -> Tensor:
        seen.append(v)
        channels = [0.7 * v[:, :1] + 0.1 * v[:, :1].roll(1, -1), 0 * v[:, :1]]
        return torch.cat(channels[: getattr(loss, "outputs", 1)], 1)

    found = []
    for recording in (y, other):
        loss = registry.find("loss", method).build()
        loss.begin(known)
        state = torch.Generator().manual_seed(3)
        found.append(loss(f, recording, forward, known, state, held))
    assert found[0].keys() == found[1].keys()
    for name, value in found[0].items():
        assert bool(torch.isfinite(value))
        assert torch.equal(value, found[1][name]), name
    half = len(seen) // 2
    for a, b in zip(seen[:half], seen[half:], strict=True):
        assert torch.equal(a, b)
    assert half > 0
