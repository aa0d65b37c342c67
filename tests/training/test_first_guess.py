"""The first guess: no pixel has a part in the guess it is judged with."""

import numpy as np
import pytest
import torch

from napari_ssi import ImageStack, Recipe, cost, registry, run
from napari_ssi.events import Control, Watched
from napari_ssi.losses.masked import MaskedLoss
from napari_ssi.networks.unet import UNet
from napari_ssi.noise.independent import Independent
from napari_ssi.physics.base import Physics
from napari_ssi.physics.blur import Blur
from napari_ssi.psf.gaussian import gaussian
from napari_ssi.quality.psnr import psnr
from napari_ssi.training import first_guess, held_out
from napari_ssi.training.first_guess import FirstGuess
from napari_ssi.training.folds import FOLDS
from napari_ssi.training.preview import Preview
from napari_ssi.training.windows import Windows


def blur(shape: tuple[int, ...]) -> Blur:
    return Blur.from_array(gaussian((3.0,) * len(shape), (1.0,) * len(shape)), shape)


def guess_of(
    y: torch.Tensor, held: torch.Tensor, physics: Physics, name: str = "hessian"
) -> FirstGuess:
    setting = {"iterations": 5} if name == "richardson_lucy" else {"weight": 0.01, "iterations": 12}
    method = registry.find("baseline", name).build(setting)
    generator = torch.Generator().manual_seed(0)
    return Watched(
        FirstGuess.fit(method, [y], [held], physics, Independent(), Control(), generator)
    ).finish()


@pytest.mark.parametrize("name", ["hessian", "total_variation", "richardson_lucy"])
@pytest.mark.parametrize("shape", [(24, 20), (6, 12, 10)])
def test_no_pixel_has_a_part_in_the_guess_of_its_fold_nor_a_held_out_one_in_any(shape, name):
    physics = blur(shape)
    y = torch.rand(1, 1, *shape, generator=torch.Generator().manual_seed(1))
    held = torch.rand(1, 1, *shape, generator=torch.Generator().manual_seed(2)) < 0.1
    guess = guess_of(y, held, physics, name)
    assert guess.objects[0].shape == (FOLDS, 1, *physics.object_shape(shape))
    for k in range(FOLDS):
        other = torch.where(guess.unseen[0][k : k + 1] | held, torch.full_like(y, 0.7), y)
        w = (~guess.unseen[0][k : k + 1] & ~held).float()
        again = Watched(guess.method.objects(other, w, physics, Control())).finish()
        torch.testing.assert_close(again[0], guess.objects[0][k], rtol=0, atol=0)
        # while any other pixel has one
        moved = Watched(guess.method.objects(y + 0.1 * w, w, physics, Control())).finish()
        assert (moved[0] - guess.objects[0][k]).abs().max() > 1e-3


@pytest.mark.parametrize("symmetric", [False, True])
def test_a_window_shows_the_guess_under_it_and_counts_pixels_of_its_fold_only(symmetric):
    shape = (40, 44)
    physics = blur(shape)
    generator = torch.Generator().manual_seed(3)
    y = torch.rand(1, 1, *shape, generator=generator)
    (held,) = held_out.draw([y], Independent(), generator)
    guess = guess_of(y, held, physics)
    # objects that say which fold they are of
    for k in range(FOLDS):
        guess.objects[0][k] = k + 1
    # and a frame that says of each pixel which fold it belongs to
    frame = guess.unseen[0].int().argmax(0, keepdim=True).float() + 1
    windows = Windows([frame], [held], physics, (32, 32), symmetric, guess)
    for _ in range(6):
        patch, mask, view = windows.draw(3, generator)
        seen = []
        loss = MaskedLoss()

        def network(x, seen=seen):
            seen.append(x)
            return x[:, :1].clone().requires_grad_()

        fresh = view.unseen(torch.ones_like(mask))
        assert abs(float(fresh.float().mean()) - 1 / FOLDS) < 0.05
        counted, hidden = loss.draw(patch, generator, fresh)
        assert bool((counted == hidden).all())
        assert abs(float(counted.float().mean()) - loss.density) < 0.03
        loss(network, patch, view, Independent(), generator, mask)
        assert seen[0].shape == (3, 2, 32, 32)
        for n in range(3):
            fold = seen[0][n, 1].unique()
            assert fold.numel() == 1
            assert bool((patch[n][counted[n]] == fold).all())


def test_nothing_that_counts_reaches_the_network():
    """Change the pixels of a fold by any amount: what the network sees of them does not change."""
    shape = (36, 36)
    physics = blur(shape)
    generator = torch.Generator().manual_seed(4)
    y = torch.rand(1, 1, *shape, generator=generator)
    held = torch.zeros_like(y, dtype=torch.bool)
    guess = guess_of(y, held, physics)
    whole = physics.object_shape(shape)
    inputs = []
    for shift in (0.0, 5.0):
        draws = torch.Generator().manual_seed(5)
        windows = Windows([y], [held], physics, whole, False, guess)
        patch, _, view = windows.draw(1, draws)
        fresh = view.unseen(torch.ones_like(patch, dtype=torch.bool))
        changed = patch + shift * fresh
        loss = MaskedLoss(density=0.5)  # then all of the fold counts
        seen = []
        loss(
            lambda x, seen=seen: seen.append(x) or x[:, :1],
            changed,
            view,
            Independent(),
            torch.Generator().manual_seed(6),
        )
        inputs.append(seen[0])
    torch.testing.assert_close(inputs[0], inputs[1], rtol=0, atol=1e-6)


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("shape", [(32, 32), (8, 16, 16)])
def test_the_network_corrects_the_guess(shape, positive):
    network = UNet(channels=4).build(shape, positive=positive, guided=True)
    y, guess = torch.rand(1, 1, *shape), 3 * torch.rand(1, 1, *shape) + 0.002
    out = network(torch.cat([y, guess], 1))
    torch.testing.assert_close(out, guess, rtol=1e-4, atol=1e-5)
    dark = network(torch.cat([y, torch.zeros_like(guess)], 1))
    assert bool(torch.isfinite(dark).all()) and float(dark.detach().abs().max()) < 0.003


def test_what_is_too_large_is_cut_to_its_strongest_part(monkeypatch):
    monkeypatch.setattr(first_guess, "MOST", 40 * 40)
    frame = torch.zeros(1, 1, 100, 60)
    frame[..., 70:90, 30:50] = 1
    chosen, part = first_guess.limited([frame, frame])
    assert len(chosen) == 1 and chosen[0].numel() <= 40 * 40
    assert float(chosen[0].sum()) == 400  # all that there is to see
    physics = blur((100, 60))
    objects = torch.full((FOLDS, 1, *physics.object_shape(chosen[0].shape[2:])), 7.0)
    both = first_guess.around(frame, objects, part, physics)
    assert both.shape == (1, 2, 100, 60)
    assert int((both[:, 1] == 7).sum()) == chosen[0].numel()
    assert float(frame.max()) == 1  # not touched
    small = [torch.rand(1, 1, 10, 10) for _ in range(30)]
    chosen, part = first_guess.limited(small)
    assert len(chosen) == 16 and part == [(0, 10), (0, 10)]


def test_learning_from_a_part_is_said(monkeypatch):
    monkeypatch.setattr(first_guess, "MOST", 30 * 30)
    y = np.random.default_rng(0).random((48, 40)).astype(np.float32)
    training = {"steps": 2, "patch": (16, 16), "first_guess": "richardson_lucy"}
    recipe = Recipe.create(physics="blur", method="ssi", training=training)
    psf = np.outer([1, 2, 1], [1, 2, 1])
    result = run(recipe, ImageStack(y, "YX"), psf=psf)
    assert any("% of the recording" in note for note in result.notes)
    assert 0 < result.estimates["learned_from"] < 1
    assert result.image.shape == y.shape


def specimen() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = np.zeros((96, 96))
    for _ in range(14):
        cy, cx, r = *rng.uniform(10, 86, 2), rng.uniform(3, 9)
        yy, xx = np.mgrid[:96, :96]
        x += (np.hypot(yy - cy, xx - cx) < r) * rng.uniform(0.3, 1)
    psf = gaussian((3.8, 3.8), (1.0, 1.0))
    from scipy.signal import fftconvolve

    z = fftconvolve(x, psf, mode="same")
    return x, (z + rng.normal(0, 0.08, z.shape)).astype(np.float32), psf


def test_with_the_guess_few_steps_are_better_than_without():
    x, y, psf = specimen()
    scores = {}
    for first in ("hessian", "none"):
        training = {"first_guess": first, "steps": 30, "patch": (48, 48), "batch": 2}
        recipe = Recipe.create(physics="blur", method="ssi", training=training)
        stages = []
        result = run(
            recipe, ImageStack(y, "YX"), psf=psf, report=lambda p, s=stages: s.append(p.stage)
        )
        scores[first] = psnr(result.image, x)
        assert ("first guess" in stages) == (first == "hessian")
        assert set(result.history[0]) >= {"step", "held_out"} and "weight" not in result.history[0]
    assert scores["hessian"] > scores["none"] + 0.5


def test_a_network_that_makes_it_worse_leaves_the_guess():
    _, y, psf = specimen()
    stack = ImageStack(y, "YX")
    training = {"steps": 30, "patch": (48, 48), "batch": 2, "augment": False}
    training["learning_rate"] = 1.0  # far too much
    told = {}
    result = run(
        Recipe.create(physics="blur", method="ssi", training=training),
        stack,
        psf=psf,
        report=lambda p: told.update(p.values),
    )
    assert result.estimates["best_step"] == 0 and np.isfinite(result.estimates["held_out"])
    # what is reported last is what was kept, and not the lowest of many looks
    assert (told["best_step"], told["best_held_out"]) == (0, result.estimates["held_out"])
    assert any("first guess" in note for note in result.notes)
    guess = run(Recipe.create(physics="blur", method="hessian"), stack, psf=psf)
    weights = (result.models[0].fitted.guess.estimates["weight"], guess.estimates["weight"])
    assert abs(np.log2(weights[0] / weights[1])) <= 1  # tuned on folds of other random numbers
    assert psnr(result.image, guess.image, data_range=float(np.ptp(guess.image))) > 25


def test_a_network_that_adds_nothing_to_the_guess_has_to_be_better_than_it():
    x, y, psf = (a[20:60, 20:60] if a.shape == (96, 96) else a for a in specimen())
    results = {}
    for network, rate in (("unet", 1.0), ("blind_spot", 0.001)):  # the one is spoilt, the other new
        training = {"steps": 2, "patch": (16, 16), "batch": 1, "first_guess": "richardson_lucy"}
        training["learning_rate"] = rate
        recipe = Recipe.create(physics="blur", method="ssi", network=network, training=training)
        results[network] = run(recipe, ImageStack(y, "YX"), psf=psf)
        found = results[network].estimates
        assert (found["correction"], found["best_step"]) == (0, 0)
    # a U-Net starts as the guess, so that both have the same to improve on
    held = [result.estimates["held_out"] for result in results.values()]
    assert held[0] == pytest.approx(held[1], rel=0.02)
    np.testing.assert_array_equal(results["unet"].image, results["blind_spot"].image)
    assert psnr(results["blind_spot"].image, x) > psnr(y, x) + 1


@pytest.mark.parametrize(
    "term", [{"density": 0}, {"pattern": "structured"}], ids=["no masking", "structured"]
)
def test_where_noise_could_reach_the_guess_there_is_none(term):
    _, y, psf = specimen()
    recipe = Recipe.create(
        physics="blur",
        method=[{"name": "ssi", "params": term}],
        training={"steps": 2, "patch": (16, 16)},
    )
    stages = set()
    run(recipe, ImageStack(y, "YX"), psf=psf, report=lambda p: stages.add(p.stage))
    assert "first guess" not in stages


def test_stop_during_the_guess_leaves_the_recording():
    _, y, psf = specimen()
    control = Control()

    def report(progress):
        if progress.stage == "tuning the first guess":
            control.stop()

    recipe = Recipe.create(physics="blur", method="ssi", training={"steps": 50})
    result = run(recipe, ImageStack(y, "YX"), psf=psf, control=control, report=report)
    np.testing.assert_allclose(result.image, y, atol=1e-5)
    assert any("unchanged" in note for note in result.notes)


def test_the_estimate_before_start_knows_of_the_guess():
    _, y, psf = specimen()
    training = {"steps": 3, "patch": (16, 16), "batch": 1}
    seconds = [
        cost.estimate(
            Recipe.create(
                physics="blur", method="ssi", training={**training, "first_guess": first}
            ),
            ImageStack(y, "YX"),
            psf=psf,
        ).seconds
        for first in ("hessian", "none")
    ]
    assert seconds[0] > seconds[1]


FEW = {"steps": 2, "patch": (16, 16), "batch": 1, "first_guess": "total_variation"}


def previews_of(y: np.ndarray, psf: np.ndarray, interval: float | None, plane: int = 0):
    """All reports of a short run, and its result."""
    reports = []
    control = Control(preview_interval=interval, plane=plane)
    axes = "ZYX"[-y.ndim :]
    recipe = Recipe.create(physics="blur", method="ssi", training=FEW)
    result = run(
        recipe, ImageStack(y, axes), psf=psf, control=control, report=lambda p: reports.append(p)
    )
    return reports, result


def test_the_guess_is_seen_as_it_grows_and_changes_nothing():
    x, y, psf = specimen()
    x, y = x[20:56, 20:56], y[20:56, 20:56]
    reports, result = previews_of(y, psf, 0.0)
    growing = [p.preview for p in reports if p.stage == "first guess" and p.preview is not None]
    steps = [p.step for p in reports if p.stage == "first guess" and p.preview is not None]
    assert len(growing) > 1 and steps == sorted(steps)
    first = next(p for p in reports if p.stage == "training")
    assert first.step == 0 and first.preview.shape == y.shape
    # it is the object in the units of the recording, where it belongs, and of one fold only
    np.testing.assert_allclose(first.preview, growing[-1], atol=1e-5)
    assert psnr(first.preview, x) > psnr(y, x) + 1
    assert growing[-1].std() > growing[0].std()  # sharper
    without, same = previews_of(y, psf, None)
    assert all(p.preview is None for p in without)
    np.testing.assert_array_equal(result.image, same.image)
    # seldom: when the first fold is done, and the guess as it goes into the training
    seldom, _ = previews_of(y, psf, 1e6)
    assert [p.stage for p in seldom if p.preview is not None] == ["first guess", "training"]


@pytest.mark.parametrize("plane", [5, 14, 100])
def test_the_guess_of_a_part_is_shown_in_its_place(plane, monkeypatch):
    rng = np.random.default_rng(3)
    y = rng.random((24, 14, 12)).astype(np.float32)
    y[12:] *= 9  # the part with the contrast
    monkeypatch.setattr(first_guess, "MOST", y.size // 2)
    psf = np.einsum("i,j,k", *[[1.0, 2.0, 1.0]] * 3)
    reports, _ = previews_of(y, psf, 0.0, plane)
    shown = [p for p in reports if p.stage == "first guess" and p.preview is not None]
    assert bool(shown) == (plane >= 12)  # nothing is known of planes outside the part
    for progress in shown:
        assert progress.plane == min(plane, 23)
        assert progress.preview.shape == (14, 12)
        assert abs(progress.preview.mean() - y[progress.plane].mean()) < 1.5


def test_around_the_guess_of_a_part_the_recording_is_seen():
    preview = Preview(Control(preview_interval=0.0))
    y = torch.rand(1, 1, 12, 10)
    image = torch.full((1, 1, 5, 4), 7.0)
    plane = preview.guess(y, image, [(3, 5), (2, 4)])
    assert (plane[3:8, 2:6] == 7).all() and int((plane == 7).sum()) == 20
    plane[3:8, 2:6] = y[0, 0, 3:8, 2:6]
    np.testing.assert_array_equal(plane, y[0, 0])
    assert float(y.max()) < 1  # not touched
