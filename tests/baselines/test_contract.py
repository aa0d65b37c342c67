"""What every registered baseline must do, whichever it is."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from napari_ssi import registry
from napari_ssi.events import Cancelled, Control, Progress, Watched
from napari_ssi.noise.base import NoiseModel
from napari_ssi.noise.independent import Independent
from napari_ssi.physics.base import Physics
from napari_ssi.physics.blur import Blur
from napari_ssi.physics.denoising import Denoising
from napari_ssi.restorer import iterate

NAMES = list(registry.entries("baseline"))
SHAPES = [(47, 61), (9, 20, 23), (5, 5, 64)]


def physics_of(kind: str, shape: tuple[int, ...]) -> Physics:
    if kind == "denoising":
        return Denoising()
    psf = np.random.default_rng(1).random((3, 4, 5)[-len(shape) :]) + 0.2
    return Blur.from_array(psf, shape)


CASES = [
    (name, kind, shape)
    for name in NAMES
    for kind in ("denoising", "blur")
    if not registry.find("baseline", name).refusal(physics=kind, noise="independent")
    for shape in SHAPES
]


def frame(shape: tuple[int, ...], seed: int = 0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    waves = sum(np.sin(np.arange(n) / 3).reshape([-1] + [1] * k) for k, n in enumerate(shape[::-1]))
    y = 0.4 + 0.15 * waves + rng.normal(0, 0.1, shape)
    return torch.from_numpy(y.astype(np.float32))[None, None]


def run(
    name: str, y: torch.Tensor, physics: Physics, control: Control | None = None, **params: object
) -> tuple[torch.Tensor, list[Progress]]:
    steps = Watched(
        iterate(
            registry.find("baseline", name).build(params),
            y,
            physics,
            Independent(),
            control or Control(),
            torch.Generator().manual_seed(0),
        )
    )
    reports = list(steps)
    return steps.value, reports


def fixed(name: str) -> dict[str, object]:
    method = registry.find("baseline", name).build()
    return {method.setting_name: {"iterations": 5}.get(method.setting_name, 0.05)}


@pytest.mark.parametrize(("name", "kind", "shape"), CASES)
def test_it_tunes_itself_and_restores(name: str, kind: str, shape: tuple[int, ...]) -> None:
    y = frame(shape)
    before = y.clone()
    image, reports = run(name, y, physics_of(kind, shape))
    assert image.shape == y.shape
    assert image.dtype == torch.float32
    assert bool(torch.isfinite(image).all())
    assert torch.equal(y, before)
    # brightness is kept
    assert float(image.mean()) == pytest.approx(float(y.mean()), rel=0.05)
    # it is less noisy than the measurement, which is a smooth wave with noise
    roughness = [float(i.diff(dim=-1).square().mean()) for i in (image, y)]
    assert roughness[0] < 0.7 * roughness[1]
    stages = [r.stage for r in reports]
    assert stages == sorted(stages, reverse=True)  # tuning, then restoring
    for stage in ("tuning", "restoring"):
        steps = [r for r in reports if r.stage == stage]
        assert all(a.step <= b.step or b.total == 1 for a, b in pairwise(steps))
        assert steps[-1].fraction == 1


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_image(name: str) -> None:
    y, physics = frame((40, 31)), physics_of("blur", (40, 31))
    assert torch.equal(run(name, y, physics)[0], run(name, y, physics)[0])


@pytest.mark.parametrize("name", NAMES)
def test_previews_change_nothing(name: str) -> None:
    shape = (6, 24, 31)
    y, physics = frame(shape), physics_of("blur", shape)
    plain, _ = run(name, y, physics, **fixed(name))
    shown, reports = run(name, y, physics, Control(preview_interval=0, plane=4), **fixed(name))
    assert torch.equal(plain, shown)
    previews = [r for r in reports if r.preview is not None]
    assert previews
    assert all(p.preview.shape == (24, 31) and p.preview.dtype == np.float32 for p in previews)
    assert all(p.plane == 4 for p in previews)
    np.testing.assert_array_equal(previews[-1].preview, plain[0, 0, 4].numpy())


@pytest.mark.parametrize("name", NAMES)
def test_no_previews_unless_asked_for(name: str) -> None:
    _, reports = run(name, frame((32, 32)), physics_of("blur", (32, 32)), **fixed(name))
    assert all(r.preview is None for r in reports)


@pytest.mark.parametrize("name", NAMES)
def test_stop_keeps_what_was_found(name: str) -> None:
    y, physics, control = frame((47, 61)), physics_of("blur", (47, 61)), Control()
    method = registry.find("baseline", name).build()
    steps = Watched(
        iterate(method, y, physics, Independent(), control, torch.Generator().manual_seed(0))
    )
    tried = []
    for report in steps:
        if report.stage == "tuning":
            tried.append(report.values[method.setting_name])
            control.stop()
    image = steps.value
    assert image.shape == y.shape
    # the one try before the stop, the choice that it led to
    assert len(tried) == 2
    assert tried[0] == tried[1]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("stage", ["tuning", "restoring"])
def test_cancel_is_heard_at_the_next_step(name: str, stage: str) -> None:
    control = Control()
    steps = iterate(
        registry.find("baseline", name).build(),
        frame((47, 61)),
        physics_of("blur", (47, 61)),
        Independent(),
        control,
        torch.Generator().manual_seed(0),
    )
    while next(steps).stage != stage:
        pass
    if name == "wiener" and stage == "restoring":
        return  # a single step; there is nothing left to cancel
    control.cancel()
    with pytest.raises(Cancelled):
        next(steps)


@pytest.mark.parametrize("name", NAMES)
def test_a_fixed_setting_is_used_as_it_is(name: str) -> None:
    _, reports = run(name, frame((32, 32)), physics_of("blur", (32, 32)), **fixed(name))
    ((setting, value),) = fixed(name).items()
    assert [r.stage for r in reports].count("tuning") == 1
    assert all(r.values[setting] == value for r in reports)


@pytest.mark.parametrize("name", NAMES)
def test_a_tiny_image_gets_the_documented_setting_and_a_word_about_it(name: str) -> None:
    y, method = frame((7, 9)), registry.find("baseline", name).build()
    image, reports = run(name, y, Blur.from_array(np.outer([1, 2, 1], [1, 2, 1]), (7, 9)))
    assert image.shape == y.shape
    assert "too small" in reports[0].message
    assert reports[0].values[method.setting_name] == method.fallback


@pytest.mark.parametrize("name", NAMES)
def test_an_even_image_stays_even(name: str) -> None:
    y = torch.full((1, 1, 32, 40), 0.5)
    image, _ = run(name, y, physics_of("blur", (32, 40)))
    torch.testing.assert_close(image, y, atol=2e-3, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_held_out_pixels_are_not_seen(name: str) -> None:
    method = registry.find("baseline", name).build()
    y, physics = frame((30, 33)), physics_of("blur", (30, 33))
    w = (torch.rand((2, 1, 30, 33), generator=torch.Generator().manual_seed(1)) > 0.2).float()
    other = torch.where(w[:1] > 0, y, torch.full_like(y, 7.0))

    class Unclipped(Independent):
        """Nothing but the mean is asked of it."""

    noise: NoiseModel = Unclipped()

    def predictions(image: torch.Tensor) -> list[torch.Tensor]:
        found = []
        for step in method.path(image, w, physics, noise, 0.1):
            if step is not None:
                found.append(step[1][0])
            if len(found) == 3:
                break
        return found

    for a, b in zip(predictions(y), predictions(other), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("name", NAMES)
def test_tiles_leave_no_seams(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shape = (40, 230)
    y, physics = frame(shape), physics_of("blur", shape)
    whole, _ = run(name, y, physics, **fixed(name))
    cls = registry.find("baseline", name).load()
    monkeypatch.setattr(cls, "pixels_at_once", lambda self, ndim: 7000)
    tiled, reports = run(name, y, physics, Control(preview_interval=0), **fixed(name))
    assert reports[-1].total > len(reports) / 3 > 1
    assert float((tiled - whole).abs().max()) < 0.02
    assert not torch.equal(tiled, whole)  # there were tiles
    previews = [r.preview for r in reports if r.preview is not None]
    np.testing.assert_array_equal(previews[-1], tiled[0, 0].numpy())


@pytest.mark.gpu
@pytest.mark.parametrize("name", NAMES)
def test_the_gpu_agrees(name: str) -> None:
    y = frame((47, 61))
    cpu, _ = run(name, y, physics_of("blur", (47, 61)), **fixed(name))
    gpu, _ = run(name, y, physics_of("blur", (47, 61)).to("cuda"), **fixed(name))
    assert gpu.device.type == "cpu"
    torch.testing.assert_close(gpu, cpu, atol=1e-3, rtol=1e-3)
