"""The trainer: it learns, repeats to the bit, and obeys Stop, Pause and Cancel."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_ssi import registry
from napari_ssi.background import Levels
from napari_ssi.errors import InputError
from napari_ssi.events import Cancelled, Control, Watched
from napari_ssi.losses.bounds import Bounds
from napari_ssi.losses.masked import MaskedLoss
from napari_ssi.networks.unet import UNet
from napari_ssi.noise.correlated import Correlated
from napari_ssi.noise.independent import Independent
from napari_ssi.physics.blur import Blur
from napari_ssi.physics.denoising import Denoising
from napari_ssi.training import held_out
from napari_ssi.training.model import precision
from napari_ssi.training.schedule import Plateau
from napari_ssi.training.settings import Training
from napari_ssi.training.trainer import Trainer

SIGMA = 0.2


def scene(shape=(64, 64)) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(0)
    x = gaussian_filter((rng.random(shape) > 0.98).astype(float), 2.0)
    x /= x.max()
    y = x + SIGMA * rng.normal(size=shape)
    return tuple(torch.from_numpy(a.astype(np.float32))[None, None] for a in (x, y))


def trainer(steps=30, density=0.2, penalties=(), **settings) -> Trainer:
    return Trainer(
        Training(steps=steps, patch=(32, 32), batch=2, **settings),
        MaskedLoss(density=density),
        penalties,
        UNet(channels=8, depth=2),
    )


def drain(job):
    steps = Watched(job)
    reports = list(steps)
    return steps.value, reports


def restored(model, y, physics=None):
    image, _ = drain(model.apply(y, physics or Denoising(), Control()))
    return image


def fit(y, control=None, physics=None, seed=0, **options):
    steps = trainer(**options).fit(
        [y],
        physics or Denoising(),
        Independent(),
        control or Control(),
        torch.Generator().manual_seed(seed),
    )
    return drain(steps)


def test_it_removes_noise_and_the_control_without_masking_does_not():
    x, y = scene()
    model, reports = fit(y, steps=250)
    error = float((restored(model, y) - x).square().mean())
    assert error < 0.15 * SIGMA**2
    control, _ = fit(y, steps=250, density=0, select=False)
    assert float((restored(control, y) - x).square().mean()) > 2 * error
    held = [p.values["held_out"] for p in reports if "held_out" in p.values]
    # the held-out error is the error of the prediction plus the variance of the noise
    assert min(held) == pytest.approx(SIGMA**2, rel=0.25)
    assert held[0] > min(held)
    assert model.estimates["held_out"] == min(held)


def test_the_same_seed_gives_the_same_bits_with_previews_or_without():
    _, y = scene()
    first, _ = fit(y, steps=12)
    second, reports = fit(y, Control(preview_interval=0.0), steps=12)
    assert any(p.preview is not None and p.preview.shape == (64, 64) for p in reports)
    other, _ = fit(y, steps=12, seed=1)
    assert torch.equal(restored(first, y), restored(second, y))
    assert not torch.equal(restored(first, y), restored(other, y))


def test_global_random_state_is_left_alone():
    _, y = scene()
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    fit(y, steps=3)
    assert torch.equal(torch.rand(3), expected)


def test_stop_keeps_the_best_and_says_so():
    _, y = scene()
    control = Control()
    steps = trainer(steps=10_000).fit(
        [y], Denoising(), Independent(), control, torch.Generator().manual_seed(0)
    )
    for _ in range(12):
        next(steps)
    control.stop()
    model, reports = drain(steps)
    assert model.estimates["steps"] < 10_000
    assert "stopped by the user" in reports[-1].message
    assert torch.isfinite(restored(model, y)).all()


def test_cancel_ends_training_and_inference():
    _, y = scene()
    control = Control()
    steps = trainer(steps=10_000).fit(
        [y], Denoising(), Independent(), control, torch.Generator().manual_seed(0)
    )
    next(steps)
    control.cancel()
    with pytest.raises(Cancelled):
        drain(steps)
    model, _ = fit(y, steps=2)
    with pytest.raises(Cancelled):
        drain(model.apply(y, Denoising(), control))


@pytest.mark.parametrize("shape", [(47, 61), (5, 33, 40)])
def test_blur_in_two_and_three_dimensions(shape):
    psf = 1 + np.random.default_rng(0).random((3, 5, 4)[-len(shape) :])
    physics = Blur.from_array(psf, shape)
    y = torch.rand(1, 1, *shape)
    model, _ = fit(y, physics=physics, steps=3, ensemble=True)
    assert restored(model, y, physics).shape == y.shape


def test_several_frames_share_one_model():
    _, y = scene()
    steps = trainer(steps=4).fit(
        [y, y + 1], Denoising(), Independent(), Control(), torch.Generator().manual_seed(0)
    )
    model, _ = drain(steps)
    assert restored(model, y).shape == y.shape


def test_penalties_act():
    _, y = scene()
    free, _ = fit(y - 2, steps=40)
    bounded, _ = fit(y - 2, steps=40, penalties=[(Bounds(lower=0.0), 100.0, "bounds")])
    assert float(restored(bounded, y - 2).mean()) > float(restored(free, y - 2).mean()) + 0.5


def test_ensemble_averages_the_symmetries():
    _, y = scene()
    model, _ = fit(y, steps=5)
    assert model.ensemble  # in a single small plane it costs little
    model.ensemble = False
    single = restored(model, y)
    model.ensemble = True
    both = restored(model, y)
    assert not torch.equal(single, both)
    turned = restored(model, y.flip(2).transpose(2, 3).contiguous())
    assert torch.allclose(turned, both.flip(2).transpose(2, 3), atol=1e-4)


def test_plateau_warms_up_decays_and_ends():
    schedule = Plateau(rate=1.0, warmup=10, patience=1, decays=2)
    assert schedule.at(5) == 0.5
    assert schedule.report(10, 1.0)
    assert not schedule.report(20, 1.1)
    assert schedule.at(20) == 1.0
    for step in range(21, 30):
        schedule.report(step, 1.1)
    assert schedule.finished
    assert schedule.at(30) < 0.3
    assert schedule.best_step == 10


def test_a_tiny_image_has_a_held_out_pixel():
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        (mask,) = held_out.draw([torch.zeros(1, 1, 8, 8)], Independent(), generator)
        assert 1 <= int(mask.sum()) < 16


def test_only_the_symmetries_of_the_training_are_averaged():
    """A network that has never seen turned windows is not asked about turned images."""
    _, y = scene()
    whole, _ = fit(y, steps=2)
    assert len(whole.moves) == 8
    narrow, _ = fit(y[..., :20, :].contiguous(), steps=2)
    assert narrow.ensemble and all(order == (0, 1) for order, _ in narrow.moves)
    plain, _ = fit(y, steps=2, augment=False, ensemble=True)
    averaged = restored(plain, y)
    plain.ensemble = False
    assert torch.equal(averaged, restored(plain, y))


class Diverging(MaskedLoss):
    """As the masked loss, until a step at which it is not a number."""

    def __call__(self, *args, **kwargs):
        terms = super().__call__(*args, **kwargs)
        self._calls = getattr(self, "_calls", 0) + 1
        return {k: v * (float("nan") if self._calls > self._good else 1) for k, v in terms.items()}

    _calls: int = 0
    _good: int = 0


def diverge(good: int, **settings):
    loss = Diverging()
    loss._good = good
    job = trainer(**settings)
    job.loss = loss
    _, y = scene()
    fitting = job.fit([y], Denoising(), Independent(), Control(), torch.Generator().manual_seed(0))
    return drain(fitting)[0], y


def test_divergence_keeps_weights_that_worked_or_says_so():
    model, y = diverge(7, steps=40, select=False)
    assert torch.isfinite(restored(model, y)).all()
    assert model.estimates["best_step"] == 5
    with pytest.raises(InputError, match="diverged from the start; choose a lower learning rate"):
        diverge(0, steps=40)


@pytest.mark.parametrize("patch", [(0,), (-5, 16), (8, 8, 8, 8)])
def test_impossible_windows_are_refused(patch):
    with pytest.raises(InputError, match="'patch' parameter of Training must be at most three"):
        Training.from_params({"patch": patch})


def test_two_planes_are_trained_in_full_precision_on_the_cpu():
    """oneDNN's bfloat16 gradients over two planes are now and then not numbers."""
    with precision(torch.device("cpu"), (2, 16, 16), torch.nn.Identity()):
        assert not torch.is_autocast_enabled("cpu")


def test_held_out_pixels_share_no_noise_with_any_that_is_seen_or_counts():
    """Change all that is kept out: neither the fit nor the network's input changes."""
    noise = Correlated(
        sigma=0.2,
        row_sigma=0.0,
        column_sigma=0.0,
        autocorrelation=[[0, 0.5, 0], [0.5, 1, 0.5], [0, 0.5, 0]],
    )
    _, y = scene((96, 96))
    (held,) = held_out.draw([y], noise, torch.Generator().manual_seed(0))
    scored = noise.alone(held)
    assert 0.05 < float(held.float().mean()) < 0.12
    assert float(scored.float().mean()) > 0.1 / 8
    assert not (noise.sharing(scored) & ~held).any()
    physics = Denoising()
    whole = []
    for shift in (0.0, 100.0):
        frame = torch.where(noise.sharing(scored), y + shift, y)
        state = torch.Generator().manual_seed(1)
        score = held_out.HeldOut([frame], [held], physics, noise, (96, 96), state)
        ((seen, target, mask, _),) = score._batches
        whole.append((seen, target[mask]))
        assert mask.sum() == scored.sum()
    assert torch.equal(whole[0][0], whole[1][0])
    assert bool((whole[1][1] > whole[0][1] + 99).all())


def test_no_first_guess_where_rows_and_columns_share_noise():
    job = trainer()
    job.guess = registry.find("baseline", "hessian").build()
    physics = Blur.from_array(np.outer([1, 2, 1], [1, 2, 1]), (24, 24))
    assert job.guided(physics, Independent()) is not None
    for row, column in ((0.0, 0.0), (0.1, 0.0), (0.0, 0.1), (0.1, 0.1)):
        noise = Correlated(
            sigma=0.1, row_sigma=row, column_sigma=column, autocorrelation=[[1.0]]
        ).fitted([], Levels(0.0))
        assert (job.guided(physics, noise) is None) is (row > 0 and column > 0)


def test_a_correction_is_taken_by_the_share_that_is_of_use() -> None:
    """The truth is 0 and the guess 0.1: of a step to 0 all is of use, of one to -0.1 half, away none."""
    shape, sigma = (96, 96), 0.3
    physics, found = Denoising(), {name: [] for name in ("exact", "far", "away", "chance")}
    for seed in range(1000, 1040):
        generator = torch.Generator().manual_seed(seed)
        y = sigma * torch.randn(1, 1, *shape, generator=generator)
        held = held_out.draw([y], Independent(), generator)
        score = held_out.HeldOut([y], held, physics, Independent(), shape, generator)

        def plain(value: float):
            return partial(torch.full_like, fill_value=value)

        guess = score.look(plain(0.1))
        assert score.share(guess, guess) == 0
        found["exact"].append(score.share(guess, score.look(plain(0.0))))
        found["far"].append(score.share(guess, score.look(plain(-0.1))))
        found["away"].append(score.share(guess, score.look(plain(0.3))))
        pattern = 0.02 * torch.randn(1, 1, *shape, generator=generator)
        found["chance"].append(score.share(guess, score.look(lambda seen, p=pattern: 0.1 + p)))
    mean = {name: float(np.mean(shares)) for name, shares in found.items()}
    assert 0.8 < mean["exact"] <= 1
    assert mean["far"] == pytest.approx(0.5, abs=0.05)
    assert mean["away"] == 0
    assert 0 < mean["chance"] < 0.35  # what is luck alone is mostly left
    assert min(map(min, found.values())) >= 0 and max(map(max, found.values())) <= 1


@pytest.mark.parametrize("name", registry.entries("network"))
def test_a_correction_can_be_made_in_part(name: str) -> None:
    physics = Blur.from_array(np.outer([1, 2, 1], [1, 2, 1]) / 16, (24, 24))
    size = physics.object_shape((24, 24))
    generator = torch.Generator().manual_seed(0)
    seen = 0.5 + torch.rand(1, 2, *size, generator=generator)
    network = registry.find("network", name).build().build(size, positive=True, guided=True)
    network.under(physics)
    if not network.corrects:
        assert name == "blind_spot"  # it would see itself in what is added
        return
    with torch.no_grad():
        before = network(seen)
        for weight in network.parameters():
            weight.add_(0.003 * torch.randn(weight.shape, generator=generator))
        whole = network(seen) - before
        network.shrink(0.5)
        half = network(seen) - before
        network.shrink(0.0)
        assert float((network(seen) - before).abs().max()) < 1e-6
    assert float(whole.abs().mean()) > 1e-4
    assert float((half - whole / 2).abs().mean()) < 0.03 * float(whole.abs().mean())
