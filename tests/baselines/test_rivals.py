"""Of two classical methods the usual one is taken, unless the other is clearly better in a volume."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_ssi import ImageStack, Recipe, pipeline, run
from napari_ssi.baselines._rivals import CLEARLY, Rivals, _errors
from napari_ssi.baselines.base import FittedBaseline
from napari_ssi.baselines.total_variation import TotalVariation
from napari_ssi.events import Control, Watched
from napari_ssi.noise.independent import Independent
from napari_ssi.physics.blur import Blur
from napari_ssi.psf.gaussian import gaussian
from napari_ssi.saved_models import load_starts, save_model, starts_of

SHAPE = (12, 40, 40)
PSF = gaussian((2.0, 2.0, 2.0), (1.0, 1.0, 1.0))
PAIR = Rivals(
    TotalVariation(curvature=0.8, iterations=30), TotalVariation(iterations=30), "The other."
)


def boxes() -> np.ndarray:
    """Even boxes with sharp edges, as total variation has it."""
    x = np.zeros(SHAPE)
    rng = np.random.default_rng(1)
    for _ in range(9):
        z, r, c = rng.integers(0, 6), *rng.integers(0, 28, 2)
        x[z : z + 6, r : r + 12, c : c + 12] = rng.uniform(0.4, 1)
    return x


def waves() -> np.ndarray:
    """Smooth everywhere."""
    x = gaussian_filter(np.random.default_rng(0).normal(size=SHAPE), 4)
    return (x - x.min()) / np.ptp(x)


def recorded(x: np.ndarray) -> torch.Tensor:
    physics = Blur.from_array(PSF, SHAPE)
    z = physics.A(physics.initial(torch.tensor(x, dtype=torch.float32)[None, None]))
    return z + 0.02 * torch.randn(z.shape, generator=torch.Generator().manual_seed(0))


def fitted(pair: Rivals, y: torch.Tensor, control: Control | None = None, seed: int = 3):
    shape = tuple(y.shape[2:])
    physics = Blur.from_array(PSF if len(shape) == 3 else PSF[PSF.shape[0] // 2], shape)
    generator = torch.Generator().manual_seed(seed)
    fit = Watched(pair.fit([y], physics, Independent(), control or Control(), generator))
    reports = list(fit)
    return fit.value, reports, generator


def test_in_a_volume_of_even_boxes_the_other_is_taken_and_said() -> None:
    found, reports, _ = fitted(PAIR, recorded(boxes()))
    assert found.method is PAIR.other
    assert found.remark == "The other."
    assert found.judged is None  # the pixels' losses have served
    shares = [p.fraction for p in reports]
    assert shares == sorted(shares) and shares[-1] == 1
    assert any(0.4 < share < 0.6 for share in shares)


def test_in_a_smooth_volume_and_in_planes_the_usual_one_stays() -> None:
    found, _, _ = fitted(PAIR, recorded(waves()))
    assert found.method is PAIR.usual and found.remark == ""
    y = recorded(boxes())[:, :, 6]
    found, reports, after = fitted(PAIR, y)
    assert found.method is PAIR.usual
    assert PAIR.tried(2) == (PAIR.usual,)
    # and nothing else has changed: setting, and the random numbers that follow
    generator = torch.Generator().manual_seed(3)
    physics = Blur.from_array(PSF[PSF.shape[0] // 2], tuple(y.shape[2:]))
    alone = Watched(PAIR.usual.fit([y], physics, Independent(), Control(), generator)).finish()
    assert alone.setting == found.setting
    assert torch.equal(generator.get_state(), after.get_state())
    assert reports[-1].fraction == 1


def test_both_are_judged_by_the_same_pixels() -> None:
    """Of twice the same method neither is better, to the bit."""
    same = Rivals(PAIR.usual, TotalVariation(curvature=0.8, iterations=30), "Never.")
    state = recorded(boxes())
    found, *_ = fitted(same, state)
    assert found.method is same.usual
    physics = Blur.from_array(PSF, SHAPE)
    losses = []
    for method in same.tried(3):
        generator = torch.Generator().manual_seed(3)
        fit = Watched(method.fit([state], physics, Independent(), Control(), generator))
        losses.append(fit.finish().judged)
    assert torch.equal(*losses)


def test_a_stop_while_the_first_is_tuned_is_heard() -> None:
    control = Control()
    physics = Blur.from_array(PSF, SHAPE)
    generator = torch.Generator().manual_seed(0)
    fit = Watched(PAIR.fit([recorded(boxes())], physics, Independent(), control, generator))
    for progress in fit:
        control.stop()
        assert progress.fraction <= 0.5
    assert fit.value.method is PAIR.usual


@pytest.mark.parametrize(
    ("gap", "clear"), [(0.0, False), (0.02, False), (0.2, True), (-0.2, False)]
)
def test_clearly_is_in_standard_errors(gap: float, clear: bool) -> None:
    loss = torch.rand(4000, generator=torch.Generator().manual_seed(0))
    lower = loss - gap + 0.5 * torch.randn(4000, generator=torch.Generator().manual_seed(1))
    one, two = (
        FittedBaseline(PAIR.usual, Independent(), 0.1, 0.1, {}, each) for each in (lower, loss)
    )
    expected = gap / 0.5 * 4000**0.5
    assert _errors(one, two) == pytest.approx(expected, abs=2.5)
    assert (_errors(one, two) > CLEARLY) == clear
    assert _errors(FittedBaseline(PAIR.usual, Independent(), 0.1, 0.1), two) == 0


def test_a_run_says_so() -> None:
    y = recorded(boxes())[0, 0].numpy()
    training = {"steps": 1, "patch": (8, 16, 16), "batch": 1}
    result = run(
        Recipe.create(physics="blur", method="ssi", training=training),
        ImageStack(y, "ZYX"),
        psf=PSF,
    )
    said = [note for note in result.notes if "first guess is by" in note]
    assert len(said) == 1 and "Total variation, which predicts" in said[0]
    assert result.models[0].fitted.guess.method.curvature == 0
    assert isinstance(pipeline.restorer(Recipe.create(physics="blur", method="ssi")).guess, Rivals)
    training["first_guess"] = "hessian"
    named = Recipe.create(physics="blur", method="ssi", training=training)
    assert pipeline.restorer(named).guess.curvature == 0.8


def test_a_network_starts_from_the_guess_that_it_has_learned_to_correct(tmp_path: Path) -> None:
    """And a file of before, which does not say, from the usual one."""
    training = {"steps": 1, "patch": (8, 16, 16), "batch": 1}
    recipe = Recipe.create(physics="blur", method="ssi", training=training)
    even = ImageStack(recorded(boxes())[0, 0].numpy(), "ZYX")
    first = run(recipe, even, psf=PSF)
    path = save_model(first, tmp_path / "boxes.pt")
    starts, _ = load_starts(path)
    assert starts[0].first_guess == "total_variation"
    smooth = ImageStack(recorded(waves())[0, 0].numpy(), "ZYX")
    second = run(recipe, smooth, psf=PSF, start=path)
    assert second.models[0].fitted.guess.method.curvature == 0
    assert not any("first guess is by" in note for note in second.notes)
    assert starts_of(second.models)[0].first_guess == "total_variation"
    content = torch.load(path, weights_only=True)
    for channel in content["channels"]:
        del channel["first_guess"]
    torch.save(content, path)
    older = run(recipe, even, psf=PSF, start=path)
    assert older.models[0].fitted.guess.method.curvature == 0.8


def test_of_what_was_stopped_before_it_learned_no_guess_is_told() -> None:
    recipe = Recipe.create(physics="blur", method="ssi", training={"patch": (8, 16, 16)})
    y = ImageStack(recorded(boxes())[0, 0].numpy(), "ZYX")
    control = Control()
    job = Watched(pipeline.iterate(recipe, y, psf=PSF, control=control))
    for progress in job:
        if progress.stage == "first guess":
            control.stop()
    notes = job.value.notes
    assert any("Stopped before the first step" in note for note in notes)
    assert not any("first guess is by" in note for note in notes)
